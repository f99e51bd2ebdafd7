"""Each rank's numbers are its rows of the draw that one process would make: on every backend."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from pretended import Pretended

import tinygen as tg
from tinygen.backend import host
from tinygen.data import BatchLoader
from tinygen.parallel import joined

DRAWS = {
    "uniform": lambda rng, n: rng.uniform((n, 5)),
    "uniform float64": lambda rng, n: rng.uniform((n, 3), -1.0, 2.0, dtype="float64"),
    "normal": lambda rng, n: rng.normal((n, 5)),
    "normal float64": lambda rng, n: rng.normal((n, 3), 1.0, 2.0, dtype="float64"),
    "integers": lambda rng, n: rng.integers(-3, 12, (n, 3)),
}


def divided(seed: int) -> tg.Generator:
    rng = tg.Generator(seed)
    rng.divide()
    return rng


@pytest.mark.parametrize("name", DRAWS)
@pytest.mark.parametrize(("ranks", "each"), [(2, 3), (3, 1), (3, 4), (5, 7), (64, 2)])
def test_the_ranks_rows_are_those_of_one_process_side_by_side(name, ranks, each, backend):
    draw = DRAWS[name]
    alone = tg.Generator(7)
    expected = [host(draw(alone, ranks * each)) for _ in range(2)]
    parts = []
    for rank in range(ranks):
        rng = divided(7)
        with joined(Pretended(rank, ranks)):
            parts.append([host(draw(rng, each)) for _ in range(2)])
        assert rng.state_dict() == alone.state_dict()
    for i, whole in enumerate(expected):
        found = np.concatenate([part[i] for part in parts])
        if name.startswith("normal"):  # a logarithm's last digit may depend on where it stands
            assert_allclose(found, whole, rtol=1e-5, atol=1e-6)
        else:
            assert_array_equal(found, whole)


def test_zeros_and_ones_are_divided_too(backend):
    p = tg.Generator(1).uniform((12, 3))
    expected = host(tg.Generator(7).bernoulli(p))
    for rank in range(4):
        with joined(Pretended(rank, 4)) as ranks:
            assert_array_equal(host(divided(7).bernoulli(ranks.part(p))), ranks.part(expected))


@pytest.mark.parametrize("name", DRAWS)
@pytest.mark.parametrize(("ranks", "batches", "each"), [(2, 2, 3), (3, 2, 5), (2, 3, 1), (4, 5, 2)])
def test_of_a_draw_for_several_batches_a_rank_has_its_rows_of_each(
    name, ranks, batches, each, backend
):
    draw = DRAWS[name]
    alone = tg.Generator(7)
    with alone.stacked(batches):
        expected = [host(draw(alone, batches * ranks * each)) for _ in range(2)]
    for rank in range(ranks):
        rng = divided(7)
        with joined(Pretended(rank, ranks)) as team, rng.stacked(batches):
            for whole in expected:
                by_batch = whole.reshape(batches, ranks * each, -1)
                rows = team.part(by_batch, 1).reshape(batches * each, -1)
                found = host(draw(rng, batches * each))
                if name.startswith("normal"):
                    assert_allclose(found, rows, rtol=1e-5, atol=1e-6)
                else:
                    assert_array_equal(found, rows)
        assert rng.state_dict() == alone.state_dict()


def test_zeros_and_ones_for_several_batches_are_divided_too(backend):
    p = tg.Generator(1).uniform((3, 4, 2))
    expected = host(tg.Generator(7).bernoulli(p))
    for rank in range(2):
        rng = divided(7)
        with joined(Pretended(rank, 2)) as ranks, rng.stacked(3):
            mine = ranks.part(p, 1).reshape(6, 2)
            found = host(rng.bernoulli(mine)).reshape(3, 2, 2)
        assert_array_equal(found, ranks.part(expected, 1))


def test_alone_a_draw_is_what_it_was_in_a_stack_or_not():
    rng = tg.Generator(7)
    rng.divide()
    with rng.stacked(2):
        found = rng.normal((6, 3))
    assert_array_equal(found, tg.Generator(7).normal((6, 3)))


def test_what_is_no_stack_is_refused():
    rng = divided(7)
    with (
        joined(Pretended(0, 2)),
        rng.stacked(2),
        pytest.raises(ValueError, match=r"\(3, 2\) is no stack of 2 batches"),
    ):
        rng.normal((3, 2))


def test_orders_are_the_same_on_all_ranks():
    rng = divided(7)
    with joined(Pretended(1, 2)):
        assert_array_equal(rng.permutation(9), tg.Generator(7).permutation(9))


def test_what_is_no_row_of_a_batch_is_the_same_on_all_ranks():
    expected = tg.Generator(7).uniform((4, 4))
    for rank in range(2):
        rng = divided(7)
        with joined(Pretended(rank, 2)):
            assert_array_equal(rng.whole().uniform((4, 4)), expected)
            assert not np.array_equal(rng.uniform((4, 4)), expected)  # and the stream went on


def test_the_ranks_batches_are_parts_of_one_and_share_no_example():
    rows = np.arange(40)
    alone = BatchLoader((rows,), 12, tg.Generator(3))
    whole = [alone.next_batch()[0] for _ in range(3)]
    loaders = [BatchLoader((rows,), 12, tg.Generator(3)) for _ in range(3)]
    seen: list[np.ndarray] = []
    for batch in whole:
        for rank, loader in enumerate(loaders):
            with joined(Pretended(rank, 3)):
                seen.append(loader.next_batch()[0])
        assert_array_equal(np.concatenate(seen[-3:]), batch)
    epoch = np.concatenate(seen)
    assert len(set(epoch.tolist())) == len(epoch)


def test_what_cannot_be_shared_evenly_is_refused():
    with pytest.raises(ValueError, match=r"10 chains .* 4 ranks; take a multiple of 4\."):
        Pretended(0, 4).share(10, "chains")
