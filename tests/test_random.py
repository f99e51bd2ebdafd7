"""One seed, one stream: against a small Philox of our own, and the distributions' formulas."""

import json
import math

import numpy as np
import pytest
import strict
from numpy.testing import assert_allclose, assert_array_equal

import tinygen as tg
from tinygen.backend import host

DRAWS = {
    "uniform": lambda rng: rng.uniform((3, 5)),
    "uniform float64": lambda rng: rng.uniform(7, -1.0, 2.0, dtype="float64"),
    "normal": lambda rng: rng.normal((3, 5)),
    "normal, an odd number": lambda rng: rng.normal(7, mean=1.0, std=2.0, dtype="float64"),
    "bernoulli": lambda rng: rng.bernoulli(rng.backend.full((9,), 0.3, dtype="float32")),
    "integers": lambda rng: rng.integers(-3, 12, (4, 3)),
    "permutation": lambda rng: rng.permutation(10),
    "one number": lambda rng: rng.normal(),
    "uniform between integers": lambda rng: rng.uniform(7, -1, 2),
    "normal, by NumPy's types": lambda rng: rng.normal(7, np.int64(1), 2, dtype=np.float64),
    "integers from NumPy's": lambda rng: rng.integers(np.int32(-3), 12, 5),
}
each_draw = pytest.mark.parametrize("name", DRAWS)


def draw(name: str, rng: tg.Generator) -> np.ndarray:
    return np.array(host(DRAWS[name](rng)))


@each_draw
def test_the_same_seed_gives_the_same_numbers_on_every_backend(name, backend):
    expected = [draw(name, tg.Generator(7, device="cpu")) for _ in range(2)]
    assert_array_equal(expected[0], expected[1])
    found = draw(name, tg.Generator(7))
    if name.startswith(("normal", "one")) and backend.name != "numpy":  # log and cos differ
        assert_allclose(found, expected[0], rtol=1e-5, atol=1e-6)
    else:
        assert_array_equal(found, expected[0])


@pytest.mark.parametrize("words", [(2**64 - 2, 0, 7, 0), (2**64 - 2, *[2**64 - 1] * 2, 3),
                                   (2**64 - 2, *[2**64 - 1] * 3)])  # fmt: skip
def test_the_counter_carries_from_word_to_word(words, backend):
    found = []
    for device in ("cpu", None):
        rng = tg.Generator(7, device=device)
        rng.load_state_dict({**rng.state_dict(), "counter": list(words)})
        found.append((host(rng.uniform(40)), rng.state_dict()))
    assert_array_equal(found[0][0], found[1][0])
    assert found[0][1] == found[1][1]


@pytest.mark.parametrize("name", [name for name in DRAWS if name != "one number"])
def test_seeds_streams_and_successive_draws_differ(name):
    rng = tg.Generator(7)
    several = [draw(name, rng), draw(name, rng), draw(name, tg.Generator(8)),
               draw(name, tg.Generator(7, stream=1))]  # fmt: skip
    for i, a in enumerate(several):
        for b in several[:i]:
            assert not np.array_equal(a, b)


@each_draw
@pytest.mark.parametrize("before", DRAWS)
def test_the_state_survives_json_in_mid_stream(name, before):
    rng = tg.Generator(7)
    draw(before, rng)
    saved = json.dumps(rng.state_dict())
    expected = [draw(name, rng), draw(before, rng)]
    other = tg.Generator(99)
    other.load_state_dict(json.loads(saved))
    assert_array_equal(draw(name, other), expected[0])
    assert_array_equal(draw(before, other), expected[1])


def test_a_state_of_the_wrong_form_is_refused():
    with pytest.raises(ValueError, match="key of 2 and a counter of 4"):
        tg.Generator(0).load_state_dict({"key": [1], "counter": [0, 0, 0, 0]})


# -- the stream ------------------------------------------------------------------------------------


def philox(key: list[int], counter: int) -> list[int]:
    """One block of Philox4x64-10: four words of 64 bits (Salmon et al. 2011, section 3.3)."""
    full = (1 << 64) - 1
    c = [(counter >> 64 * i) & full for i in range(4)]
    k = list(key)
    for _ in range(10):
        a, b = 0xD2E7470EE14C6C93 * c[0], 0xCA5A826395121157 * c[2]
        c = [(b >> 64) ^ c[1] ^ k[0], b & full, (a >> 64) ^ c[3] ^ k[1], a & full]
        k = [(k[0] + 0x9E3779B97F4A7C15) & full, (k[1] + 0xBB67AE8584CAA73B) & full]
    return c


