"""Your own data by its path: folders of images, .npy, .npz and .csv files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tinygen.data import DataError, Dataset, load, located

RNG = np.random.default_rng(0)


def save_images(folder: Path, n: int, size=(5, 4), mode: str = "L", suffix: str = "png") -> None:
    """n images of random pixels, `size` high and wide."""
    folder.mkdir(parents=True, exist_ok=True)
    for i in range(n):
        shape = size if mode == "L" else (*size, len(mode))
        pixels = RNG.integers(0, 256, shape, "uint8")
        Image.fromarray(pixels).save(folder / f"{i:03d}.{suffix}")


def refusal(path: Path | str) -> str:
    with pytest.raises(DataError) as caught:
        load(str(path))
    message = str(caught.value)
    assert "\n" not in message
    return message


def everything(data: Dataset) -> np.ndarray:
    return np.concatenate([data.train, data.test])


# -- folders of images -----------------------------------------------------------------------------


def test_a_folder_of_grey_images_is_read_pixel_by_pixel(tmp_path):
    save_images(tmp_path / "own", 10)
    data = load(str(tmp_path / "own"))
    assert (data.name, data.shape, data.n_classes) == ("own", (5, 4), 1)
    assert (len(data.train), len(data.test)) == (8, 2)
    stored = {np.asarray(Image.open(p)).tobytes() for p in (tmp_path / "own").iterdir()}
    read = {np.rint(x * 255).astype("uint8").tobytes() for x in everything(data)}
    assert read == stored


def test_folders_within_are_classes_in_the_order_of_the_alphabet(tmp_path):
    for name, n in (("dogs", 5), ("cats", 10)):
        save_images(tmp_path / "own" / name, n, mode="RGB")
    (tmp_path / "own" / ".hidden").mkdir()
    (tmp_path / "own" / "cats" / "notes.txt").write_text("not an image")
    data = load(str(tmp_path / "own"))
    assert data.classes == ("cats", "dogs")
    assert data.shape == (3, 5, 4)
    assert np.bincount(data.train_labels).tolist() == [8, 4]
    assert np.bincount(data.test_labels).tolist() == [2, 1]
    dog = np.asarray(Image.open(tmp_path / "own" / "dogs" / "000.png")).transpose(2, 0, 1)
    of_class = np.concatenate([data.train_labels, data.test_labels])
    found = [i for i, x in enumerate(everything(data)) if np.allclose(x * 255, dog, atol=0.5)]
    assert of_class[found].tolist() == [1]


def test_folders_train_and_test_are_the_two_parts(tmp_path):
    for part, n in (("train", 4), ("test", 3)):
        for name in ("a", "b"):
            save_images(tmp_path / "own" / part / name, n)
    data = load(str(tmp_path / "own"))
    assert (len(data.train), len(data.test), data.n_classes) == (8, 6, 2)
    assert data.record()["held_out"] == "the test part that was given"
    (tmp_path / "own" / "test" / "b").rename(tmp_path / "own" / "test" / "c")
    assert "other classes" in refusal(tmp_path / "own")


def test_one_image_in_colour_makes_all_of_them_so(tmp_path):
    save_images(tmp_path / "own", 4)
    grey = np.asarray(Image.open(tmp_path / "own" / "000.png"))
    save_images(tmp_path / "own" / "x", 1, mode="RGB")
    (tmp_path / "own" / "x" / "000.png").rename(tmp_path / "own" / "zzz.png")
    (tmp_path / "own" / "x").rmdir()
    data = load(str(tmp_path / "own"))
    assert data.shape == (3, 5, 4)
    as_bytes = {np.rint(x * 255).astype("uint8").tobytes() for x in everything(data)}
    assert np.stack([grey] * 3).tobytes() in as_bytes


def test_what_is_transparent_is_laid_over_white_and_orientation_is_obeyed(tmp_path):
    pixels = np.zeros((2, 3, 4), "uint8")
    pixels[0, 0] = (255, 0, 0, 255)
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by a quarter, clockwise
    for name in "abcde":
        Image.fromarray(pixels).save(tmp_path / f"{name}.png", exif=exif)
    data = load(str(tmp_path))
    assert data.shape == (3, 3, 2)
    shown = np.rint(data.train[0] * 255).transpose(1, 2, 0)
    assert shown[0, 1].tolist() == [255, 0, 0]
    assert (shown.reshape(-1, 3)[[0, 2, 3, 4, 5]] == 255).all()


@pytest.mark.parametrize("suffix", ["jpg", "JPEG", "bmp", "webp", "pgm"])
def test_other_formats(tmp_path, suffix):
    save_images(tmp_path / "own", 5, suffix=suffix)
    assert load(str(tmp_path / "own")).shape[-2:] == (5, 4)


def test_folders_that_cannot_be_used(tmp_path):
    assert "holds no images" in refusal(tmp_path)
    save_images(tmp_path / "sizes", 3)
    save_images(tmp_path / "sizes" / "x", 1, size=(7, 4))
    assert "holds images and folders (000.png, x)" in refusal(tmp_path / "sizes")
    (tmp_path / "sizes" / "x" / "000.png").rename(tmp_path / "sizes" / "odd.png")
    (tmp_path / "sizes" / "x").rmdir()
    assert "odd.png has 4 x 7 pixels and 000.png 4 x 5" in refusal(tmp_path / "sizes")
    save_images(tmp_path / "classes" / "full", 3)
    (tmp_path / "classes" / "hollow").mkdir()
    assert "hollow holds no images" in refusal(tmp_path / "classes")
    (tmp_path / "text").mkdir()
    (tmp_path / "text" / "a.png").write_text("text")
    assert "a.png: damaged or not an image" in refusal(tmp_path / "text")
    (tmp_path / "deep").mkdir()
    Image.fromarray(np.zeros((4, 4), "uint16")).save(tmp_path / "deep" / "a.png")
    assert "8 bits" in refusal(tmp_path / "deep")


# -- arrays ----------------------------------------------------------------------------------------


def test_an_npy_file_is_unlabelled_and_split(tmp_path):
    path = tmp_path / "own.npy"
    images = RNG.integers(0, 256, (10, 3, 3), "uint8")
    np.save(path, images)
    data = load(str(path))
    assert (data.name, len(data.train), len(data.test), data.n_classes) == ("own", 8, 2, 1)
    assert data.record()["scaling"] == "bytes divided by 255"
    np.save(path, np.asfortranarray(RNG.normal(size=(10, 3))))
    data = load(str(path))
    assert data.record()["scaling"] == "as they are"
    assert {row.tobytes() for row in everything(data)} == {
        row.tobytes() for row in np.load(path).astype("float32")
    }


@pytest.mark.parametrize(("array", "cause"), [
    (np.array([[{}]], dtype=object), "pickled objects"),
    (np.zeros((4, 2), [("a", "f4")]), "dtype"),
    (np.float32(1), "shape"),
    (np.zeros((4, 2), "int32"), "dtype int32"),
])  # fmt: skip
def test_npy_files_that_cannot_be_used(tmp_path, array, cause):
    np.save(tmp_path / "own.npy", array)
    assert cause in refusal(tmp_path / "own.npy")


# -- tables ----------------------------------------------------------------------------------------


def table(path: Path, text: str, encoding: str = "utf-8") -> str:
    path.write_text(text, encoding=encoding)
    return str(path)


def rows(n: int = 10) -> str:
    return "".join(f"{i * i},{100 - i}\n" for i in range(n))


def test_a_table_is_standardised_by_its_training_part_and_given_back(tmp_path):
    data = load(table(tmp_path / "own.csv", "size,age\n" + rows()))
    np.testing.assert_allclose(data.train.mean(0), 0, atol=1e-6)
    np.testing.assert_allclose(data.train.std(0), 1, rtol=1e-6)
    back = data.in_own_units(everything(data))
    wanted = [[i * i, 100 - i] for i in range(10)]
    np.testing.assert_allclose(sorted(back.tolist()), wanted, atol=1e-4)
    assert [c["name"] for c in data.record()["columns"]] == ["size", "age"]
    train = data.in_own_units(data.train)
    assert data.record()["columns"][1]["mean"] == pytest.approx(train[:, 1].mean())


@pytest.mark.parametrize("text", [
    "1,2\n3,4\n" + rows(),                                   # no header
    "a;b\n" + rows().replace(",", ";"),                      # semicolons
    "a\tb\n" + rows().replace(",", "\t"),                    # tabs
    "\ufeffa,b\r\n\r\n" + rows().replace("\n", "\r\n\r\n"),   # Excel's mark, and blank lines
    '"a, or so","b"\n' + rows(),                             # quotes
    "0,1\n" + rows(),                                        # pandas' own names
])  # fmt: skip
def test_tables_as_programs_write_them(tmp_path, text):
    data = load(table(tmp_path / "own.csv", text))
    assert data.shape == (2,)
    assert len(everything(data)) == (12 if text.startswith("1,2") else 10)
    assert data.n_classes == 1


@pytest.mark.parametrize(("header", "order"), [
    ("x,Label\n", ["1", "2", "10"]), ("x,species\n", ["1", "2", "10"]), ("", ["a", "b", "é"]),
])  # fmt: skip
def test_a_label_column_is_the_class_and_no_feature(tmp_path, header, order):
    texts = [order[i % 3] for i in range(15)]
    if header == "x,species\n":  # told by its name in the first case, by its texts in this one
        texts, order = [f"kind {t}" for t in texts], sorted(f"kind {t}" for t in order)
    text = header + "".join(f"{i},{label}\n" for i, label in enumerate(texts))
    data = load(table(tmp_path / "own.csv", text))
    assert data.shape == (1,)
    assert data.classes == tuple(order)
    assert np.bincount(data.train_labels).tolist() == [4, 4, 4]
    values = np.rint(data.in_own_units(data.train)[:, 0]).astype(int)
    assert [data.classes[k] for k in data.train_labels] == [texts[i] for i in values]


def test_a_constant_column_stays_as_it_is(tmp_path):
    data = load(table(tmp_path / "own.csv", "".join(f"{i},7\n" for i in range(10))))
    assert (data.train[:, 1] == 0).all()
    np.testing.assert_array_equal(data.in_own_units(data.train)[:, 1], 7)


@pytest.mark.parametrize(("text", "cause"), [
    ("", "is empty"),
    ("a,b\n", "names and no rows"),
    ("a,b\n1,2\n", "give at least 3"),
    ("a,b\n1,2\n3\n", "line 3 has 1 fields and the first 2"),
    ("a,b\n1,2\n3,\n" + rows(), "line 3, column 'b' is missing: fill it in or remove the row"),
    ("a,b\n1,NaN\n" + rows(), "line 2, column 'b' is missing"),
    ("a,b\n1,inf\n" + rows(), "not a finite number"),
    ("a,b\n1,1e999\n" + rows(), "not a finite number"),
    ("a,b\n1,2\n1_0,3\n" + rows(), "'1_0', not a number"),
    ("a;b\n1,5;2\n2,5;3\n", "write a point, not a comma"),
    ("a,b\nx,y\n" + rows(), "columns 'a', 'b' hold texts"),
    ("a,b\n1,x\n2,y\n3,z\n4,w\n", "4 different texts in 4 rows"),
    (",a,b\n0,1,2\n1,2,3\n", "has no name"),
    ("a,a\n" + rows(), "two columns 'a'"),
    ("label\n1\n2\n3\n", "labels and no features"),
    ("a,b\n" + "1e200,2\n-1e200,3\n" * 5, "too large to standardise"),
    ('a,b\n1,"2\n' + rows(), "no row of a table"),
])  # fmt: skip
def test_tables_that_cannot_be_used(tmp_path, text, cause):
    assert cause in refusal(table(tmp_path / "own.csv", text))


def test_a_table_in_another_encoding_is_told(tmp_path):
    assert "UTF-8" in refusal(table(tmp_path / "own.csv", "é,b\n" + rows(), "latin-1"))


# -- paths and records -----------------------------------------------------------------------------


def test_paths_are_found_again_and_names_stay(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("digits", "mnist", "ring"):
        assert located(name) == name
    (tmp_path / "digits").mkdir()  # a folder of that name does not hide the dataset
    assert located("digits") == "digits"
    for path in ("own.csv", "./digits", "missing/own.npz"):
        assert located(path) == str(Path(path).absolute())


def test_a_file_of_no_known_kind(tmp_path):
    (tmp_path / "own.txt").write_text("1,2")
    assert "is of no known kind" in refusal(tmp_path / "own.txt")
    assert "No such file" in refusal(tmp_path / "missing.csv")


def test_the_record_tells_when_the_data_changes(tmp_path):
    save_images(tmp_path / "own", 6)
    before = load(str(tmp_path / "own")).record()
    assert before == load(str(tmp_path / "own")).record()
    assert before["held_out"].startswith("a fifth of every class")
    (tmp_path / "own" / "000.png").rename(tmp_path / "own" / "009.png")
    assert load(str(tmp_path / "own")).record()["sha256"] != before["sha256"]
