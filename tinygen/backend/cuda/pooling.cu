// The largest element of windows along one axis: see tinygen/backend/pooling.py. Arrays are
// (..., length, inner), or (..., count, inner) with a place for each window. `table` holds the start
// of each window, then the stop of each, then the first and the last window on each element.

KERNEL window_max(Real* best, int* chosen, const Real* x, Index n, const Index* table, Index count,
                  Index length, Index inner)
{
    FOR_EACH(i, n) {
        const Index rest = (unsigned)i / (unsigned)inner;
        const Index outer = (unsigned)rest / (unsigned)count, k = rest - outer * count;
        const Index from = outer * length * inner + (i - rest * inner);
        const Index start = table[k], stop = table[count + k];
        Index place = start < 0 ? 0 : start;
        Real top = x[from + place * inner];
        for (Index p = place + 1; p < stop && p < length; p++) {
            const Real value = x[from + p * inner];
            if (value > top || value != value) {
                top = value;
                place = p;
            }
        }
        if (best) best[i] = top;
        if (chosen) chosen[i] = (int)(place - start);
    }
}

KERNEL from_windows(Real* y, const Real* x, const int* chosen, Index n, const Index* table,
                    Index count, Index length, Index inner)
{
    FOR_EACH(i, n) {
        const Index rest = (unsigned)i / (unsigned)inner;
        const Index outer = (unsigned)rest / (unsigned)count, k = rest - outer * count;
        const Index from = outer * length * inner + (i - rest * inner);
        y[i] = x[from + (table[k] + chosen[i]) * inner];
    }
}

KERNEL into_windows(Real* x, const Real* values, const int* chosen, Index n, const Index* table,
                    Index count, Index length, Index inner)
{
    const Index* first = table + 2 * count;
    FOR_EACH(i, n) {
        const Index rest = (unsigned)i / (unsigned)inner;
        const Index outer = (unsigned)rest / (unsigned)length, p = rest - outer * length;
        const Index from = outer * count * inner + (i - rest * inner);
        Real sum = 0;
        for (Index k = first[p]; k <= first[length + p]; k++)
            if (table[k] + chosen[from + k * inner] == p) sum += values[from + k * inner];
        x[i] = sum;
    }
}
