"""Progressive growing: both players start with small images, and larger scales are faded in.

Karras et al., "Progressive growing of GANs for improved quality, stability, and variation" (2018),
section 2 and figure 2. While a scale fades in, alpha goes from 0 to 1 and

    G shows   (1 - alpha) * larger(image of the old scale) + alpha * image of the new one
    D reads   (1 - alpha) * maps of the smaller image       + alpha * maps from the new scale

so that at alpha = 0 both are the smaller networks exactly. Equalised learning rates, pixelwise
normalisation and minibatch deviation are sections 3 and 4. Real images fade likewise (their code).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ... import nn, optim
from ...backend import Array, backend_for, host
from ...ops import upsample_nearest2d
from ...random import Generator
from ...tensor import Tensor
from ..gan.instance_noise import InstanceNoise
from .kits import EqualizedKit, Kit
from .pyramid import down
from .trainer import MultiscaleTrainer
from .trunks import Fall, GeneratorBase, Head, Rise, Scales, from_image, to_image

__all__ = [
    "GrowingDiscriminator",
    "GrowingGenerator",
    "ProgressiveTrainer",
    "progressive",
    "progress_at",
]


def progress_at(steps: int, phase: int, last: int) -> tuple[int, float]:
    """The stage, from 0, and its alpha, from 0 to 1, after so many steps.

    Phases of equal length: the smallest scale alone, then for each larger one a phase of fading it
    in and one of training it; the last stage goes on for ever.

    >>> [progress_at(steps, phase=100, last=1) for steps in (0, 150, 1000)]
    [(0, 1.0), (1, 0.5), (1, 1.0)]
    """
    stage = min((steps // phase + 1) // 2, last)
    faded = steps - (2 * stage - 1) * phase
    return stage, min(1.0, faded / phase) if stage else 1.0


class Growing(nn.Module):
    """A network of which the scales above `stage` are not used yet.

    progress: the buffer (stage, alpha), which a saved state holds. The device reads alpha there, so
    that a recorded step fades on.
    """

    def __init__(self) -> None:
        xp = backend_for(None)
        self.progress = Tensor(xp.from_host(np.array([0.0, 1.0], "float32")))
        self.stage = 0

    def set_progress(self, stage: int, alpha: float) -> None:
        """Use scales up to `stage`, the last of them by a share alpha."""
        self.stage = stage
        self.progress[0] = float(stage)
        self.progress[1] = alpha

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """As of any module; the stage is that of the state."""
        super().load_state_dict(state)
        self.stage = int(host(self.progress.data)[0])

    def in_use(self) -> list[tuple[str, Tensor]]:
        """The named parameters that the present stage depends on."""
        used = {id(p) for module in self._at_stage() for p in module.parameters()}
        return [(name, p) for name, p in self.named_parameters() if id(p) in used]

    def faded(self, old: Any, new: Any) -> Any:
        """Between what the smaller network has and what the new scale has."""
        alpha = self.progress[1].detach()
        return (1.0 - alpha) * old + alpha * new

    def _at_stage(self) -> list[nn.Module]:
        raise NotImplementedError


class GrowingGenerator(Growing):
    """Noise (N, noise) to images (N, C, s, s), s the size of the present stage.

    Karras et al., "Progressive growing of GANs" (2018), section 2. Raises ValueError for scales
    that do not fit (see `Scales`).

    >>> scales = Scales(sizes=(4, 8), channels=(8, 4))
    >>> GrowingGenerator(3, scales, EqualizedKit(rng))(tg.zeros(2, 3)).shape
    (2, 1, 4, 4)
    """

    def __init__(self, noise: int, scales: Scales, kit: Kit) -> None:
        scales.checked()
        super().__init__()
        self.base = GeneratorBase(noise, scales, kit)
        self.rises = [Rise(scales, i, kit) for i in range(1, len(scales.sizes))]
        self.to_images = [
            to_image(channels, scales.colours, kit, nn.Sigmoid()) for channels in scales.channels
        ]

    def forward(self, z: Any) -> Any:
        """(N, C, s, s)."""
        maps = self._maps(z)
        new = self.to_images[self.stage](maps[-1])
        if self.stage == 0:
            return new
        old = self.to_images[self.stage - 1](maps[-2])
        return self.faded(upsample_nearest2d(old, 2), new)

    def images(self, z: Any) -> list[Any]:
        """One for each size, smallest first; those of scales to come are enlarged."""
        shown = [show(maps) for show, maps in zip(self.to_images, self._maps(z), strict=False)]
        found = [*shown[:-1], self(z)]
        while len(found) < len(self.to_images):
            found.append(upsample_nearest2d(found[-1], 2))
        return found

    def _maps(self, z: Any) -> list[Any]:
        maps = [self.base(z)]
        for rise in self.rises[: self.stage]:
            maps.append(rise(maps[-1]))
        return maps

    def _at_stage(self) -> list[nn.Module]:
        shown = self.to_images[max(0, self.stage - 1) : self.stage + 1]
        return [self.base, *self.rises[: self.stage], *shown]


class GrowingDiscriminator(Growing):
    """Images (N, C, s, s), s the size of the present stage, to logits (N, 1).

    Karras et al., "Progressive growing of GANs" (2018), section 2. Raises as `GrowingGenerator`.

    >>> scales = Scales(sizes=(4, 8), channels=(8, 4))
    >>> GrowingDiscriminator(scales, EqualizedKit(rng))(tg.zeros(2, 1, 4, 4)).shape
    (2, 1)
    """

    def __init__(self, scales: Scales, kit: Kit) -> None:
        scales.checked()
        super().__init__()
        self.from_images = [from_image(scales.colours, c, kit) for c in scales.channels]
        self.falls = [Fall(scales, i, kit) for i in range(1, len(scales.sizes))]
        self.head = Head(scales, kit, across=True)

    def forward(self, x: Any) -> Any:
        """(N, 1)."""
        maps = self.from_images[self.stage](x)
        for i in range(self.stage, 0, -1):
            maps = self.falls[i - 1](maps)
            if i == self.stage:
                maps = self.faded(self.from_images[i - 1](down(x)), maps)
        return self.head(maps)

    def _at_stage(self) -> list[nn.Module]:
        read = self.from_images[max(0, self.stage - 1) : self.stage + 1]
        return [self.head, *self.falls[: self.stage], *read]


class ProgressiveTrainer(MultiscaleTrainer):
    """Grows both players by its number of steps.

    Each stage has optimizers of its own, of the parameters in use: moments of the smaller networks
    say nothing of the larger ones' gradients (the authors reset theirs too).

    Args: as `MultiscaleTrainer`, and
        phase: steps of each phase: see `progress_at`.

    Karras et al., "Progressive growing of GANs" (2018), section 2.

    Raises:
        ValueError: as `MultiscaleTrainer`; the phase is below 1, or an option would not outlast a
            change of optimizers.

    >>> scales = Scales(sizes=(4, 8), channels=(8, 4))
    >>> trainer = progressive(scales, noise=3, weights=rng, rng=rng, phase=1)
    >>> for _ in range(3):
    ...     losses = trainer.step(rng.uniform((4, 1, 8, 8)))
    >>> isinstance(trainer, ProgressiveTrainer), sorted(losses)
    (True, ['loss_d', 'loss_g'])
    """

    generator: GrowingGenerator
    discriminator: GrowingDiscriminator

    def __init__(
        self,
        generator: GrowingGenerator,
        discriminator: GrowingDiscriminator,
        *,
        phase: int,
        lr: Any = 1e-3,
        betas: tuple[float, float] = (0.0, 0.99),
        instance_noise: float = 0.0,
        instance_noise_steps: int = 0,
        **options: Any,
    ) -> None:
        if phase < 1:
            raise ValueError(f"ProgressiveTrainer: phase must be at least 1 step, not {phase}.")
        for name in ("game", "rules", "transforms"):
            if name in options:
                raise ValueError(
                    f"ProgressiveTrainer: its optimizers change as it grows, so {name} would lose "
                    "what it remembers; leave it out."
                )
        super().__init__(generator, discriminator, lr=lr, betas=betas, **options)
        self.phase = phase
        self._rates, self._betas = (lr if isinstance(lr, tuple) else (lr, lr)), betas
        clock: Any = self  # counts as an optimizer of D would that lived through all stages
        self.blurred = InstanceNoise(instance_noise, instance_noise_steps, clock, self.rng)
        self._at(*progress_at(0, phase, self._last), anew=True)

    def step(self, batch: Array, *conditions: Array) -> dict[str, Tensor]:
        """As of `GANTrainer`, on images (N, C, S, S) of the largest size."""
        self._at(*progress_at(self.steps, self.phase, self._last))
        return super().step(batch, *conditions)

    def shown(self, images: Array) -> Array:
        """Real images in the size of the present stage, faded as G's are."""
        level = self.pyramid.gaussian(images)[self.generator.stage]
        if self.generator.stage == 0:
            return level
        return self.generator.faded(upsample_nearest2d(down(level), 2), level).data

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue where `state_dict` was taken, at its stage."""
        stage, alpha = (float(number) for number in state["generator"]["progress"])
        self._at(int(stage), alpha, anew=True)
        super().load_state_dict(state)

    @property
    def _last(self) -> int:
        return len(self.pyramid.sizes) - 1

    def _at(self, stage: int, alpha: float, anew: bool = False) -> None:
        """Both players at this stage, with optimizers for it."""
        grows = anew or stage != self.generator.stage
        for player in (self.generator, self.discriminator):
            player.set_progress(stage, alpha)
        if grows:
            rate_g, rate_d = self._rates
            self.optimizer_g = optim.Adam(self.generator.in_use(), rate_g, self._betas)
            self.optimizer_d = optim.Adam(self.discriminator.in_use(), rate_d, self._betas)
            if self._run != self._update:
                self.capture()  # what was recorded is of the smaller networks


def progressive(
    scales: Scales, *, noise: int, weights: Generator, rng: Generator, phase: int, **options: Any
) -> ProgressiveTrainer:
    """The trainer of progressive growing (see `ProgressiveTrainer`).

    Arguments and errors as of `single_scale`; phase is the steps of a phase.

    >>> scales = Scales(sizes=(4, 8), channels=(8, 4))
    >>> trainer = progressive(scales, noise=3, weights=rng, rng=rng, phase=10)
    >>> sorted(trainer.step(rng.uniform((4, 1, 8, 8))))
    ['loss_d', 'loss_g']
    """
    kit = EqualizedKit(weights)
    return ProgressiveTrainer(
        GrowingGenerator(noise, scales, kit),
        GrowingDiscriminator(scales, kit),
        phase=phase,
        sizes=scales.sizes,
        rng=rng,
        noise_shape=noise,
        **{"one_batch": False, **options},
    )
