// What follows a matrix product, in place: the bias of a layer and its (leaky) rectifier.

KERNEL biased_relu(Real* y, const Real* bias, Index n, Index columns, double slope)
{
    FOR_EACH(i, n) {
        const Real value = y[i] + bias[i % columns];
        y[i] = value > 0 ? value : (Real)slope * value;
    }
}
