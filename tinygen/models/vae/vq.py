"""VQ-VAE: an autoencoder whose latent vectors are entries of a learned codebook.

    model = VQVAE(784, (256,), groups=16, entries=64, width=8, output=BernoulliOutput(), rng=rng)
    trainer = VQTrainer(model, rng=rng)

van den Oord, Vinyals & Kavukcuoglu, "Neural discrete representation learning" (2017). New samples
need a distribution of the codes as well, which is learned beside: see `CodePrior`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ... import nn, optim
from ...autograd import grad
from ...backend import BACKEND_OF, Array, host
from ...ops import (
    argmin,
    erf,
    exp,
    log,
    matmul,
    maximum,
    mean,
    mean_across,
    one_hot,
    reshape,
    softmax,
    softmax_cross_entropy,
    square,
    sum,
)
from ...random import Generator
from ...tensor import Tensor
from .base import LatentTrainer, at_least
from .model import dense
from .outputs import Output

__all__ = ["CodePrior", "VQTrainer", "VQVAE"]


class Quantised(NamedTuple):
    """encoded, chosen: (N, groups, width). marks: (N, groups, entries), one-hot."""

    encoded: Tensor
    chosen: Tensor
    marks: Tensor

    def straight_through(self) -> Tensor:
        """The chosen entries, whose gradient goes to the encoder as it is (section 3.2)."""
        return self.encoded + (self.chosen - self.encoded).detach()

    def perplexity(self) -> Tensor:
        """How many entries are in use, 1 to `entries`: exp of the entropy of their shares."""
        share = mean_across(mean(reshape(self.marks, (-1, self.marks.shape[-1])), 0))
        return exp(-sum(share * log(maximum(share, 1e-10))))


class VQVAE(nn.Module):
    """Dense encoder of rows (N, D) to `groups` vectors, the codebook, and a dense decoder.

    Args:
        features: D. hidden: widths of the encoder's hidden layers; the decoder has them reversed.
        groups: latent vectors of each example, each `width` long.
        entries: in the codebook, which all groups share.
        output: the family of p(x | codes).

    van den Oord et al., "Neural discrete representation learning" (2017). Raises ValueError
    for fewer than one group or two entries, and for a width below 1.

    >>> model = VQVAE(8, (16,), groups=2, entries=4, width=3, output=BernoulliOutput(), rng=rng)
    >>> trainer = VQTrainer(model, rng=rng)
    >>> sorted(trainer.step(rng.bernoulli(np.full((20, 8), 0.5, "float32"))))
    ['codes', 'commitment', 'perplexity', 'reconstruction']
    """

    def __init__(
        self,
        features: int,
        hidden: Sequence[int],
        *,
        groups: int,
        entries: int,
        width: int,
        output: Output,
        rng: Generator,
    ) -> None:
        at_least("VQVAE", groups=(groups, 1), entries=(entries, 2), width=(width, 1))
        self.groups, self.entries, self.width = groups, entries, width
        self.encoder = dense([features, *hidden, groups * width], rng)
        self.decoder = dense([groups * width, *hidden[::-1], features], rng)
        self.output = output
        start = rng.on("cpu").uniform((entries, width), -1.0, 1.0)
        self.codebook = nn.Parameter(rng.backend.from_host(start))

    def quantise(self, x: Any) -> Quantised:
        """The nearest entry of the codebook for each vector that the encoder makes of rows x."""
        encoded = reshape(self.encoder(x), (len(x), self.groups, self.width))
        points = reshape(encoded, (-1, self.width)).detach()
        # |e - c|^2 without |e|^2, which is the same for all entries.
        distances = sum(square(self.codebook), 1) - 2.0 * matmul(points, self.codebook.T)
        marks = one_hot(argmin(distances.detach(), 1), self.entries, points)
        chosen = reshape(matmul(marks, self.codebook), encoded.shape)
        return Quantised(encoded, chosen, reshape(marks, (len(x), self.groups, self.entries)))

    def likelihood(self, chosen: Any) -> Any:
        """p(x | codes), of entries (N, groups, width)."""
        rows = reshape(chosen, (len(chosen), self.groups * self.width))
        return self.output.distribution(self.decoder(rows))


class CodePrior(nn.Module):
    """p(codes) = prod_i p(code_i | earlier codes), each a softmax that is linear in those.

    A fully visible belief network: Frey 1998, "Graphical models for machine learning and digital
    communication", section 3.2. (The article's own prior is a PixelCNN.) Codes are one-hot rows
    (N, groups, entries).

    >>> CodePrior(groups=2, entries=4, rng=rng).draw(rng.normal((5, 2))).shape
    (5, 2, 4)
    """

    def __init__(self, groups: int, entries: int, rng: Generator) -> None:
        self.groups, self.entries = groups, entries
        backend, n = rng.backend, groups * entries
        self.weight = nn.Parameter(backend.zeros((n, n), dtype="float32"))
        self.bias = nn.Parameter(backend.zeros(n, dtype="float32"))
        earlier = np.tril(np.ones((groups, groups), "float32"), -1)
        blocks = np.kron(earlier, np.ones((entries, entries), "float32"))
        self._earlier = backend.from_host(blocks)

    def logits(self, marks: Any) -> Any:
        """Of each group's entry given the groups before it, in the shape of `marks`."""
        rows = reshape(marks, (len(marks), self.groups * self.entries))
        return reshape(matmul(rows, (self.weight * self._earlier).T) + self.bias, marks.shape)

    def negative_log_prob(self, marks: Any) -> Any:
        """Mean over the rows, in nats."""
        flat = (-1, self.entries)
        losses = softmax_cross_entropy(reshape(self.logits(marks), flat), reshape(marks, flat))
        return losses * float(self.groups)

    def draw(self, noise: Array) -> Tensor:
        """Codes (N, groups, entries), one-hot, as a function of standard normal noise (N, groups).

        Group by group, by the inverse of its distribution function.
        """
        xp = BACKEND_OF[type(noise)]
        marks = xp.zeros((len(noise), self.groups, self.entries), dtype=noise.dtype)
        u = 0.5 + 0.5 * erf(noise * math.sqrt(0.5))
        for i in range(self.groups):
            p = softmax(self.logits(Tensor(marks))[:, i]).data
            reached = xp.cumsum(p, axis=1)[:, :-1] <= u[:, i, None]
            entry = xp.sum(reached.astype("int64"), 1)
            marks[:, i] = one_hot(entry, self.entries, marks)
        return Tensor(marks)


