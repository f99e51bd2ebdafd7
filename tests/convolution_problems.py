"""Random shapes that fit each other, and every way for windows to lie on them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from hypothesis import strategies as st

from tinygen.backend.convolution import FEW_CHANNELS


@dataclass
class Problem:
    """Shapes that fit, and how the windows lie."""

    x: tuple[int, ...]
    w: tuple[int, ...]
    options: dict[str, Any]
    output_padding: tuple[int, int]
    seed: int

    def arrays(self, dtype: str = "float64") -> tuple[np.ndarray, np.ndarray]:
        rng = np.random.default_rng(self.seed)
        return rng.normal(size=self.x).astype(dtype), rng.normal(size=self.w).astype(dtype)


@st.composite
def problems(draw: st.DrawFn, images: int = 0) -> Problem:
    def pair(low: int, high: int) -> tuple[int, int]:
        return draw(st.integers(low, high)), draw(st.integers(low, high))

    stride, padding, dilation, kernel = pair(1, 3), pair(0, 3), pair(1, 3), pair(1, 4)
    groups = draw(st.sampled_from([1, 1, 2, 3]))
    wide = draw(st.sampled_from([1, 1, 2, FEW_CHANNELS]))
    size = tuple(
        draw(st.integers(max(1, d * (k - 1) + 1 - 2 * p), d * (k - 1) + 7))
        for d, k, p in zip(dilation, kernel, padding, strict=True)
    )
    more = tuple(draw(st.integers(0, max(s, d) - 1)) for s, d in zip(stride, dilation, strict=True))
    return Problem(
        (draw(st.integers(images, 3)), groups * wide, *size),
        (groups * draw(st.integers(1, 3)), wide, *kernel),
        {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups},
        more,
        draw(st.integers(0, 2**16)),
    )
