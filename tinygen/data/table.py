"""Your own table of numbers, from a CSV file: one example a row, one feature a column.

- Commas, semicolons or tabs stand between fields, whichever the first line has most of; UTF-8.
- The first row holds the columns' names if none of its fields is a number.
- A column named "label" or "class", or else the one column that is not of numbers, tells the
  class of each row and is no feature. Other texts are refused.
- A missing value is refused with its place, for whatever stood in for it would be learned.
- Each column is standardised: less its mean, over its standard deviation in the training part.
"""

import csv
import math
import os
from array import array
from collections.abc import Iterator
from io import TextIOWrapper
from os import PathLike, fspath
from pathlib import Path
from typing import TextIO

import numpy as np
from numpy.typing import NDArray

from .dataset import Dataset, Labels, from_arrays
from .digits import stratified_split
from .errors import DataError
from .limits import check_size
from .origin import HELD_OUT_FIFTH, STANDARDISED, Column, Origin, sha256_of_file
from .reading import damage_told, first_line, open_plain

LABEL_NAMES = ("label", "class")
MISSING = ("", "na", "n/a", "nan", "null", "none", "?")
LONGEST_LINE = 2**22
"""Characters."""


def load_csv(path: str | PathLike[str]) -> Dataset:
    """The dataset in a CSV file, named after the file; a fifth of every class is held out.

    Examples are float32 rows (N, D), each column standardised by the training part; D counts the
    columns that are no labels.
    Raises DataError when the file cannot be read or is no table, names the line and column of a
    value that is missing or no number, and refuses columns of texts that are no classes.

    >>> np.savetxt("table.csv", np.ones((10, 2)), delimiter=",", header="a,b", comments="")
    >>> load_csv("table.csv").train.shape
    (8, 2)
    """
    name = fspath(path)
    with open_plain(name) as file, damage_told(name, "a table"):
        check_size(os.fstat(file.fileno()).st_size // 2, name)
        with TextIOWrapper(file, encoding="utf-8-sig", newline="") as text:
            table = _Table(name, text)
    labels, classes = table.labels()
    kept, held = stratified_split(labels)
    if not (len(kept) and len(held)):
        raise DataError(f"{name} has {len(labels)} rows: give at least 3, to hold some out.")
    mean, std = _mean_and_std(table, kept)
    examples = ((table.features - mean) / std).astype(np.float32)
    return from_arrays(
        Path(name).stem,
        examples[kept],
        labels[kept],
        examples[held],
        labels[held],
        n_classes=max(1, len(classes)),
        classes=classes,
        origin=Origin(
            path=str(Path(name).absolute()),
            sha256=sha256_of_file(name),
            scaling=STANDARDISED,
            held_out=HELD_OUT_FIFTH,
            columns=tuple(map(Column, table.names, mean.tolist(), std.tolist())),
        ),
    )


class _Table:
    """The rows of a CSV file: `features` (N, D), their `names`, and the class texts of each row."""

    def __init__(self, name: str, text: TextIO) -> None:
        self.name = name
        rows = _rows(name, text)
        first = next(rows, None)
        if first is None:
            raise DataError(f"{name} is empty: give one example a row.")
        line, fields = first
        header = _is_header(fields)
        self.names = [field.strip() for field in fields] if header else []
        if not header:
            self.names = [f"column {i + 1}" for i in range(len(fields))]
        self._check_header()
        start = next(rows, None) if header else (line, fields)
        if start is None:
            raise DataError(f"{name} holds names and no rows: give one example a row.")
        self.label_column = self._find_labels(start[1])
        self._texts: list[str] = []
        self.features = self._read(start, rows)
        if self.label_column is not None:
            del self.names[self.label_column]

    def labels(self) -> tuple[Labels, tuple[str, ...]]:
        """The class of each row, and the classes' names in order; without a label column all 0."""
        if self.label_column is None:
            return np.zeros(len(self.features), np.int64), ()
        classes = sorted(set(self._texts), key=_numbers_first)
        if len(classes) > max(1, len(self._texts) // 2):
            raise DataError(
                f"{self.name}: the label column holds {len(classes)} different texts in"
                f" {len(self._texts)} rows, which are no classes: remove that column."
            )
        number = {text: i for i, text in enumerate(classes)}
        return np.array([number[text] for text in self._texts], np.int64), tuple(classes)

    def _check_header(self) -> None:
        for i, column in enumerate(self.names):
            if not column:
                raise DataError(
                    f"{self.name}: column {i + 1} has no name: name it, or remove it if it holds"
                    " row numbers (pandas: to_csv(path, index=False))."
                )
        if len(set(self.names)) < len(self.names):
            twice = next(n for n in self.names if self.names.count(n) > 1)
            raise DataError(f"{self.name} has two columns {_shown(twice)}: rename one.")

    def _find_labels(self, fields: list[str]) -> int | None:
        lower = [column.lower() for column in self.names]
        named = [lower.index(label) for label in LABEL_NAMES if label in lower]
        if named:
            return named[0]
        texts = [i for i, field in enumerate(fields) if _is_text(field)]
        if len(texts) > 1:
            known = ", ".join(_shown(self.names[i]) for i in texts[:5] if i < len(self.names))
            raise DataError(
                f"{self.name}: columns {known} hold texts, and only one may, the class of each"
                " row: remove the others or turn them into numbers."
            )
        return texts[0] if texts else None

    def _read(
        self, start: tuple[int, list[str]], rows: Iterator[tuple[int, list[str]]]
    ) -> NDArray[np.float64]:
        values = array("d")
        self._take(*start, values)
        for line, fields in rows:
            self._take(line, fields, values)
        features = np.frombuffer(values, np.float64)
        width = len(self.names) - (self.label_column is not None)
        if width == 0:
            raise DataError(f"{self.name} holds labels and no features: give a column of numbers.")
        return features.reshape(-1, width)

    def _take(self, line: int, fields: list[str], values: array) -> None:
        if len(fields) != len(self.names):
            raise DataError(
                f"{self.name}: line {line} has {len(fields)} fields and the first"
                f" {len(self.names)}: give every row one for each column."
            )
        for i, field in enumerate(fields):
            if i == self.label_column and field.strip().lower() not in MISSING:
                self._texts.append(field.strip())
            else:
                try:
                    values.append(_number(field))
                except ValueError as error:
                    raise DataError(
                        f"{self.name}: line {line}, column {_shown(self.names[i])} {error}."
                    ) from None


def _rows(name: str, text: TextIO) -> Iterator[tuple[int, list[str]]]:
    """The line number and fields of each row that is not blank."""
    line = 0
    try:
        first = text.readline(LONGEST_LINE)
        text.seek(0)
        separator = max(",;\t", key=first.count)
        reader = csv.reader(_lines(name, text), delimiter=separator, strict=True)
        for fields in reader:
            line = reader.line_num
            if fields:
                yield line, fields
    except UnicodeDecodeError:
        raise DataError(f"{name} is no text in UTF-8: save it as CSV in UTF-8.") from None
    except csv.Error as error:
        raise DataError(
            f"{name}: after line {line}, what follows is no row of a table "
            f"({first_line(error)}): mend it."
        ) from None


def _lines(name: str, text: TextIO) -> Iterator[str]:
    while line := text.readline(LONGEST_LINE):
        if len(line) == LONGEST_LINE:
            raise DataError(f"{name} has a line of over {LONGEST_LINE:,} characters: is it a CSV?")
        yield line


def _is_header(fields: list[str]) -> bool:
    """No field is a number; or they are 0, 1, 2, ..., as pandas names columns by itself."""
    counted = [str(i) for i in range(len(fields))]
    return fields == counted != ["0"] or not any(_is_number(field) for field in fields)


def _number(field: str) -> float:
    """Raises ValueError that says what is wrong, as the end of a sentence."""
    text = field.strip()
    if text.lower() in MISSING:
        raise ValueError("is missing: fill it in or remove the row")
    if not _is_number(text):
        comma = " (write a point, not a comma, before decimals)" if "," in text else ""
        raise ValueError(f"is {_shown(text)}, not a number{comma}: mend it or remove the column")
    if not math.isfinite(float(text)):
        raise ValueError(f"is {_shown(text)}, not a finite number: mend it or remove the row")
    return float(text)


def _is_number(field: str) -> bool:
    try:
        float(field)
    except ValueError:
        return False
    return "_" not in field and field.strip().lower() not in MISSING


def _is_text(field: str) -> bool:
    return not _is_number(field) and field.strip().lower() not in MISSING and "," not in field


def _numbers_first(text: str) -> tuple[float, str]:
    return (float(text) if _is_number(text) else math.inf, text)


def _shown(text: str) -> str:
    return repr(text if len(text) <= 40 else text[:37] + "...")


def _mean_and_std(
    table: _Table, rows: NDArray[np.intp]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    with np.errstate(over="ignore", invalid="ignore"):
        mean, std = table.features[rows].mean(0), table.features[rows].std(0)
    for column, m, s in zip(table.names, mean, std, strict=True):
        if not (math.isfinite(m) and math.isfinite(s)):
            raise DataError(
                f"{table.name}: column {_shown(column)} holds numbers too large to standardise:"
                " take another unit."
            )
    std[std < 1e-12 * np.maximum(1.0, np.abs(mean))] = 1.0  # a constant column stays constant: 0
    return mean, std
