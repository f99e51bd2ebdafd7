"""Generative adversarial networks: a generator of samples against a discriminator that judges them.

    trainer = GANTrainer(mlp([64, 128, 128, 64], rng), mlp([64, 128, 128, 1], rng), rng=rng)
    losses = trainer.step(batch)          # one update of each player
    images = trainer.sample(16)

Goodfellow et al., "Generative Adversarial Nets" (2014): D maximises, and G minimises,

    V(D, G) = E_x log D(x) + E_z log(1 - D(G(z)))                                           (eq. 1)

D's last layer here is linear. Its output s is the logit of D = sigmoid(s), so log D = -softplus(-s)
and log(1 - D) = -softplus(s), which neither overflow nor lose digits. (The founding article puts
the sigmoid into D and takes logarithms of it: the same function, until it saturates.)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from .. import nn, optim
from ..autograd import grad
from ..backend import BACKEND_OF, Array, Backend, host
from ..ops import bce_with_logits, concatenate, sum
from ..primitive import no_grad
from ..random import Generator
from ..replay import Replay
from ..tensor import Tensor

__all__ = [
    "GENERATOR_LOSSES",
    "GANTrainer",
    "discriminator_loss",
    "minimax",
    "mlp",
    "non_saturating",
]


def mlp(
    sizes: Sequence[int], rng: Generator, *, slope: float = 0.0, output: nn.Module | None = None
) -> nn.Sequential:
    """Dense layers of these sizes with (leaky) rectifiers between, and `output` after the last.

    Args:
        sizes: features in, hidden features, features out: `[784, 128, 128, 784]`.
        rng: draws the weights.
        slope: of the rectifiers where negative; 0 for plain ones.
        output: a last activation, such as `nn.Sigmoid()`; None leaves the output linear.
    """
    layers: list[nn.Module] = []
    for i, (inputs, outputs) in enumerate(pairwise(sizes)):
        if i:
            layers.append(nn.LeakyReLU(slope) if slope else nn.ReLU())
        layers.append(nn.Linear(inputs, outputs, rng=rng))
    return nn.Sequential(*layers, *([] if output is None else [output]))


# -- objectives ------------------------------------------------------------------------------------


def discriminator_loss(logits: Tensor, is_real: Array) -> Tensor:
    """-E_x log D(x) - E_z log(1 - D(G(z))): D's side of eq. 1, negated to be minimised.

    Args:
        logits: (2N, 1), of N real and N generated examples.
        is_real: (2N, 1), one for real examples and zero for generated ones (0.9 for one-sided label
            smoothing: Salimans et al. 2016, section 3.4).
    """
    return 2.0 * bce_with_logits(logits, is_real)


def minimax(logits: Tensor) -> Tensor:
    """E_z log(1 - D(G(z))): G's side of eq. 1. Its gradient vanishes as D gets sure of itself."""
    return -bce_with_logits(logits, 0.0)


def non_saturating(logits: Tensor) -> Tensor:
    """-E_z log D(G(z)): the same fixed point, with a strong gradient early (section 3)."""
    return bce_with_logits(logits, 1.0)


def r1_penalty(discriminator: nn.Module, real: Array, gamma: float) -> Tensor:
    """gamma/2 E_x |grad_x D(x)|^2 of the logits, at real examples.

    Mescheder et al., "Which training methods for GANs do actually converge?" (2018), eq. 9: it
    flattens D around the data, without which the two players circle the solution for ever.
    """
    x = Tensor(real, requires_grad=True)
    slope = grad(sum(discriminator(x)), x, create_graph=True)
    return sum(slope * slope) * (0.5 * gamma / len(real))


GENERATOR_LOSSES: dict[str, Callable[[Tensor], Tensor]] = {
    "non-saturating": non_saturating,
    "minimax": minimax,
}


# -- training --------------------------------------------------------------------------------------


class Plan(NamedTuple):
    """What a step does besides updating D."""

    update_generator: bool
    penalise: bool


