"""Datasets by name and from your own arrays, in memory or in an .npz file."""

import contextlib
import math
import zipfile

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tinygen.data import DataError, Dataset, from_arrays, load, load_npz

ROWS = np.linspace(-3, 3, 20, dtype=np.float32).reshape(10, 2)
IMAGES = np.arange(10 * 4, dtype=np.uint8).reshape(10, 2, 2)
LABELS = np.arange(10) % 2


@pytest.mark.parametrize(
    ("name", "nearest"),
    [("minst", "mnist"), ("MNIST", "mnist"), ("fashion_mnist", "fashion-mnist"), ("rings", "ring")],
)
def test_an_unknown_name_lists_the_right_ones_and_the_nearest(name, nearest):
    with pytest.raises(DataError) as caught:
        load(name)
    message = str(caught.value)
    assert message.startswith(
        f"unknown dataset {name!r}: use digits, mnist, fashion-mnist, ring, grid"
    )
    assert message.endswith(f"; did you mean {nearest}?")


def test_an_unknown_name_near_nothing():
    with pytest.raises(DataError, match=r"a folder of images, or a file .*\.csv\.$"):
        load("imagenet-22k")


def test_a_dataset_describes_itself():
    dataset = Dataset("mine", ROWS, LABELS, ROWS[:2], LABELS[:2], 2)
    assert dataset.describe() == (
        "mine: 10 training and 2 test points in 2 dimensions, 2 classes, values in [-3, 3]"
    )
    assert dataset.shape == (2,)
    assert dataset.n_features == 2
    assert not dataset.is_image


def test_images_flatten_without_a_copy():
    dataset = from_arrays("mine", IMAGES, LABELS)
    train, test = dataset.flat()
    assert train.shape == (8, 4)
    assert test.shape == (2, 4)
    assert np.shares_memory(train, dataset.train)
    assert dataset.is_image


def test_bytes_are_scaled_and_floats_cast():
    scaled = from_arrays("mine", IMAGES, None, IMAGES).train
    assert scaled.dtype == np.float32
    np.testing.assert_allclose(scaled, IMAGES / 255, rtol=1e-6)
    for dtype in (np.float16, np.float64):
        cast = from_arrays("mine", ROWS.astype(dtype), None, ROWS).train
        np.testing.assert_array_equal(cast, ROWS.astype(dtype).astype(np.float32))
    assert from_arrays("mine", ROWS[:, ::-1], None, ROWS).train.flags.c_contiguous


def test_without_a_test_part_a_fifth_of_each_class_is_held_out():
    dataset = from_arrays("mine", ROWS, LABELS)
    assert np.bincount(dataset.test_labels).tolist() == [1, 1]
    assert np.bincount(dataset.train_labels).tolist() == [4, 4]
    rows = {tuple(row) for part in (dataset.train, dataset.test) for row in part}
    assert rows == {tuple(row) for row in ROWS}


def test_unlabelled_data_is_one_class():
    dataset = from_arrays("mine", ROWS)
    assert dataset.n_classes == 1
    assert not dataset.train_labels.any()
    assert "no classes" in dataset.describe()


def test_classes_that_do_not_occur_may_be_declared():
    assert from_arrays("mine", ROWS, LABELS, n_classes=5).n_classes == 5


def with_value(value, dtype=np.float32):
    rows = ROWS.astype(dtype)
    rows[3, 1] = value
    return rows


@pytest.mark.parametrize(
    ("features", "cause"),
    [
        ([[1.0, 2.0]], "train is a list, not an array"),
        (np.zeros((0, 4)), r"train is empty, shape \(0, 4\)"),
        (np.zeros((4, 0)), "train is empty"),
        (np.zeros(4), r"train has shape \(4,\): give rows"),
        (np.zeros((1, 1, 1, 1, 1)), "give rows"),
        (np.zeros((4, 2), np.int64), "dtype int64: give floats, or uint8"),
        (np.zeros((4, 2), np.complex64), "dtype complex64"),
        (np.zeros((4, 2), bool), "dtype bool"),
        (np.full((4, 2), "a"), "dtype <U1"),
        (np.full((4, 2), None), "dtype object"),
        (with_value(math.nan), "NaN or infinite"),
        (with_value(math.inf), "NaN or infinite"),
        (with_value(-math.inf), "NaN or infinite"),
        (with_value(1e300, np.float64), r"NaN or infinite values \(in float32\)"),
        (IMAGES.astype(np.float32), r"pixels in \[0, 39\]: scale images to \[0, 1\]"),
        (IMAGES / 39 - 0.5, r"pixels in \[-0.5, 0.5\]"),
    ],
)
def test_bad_features_are_refused(features, cause):
    with pytest.raises(DataError, match=cause) as caught:
        from_arrays("mine", features)
    assert str(caught.value).startswith("mine: ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("labels", "cause"),
    [
        (list(LABELS), "give a one-dimensional array"),
        (LABELS[:, None], r"labels have shape \(10, 1\)"),
        (LABELS.astype(float), "dtype float64: give integer"),
        (LABELS > 0, "dtype bool"),
        (LABELS[:9], "10 examples but 9 labels"),
        (LABELS - 1, "go down to -1"),
    ],
)
def test_bad_labels_are_refused(labels, cause):
    with pytest.raises(DataError, match=cause):
        from_arrays("mine", ROWS, labels)


