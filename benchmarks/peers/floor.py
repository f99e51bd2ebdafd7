"""No library: the matrix products and random numbers of each step alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tinygen.bench.problems import Draw, Maker, Step

from .. import floors
from . import FLOOR

VERSION = np.__version__


def alone(need: Callable[[Any], floors.Need]) -> Maker:
    """A step without results, which are not compared."""

    def make(problem: Any, draw: Draw | None = None) -> Step:
        return floors.alone(need(problem))

    return make


NEEDS: dict[str, Callable[[Any], floors.Need]] = {
    "gan-784": floors.gan,
    "gan-wide": floors.gan,
    "og-gan": floors.gan,
    "classifier": floors.classifier,
    "dcgan-32": floors.dcgan,
    "wgan-gp-2d": floors.critic,
    "vae-784": floors.vae,
    "iwae-50": floors.vae,
    "rbm-784": floors.rbm,
    "attention": floors.attention,
    "gru": floors.gru,
}

MAKERS: dict[str, dict[str, Maker]] = {
    workload: {FLOOR: alone(need)} for workload, need in NEEDS.items()
}