class GANTrainer:
    """Alternating updates of a discriminator and a generator (Goodfellow et al. 2014, Algorithm 1).

    Each player's gradient is taken with respect to its own parameters only: D's step sees generated
    examples as constants, and G's step computes no gradient of D's weights.

    Args:
        generator: noise (N, *noise_shape) to examples (N, ...).
        discriminator: examples to logits (N, 1).
        rng: draws the noise.
        noise_shape: of one draw from the prior, or its length.
        generator_loss: a key of `GENERATOR_LOSSES`.
        lr, betas: of both players' Adam; `lr` is a number, or a pair (G's, D's).
        d_steps: updates of D for each update of G.
        real_label: what D should say of real examples; below 1 smooths its labels.
        r1: weight (gamma) of the R1 penalty; 0 for none.
        r1_every: add it once in so many steps, that many times as strong (Karras et al. 2020,
            section 3.1 of "Analyzing and improving the image quality of StyleGAN").
        one_batch: show D real and generated examples in one batch, which is faster; not for a D
            with batch norm, whose statistics they must not share.
        ema_decay: keep a moving average of G's weights and sample from it; 0 for none.
    """

    def __init__(
        self,
        generator: nn.Module,
        discriminator: nn.Module,
        *,
        rng: Generator,
        noise_shape: int | tuple[int, ...],
        generator_loss: str = "non-saturating",
        lr: float | tuple[float, float] = 2e-4,
        betas: tuple[float, float] = (0.5, 0.999),
        d_steps: int = 1,
        real_label: float = 1.0,
        r1: float = 0.0,
        r1_every: int = 4,
        one_batch: bool = True,
        ema_decay: float = 0.0,
    ) -> None:
        if generator_loss not in GENERATOR_LOSSES:
            known = ", ".join(GENERATOR_LOSSES)
            raise ValueError(f"GANTrainer: unknown loss {generator_loss!r}; known are {known}.")
        if d_steps < 1:
            raise ValueError(f"GANTrainer: d_steps must be at least 1, not {d_steps}.")
        if r1_every < 1:
            raise ValueError(f"GANTrainer: r1_every must be at least 1, not {r1_every}.")
        if not 0.0 < real_label <= 1.0:
            raise ValueError(f"GANTrainer: real_label must lie in (0, 1], not {real_label}.")
        lr_g, lr_d = lr if isinstance(lr, tuple) else (lr, lr)
        self.generator = generator
        self.discriminator = discriminator
        self.rng = rng
        self.noise_shape = (noise_shape,) if isinstance(noise_shape, int) else noise_shape
        self.generator_loss = GENERATOR_LOSSES[generator_loss]
        self.d_steps = d_steps
        self.real_label = real_label
        self.r1 = r1
        self.r1_every = r1_every
        self.one_batch = one_batch
        self.optimizer_g = optim.Adam(generator.named_parameters(), lr=lr_g, betas=betas)
        self.optimizer_d = optim.Adam(discriminator.named_parameters(), lr=lr_d, betas=betas)
        self.average = optim.ExponentialMovingAverage(generator, ema_decay) if ema_decay else None
        self.steps = 0
        self._losses: dict[str, Tensor] = {}
        self._is_real: dict[int, Array] = {}
        self._run: Callable[..., dict[str, Tensor]] = self._update

    def noise(self, n: int) -> Array:
        """n draws from the prior, a standard normal: (n, *noise_shape)."""
        return self.rng.normal((n, *self.noise_shape))

    def step(self, batch: Array) -> dict[str, Tensor]:
        """Update D on a batch (N, ...) of real examples, and G every `d_steps` calls.

        Args:
            batch: finite (checked when data is loaded, not here), in the dtype of D's weights.

        Returns:
            `loss_d` and `loss_g`, 0-d tensors on the device; reading their values waits for it.
        """
        self._check(batch)
        plan = Plan(
            update_generator=(self.steps + 1) % self.d_steps == 0,
            penalise=self.r1 > 0.0 and self.steps % self.r1_every == 0,
        )
        self._losses |= self._run(plan, batch)
        self.steps += 1
        return dict(self._losses)

    def capture(self) -> None:
        """Replay steps as CUDA graphs from now on: the same numbers, launched all at once.

        Each kind of step (see `Plan`) is recorded when it comes for the second time, for each size
        of the batch. Settings that a step reads on the host, such as `r1`, are recorded with it.

        Raises:
            DeviceError: the model is not on a CUDA device.
        """
        self._run = Replay(self._backend, self._update)

    @property
    def _backend(self) -> Backend:
        return BACKEND_OF[type(self.optimizer_d.params[0].data)]

    def _update(self, plan: Plan, batch: Array) -> dict[str, Tensor]:
        losses = {"loss_d": self.step_discriminator(batch, plan.penalise)}
        if plan.update_generator:
            losses["loss_g"] = self.step_generator(len(batch))
            if self.average is not None:
                self.average.update()
        return losses

    def step_discriminator(self, real: Array, penalise: bool = False) -> Tensor:
        """One update of D, with the R1 penalty or without; returns its loss."""
        with no_grad():
            generated = self.generator(Tensor(self.noise(len(real))))
        logits = self._logits(Tensor(real), generated)
        loss = discriminator_loss(logits, self._labels(len(real)))
        objective = loss
        if penalise:
            objective = loss + r1_penalty(self.discriminator, real, self.r1 * self.r1_every)
        self.optimizer_d.step(grad(objective, self.optimizer_d.params))
        return loss.detach()

    def step_generator(self, n: int) -> Tensor:
        """One update of G on n fresh draws of noise; returns its loss."""
        generated = self.generator(Tensor(self.noise(n)))
        loss = self.generator_loss(self.discriminator(generated))
        self.optimizer_g.step(grad(loss, self.optimizer_g.params))
        return loss.detach()

    def sample(self, n: int, noise: Array | None = None) -> np.ndarray:
        """n generated examples on the host, (n, ...), by the averaged G if there is one.

        Args:
            noise: (n, *noise_shape) to see how the same draws change as training goes on.
        """
        noise = self.noise(n) if noise is None else noise
        was_training = self.generator.training
        self.generator.eval()
        try:
            with no_grad(), self.average.swapped() if self.average else nullcontext():
                return host(self.generator(Tensor(noise)).data)
        finally:
            self.generator.train(was_training)

    def state_dict(self) -> dict[str, Any]:
        """All that a continued run needs: arrays on the host, and plain numbers."""
        return {
            "steps": self.steps,
            "rng": self.rng.state_dict(),
            "generator": self.generator.state_dict(),
            "discriminator": self.discriminator.state_dict(),
            "optimizer_g": self.optimizer_g.state_dict(),
            "optimizer_d": self.optimizer_d.state_dict(),
            **({"average": self.average.state_dict()} if self.average else {}),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue where `state_dict` was taken."""
        self.steps = int(state["steps"])
        for part in ("rng", "generator", "discriminator", "optimizer_g", "optimizer_d"):
            getattr(self, part).load_state_dict(state[part])
        if self.average:
            self.average.load_state_dict(state["average"])

    def _check(self, batch: Array) -> None:
        wanted = self.optimizer_d.params[0].dtype
        if len(batch) == 0:
            raise ValueError("GANTrainer.step: the batch is empty; give at least one example.")
        if batch.dtype != wanted:
            raise ValueError(
                f"GANTrainer.step: the batch is {batch.dtype}, the weights are {wanted}; convert "
                f"it with batch.astype({str(wanted)!r})."
            )

    def _logits(self, real: Tensor, generated: Tensor) -> Tensor:
        """D of real examples, then of generated ones: (2N, 1)."""
        if self.one_batch:
            return self.discriminator(concatenate([real, generated]))
        return concatenate([self.discriminator(real), self.discriminator(generated)])

    def _labels(self, n: int) -> Array:
        """`real_label` n times, then 0 n times: (2n, 1), made once for each batch size."""
        if n not in self._is_real:
            labels = np.zeros((2 * n, 1), "float32")
            labels[:n] = self.real_label
            self._is_real[n] = self._backend.from_host(labels)
        return self._is_real[n]
