"""Training a GAN: alternating updates of its two players, by any objective and any regularizers.

trainer = GANTrainer(generator, discriminator, rng=rng, noise_shape=64, objective="hinge",
                     regularizers=[R1(0.1, every=4)])
losses = trainer.step(batch)          # loss_d, loss_g, and each penalty
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import Any

import numpy as np

from ... import nn, optim
from ...autograd import grad
from ...backend import BACKEND_OF, Array, Backend, host
from ...ops import concatenate
from ...primitive import no_grad
from ...random import Generator
from ...replay import Replay
from ...tensor import Tensor
from .extras import Extra
from .instance_noise import InstanceNoise
from .joint import seated, step_jointly
from .objectives import OBJECTIVES
from .old_fakes import look_back
from .refusals import check_batch, check_options, check_surgery
from .regularizers import Regularizer, penalties
from .rounds import Plan, Round, total
from .rules import RULES

__all__ = ["GANTrainer", "Plan", "Round"]

Rate = float | optim.optimizer.Schedule
Transforms = Sequence[optim.transforms.GradientTransform]


class GANTrainer:
    """Alternating updates of a discriminator and a generator (Goodfellow et al. 2014, Algorithm 1).

    Each player's gradient is taken with respect to its own parameters only: D's step sees generated
    examples as constants, and G's step computes no gradient of D's weights.

    Args:
        generator: noise (N, *noise_shape) to examples (N, ...); with conditions after the noise.
        discriminator: examples to logits (N, 1), of which `objectives.py` tells; with conditions
            after the examples.
        rng: draws the noise.
        noise_shape: of one draw from the prior, or its length.
        objective: a key of `OBJECTIVES`.
        regularizers: penalties on D.
        extras_g, extras_d: further losses of each player.
        transforms: of the gradients of each player, before the update rule: (G's, D's).
        surgery: where real examples, fakes and penalties pull D against one another, no part of its
            gradient undoes another (see `tg.optim.GradientSurgery`).
        game: how both move in one step, and not by turns: `tg.optim.games.RotationCorrection()`.
        rules: keys of `RULES`, the update rule of each player: (G's, D's).
        lr, betas: of both players' Adam; `lr` is a number, or a pair (G's, D's): two time scales
            (Heusel et al., "GANs trained by a two time-scale update rule", 2017).
        d_steps: updates of D for each update of G.
        real_label: what D should say of real examples; below 1 smooths its labels.
        instance_noise, instance_noise_steps: see `InstanceNoise`.
        one_batch: show D real and generated examples in one batch, which is faster; not for a D
            with layers across the batch, whose statistics they must not share.
        ema_decay: keep a moving average of G's weights and sample from it; 0 for none.
        classes: the players take labels (N,) below this as their condition; 0 for none.
        undo: samples as the players see them to samples in the units of the data, on the host.

    Raises:
        ValueError: an option is unknown, out of range, or contradicts another; in `step`, the
            batch, its labels or what the generator makes do not fit.

    >>> trainer = GANTrainer(mlp([4, 8, 2], rng), mlp([2, 8, 1], rng), rng=rng, noise_shape=4)
    >>> sorted(trainer.step(rng.normal((16, 2))))
    ['loss_d', 'loss_g']
    >>> trainer.sample(5).shape
    (5, 2)
    """

    def __init__(
        self,
        generator: nn.Module,
        discriminator: nn.Module,
        *,
        rng: Generator,
        noise_shape: int | tuple[int, ...],
        objective: str = "non-saturating",
        regularizers: Sequence[Regularizer] = (),
        extras_g: Sequence[Extra] = (),
        extras_d: Sequence[Extra] = (),
        lr: Rate | tuple[Rate, Rate] = 2e-4,
        betas: tuple[float, float] = (0.5, 0.999),
        transforms: tuple[Transforms, Transforms] = ((), ()),
        surgery: bool = False,
        game: optim.games.Game | None = None,
        rules: tuple[str, str] = ("adam", "adam"),
        d_steps: int = 1,
        real_label: float = 1.0,
        instance_noise: float = 0.0,
        instance_noise_steps: int = 0,
        one_batch: bool = True,
        ema_decay: float = 0.0,
        classes: int = 0,
        undo: Callable[[np.ndarray], np.ndarray] | None = None,
    ) -> None:
        check_options(discriminator, objective, d_steps, real_label, one_batch, rules)
        if surgery:
            check_surgery(objective, game is not None)
        lr_g, lr_d = lr if isinstance(lr, tuple) else (lr, lr)
        self.generator = generator
        self.discriminator = discriminator
        self.rng = rng
        self.noise_shape = (noise_shape,) if isinstance(noise_shape, int) else noise_shape
        self.objective = OBJECTIVES[objective]
        self.regularizers = tuple(regularizers)
        self.extras_g, self.extras_d = tuple(extras_g), tuple(extras_d)
        self.d_steps = d_steps
        self.real_label = real_label
        self.one_batch = one_batch
        self.classes = classes
        self.undo = undo
        own_g, own_d = transforms
        self.optimizer_g = RULES[rules[0]](generator, lr_g, betas, own_g)
        self.optimizer_d = RULES[rules[1]](discriminator, lr_d, betas, own_d)
        self.surgery = optim.GradientSurgery(rng) if surgery else None
        self.game = seated(game, self.optimizer_d, self.optimizer_g, d_steps)
        self.blurred = InstanceNoise(instance_noise, instance_noise_steps, self.optimizer_d, rng)
        self.average = optim.ExponentialMovingAverage(generator, ema_decay) if ema_decay else None
        self.steps = 0
        self._losses: dict[str, Tensor] = {}
        self._targets: dict[int, Array] = {}
        self._run: Callable[..., dict[str, Tensor]] = self._update

    # -- a step ------------------------------------------------------------------------------------

    def step(self, batch: Array, *conditions: Array) -> dict[str, Tensor]:
        """Update D on a batch (N, ...) of real examples, and G every `d_steps` calls.

        Args:
            batch: finite (checked when data is loaded, not here), in the dtype of D's weights.
            conditions: labels (N,) of the batch, where the players take them.

        Returns:
            `loss_d` and `loss_g`, and what else the players minimise, as 0-d tensors on the device;
            reading their values waits for it.
        """
        check_batch(self, batch, conditions)
        plan = Plan(
            update_generator=(self.steps + 1) % self.d_steps == 0,
            due=tuple(i for i, r in enumerate(self.regularizers) if self.steps % r.every == 0),
        )
        self._losses |= self._run(plan, batch, *conditions)
        self.steps += 1
        look_back(self, len(batch), conditions)
        return dict(self._losses)

    def capture(self) -> None:
        """Replay steps as CUDA graphs from now on: the same numbers, launched all at once.

        Each kind of step (see `Plan`) is recorded when it comes for the second time, for each size
        of the batch.

        Raises:
            DeviceError: the model is not on a CUDA device.
        """
        self._run = Replay(self.backend, self._update)

    @property
    def backend(self) -> Backend:
        """Where the networks are."""
        return BACKEND_OF[type(self.optimizer_d.params[0].data)]

    def _update(self, plan: Plan, batch: Array, *conditions: Array) -> dict[str, Tensor]:
        if self.game is not None:
            losses = step_jointly(self, batch, conditions, plan.due)
        else:
            losses = self.step_discriminator(batch, *conditions, due=plan.due)
            if plan.update_generator:
                losses |= self.step_generator(batch, *conditions)
        if plan.update_generator and self.average is not None:
            self.average.update()
        return losses

    def step_discriminator(
        self, real: Array, *conditions: Array, due: tuple[int, ...] = ()
    ) -> dict[str, Tensor]:
        """One update of D on (N, ...) real examples, with the penalties that are due."""
        with no_grad():
            seen = self._round(real, conditions)
        losses = self._descend(self.optimizer_d, self.terms_of_d(seen, due), self.surgery)
        if "loss_real" in losses:
            losses["loss_d"] = losses["loss_real"] + losses["loss_fake"]
        return losses

    def step_generator(self, real: Array, *conditions: Array) -> dict[str, Tensor]:
        """One update of G on as many fresh draws of noise as there are real examples."""
        return self._descend(self.optimizer_g, self.terms_of_g(self._round(real, conditions)))

    def terms_of_d(self, seen: Round, due: tuple[int, ...]) -> dict[str, Tensor]:
        """All that D minimises: the terms below, the penalties that are due and the extras."""
        terms = self.discriminator_terms(seen)
        now = [self.regularizers[i] for i in due]
        terms |= penalties(now, self._critic(seen.conditions), seen, self.rng)
        return terms | {f"{e.name}_d": e(seen) for e in self.extras_d}

    def terms_of_g(self, seen: Round) -> dict[str, Tensor]:
        """All that G minimises."""
        return self.generator_terms(seen) | {f"{e.name}_g": e(seen) for e in self.extras_g}

    def discriminator_terms(self, seen: Round) -> dict[str, Tensor]:
        """What D minimises the sum of, 0-d each, by name: `loss_d` is the objective's.

        For surgery it comes as two parts, `loss_real` and `loss_fake`.
        """
        if self.surgery is not None:
            return self._parts(seen)
        logits = self._logits(seen)
        return {"loss_d": self.objective.discriminator(logits, self._target(len(logits)))}

    def _parts(self, seen: Round) -> dict[str, Tensor]:
        """The two of `loss_d`, each with a graph of its own."""
        critic = self._critic(seen.conditions)
        real, fake = (critic(self.blurred(x)) for x in (seen.real, seen.fake))
        target, n = self._target(2 * len(real)), len(real)
        return {
            "loss_real": 0.5 * self.objective.discriminator(real, target[:n]),
            "loss_fake": 0.5 * self.objective.discriminator(fake, target[n:]),
        }

    def generator_terms(self, seen: Round) -> dict[str, Tensor]:
        """What G minimises the sum of, 0-d each, by name: `loss_g` is the objective's."""
        critic = self._critic(seen.conditions)
        real = critic(self.blurred(seen.real)) if self.objective.relative else None
        return {"loss_g": self.objective.generator(critic(self.blurred(seen.fake)), real)}

    @staticmethod
    def _descend(
        optimizer: optim.Optimizer,
        terms: dict[str, Tensor],
        surgery: optim.surgery.Surgery | None = None,
    ) -> dict[str, Tensor]:
        """Update by the gradient of the terms' sum; returns them without their graphs."""
        if surgery is not None:
            optimizer.step(surgery(list(terms.values()), optimizer.params))
        else:
            optimizer.step(grad(total(terms), optimizer.params))
        return {name: term.detach() for name, term in terms.items()}

    # -- what D sees -------------------------------------------------------------------------------

    def _critic(self, conditions: tuple[Array, ...]) -> Callable[[Tensor], Tensor]:
        """D's logits of examples under these conditions."""
        return lambda x: self.discriminator(x, *conditions)

    def _logits(self, seen: Round) -> Tensor:
        """D of real examples, then of generated ones: (2N, 1)."""
        if not self.one_batch:
            return self._of_both(self._critic(seen.conditions), seen)
        xp = self.backend
        twice = tuple(xp.concatenate([c, c]) for c in seen.conditions)
        return self._of_both(self._critic(twice), seen)

    def _of_both(self, layers: Callable[[Tensor], Tensor], seen: Round) -> Tensor:
        """What layers say of real examples, then of generated ones: (2N, ...)."""
        if self.one_batch:
            with self.rng.stacked(2):  # whatever is drawn, it is for both kinds
                return layers(self.blurred(concatenate([seen.real, seen.fake])))
        return concatenate([layers(self.blurred(x)) for x in (seen.real, seen.fake)])

    def _round(self, real: Array, conditions: tuple[Array, ...]) -> Round:
        """Real examples, and as many generated from fresh noise."""
        noise = self.noise(len(real))
        return Round(Tensor(real), self._generated(noise, conditions, real), noise, conditions)

    def _generated(self, noise: Array, conditions: tuple[Array, ...], real: Array) -> Tensor:
        """G's examples, if they are like the real ones."""
        fake = self.generator(Tensor(noise), *conditions)
        if fake.shape != real.shape or fake.dtype != real.dtype:
            raise ValueError(
                f"GANTrainer.step: the generator gives {fake.dtype} of shape {fake.shape}, the "
                f"batch is {real.dtype} of shape {real.shape}; give it an output like the batch."
            )
        return fake

    def _target(self, n: int) -> Array:
        """`real_label` for the first half of n logits and 0 for the rest: (n, 1), made once."""
        if n not in self._targets:
            target = np.zeros((n, 1), self.optimizer_d.params[0].dtype)
            target[: n // 2] = self.real_label
            self._targets[n] = self.backend.from_host(target)
        return self._targets[n]

    # -- using what was learned --------------------------------------------------------------------

    def noise(self, n: int) -> Array:
        """n draws from the prior, a standard normal: (n, *noise_shape)."""
        dtype = self.optimizer_d.params[0].dtype
        return self.rng.normal((n, *self.noise_shape), dtype=dtype)

    def sample(self, n: int, noise: Array | None = None, labels: Array | None = None) -> np.ndarray:
        """n generated examples on the host, (n, ...), by the averaged G if there is one.

        Args:
            noise: (n, *noise_shape) to see how the same draws change as training goes on.
            labels: (n,), where G takes them; None for the classes 0, 1, ... by turns.
        """
        noise = self.noise(n) if noise is None else noise
        if self.classes and labels is None:
            labels = self.backend.arange(n) % self.classes
        conditions = () if labels is None else (labels,)
        with self.evaluating():
            samples = host(self.generator(Tensor(noise), *conditions).data)
        return self.undo(samples) if self.undo else samples

    @contextmanager
    def evaluating(self) -> Iterator[None]:
        """Inside, the players behave as in evaluation, G is the averaged one, none is recorded."""
        before = [(player, player.training) for player in (self.generator, self.discriminator)]
        for player, _ in before:
            player.eval()
        try:
            with no_grad(), self.average.swapped() if self.average else nullcontext():
                yield
        finally:
            for player, training in before:
                player.train(training)

    def state_dict(self) -> dict[str, Any]:
        """All that a continued run needs: arrays on the host, and plain numbers."""
        return {
            "steps": self.steps,
            "losses": {name: host(loss.data) for name, loss in self._losses.items()},
            "rng": self.rng.state_dict(),
            "generator": self.generator.state_dict(),
            "discriminator": self.discriminator.state_dict(),
            "optimizer_g": self.optimizer_g.state_dict(),
            "optimizer_d": self.optimizer_d.state_dict(),
            **({"average": self.average.state_dict()} if self.average else {}),
            **{name: extra.state_dict() for name, extra in self._remembering()},
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue where `state_dict` was taken."""
        self.steps = int(state["steps"])
        from_host = self.backend.from_host
        self._losses = {name: Tensor(from_host(loss)) for name, loss in state["losses"].items()}
        for part in ("rng", "generator", "discriminator", "optimizer_g", "optimizer_d"):
            getattr(self, part).load_state_dict(state[part])
        if self.average:
            self.average.load_state_dict(state["average"])
        for name, extra in self._remembering():
            extra.load_state_dict(state[name])

    def _remembering(self) -> list[tuple[str, Any]]:
        """The extra losses and the game by their names in a state."""
        extras = (("extra_g", self.extras_g), ("extra_d", self.extras_d))
        found = [(f"{who}_{i}", e) for who, each in extras for i, e in enumerate(each)]
        return [*found, ("game", self.game)] if self.game else found