class VQTrainer(LatentTrainer):
    """Descent of eq. 3, and of the codes' own negative log-likelihood, by two Adams.

        -log p(x | codes) + |sg(e) - c|^2 + commitment |e - sg(c)|^2

    with e the encoder's vectors, c the nearest entries and sg a stopped gradient: the second term
    moves the entries, the third the encoder. van den Oord et al., "Neural discrete representation
    learning" (2017). Batches are (N, D).

    Args:
        commitment: the article's beta, 0.25 there; ValueError below 0.
        lr, prior_lr: of the two.
        binarise: see `VAETrainer`.

    >>> model = VQVAE(8, (16,), groups=2, entries=4, width=3, output=BernoulliOutput(), rng=rng)
    >>> trainer = VQTrainer(model, rng=rng)
    >>> _ = trainer.step(rng.bernoulli(np.full((20, 8), 0.5, "float32")))
    >>> trainer.sample(5).shape
    (5, 8)
    """

    def __init__(
        self,
        model: VQVAE,
        *,
        rng: Generator,
        commitment: float = 0.25,
        lr: float = 1e-3,
        prior_lr: float = 3e-3,
        binarise: bool | None = None,
    ) -> None:
        at_least("VQTrainer", commitment=(commitment, 0))
        self.model = model
        self.prior = CodePrior(model.groups, model.entries, rng)
        self.commitment = commitment
        self.optimizer = optim.Adam(model.named_parameters(), lr=lr)
        self.prior_optimizer = optim.Adam(self.prior.named_parameters(), lr=prior_lr)
        parts = {
            "model": model,
            "prior": self.prior,
            "optimizer": self.optimizer,
            "prior_optimizer": self.prior_optimizer,
        }
        binary = model.output.binary if binarise is None else binarise
        super().__init__(rng=rng, latent=model.groups, parts=parts, binarise=binary)

    def _update(self, plan: Any, *arrays: Array) -> dict[str, Tensor]:
        target = Tensor(self._drawn(arrays[0]))
        n = len(target)
        codes = self.model.quantise(target)
        log_p = self.model.likelihood(codes.straight_through()).log_prob(target)
        reconstruction = sum(log_p) * (-1.0 / n)
        codebook = sum(square(codes.encoded.detach() - codes.chosen)) * (1.0 / n)
        commitment = sum(square(codes.encoded - codes.chosen.detach())) * (1.0 / n)
        loss = reconstruction + codebook + self.commitment * commitment
        self.optimizer.step(grad(loss, self.optimizer.params))
        of_codes = self.prior.negative_log_prob(codes.marks.detach())
        self.prior_optimizer.step(grad(of_codes, self.prior_optimizer.params))
        return {
            "reconstruction": reconstruction.detach(),
            "commitment": commitment.detach(),
            "codes": of_codes.detach(),
            "perplexity": codes.perplexity().detach(),
        }

    def decode(self, z: Tensor) -> Tensor:
        """The mean of p(x | codes), with codes that the prior makes of normal noise (N, groups)."""
        marks = self.prior.draw(z.data)
        flat = reshape(marks, (-1, self.model.entries))
        shape = (len(marks), self.model.groups, self.model.width)
        return self.model.likelihood(reshape(matmul(flat, self.model.codebook), shape)).mean

    def reconstruct(self, batch: Array) -> np.ndarray:
        """The mean of p(x | codes of x), on the host: (N, D)."""
        with self.evaluating():
            chosen = self.model.quantise(Tensor(batch)).chosen
            return host(self.model.likelihood(chosen).mean.data)
