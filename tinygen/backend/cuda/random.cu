// Philox4x64-10 (Salmon et al. 2011), as NumPy computes it: block number i of a stream holds the
// four words philox(key, counter + 1 + i). A float is 24 bits of half a word, the low half first; a
// double is 53 bits of a word. So both devices give the same numbers, bit for bit.
//
// `live`, where not null, holds the counter's four words: see optimizers.cu.

struct Block { Word words[4]; };

__device__ Block philox(Block counter, Word key0, Word key1)
{
    const Word m0 = 0xD2E7470EE14C6C93ull, m1 = 0xCA5A826395121157ull;
    Word* x = counter.words;
    for (int round = 0; round < 10; round++) {
        const Word high0 = __umul64hi(m0, x[0]), low0 = m0 * x[0];
        const Word high1 = __umul64hi(m1, x[2]), low1 = m1 * x[2];
        x[0] = high1 ^ x[1] ^ key0;
        x[1] = low1;
        x[2] = high0 ^ x[3] ^ key1;
        x[3] = low0;
        key0 += 0x9E3779B97F4A7C15ull;
        key1 += 0xBB67AE8584CAA73Bull;
    }
    return counter;
}

// Block i of the stream that stands at a counter.
__device__ Block block_of(Index i, Word key0, Word key1, Word c0, Word c1, Word c2, Word c3,
                          const Word* live)
{
    Block counter = {{c0, c1, c2, c3}};
    if (live)
        for (int k = 0; k < 4; k++) counter.words[k] = live[k];
    Word carry = (Word)i + 1;
    for (int k = 0; k < 4; k++) {
        counter.words[k] += carry;
        carry = counter.words[k] < carry;
    }
    return philox(counter, key0, key1);
}

#define STREAM Word key0, Word key1, Word c0, Word c1, Word c2, Word c3, const Word* live
#define STREAM_BLOCK(i) block_of(i, key0, key1, c0, c1, c2, c3, live)

// How many numbers a block gives, and number k of them.
#define PER_BLOCK (32 / (Index)sizeof(Real))

__device__ Real uniform_of(const Block& block, int k)
{
    if (sizeof(Real) == 8) return (Real)(block.words[k] >> 11) * (Real)0x1p-53;
    const Word half = (k & 1) ? block.words[k / 2] >> 32 : block.words[k / 2] & 0xFFFFFFFFull;
    return (Real)(half >> 8) * (Real)0x1p-24f;
}

// Numbers first, ..., first + n - 1 of a draw, `per` to a block: a thread takes block first / per + j,
// number k of which is out[i]. Several ranks share a draw, each from its own `first`.
#define FOR_EACH_BLOCK(j, first, n, per)                                                    \
    FOR_EACH(j, ((first) + (n) + (per) - 1) / (per) - (first) / (per))

#define FOR_EACH_NUMBER(i, k, j, first, n, per)                                             \
    for (Index k = 0, i = (j) * (per) - (first) % (per); k < (per); k++, i++)               \
        if (0 <= i && i < (n))

KERNEL uniform(Real* out, Index n, Index first, double low, double width, STREAM)
{
    FOR_EACH_BLOCK(j, first, n, PER_BLOCK) {
        const Block block = STREAM_BLOCK(first / PER_BLOCK + j);
        FOR_EACH_NUMBER(i, k, j, first, n, PER_BLOCK)
            out[i] = uniform_of(block, k) * (Real)width + (Real)low;
    }
}

// Two rows of uniforms, in place, become normals: the transform of Box and Muller.
KERNEL box_muller(Real* rows, Index half, double mean, double std)
{
    FOR_EACH(i, half) {
        const Real radius = sqrt(log((Real)1 - rows[i]) * (Real)(-2.0 * std * std));
        const Real angle = rows[half + i] * (Real)6.283185307179586;
        rows[i] = cos(angle) * radius + (Real)mean;
        rows[half + i] = sin(angle) * radius + (Real)mean;
    }
}

// Ones with probability p[i], or, where x holds log-odds, sigmoid(x[i]); else zeros.
KERNEL bernoulli(Real* out, const Real* x, Index n, Index first, Index log_odds, STREAM)
{
    FOR_EACH_BLOCK(j, first, n, PER_BLOCK) {
        const Block block = STREAM_BLOCK(first / PER_BLOCK + j);
        FOR_EACH_NUMBER(i, k, j, first, n, PER_BLOCK) {
            const Real p = log_odds ? (Real)1 / ((Real)1 + exp(-x[i])) : x[i];
            out[i] = uniform_of(block, k) < p;
        }
    }
}

// Integers low, ..., low + count - 1: the upper word of (random word) x count.
KERNEL integers(Index* out, Index n, Index first, Index low, Word count, STREAM)
{
    FOR_EACH_BLOCK(j, first, n, 4) {
        const Block block = STREAM_BLOCK(first / 4 + j);
        FOR_EACH_NUMBER(i, k, j, first, n, 4)
            out[i] = low + (Index)__umul64hi(block.words[k], count);
    }
}
