"""Trained judges, kept in the user's cache: the same data and seed are not learned twice.

A judge's file is named by the hash of all that decides its weights (`identity`), so a change of
data, network, training or seed makes another one. TINYGEN_JUDGES names another folder for them.
"""

from __future__ import annotations

import hashlib
import json
import os
from contextlib import suppress
from pathlib import Path

from .. import nn
from ..data import DataError, Dataset
from ..data.download import cache_folder
from ..random import Generator
from .classifier import VERSION, Classifier

__all__ = ["identity", "judges_folder", "keep", "restored", "weights_sha256"]


def judges_folder() -> Path | None:
    """`$TINYGEN_JUDGES`, or the folder "judges" beside downloads; None where there is none."""
    setting = os.environ.get("TINYGEN_JUDGES")
    if setting:
        return Path(setting)
    with suppress(DataError):
        return cache_folder() / "judges"
    return None


def identity(data: Dataset, classifier: Classifier, rng: Generator) -> str:
    """Of all that decides the weights: training data, network, its training, and its randomness."""
    digest = hashlib.sha256()
    facts = [
        VERSION, data.n_classes, data.train.shape, repr(classifier), rng.state_dict(),
        rng.backend.name,
    ]  # fmt: skip
    digest.update(json.dumps(facts, default=str, sort_keys=True).encode())
    digest.update(data.train.data)
    digest.update(data.train_labels.data)
    return digest.hexdigest()[:32]


def weights_sha256(network: nn.Module) -> str:
    """Of all weights, by name: equal for equal judges, wherever they were trained or kept."""
    digest = hashlib.sha256()
    for name, array in sorted(network.state_dict().items()):
        digest.update(f"{name} {array.dtype} {array.shape}\n".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()


def restored(network: nn.Module, path: Path) -> bool:
    """Whether the weights were there and whole; what is damaged is as good as missing."""
    try:
        network.load_state_dict(nn.load(path))
    except (OSError, ValueError, LookupError, TypeError):
        return False
    return True


def keep(network: nn.Module, path: Path) -> None:
    """For the next time; where nothing can be written, the next time trains anew."""
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        nn.save(network, path)
