// Rows of `width` numbers, each taken by `lanes` threads (a power of two): one of them where rows are
// short, a whole block where they are long. All threads go through the loop together.

#define FOR_EACH_ROW(row, rows)                                                             \
    for (Index row = (blockIdx.x * (Index)THREADS + threadIdx.x) / lanes,                   \
               first = blockIdx.x * (Index)THREADS / lanes;                                 \
         first < (rows);                                                                    \
         row += gridDim.x * (Index)THREADS / lanes, first += gridDim.x * (Index)THREADS / lanes)

// The elements of a row that are this thread's; none beyond the last row.
#define FOR_EACH_OF(i, row, rows)                                                           \
    for (Index i = (row) * width + threadIdx.x % lanes,                                     \
               stop = ((row) < (rows) ? (row) + 1 : 0) * width;                             \
         i < stop; i += lanes)

__device__ Real largest_of(const Real* x, Index row, Index rows, Index width, Index lanes)
{
    Real top = row < rows ? x[row * width] : 0;
    FOR_EACH_OF(i, row, rows) top = x[i] > top ? x[i] : top;
    return block_max(top, lanes);
}

KERNEL softmax(Real* y, const Real* x, Index rows, Index width, Index lanes)
{
    FOR_EACH_ROW(row, rows) {
        const Real top = largest_of(x, row, rows, width, lanes);
        Real sum = 0;
        FOR_EACH_OF(i, row, rows) {
            y[i] = exp(x[i] - top);
            sum += y[i];
        }
        sum = block_sum(sum, lanes);
        FOR_EACH_OF(i, row, rows) y[i] /= sum;
    }
}

KERNEL softmax_slope(Real* z, const Real* g, const Real* y, Index rows, Index width, Index lanes)
{
    FOR_EACH_ROW(row, rows) {
        Real sum = 0;
        FOR_EACH_OF(i, row, rows) sum += g[i] * y[i];
        sum = block_sum(sum, lanes);
        FOR_EACH_OF(i, row, rows) z[i] = y[i] * (g[i] - sum);
    }
}

KERNEL log_softmax(Real* y, const Real* x, Index rows, Index width, Index lanes)
{
    FOR_EACH_ROW(row, rows) {
        const Real top = largest_of(x, row, rows, width, lanes);
        Real sum = 0;
        FOR_EACH_OF(i, row, rows) sum += exp(x[i] - top);
        sum = log(block_sum(sum, lanes));
        FOR_EACH_OF(i, row, rows) y[i] = x[i] - top - sum;
    }
}

KERNEL log_softmax_slope(Real* z, const Real* g, const Real* y, Index rows, Index width,
                         Index lanes)
{
    FOR_EACH_ROW(row, rows) {
        Real sum = 0;
        FOR_EACH_OF(i, row, rows) sum += g[i];
        sum = block_sum(sum, lanes);
        FOR_EACH_OF(i, row, rows) z[i] = g[i] - exp(y[i]) * sum;
    }
}
