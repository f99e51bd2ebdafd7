"""What every metric asks of its two sets of examples, said once.

    real, fake = check_pair("prdc", real, fake, at_least=6)      # floats (N, D) and (M, D), finite

Anything else is a ValueError that names the metric and the set.
"""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["check_pair", "check_rows"]


def check_rows(who: str, name: str, rows: Any, at_least: int) -> np.ndarray:
    """The rows (N, D) themselves: floats, all finite, N at least `at_least`; else ValueError."""
    rows = np.asarray(rows)
    if rows.ndim != 2 or rows.shape[1] == 0 or not np.issubdtype(rows.dtype, np.floating):
        raise ValueError(
            f"{who}: {name} is {rows.dtype} of shape {rows.shape}; give floats as rows, (N, D)."
        )
    if len(rows) < at_least:
        raise ValueError(
            f"{who}: {name} holds {len(rows)} examples; give at least {at_least} (of "
            f"{rows.shape[1]} numbers each)."
        )
    if not np.isfinite(rows).all():
        raise ValueError(f"{who}: {name} holds nan or infinite values; leave those examples out.")
    return rows


def check_pair(who: str, x: Any, y: Any, at_least: int) -> tuple[np.ndarray, np.ndarray]:
    """Both sets, each as `check_rows` wants it, and of examples of one length."""
    x, y = (check_rows(who, *named, at_least) for named in (("the first set", x),
                                                            ("the second set", y)))  # fmt: skip
    if x.shape[1] != y.shape[1]:
        raise ValueError(
            f"{who}: the sets have {x.shape[1]} and {y.shape[1]} numbers an example; give both "
            "the same features."
        )
    return x, y
