"""Networks that are told a class: labels beside the input, or a projection of D's features.

generator = Conditional(mlp([64 + 10, 128, 784], rng), 10)
discriminator = ProjectionDiscriminator(features, head, classes=10, width=128, rng=rng)
trainer = GANTrainer(generator, discriminator, ..., classes=10)
losses = trainer.step(batch, labels)
"""

from __future__ import annotations

from typing import Any

from ... import nn
from ...ops import broadcast_to, concatenate, one_hot, reshape, sum
from ...random import Generator
from .networks import Discriminator

__all__ = ["Conditional", "ProjectionDiscriminator"]


class Conditional(nn.Module):
    """A network whose input has a column for each class, 1 for its own and 0 for the others.

    Mirza & Osindero, "Conditional generative adversarial nets" (2014), eq. 2: of G(z | y), and of
    D(x | y), which it makes the concatenation discriminator. Images have channels for columns.

    Args:
        network: takes (N, D + classes), or images (N, C + classes, H, W).
        classes: labels are 0 to classes - 1.

    Raises:
        ValueError: there are no classes; when called, labels are missing.

    >>> G = Conditional(mlp([4 + 10, 8, 2], rng), classes=10)
    >>> G(tg.zeros(5, 4), tg.tensor([3, 1, 4, 1, 5])).shape
    (5, 2)
    """

    def __init__(self, network: nn.Module, classes: int) -> None:
        self.network = network
        self.classes = _at_least_one("Conditional", classes)

    def forward(self, x: Any, labels: Any = None) -> Any:
        """The network's answer to x (N, D, ...) under labels (N,)."""
        marks = one_hot(_given("Conditional", labels), self.classes, x)
        shape = (len(x), self.classes, *x.shape[2:])
        if x.ndim > 2:
            marks = broadcast_to(reshape(marks, shape[:2] + (1,) * (x.ndim - 2)), shape)
        return self.network(concatenate([x, marks], 1))

    def extra_repr(self) -> str:
        """The arguments."""
        return f"classes={self.classes}"


class ProjectionDiscriminator(Discriminator):
    """C(x, y) = psi(phi(x)) + <v_y, phi(x)>: a vector for each class, and a part without classes.

    Miyato & Koyama, "cGANs with projection discriminator" (2018), eqs. 3 to 5: where p(y | x) is a
    softmax that is linear in phi, this is the form of the best C, log q(x, y) / p(x, y). The
    vectors start as Glorot and Bengio 2010 propose (eq. 16), as in the authors' code.

    Args:
        features: phi, (N, D) to (N, width).
        head: psi, (N, width) to (N, 1).
        classes: labels are 0 to classes - 1.

    Raises:
        ValueError: there are no classes; when called, labels are missing.

    >>> trunk, head = mlp([2, 8], rng), mlp([8, 1], rng)
    >>> D = ProjectionDiscriminator(trunk, head, classes=3, width=8, rng=rng)
    >>> D(tg.zeros(5, 2), tg.tensor([0, 1, 2, 0, 1])).shape
    (5, 1)
    """

    def __init__(
        self, features: nn.Module, head: nn.Module, *, classes: int, width: int, rng: Generator,
        dtype: Any = "float32",
    ) -> None:  # fmt: skip
        super().__init__(features, head)
        _at_least_one("ProjectionDiscriminator", classes)
        self.vectors = nn.Embedding(classes, width, rng=rng, dtype=dtype)
        nn.init.xavier_uniform_(self.vectors.weight, rng=rng)

    def forward(self, x: Any, labels: Any = None) -> Any:
        """Logits (N, 1) of examples under labels (N,)."""
        vectors = self.vectors(_given("ProjectionDiscriminator", labels))
        phi = self.features(x)
        return self.head(phi) + sum(vectors * phi, 1, keepdims=True)


def _at_least_one(who: str, classes: int) -> int:
    if classes < 1:
        raise ValueError(f"{who}: classes must be at least 1, not {classes}.")
    return classes


def _given(who: str, labels: Any) -> Any:
    if labels is None:
        raise ValueError(
            f"{who}: labels are missing; give them after the input (GANTrainer(classes=...) does)."
        )
    return labels