def test_parts_that_disagree_are_refused():
    with pytest.raises(DataError, match=r"shape \(2,\) but a test example \(1,\)"):
        from_arrays("mine", ROWS, LABELS, ROWS[:, :1], LABELS)
    with pytest.raises(DataError, match="label both or neither"):
        from_arrays("mine", ROWS, LABELS, ROWS)
    with pytest.raises(DataError, match="test_labels without test"):
        from_arrays("mine", ROWS, LABELS, test_labels=LABELS)
    with pytest.raises(DataError, match="labels reach 1 but there are 1 classes"):
        from_arrays("mine", ROWS, LABELS, n_classes=1)
    with pytest.raises(DataError, match="mine: test is empty"):
        from_arrays("mine", ROWS[:2], LABELS[:2])


def test_npz_reads_back(tmp_path):
    path = tmp_path / "mine.npz"
    np.savez_compressed(
        path, train=IMAGES, train_labels=LABELS, test=IMAGES[:3], test_labels=LABELS[:3]
    )
    dataset = load_npz(path)
    assert dataset.name == "mine"
    np.testing.assert_allclose(dataset.train, IMAGES / 255, rtol=1e-6)
    np.testing.assert_array_equal(dataset.test_labels, LABELS[:3])
    np.testing.assert_array_equal(load(str(path)).train, dataset.train)


@pytest.mark.parametrize(
    ("arrays", "cause"),
    [
        ({}, "holds nothing"),
        ({"x": ROWS}, r"holds x: save it with np\.savez"),
        ({"train": ROWS, "labels": LABELS}, "holds labels, train: save it with"),
        ({"train": np.array([None, {}])}, "damaged or not plain arrays"),
        ({"train": with_value(math.nan)}, "bad: train holds NaN"),
    ],
)
def test_npz_of_other_contents_is_refused(tmp_path, arrays, cause):
    path = tmp_path / "bad.npz"
    np.savez(path, **arrays)
    with pytest.raises(DataError, match=cause):
        load_npz(path)


def test_files_that_are_no_npz_are_refused(tmp_path):
    path = tmp_path / "bad.npz"
    with pytest.raises(DataError, match=r"cannot be read \(No such file"):
        load_npz(path)
    for contents in (b"", b"text", b"PK\3\4"):
        path.write_bytes(contents)
        with pytest.raises(DataError, match=r"not an \.npz file, or a truncated one"):
            load_npz(path)
    with path.open("wb") as file:
        np.save(file, ROWS)
    with pytest.raises(DataError, match=r"not an \.npz file"):
        load_npz(path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("train", "text")
    with pytest.raises(DataError, match="damaged or not plain arrays"):
        load_npz(path)


def test_a_damaged_shape_is_not_read_as_fewer_examples(tmp_path):
    path = tmp_path / "damaged.npz"
    np.savez(path, train=np.zeros((9000, 2)))
    contents = path.read_bytes()
    assert contents.count(b"(9000, 2)") == 1
    path.write_bytes(contents.replace(b"(9000, 2)", b"(1000, 2)"))
    with pytest.raises(DataError, match="damaged or not plain arrays"):
        load_npz(path)


@settings(deadline=None)
@given(data=st.data(), compressed=st.booleans())
def test_damaged_npz_raises_data_error_only(tmp_path_factory, data, compressed):
    path = tmp_path_factory.getbasetemp() / "damaged.npz"
    save = np.savez_compressed if compressed else np.savez
    save(path, train=ROWS, train_labels=LABELS)
    contents = bytearray(path.read_bytes())
    if data.draw(st.booleans(), "truncated"):
        contents = contents[: data.draw(st.integers(0, len(contents) - 1))]
    else:
        place = data.draw(st.integers(0, len(contents) - 1))
        contents[place] ^= data.draw(st.integers(1, 255))
    path.write_bytes(contents)
    with contextlib.suppress(DataError):
        dataset = load_npz(path)
        # A lost zip entry cannot be told from labels never given; damaged values can.
        rows = np.concatenate([dataset.train, dataset.test])
        np.testing.assert_array_equal(rows[np.argsort(rows[:, 0])], ROWS)
