"""What several ranks cannot share is refused in one sentence, and never trained wrongly."""

from __future__ import annotations

import numpy as np
import pytest
from pretended import Pretended

from tinygen import recipes
from tinygen.config import ConfigError
from tinygen.parallel import joined
from tinygen.recipes.shareable import TOGETHER, _parts

MLP = {"generator": (8,), "discriminator": (8,)}

REFUSED = {
    "progressive": ({}, "MinibatchStdDev"),
    "msg-gan": ({}, "MinibatchStdDev"),
    "gan": ({**MLP, "minibatch": 3}, "MinibatchDiscrimination"),
    "beam": ({}, "NearestNeighbourCritic"),
    "amortised-cd": ({}, "GeneratorSampler"),
    "rbm-prior-gan": (MLP, "AssociativeMemory"),
    "energy-gan": (MLP, "NearestNeighbourEntropy"),
}


def refusal(name: str, settings: dict, ranks: int = 2) -> str:
    recipe = recipes.find(name)
    config = recipes.resolve(recipe, settings)
    experiment = recipe.build(config)
    with joined(Pretended(0, ranks)), pytest.raises(ConfigError) as refused:
        recipes.spread(experiment, config)
    return str(refused.value)


@pytest.mark.parametrize("name", REFUSED)
def test_what_compares_the_rows_of_a_batch_is_refused_by_its_name(name):
    settings, part = REFUSED[name]
    assert refusal(name, {"batch": 12, **settings}) == (
        f"{part} compares all rows of a batch with one another, and each of 2 ranks has a part of "
        "them: train on one rank, without mpiexec, or choose settings without it."
    )


def test_everything_on_the_list_is_refused_somewhere():
    assert {part for _, part in REFUSED.values()} == {kind.__name__ for kind in TOGETHER}


@pytest.mark.parametrize(
    ("name", "settings", "told"),
    [
        ("gan", {"batch": 32}, "batch=32 cannot be shared evenly by 3 ranks: take a multiple of 3"),
        ("pacgan", {"batch": 32}, "by 3 ranks in packs of 2: take a multiple of 6, --set batch=36"),
        ("rbm", {"batch": 12, "negative": "pcd", "chains": 10}, "chains=10 cannot be shared"),
        ("continual", {"batch": 12, "tasks": 2, "remembered": 10}, "remembered=10 cannot be"),
        ("gan", {"batch": 12, "capture": True}, "a recorded step cannot talk to other ranks"),
    ],
)
def test_what_does_not_divide_is_refused_with_what_would(name, settings, told):
    assert told in refusal(name, settings, ranks=3)


class Deaf(Pretended):
    """Rank 1 of two; rank 0 has other data."""

    def gather(self, rows, axis=0):
        return np.concatenate([rows, rows], axis)

    def broadcast(self, array) -> None:
        array += 1.0


def test_ranks_that_read_different_data_are_told():
    recipe = recipes.find("gan")
    config = recipes.resolve(recipe, {**MLP, "batch": 12})
    experiment = recipe.build(config)
    with joined(Deaf(1, 2)), pytest.raises(ConfigError, match="do not read the same data"):
        recipes.spread(experiment, config)


def test_parts_are_found_however_deep():
    recipe = recipes.find("progressive")
    trainer = recipe.build(recipes.resolve(recipe, {"batch": 12})).trainer
    assert sum(isinstance(part, TOGETHER) for part in _parts(trainer)) == 1
