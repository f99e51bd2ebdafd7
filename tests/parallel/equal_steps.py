"""Twenty steps of each case on the ranks of this team: the arrays of the states, as an .npz.

mpiexec -n 2 python equal_steps.py FILE
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import numpy as np

import tinygen as tg
from tinygen import nn, optim, recipes
from tinygen.parallel import joined, team
from tinygen.parallel.mpi import MPICommunicator
from tinygen.runs.checkpoints import _without_arrays

STEPS = 20
GAN = {"batch": 12, "generator": (12,), "discriminator": (12,), "noise": 5}
DCGAN = {"batch": 6, "channels": (2, 3, 4), "noise": 5}
RBM = {"batch": 12, "hidden": 9, "chains": 6}
CORRECTED = {"batch": 12, "generator": (8, 8), "discriminator": (8, 8), "game": "none"}
CORRECTIONS: dict[str, dict[str, Any]] = {
    "gradients across weights": {"transforms": "to-weights"},
    "gradients across old fakes": {"d_transforms": "to-past", "remember_every": 3},
    "surgery": {"surgery": True},
    "Muon": {"rule": "muon"},
    "orthonormal matrices": {"rule": "stiefel"},
    "orthogonality penalty": {"orthogonality": 0.1},
    "consensus": {"game": "consensus"},
    "optimism": {"game": "optimistic"},
    "extragradient": {"game": "extragradient"},
}
VAE = {"batch": 12, "hidden": (12,), "latent": 3}

RECIPES: dict[str, tuple[str, dict[str, Any]]] = {
    "GAN": ("gan", GAN),
    # Not of a Wasserstein critic: the gradient of its last bias is 0, of which rounding leaves a
    # sign, and Adam makes a whole step of that sign.
    "GAN, gradient penalty": ("gan", {**GAN, "penalty": "gradient-penalty"}),
    "GAN, instance noise, packs": ("gan", {**GAN, "instance_noise": 0.1, "pack": 2}),
    "GAN, one draw for both kinds": ("gan", {**GAN, "instance_noise": 0.1}),
    "GAN, feature matching": ("gan", {**GAN, "feature_matching": 1.0}),
    "GAN, DRAGAN's penalty": ("gan", {**GAN, "penalty": "dragan"}),
    "GAN, unrolled": ("unrolled-gan", {**GAN, "unroll": 2}),
    "GAN with batch norm": ("dcgan", DCGAN),
    "GAN, by the rule of a game": ("og-gan", {"batch": 12, "generator": (12,),
                                              "discriminator": (12,)}),
    **{f"GAN, corrected: {what}": ("og-gan", {**CORRECTED, **settings})
       for what, settings in CORRECTIONS.items()},
    "VAE": ("vae", VAE),
    "VAE, free bits": ("vae", {**VAE, "free_bits": 0.1}),
    "VAE, k samples": ("iwae", VAE),
    "RBM": ("rbm", {**RBM, "negative": "cd"}),
    "RBM, persistent chains, centred": ("rbm", {**RBM, "negative": "pcd", "centred": True}),
    "RBM, tempered chains": ("rbm", {**RBM, "negative": "tempered"}),
    "RBM, fast weights": ("rbm", {**RBM, "negative": "fpcd"}),
    "RBM, Gaussian units": ("rbm-gaussian", {**RBM, "negative": "pcd"}),
    "several tasks": ("multitask", {"batch": 12}),
    "task after task": ("continual", {"batch": 12, "tasks": 2, "remembered": 6, "steps": STEPS}),
}  # fmt: skip

OPTIMIZERS: dict[str, Callable[..., optim.Optimizer]] = {
    "SGD": lambda p: optim.SGD(p, 0.1, momentum=0.9),
    "Adam": lambda p: optim.Adam(p, 0.01),
    "AdamW": lambda p: optim.AdamW(p, 0.01),
    "Muon": lambda p: optim.Muon(p, lr=0.01),
    "SGD, orthogonal to weights": lambda p: optim.SGD(
        p, 0.1, transforms=[optim.transforms.OrthogonalToWeights()]
    ),
}


def of_recipe(name: str, settings: dict[str, Any]) -> dict[str, Any]:
    recipe = recipes.find(name)
    config = recipes.resolve(recipe, settings)
    experiment = recipes.spread(recipe.build(config), config)
    for _ in range(STEPS):
        results = experiment.step()
    read = {name: np.array(float(value)) for name, value in results.items()}
    return {**experiment.state_dict()["trainer"], "losses": read}


def of_optimizer(make: Callable[..., optim.Optimizer]) -> dict[str, Any]:
    """A classifier with batch norm."""
    rng = tg.Generator(3)
    model = nn.Sequential(
        nn.Linear(6, 8, bias=False, rng=rng), nn.BatchNorm1d(8), nn.ReLU(),
        nn.Linear(8, 4, bias=False, rng=rng),
    )  # fmt: skip
    x, labels = rng.normal((STEPS, 12, 6)), rng.integers(0, 4, (STEPS, 12))
    matrices = [(n, p) for n, p in model.named_parameters() if p.ndim == 2]
    optimizer = make(matrices)
    for i in range(STEPS):
        logits = model(tg.tensor(team().part(x[i])))
        loss = tg.softmax_cross_entropy(logits, team().part(labels[i]))
        optimizer.step(tg.grad(loss, optimizer.params))
    return {"model": model.state_dict(), "optimizer": optimizer.state_dict()}


def everything() -> dict[str, np.ndarray]:
    found: dict[str, np.ndarray] = {}
    for case, (name, settings) in RECIPES.items():
        _without_arrays({case: of_recipe(name, settings)}, found)
    for case, make in OPTIMIZERS.items():
        _without_arrays({case: of_optimizer(make)}, found)
    return found


if __name__ == "__main__":
    with joined(MPICommunicator()) as ranks:
        arrays = everything()
        if ranks.rank == 0:
            np.savez(sys.argv[1], **{k.replace("/", "|"): a for k, a in arrays.items()})
