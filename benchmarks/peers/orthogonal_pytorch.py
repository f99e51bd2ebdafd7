"""Gradients orthogonal to the weights in PyTorch: Adam that projects before it steps."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch

from tinygen.bench.pytorch import adam

Project = Callable[[torch.Tensor, torch.Tensor], None]
"""`(weight, gradient)`, each as one vector: changes the gradient in place."""


def by_norms(w: torch.Tensor, g: torch.Tensor) -> None:
    """As the code of Prieto et al. 2025, its `OrthoGrad`, has it."""
    along = torch.dot(w, g) / (torch.dot(w, w) + 1e-30)
    rest = g - along * w
    g.copy_(rest * (g.norm(2) / (rest.norm(2) + 1e-30)))


def by_three_products(w: torch.Tensor, g: torch.Tensor) -> None:
    """As tinygen has it: Pythagoras tells the length of what is left."""
    along, square, length = (float(torch.dot(*pair)) for pair in ((w, g), (w, w), (g, g)))
    scale = 1.0 / math.sqrt(1.0 - along * along / (square * length))
    g.mul_(scale).add_(w, alpha=-scale * along / square)


def orthogonal_adam(
    params: Any, problem: Any, fused: bool = False, *, project: Project = by_norms
) -> torch.optim.Adam:
    """Adam on the projected gradients of the weights; biases keep theirs."""
    optimizer = adam(params, problem, fused)
    weights = [p for group in optimizer.param_groups for p in group["params"] if p.ndim > 1]

    @torch.no_grad()
    def turn(*of_the_step: Any) -> None:
        for p in weights:
            project(p.view(-1), p.grad.view(-1))

    optimizer.register_step_pre_hook(turn)
    return optimizer
