"""Epochs of shuffled batches, for the rows whose protocol is no more than that."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..data import BatchLoader
from ..random import Generator

__all__ = ["train"]


def train(trainer: Any, rows: np.ndarray, batch: int, epochs: int, order: Generator) -> None:
    """Epochs of batches of the rows, in an order that `order` draws."""
    loader = BatchLoader((rows,), batch, order)
    move = trainer.rng.backend.move
    for _ in range(epochs * len(loader)):
        trainer.step(move(loader.next_batch()[0]))
