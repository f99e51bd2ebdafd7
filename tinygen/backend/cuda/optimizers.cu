// One step of an update rule over a flat buffer, in place: see tinygen/optim for the recurrences.
//
// `live`, where not null, holds numbers that change from step to step: in a recorded CUDA graph the
// arguments themselves are frozen.

KERNEL sgd(Real* w, const Real* g, Real* velocity, Index n, double lr, double momentum,
           Index nesterov, double decay, const double* live)
{
    const Real rate = live ? live[0] : lr;
    FOR_EACH(i, n) {
        Real d = g[i] + (Real)decay * w[i];
        if (velocity) {
            const Real v = velocity[i] = (Real)momentum * velocity[i] + d;
            d = nesterov ? d + (Real)momentum * v : v;
        }
        w[i] -= rate * d;
    }
}

// m and v hold sums: Adam's moments over (1 - beta1) and (1 - beta2).
KERNEL adam(Real* w, const Real* g, Real* m, Real* v, Index n, double beta1, double beta2,
            double decay, double size, double eps, double shrink, const double* live)
{
    if (live) {
        size = live[0];
        eps = live[1];
        shrink = live[2];
    }
    FOR_EACH(i, n) {
        const Real d = g[i] + (Real)decay * w[i];
        const Real mean = m[i] = (Real)beta1 * m[i] + d;
        const Real square = v[i] = (Real)beta2 * v[i] + d * d;
        w[i] = (Real)shrink * w[i] - (Real)size * mean / (sqrt(square) + (Real)eps);
    }
}

// An average moves a part of the way to its weights.
KERNEL approach(Real* a, const Real* b, Index n, double part, const double* live)
{
    const Real step = live ? live[0] : part;
    FOR_EACH(i, n) a[i] += step * (b[i] - a[i]);
}

// The part of g that is orthogonal to w, scaled to the length of g, in three passes: products; the
// projection, and the products of what is left; once more, for what rounding left, and the length.
// All sums are of doubles: squares do not underflow, and nearly parallel vectors lose no digits.

// Products of g and w, of w and w, of g and g: added up over a block, for all of its threads.
struct Products {
    double along, square, length;
};

__device__ Products block_sum_of_products(Products own)
{
    __shared__ Products values[THREADS];
    values[threadIdx.x] = own;
    __syncthreads();
    for (unsigned half = THREADS / 2; half > 0; half /= 2) {
        if (threadIdx.x < half) {
            const Products other = values[threadIdx.x + half];
            values[threadIdx.x].along += other.along;
            values[threadIdx.x].square += other.square;
            values[threadIdx.x].length += other.length;
        }
        __syncthreads();
    }
    const Products total = values[0];
    __syncthreads();
    return total;
}

// The sums that the blocks of an earlier kernel left, at most THREADS of them.
__device__ Products block_sum_of_blocks(const double* sums, Index blocks)
{
    Products own = {0, 0, 0};
    const double* at = sums + 3 * threadIdx.x;
    if (threadIdx.x < blocks) own = {at[0], at[1], at[2]};
    return block_sum_of_products(own);
}

__device__ void block_sum_into(double* sums, Products own)
{
    const Products total = block_sum_of_products(own);
    double* at = sums + 3 * blockIdx.x;
    if (threadIdx.x == 0) at[0] = total.along, at[1] = total.square, at[2] = total.length;
}

KERNEL turn_products(double* sums, const Real* g, const Real* w, Index n)
{
    Products own = {0, 0, 0};
    FOR_EACH(i, n) {
        const double a = g[i], b = w[i];
        own.along += a * b;
        own.square += b * b;
        own.length += a * a;
    }
    block_sum_into(sums, own);
}

KERNEL turn_once(double* sums, Real* g, const Real* w, Index n, const double* before, Index blocks)
{
    const Products first = block_sum_of_blocks(before, blocks);
    const double factor = first.square > 0 ? first.along / first.square : 0;
    Products own = {0, 0, 0};
    FOR_EACH(i, n) {
        const double b = w[i], a = g[i] = (Real)((double)g[i] - factor * b);
        own.along += a * b;
        own.length += a * a;
    }
    block_sum_into(sums, own);
}

KERNEL turn_again(Real* g, const Real* w, Index n, const double* before, const double* after,
                  Index blocks, double least)
{
    const Products first = block_sum_of_blocks(before, blocks);
    const Products second = block_sum_of_blocks(after, blocks);
    if (!(first.square > 0)) return;
    const double factor = second.along / first.square;
    const double left = second.length - factor * second.along;
    const double scale = left > least * least * first.length ? sqrt(first.length / left) : 0;
    FOR_EACH(i, n) g[i] = (Real)(((double)g[i] - factor * (double)w[i]) * scale);
}
