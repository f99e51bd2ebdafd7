// Functions of each element, and their slopes times a cotangent g: see tinygen/backend/formulas.py.

__device__ Real logistic(Real x) { return 1 / (1 + exp(-x)); }

__device__ Real softplus_of(Real x)
{
    return log1p(exp(x < 0 ? x : -x)) + (x > 0 ? x : 0);
}

__device__ Real normal_cdf(Real x) { return (Real)0.5 * (1 + erf(x * (Real)0.7071067811865476)); }

__device__ Real normal_density(Real x)
{
    return exp(x * x * (Real)-0.5) * (Real)0.3989422804014327;
}

KERNEL sigmoid(Real* y, const Real* x, Index n)
{
    FOR_EACH(i, n) y[i] = logistic(x[i]);
}

KERNEL softplus(Real* y, const Real* x, Index n)
{
    FOR_EACH(i, n) y[i] = softplus_of(x[i]);
}

KERNEL leaky_relu(Real* y, const Real* x, Index n, double slope)
{
    FOR_EACH(i, n) y[i] = x[i] > 0 ? x[i] : (Real)slope * x[i];
}

KERNEL leaky_relu_slope(Real* y, const Real* g, const Real* x, Index n, double slope)
{
    FOR_EACH(i, n) y[i] = x[i] > 0 ? g[i] : (Real)slope * g[i];
}

KERNEL elu(Real* y, const Real* x, Index n, double alpha)
{
    FOR_EACH(i, n) y[i] = x[i] > 0 ? x[i] : (Real)alpha * expm1(x[i]);
}

KERNEL silu(Real* y, const Real* x, Index n)
{
    FOR_EACH(i, n) y[i] = x[i] * logistic(x[i]);
}

KERNEL silu_slope(Real* y, const Real* g, const Real* x, Index n)
{
    FOR_EACH(i, n) {
        const Real s = logistic(x[i]);
        y[i] = g[i] * (s * (1 + x[i] * (1 - s)));
    }
}

KERNEL gelu(Real* y, const Real* x, Index n)
{
    FOR_EACH(i, n) y[i] = x[i] * normal_cdf(x[i]);
}

KERNEL gelu_slope(Real* y, const Real* g, const Real* x, Index n)
{
    FOR_EACH(i, n) y[i] = g[i] * (normal_cdf(x[i]) + x[i] * normal_density(x[i]));
}
