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
