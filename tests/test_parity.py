"""Every recipe trains alike on the processor and on a device: 20 steps, every number."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytest
from checks import flat

from tinygen import recipes
from tinygen.backend import cuda_status

SMALL = {
    "batch": 8, "steps": 20, "generator": (16,), "discriminator": (16,), "channels": (4, 6, 8),
    "noise": 5, "hidden": (16,), "latent": 3, "first": 10,
}  # fmt: skip
STEPS = 20
STEPS_OF = {"rbm": 3, "rbm-gaussian": 3, "dbn": 3, "beam": 3, "amortised-cd": 3, "rbm-prior-gan": 3}
"""Fewer where states are drawn: rounding that moves a probability across its uniform number changes
a whole unit, and with it all that follows."""
SETTINGS_OF = {"hinge": {"lr": 1e-5}, "sngan": {"lr": 1e-5}}
"""While all examples are inside the hinge, the gradient of the bias of a unit that is active for
all of them is 0 but for rounding, of which Adam makes a whole step: a short one here."""


def experiment(name: str, device: str):
    recipe = recipes.find(name)
    known = {field.name: getattr(recipe.defaults, field.name) for field in fields(recipe.defaults)}
    small = {k: v for k, v in SMALL.items() if k in known and isinstance(known[k], type(v))}
    return recipe.build(
        recipes.resolve(recipe, {**small, **SETTINGS_OF.get(name, {}), "device": device})
    )


def numbers(name: str, device: str) -> tuple[list[dict[str, float]], dict[str, np.ndarray]]:
    """The losses of each step, and the arrays that are there after the last one."""
    made = experiment(name, device)
    steps = range(STEPS_OF.get(name, STEPS))
    losses = [{k: float(v) for k, v in made.step().items()} for _ in steps]
    return losses, flat(made.trainer.state_dict())


@pytest.mark.slow
@pytest.mark.parametrize("device", ["strict", pytest.param("cuda", marks=pytest.mark.cuda)])
@pytest.mark.parametrize("name", recipes.RECIPES)
def test_a_recipe_trains_alike_on_every_device(name, device):
    if device == "cuda" and (reason := cuda_status()):
        pytest.skip(reason)
    (expected, on_host), (found, there) = numbers(name, "cpu"), numbers(name, device)
    for step, (a, b) in enumerate(zip(expected, found, strict=True)):
        assert a.keys() == b.keys()
        for key, value in a.items():
            assert b[key] == pytest.approx(value, rel=1e-3, abs=1e-4), f"{key} of step {step + 1}"
    assert there.keys() == on_host.keys()
    for path, array in on_host.items():
        np.testing.assert_allclose(there[path], array, rtol=1e-3, atol=1e-3, err_msg=path)