def words(rng: tg.Generator, count: int) -> list[int]:
    """The next words of a stream. NumPy's Philox steps its counter before each block."""
    state = rng.state_dict()
    start = sum(part << 64 * i for i, part in enumerate(state["counter"])) + 1
    blocks = range(start, start + -(-count // 4))
    return [word for block in blocks for word in philox(state["key"], block)][:count]


def test_philox_gives_its_published_numbers():
    """The known answers of the Random123 library for philox4x64-10."""
    assert philox([0, 0], 0) == [0x16554D9ECA36314C, 0xDB20FE9D672D0FDC, 0xD7E772CEE186176B,
                                 0x7E68B68AEC7BA23B]  # fmt: skip


@pytest.mark.parametrize("before", [*DRAWS, None])
def test_every_draw_starts_on_a_fresh_block_of_philox(before):
    rng = tg.Generator(5)
    if before:
        draw(before, rng)
    expected = [(word >> 11) * 2.0**-53 for word in words(rng, 10)]
    assert_array_equal(rng.uniform(10, dtype="float64"), expected)
    expected = [(half >> 8) * 2.0**-24 for word in words(rng, 5)
                for half in (word & 0xFFFFFFFF, word >> 32)]  # fmt: skip
    assert_array_equal(rng.uniform(9), np.array(expected[:9], "float32"))
    assert_array_equal(rng.uniform((), dtype="float64"), (words_after(rng) >> 11) * 2.0**-53)


def words_after(rng: tg.Generator) -> int:
    """The first word of the block that was drawn last."""
    state = rng.state_dict()
    return philox(state["key"], sum(part << 64 * i for i, part in enumerate(state["counter"])))[0]


def test_normals_are_box_and_muller_of_the_uniforms():
    u = tg.Generator(5).uniform((2, 50), dtype="float64")
    radius, angle = np.sqrt(-2.0 * np.log(1.0 - u[0])), 2.0 * math.pi * u[1]
    expected = np.concatenate([radius * np.cos(angle), radius * np.sin(angle)])
    assert_allclose(tg.Generator(5).normal(100, dtype="float64"), expected, rtol=1e-14)
    z = tg.Generator(5).normal(99, 3.0, 0.5, dtype="float64")
    assert_allclose(z, 3.0 + 0.5 * expected[:99], rtol=1e-14)


def test_on_delivers_one_stream_to_two_devices():
    rng, alone = tg.Generator(5, device="cpu"), tg.Generator(5, device="cpu")
    elsewhere = rng.on("strict")
    assert type(elsewhere.uniform(3)) is strict.StrictArray
    alone.uniform(3)
    assert_array_equal(rng.uniform(3), alone.uniform(3))
    assert_array_equal(host(elsewhere.uniform(3)), alone.uniform(3))


# -- the distributions -----------------------------------------------------------------------------

N = 200_000


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_moments_and_tails_of_normals(dtype):
    z = tg.Generator(0).normal(N, dtype=dtype)
    assert z.dtype == dtype
    moments = [np.mean(z.astype("float64") ** k) for k in (1, 2, 3, 4)]
    spread = [math.sqrt(v / N) for v in (1, 2, 15, 96)]  # standard errors of these means
    for found, expected, error in zip(moments, (0, 1, 0, 3), spread, strict=True):
        assert abs(found - expected) < 4 * error
    for limit in (1.0, 2.0, 3.0):
        p = math.erfc(limit / math.sqrt(2.0))
        assert abs(np.mean(np.abs(z) > limit) - p) < 4 * math.sqrt(p / N)
    assert np.abs(z).max() < (5.8 if dtype == "float32" else 8.6)


def test_uniforms_fill_their_interval():
    u = tg.Generator(0).uniform(N, -2.0, 4.0)
    assert u.dtype == np.float32
    assert -2.0 <= u.min() < -1.999
    assert 3.999 < u.max() < 4.0
    counts = np.histogram(u, bins=10, range=(-2, 4))[0]
    assert np.abs(counts - N / 10).max() < 5 * math.sqrt(N / 10)


def test_uniforms_stay_in_a_narrow_interval():
    u = tg.Generator(0).uniform(N, 1.0, 1.0 + 2.0**-20)
    assert u.min() >= 1.0
    assert u.max() <= 1.0 + 2.0**-20  # rounding reaches the end itself


@pytest.mark.parametrize("kind", ["array", "tensor"])
def test_bernoulli_has_its_probabilities_shape_and_dtype(kind, backend):
    p = tg.broadcast_to(tg.tensor([0.0, 0.1, 0.75, 1.0], dtype="float64"), (5000, 4))
    x = host(tg.Generator(0).bernoulli(p if kind == "tensor" else p.data))
    assert (x.shape, x.dtype) == ((5000, 4), np.float64)
    assert set(np.unique(x)) == {0.0, 1.0}
    assert_allclose(x.mean(0), [0.0, 0.1, 0.75, 1.0], atol=0.025)
    assert x[:, 0].sum() == 0
    assert x[:, 3].sum() == 5000


def test_integers_fill_their_interval():
    n = tg.Generator(0).integers(-2, 5, 5000)
    assert n.dtype == np.int64
    assert set(n) == set(range(-2, 5))
    with pytest.raises(ValueError, match=r"high must exceed low, not \[3, 3\)"):
        tg.Generator(0).integers(3, 3)


@pytest.mark.parametrize("n", [0, 1, 100])
def test_a_permutation_is_one(n):
    order = tg.Generator(0).permutation(n)
    assert sorted(order) == list(range(n))
    assert n < 2 or list(order) != list(range(n))


@pytest.mark.parametrize("shape", [(), (0,), (3, 0), 4, (2, 3)])
def test_shapes(shape, backend):
    rng = tg.Generator(0)
    wanted = (4,) if shape == 4 else shape
    for x in (rng.uniform(shape), rng.normal(shape), rng.integers(0, 3, shape)):
        assert type(x) is backend.array_type
        assert x.shape == wanted


@pytest.mark.parametrize("seed", [-1, 1.5, True, "0", None])
def test_seeds_are_non_negative_integers(seed):
    with pytest.raises(ValueError, match="non-negative integer"):
        tg.Generator(seed)
