// Means over many numbers: each block adds up its items, times `factor`, into sums[block]. One block
// is enough for few numbers; the sums of several are added up by another kernel.

KERNEL bce_with_logits(Real* sums, const Real* x, const Real* target, double value, Index n,
                       double factor)
{
    Real sum = 0;
    FOR_EACH(i, n) {
        const Real t = target ? target[i] : (Real)value;
        sum += softplus_of(x[i]) - t * x[i];
    }
    sum = block_sum(sum) * (Real)factor;
    if (threadIdx.x == 0) sums[blockIdx.x] = sum;
}

KERNEL bce_slope(Real* y, const Real* x, const Real* target, double value, const Real* g, Index n,
                 double factor)
{
    const Real s = g[0] * (Real)factor;
    FOR_EACH(i, n) y[i] = (logistic(x[i]) - (target ? target[i] : (Real)value)) * s;
}

// A label outside of 0, ..., classes - 1 makes the loss nan: nothing else can tell without waiting.
KERNEL class_loss(Real* sums, const Real* logs, const Index* labels, Index n, Index classes,
                  double factor)
{
    Real sum = 0;
    FOR_EACH(i, n) {
        const Index label = labels[i];
        sum += 0 <= label && label < classes ? logs[i * classes + label] : (Real)nan("");
    }
    sum = block_sum(sum) * (Real)factor;
    if (threadIdx.x == 0) sums[blockIdx.x] = sum;
}

KERNEL class_loss_slope(Real* y, const Real* g, const Index* labels, Index n, Index classes,
                        double factor)
{
    const Real s = g[0] * (Real)factor;
    FOR_EACH(i, n * classes) y[i] = labels[i / classes] == i % classes ? s : 0;
}

KERNEL add_up(Real* total, const Real* sums, Index n)
{
    const Real sum = block_sum(threadIdx.x < n ? sums[threadIdx.x] : 0);
    if (threadIdx.x == 0) total[0] = sum;
}
