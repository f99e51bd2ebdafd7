// What all kernels share. The sources are compiled once for Real = float and once for double.
//
// Arguments are pointers, Index, double and Word only, each eight bytes, so that calling them needs
// no table of types. Only what a C++ compiler for the host knows as well is used, so that the tests
// run every kernel without a GPU.

typedef long long Index;
typedef unsigned long long Word;

#define THREADS 256
#define KERNEL extern "C" __global__ void

// The threads of all blocks together take the items 0, ..., n - 1, each thread every so many.
#define FOR_EACH(i, n)                                                                      \
    for (Index i = blockIdx.x * (Index)blockDim.x + threadIdx.x; i < (n);                   \
         i += (Index)gridDim.x * blockDim.x)

// The sum of the values of `lanes` threads (a power of two) that lie `step` apart in a block, in an
// order that never changes, for all of them. Every thread of the block must come here.
__device__ Real block_sum(Real value, unsigned lanes = THREADS, unsigned step = 1)
{
    __shared__ Real values[THREADS];
    const unsigned lane = threadIdx.x / step % lanes;
    values[threadIdx.x] = value;
    __syncthreads();
    for (unsigned half = lanes / 2; half > 0; half /= 2) {
        if (lane < half) values[threadIdx.x] += values[threadIdx.x + half * step];
        __syncthreads();
    }
    const Real total = values[threadIdx.x - lane * step];
    __syncthreads();
    return total;
}

// The largest of the values of `lanes` neighbours.
__device__ Real block_max(Real value, unsigned lanes = THREADS)
{
    __shared__ Real values[THREADS];
    const unsigned lane = threadIdx.x % lanes;
    values[threadIdx.x] = value;
    __syncthreads();
    for (unsigned half = lanes / 2; half > 0; half /= 2) {
        if (lane < half && values[threadIdx.x] < values[threadIdx.x + half])
            values[threadIdx.x] = values[threadIdx.x + half];
        __syncthreads();
    }
    const Real largest = values[threadIdx.x - lane];
    __syncthreads();
    return largest;
}
