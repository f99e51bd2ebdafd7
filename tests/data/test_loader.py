"""Batches: every example once an epoch, aligned, and resumed to the bit."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tinygen.data import BatchLoader, DataError
from tinygen.random import Generator


def generator(seed=0):
    return Generator(seed, device="cpu")


def make_loader(n=10, batch_size=3, seed=0, **settings):
    rows = np.arange(n)
    return BatchLoader((rows[:, None] * [1.0, 10.0], rows), batch_size, generator(seed), **settings)


SIZES = st.integers(1, 30).flatmap(lambda n: st.tuples(st.just(n), st.integers(1, n)))


@settings(deadline=None)
@given(sizes=SIZES, shuffle=st.booleans(), drop_last=st.booleans())
def test_an_epoch_holds_every_example_once(sizes, shuffle, drop_last):
    n, batch_size = sizes
    loader = make_loader(n, batch_size, shuffle=shuffle, drop_last=drop_last)
    for epoch in range(2):
        batches = list(loader)
        assert loader.epoch == epoch
        assert len(batches) == len(loader)
        seen = np.concatenate([labels for _, labels in batches])
        assert len(set(seen)) == len(seen)
        assert len(seen) == (n - n % batch_size if drop_last else n)
        assert all(len(labels) == batch_size for _, labels in batches[:-1])
        for features, labels in batches:
            np.testing.assert_array_equal(features, labels[:, None] * [1.0, 10.0])
        if not shuffle:
            np.testing.assert_array_equal(seen, np.arange(len(seen)))


def test_orders_differ_between_epochs_and_seeds_and_repeat_with_the_seed():
    def order(loader):
        return np.concatenate([labels for _, labels in loader]).tolist()

    loader, again, other = make_loader(60), make_loader(60), make_loader(60, seed=1)
    first, second = order(loader), order(loader)
    assert first != second
    assert [order(again), order(again)] == [first, second]
    assert order(other) != first


def test_next_batch_never_ends():
    loader = make_loader(10, 5)
    labels = np.concatenate([loader.next_batch()[1] for _ in range(7)])
    assert loader.epoch == 3
    np.testing.assert_array_equal(np.bincount(labels[:30]), 3)


def test_iterating_after_some_batches_ends_with_the_epoch():
    loader = make_loader(10, 2)
    loader.next_batch()
    assert len(list(loader)) == 4
    assert len(list(loader)) == 5


@settings(deadline=None)
@given(sizes=SIZES, before=st.integers(0, 40), shuffle=st.booleans(), drop_last=st.booleans())
def test_a_resumed_loader_goes_on_to_the_bit(sizes, before, shuffle, drop_last):
    settings = {"shuffle": shuffle, "drop_last": drop_last}
    loader = make_loader(*sizes, **settings)
    for _ in range(before):
        loader.next_batch()
    state = json.loads(json.dumps(loader.state_dict()))
    resumed = make_loader(*sizes, seed=99, **settings)
    resumed.next_batch()
    resumed.load_state_dict(state)
    assert resumed.state_dict() == state
    for _ in range(2 * len(loader) + 1):
        for expected, actual in zip(loader.next_batch(), resumed.next_batch(), strict=True):
            np.testing.assert_array_equal(actual, expected)
        assert resumed.epoch == loader.epoch
    assert resumed.rng.state_dict() == loader.rng.state_dict()


def test_batches_of_another_size_go_on_with_the_examples_that_are_left():
    loader = make_loader(10, 2)
    seen = [loader.next_batch()[1] for _ in range(3)]
    resumed = make_loader(10, 3, seed=99)
    resumed.load_state_dict(loader.state_dict())
    rest = resumed.next_batch()[1]
    np.testing.assert_array_equal(rest, np.concatenate([loader.next_batch()[1] for _ in "ab"])[:3])
    assert not set(np.concatenate(seen)) & set(rest)
    resumed.next_batch()  # one example was left, less than a batch
    assert resumed.epoch == 1


def test_batches_are_fresh_arrays_of_the_same_dtype():
    images = np.ones((6, 4), np.float32)
    loader = BatchLoader((images,), 6, generator(), shuffle=False)
    (batch,) = loader.next_batch()
    assert batch.dtype == np.float32
    assert not np.shares_memory(batch, images)
    (later,) = loader.next_batch()
    assert not np.shares_memory(batch, later)


@pytest.mark.parametrize(
    ("batch_size", "cause"),
    [
        (11, "batch_size is 11, but there are 10 examples: choose 1 to 10"),
        (0, "batch_size is 0"),
        (-1, "batch_size is -1"),
        (2.5, "batch_size is 2.5: give an integer"),
        ("8", "batch_size is '8'"),
    ],
)
def test_bad_batch_sizes_are_refused(batch_size, cause):
    with pytest.raises(DataError, match=cause):
        make_loader(10, batch_size)


@pytest.mark.parametrize(
    ("arrays", "cause"),
    [
        (np.zeros((4, 2)), "give a tuple"),
        ((), r"lengths \[\]: give at least one array"),
        ((np.zeros(4), np.zeros(3)), r"lengths \[4, 3\]"),
        ((np.zeros((0, 2)),), "arrays are empty"),
    ],
)
def test_bad_arrays_are_refused(arrays, cause):
    with pytest.raises(DataError, match=cause):
        BatchLoader(arrays, 1, generator())


def test_a_state_of_another_loader_is_refused():
    state = make_loader(10, 2).state_dict()
    with pytest.raises(DataError, match="had n_examples 10, this one has 12"):
        make_loader(12, 2).load_state_dict(state)
    with pytest.raises(DataError, match="had shuffle True, this one has False"):
        make_loader(10, 2, shuffle=False).load_state_dict(state)
    with pytest.raises(DataError, match=r"position 11 of 10 examples"):
        make_loader(10, 2).load_state_dict({**state, "position": 11})
    del state["rng"]
    with pytest.raises(DataError, match=r"lacks \['rng'\]"):
        make_loader(10, 2).load_state_dict(state)
