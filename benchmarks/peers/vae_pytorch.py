"""Variational autoencoders in PyTorch, eager, as its examples have them."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812, as its users write it

from tinygen.bench.problems import Draw, Layers, Step
from tinygen.bench.pytorch import adam, network, noise_source

from ..vae import Vae


def tanh_network(layers: Layers) -> nn.Sequential:
    parts = [nn.Tanh() if isinstance(m, nn.ReLU) else m for m in network(layers)]
    return nn.Sequential(*parts)


def vae(problem: Vae, draw: Draw | None = None, *, fused: bool = False) -> Step:
    make = tanh_network if problem.tanh else network
    encoder, decoder = make(problem.encoder), make(problem.decoder)
    optimizer = adam([*encoder.parameters(), *decoder.parameters()], problem, fused)
    noise = noise_source(draw)
    batches = [torch.from_numpy(x) for x in problem.batches]
    loss_of = elbo if problem.samples == 1 else importance_weighted

    def step(i: int) -> list[Any]:
        x = batches[i % len(batches)]
        optimizer.zero_grad()
        mean, log_variance = encoder(x).chunk(2, 1)
        loss = loss_of(x, mean, log_variance, decoder, noise, problem.samples)
        loss.backward()
        optimizer.step()
        return [loss.detach()]

    return step


def elbo(x: Any, mean: Any, log_variance: Any, decoder: Any, noise: Any, samples: int) -> Any:
    z = mean + torch.exp(0.5 * log_variance) * noise(*mean.shape)
    reconstruction = F.binary_cross_entropy_with_logits(decoder(z), x, reduction="sum")
    kl = -0.5 * torch.sum(1 + log_variance - mean.pow(2) - log_variance.exp())
    return (reconstruction + kl) / len(x)


def importance_weighted(
    x: Any, mean: Any, log_variance: Any, decoder: Any, noise: Any, samples: int
) -> Any:
    n, latent = mean.shape
    mean, log_variance = mean[:, None], log_variance[:, None]
    z = mean + torch.exp(0.5 * log_variance) * noise(n, samples, latent)
    logits = decoder(z)
    target = x[:, None].expand_as(logits)
    log_p = -F.binary_cross_entropy_with_logits(logits, target, reduction="none").sum(2)
    log_prior = -0.5 * (z.pow(2) + math.log(2 * math.pi)).sum(2)
    squares = (z - mean).pow(2) / log_variance.exp()
    log_q = -0.5 * (squares + log_variance + math.log(2 * math.pi)).sum(2)
    log_w = log_p + log_prior - log_q
    return -(torch.logsumexp(log_w, 1) - math.log(samples)).mean()
