"""Variational autoencoders in tinygen: its trainer."""

from __future__ import annotations

from typing import Any

from tinygen import nn
from tinygen.bench.ours import Given
from tinygen.bench.problems import Draw, Step
from tinygen.creation import tensor
from tinygen.models.vae import BernoulliOutput, VAETrainer, dense_vae
from tinygen.random import Generator

from ..vae import Vae


def vae(problem: Vae, draw: Draw | None = None) -> Step:
    rng: Any = Generator(0) if draw is None else Given(draw, "cpu")
    hidden = [len(bias) for _, bias in problem.encoder[:-1]]
    model = dense_vae(
        problem.batches[0].shape[1], hidden, problem.latent, BernoulliOutput(), rng=Generator(0),
        activation=nn.Tanh if problem.tanh else nn.ReLU,
    )  # fmt: skip
    arrays = (a for pair in (*problem.encoder, *problem.decoder) for a in pair)
    for p, array in zip(model.parameters(), arrays, strict=True):
        p[...] = tensor(array)
    trainer = VAETrainer(
        model, rng=rng, objective="elbo" if problem.samples == 1 else "iwae",
        samples=problem.samples, binarise=False, lr=problem.lr, betas=problem.betas,
    )  # fmt: skip
    name = "negative_elbo" if problem.samples == 1 else "negative_bound"

    def step(i: int) -> list[Any]:
        return [trainer.step(problem.batches[i % len(problem.batches)])[name]]

    return step
