"""Einstein's summation, as a chain of products of two operands.

Each operand is first brought to a plain form: no letter twice (a diagonal is taken), no ellipsis
(its axes get letters of their own). The product of two plain operands is a primitive whose rules are
such products again, so every order follows.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..primitive import primitive
from .indexing import getitem
from .reductions import sum
from .shape import broadcast_to, expand_dims, reshape, transpose

_pair = primitive("einsum", lambda xp, a, b, a_names, b_names, names:
                      xp.einsum(_formula(a_names, b_names, names), a, b),
                  lambda g, b, a_shape, a_names, b_names, names:
                      _cotangent(g, names, b, b_names, a_names, a_shape),
                  lambda g, a, b_shape, a_names, b_names, names:
                      _cotangent(g, names, a, a_names, b_names, b_shape))


def einsum(formula: str, *operands: Any) -> Any:
    """Products of elements with equal letters, summed over the letters that the result lacks.

    `einsum("ij,jk->ik", a, b)` is the matrix product. Takes what NumPy takes: repeated letters
    (diagonals), an implicit result, an ellipsis for axes without letters.

    Raises:
        ValueError: the formula does not fit the operands, or a letter stands for two lengths.
    """
    terms, names = _parse(formula, operands)
    arrays = [_plain(x, term) for x, term in zip(operands, terms, strict=True)]
    _check_lengths(formula, arrays)
    y, y_names = arrays[0]
    for i, (x, x_names) in enumerate(arrays[1:], start=1):
        later = set(names).union(*(n for _, n in arrays[i + 1 :]))
        kept = "".join(c for c in dict.fromkeys(y_names + x_names) if c in later)
        y, y_names = _product(y, x, y_names, x_names, kept), kept
    return _arrange(y, y_names, names)


def _product(a: Any, b: Any, a_names: str, b_names: str, names: str) -> Any:
    """Sum of products; axes of length 1 stand for any length, as in broadcasting."""
    a, a_names = _without_ones(a, a_names, b, b_names, names)
    b, b_names = _without_ones(b, b_names, a, a_names, names)
    present = "".join(c for c in names if c in a_names + b_names)
    y = _pair(a, b, a_names, b_names, present)
    lost = [i for i, c in enumerate(names) if c not in present]
    for i in lost:
        y = expand_dims(y, i)
    return y


def _without_ones(a: Any, a_names: str, b: Any, b_names: str, names: str) -> tuple[Any, str]:
    """`a` without axes of length 1 that `b` has longer or that nobody else has."""
    drop = [
        i for i, c in enumerate(a_names)
        if a.shape[i] == 1 and (c not in b_names or b.shape[b_names.index(c)] != 1)
    ]  # fmt: skip
    if not drop:
        return a, a_names
    rest = [i for i in range(len(a_names)) if i not in drop]
    return reshape(a, tuple(a.shape[i] for i in rest)), "".join(a_names[i] for i in rest)


def _cotangent(g: Any, g_names: str, other: Any, other_names: str, names: str, shape: tuple) -> Any:
    """sum g * other over what this operand lacks, repeated along what only this operand has."""
    present = "".join(c for c in names if c in g_names + other_names)
    y = _pair(g, other, g_names, other_names, present)
    for i, c in enumerate(names):
        if c not in present:
            y = expand_dims(y, i)
    return broadcast_to(y, shape)


def _arrange(x: Any, names: str, result: str) -> Any:
    """Sum what the result lacks, and put the rest in its order."""
    lost = tuple(i for i, c in enumerate(names) if c not in result)
    if lost:
        x = sum(x, lost)
        names = "".join(c for c in names if c in result)
    return x if names == result else transpose(x, tuple(names.index(c) for c in result))


def _plain(x: Any, names: str) -> tuple[Any, str]:
    """An operand without repeated letters: their diagonal, with the letter in front."""
    for c in names:
        if names.count(c) > 1:
            at = [i for i, name in enumerate(names) if name == c]
            if len({x.shape[i] for i in at}) > 1:
                raise ValueError(f"einsum: {c!r} stands for axes of different length in {x.shape}.")
            rest = [i for i in range(len(names)) if i not in at]
            along = np.arange(x.shape[at[0]])
            x = getitem(transpose(x, (*at, *rest)), (along,) * len(at))
            return _plain(x, c + "".join(names[i] for i in rest))
    return x, names


def _check_lengths(formula: str, arrays: list[tuple[Any, str]]) -> None:
    """ValueError where a letter stands for axes of two lengths, neither of them 1."""
    lengths: dict[str, int] = {}
    for x, names in arrays:
        for c, n in zip(names, x.shape, strict=True):
            if n != 1 and lengths.setdefault(c, n) != n:
                raise ValueError(f"einsum: {c!r} of {formula!r} stands for axes of length {lengths[c]} and {n}.")


def _parse(formula: str, operands: tuple) -> tuple[list[str], str]:
    """The letters of each operand and of the result, with every ellipsis spelled out."""
    left, arrow, right = formula.replace(" ", "").partition("->")
    terms = left.split(",")
    if len(terms) != len(operands):
        raise ValueError(f"einsum: {formula!r} names {len(terms)} operands, got {len(operands)}.")
    used = set(formula)
    spare = [c for c in "ABCDEFGHIJKLMNOPQRSTUVWXYZ" if c not in used]
    widest = ""
    for i, (term, x) in enumerate(zip(terms, operands, strict=True)):
        letters = term.replace("...", "")
        extra = x.ndim - len(letters)
        if extra < 0 or (extra and "..." not in term) or (letters and not letters.isalpha()):
            raise ValueError(f"einsum: {term!r} does not fit an operand of shape {x.shape}.")
        fill = "".join(spare[:extra][::-1])  # shared from the right, as broadcasting aligns
        widest = max(widest, fill, key=len)
        terms[i] = term.replace("...", fill)
    if not arrow:
        counts = "".join(t.replace("...", "") for t in left.split(","))
        right = widest + "".join(sorted(c for c in set(counts) if counts.count(c) == 1))
    names = right.replace("...", widest)
    unknown = set(names) - set("".join(terms))
    if unknown or len(set(names)) < len(names):
        raise ValueError(f"einsum: the result of {formula!r} has an unknown or repeated letter.")
    return terms, names


def _formula(a: str, b: str, result: str) -> str:
    return f"{a},{b}->{result}"
