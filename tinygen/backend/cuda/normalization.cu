// Sums of products, and the small formulas between them: see tinygen/ops/normalization.py.

// sums[part, k] = factor times the sum over the items r of this part of a[i] * b[i] (b null: of
// a[i]) with
//     i = k / k1 * s0 + k % k1 * s1 + r / r1 * t0 + r % r1 * t1.
// `lanes` threads that lie `step` apart in a block share the items of one k; where step is not 1,
// the threads between them take the neighbours of k, so that together they read neighbours.
KERNEL sum_products(Real* sums, const Real* a, const Real* b, Index outputs, Index items, Index parts,
                    Index lanes, Index step, Index k1, Index s0, Index s1, Index r1, Index t0, Index t1,
                    double factor)
{
    const Index columns = THREADS / lanes, tiles = (outputs + columns - 1) / columns;
    const Index lane = threadIdx.x / step % lanes;
    const Index column = step == 1 ? threadIdx.x / lanes : threadIdx.x % step;
    for (Index job = blockIdx.x; job < tiles * parts; job += gridDim.x) {
        const Index part = job / tiles, k = job % tiles * columns + column;
        Real sum = 0;
        if (k < outputs) {
            const Index start = k / k1 * s0 + k % k1 * s1, stop = items * (part + 1) / parts;
            for (Index r = items * part / parts + lane; r < stop; r += lanes) {
                const unsigned outer = (unsigned)r / (unsigned)r1;
                const Index i = start + outer * t0 + (r - outer * r1) * t1;
                sum += b ? a[i] * b[i] : a[i];
            }
        }
        sum = block_sum(sum, lanes, step);
        if (lane == 0 && k < outputs) sums[part * outputs + k] = sum * (Real)factor;
    }
}

KERNEL inverse_std(Real* y, const Real* squares, Index n, double factor, double eps)
{
    FOR_EACH(i, n) y[i] = 1 / sqrt(squares[i] * (Real)factor + (Real)eps);
}

KERNEL inverse_std_slope(Real* z, const Real* g, const Real* y, Index n, double factor)
{
    FOR_EACH(i, n) z[i] = g[i] * (y[i] * y[i] * y[i] * (Real)factor);
}

// Runs of `inner` neighbours share a scale and a shift, which `count` of them go through in turn.
KERNEL scale_shift(Real* y, const Real* x, const Real* scale, const Real* shift, Index n,
                   Index inner, Index count)
{
    FOR_EACH(i, n) {
        const unsigned k = (unsigned)i / (unsigned)inner % (unsigned)count;
        y[i] = x[i] * scale[k] + shift[k];
    }
}

// Running statistics move towards a batch's mean and its variance, `factor` times its squares.
KERNEL track(Real* mean, Real* var, Index* seen, const Real* batch_mean, const Real* squares,
             Index n, double factor, double part)
{
    FOR_EACH(i, n) {
        mean[i] += (Real)part * (batch_mean[i] - mean[i]);
        var[i] += (Real)part * (squares[i] * (Real)factor - var[i]);
        if (i == 0) seen[0] += 1;
    }
}
