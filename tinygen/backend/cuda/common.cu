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

// The sum of the values of a block's threads, in an order that never changes, for all of them.
__device__ Real block_sum(Real value)
{
    __shared__ Real values[THREADS];
    values[threadIdx.x] = value;
    __syncthreads();
    for (unsigned half = THREADS / 2; half > 0; half /= 2) {
        if (threadIdx.x < half) values[threadIdx.x] += values[threadIdx.x + half];
        __syncthreads();
    }
    const Real total = values[0];
    __syncthreads();
    return total;
}

__device__ Real block_max(Real value)
{
    __shared__ Real values[THREADS];
    values[threadIdx.x] = value;
    __syncthreads();
    for (unsigned half = THREADS / 2; half > 0; half /= 2) {
        if (threadIdx.x < half && values[threadIdx.x] < values[threadIdx.x + half])
            values[threadIdx.x] = values[threadIdx.x + half];
        __syncthreads();
    }
    const Real largest = values[0];
    __syncthreads();
    return largest;
}
