"""What gradient transforms cost beside the work that they are added to.

    python -m benchmarks.transforms

Turn by turn, on the processor: a step of Adam with and without OrthogonalToWeights, on the flat
buffers of the article's GAN and of larger networks; and surgery on the parts of a multi-task loss,
beside the gradients of those parts taken one after another.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import numpy as np

import tinygen as tg
from tinygen import nn, ops, optim
from tinygen.backend.numpy import keep_freed_memory

from .timing import interleave

BUFFERS = {
    "discriminator 784-128-128-1": (784, 128, 128, 1),
    "generator 100-128-128-784": (100, 128, 128, 784),
    "784-128-128-784": (784, 128, 128, 784),
    "784-512-512-784": (784, 512, 512, 784),
}
SURGERY = ((2, 64), (2, 256), (3, 256), (5, 256))
"""Tasks, and examples in a batch."""

Step = Callable[[int], object]


def mlp(sizes: tuple[int, ...], rng: tg.Generator) -> nn.Sequential:
    """Dense layers with rectifiers."""
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise(sizes):
        layers += [nn.Linear(inputs, outputs, rng=rng), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def adam_steps(sizes: tuple[int, ...]) -> dict[str, Step]:
    """Steps by random gradients, too small to move the weights."""
    rng = tg.Generator(0)
    steps: dict[str, Step] = {}
    for name, transforms in (("plain", []), ("orthogonal", [optim.OrthogonalToWeights()])):
        optimizer = optim.Adam(mlp(sizes, rng).named_parameters(), lr=1e-9, transforms=transforms)
        grads = [tg.Tensor(rng.normal(p.shape)) for p in optimizer.params]
        steps[name] = lambda i, optimizer=optimizer, grads=grads: optimizer.step(grads)
    return steps


def surgery_steps(tasks: int, batch: int) -> dict[str, Step]:
    """The gradients of heads on one body, one after another; and with surgery on them."""
    rng = tg.Generator(0)
    body = mlp((784, 256, 256), rng)
    heads = [nn.Linear(256, 10, rng=rng) for _ in range(tasks)]
    params = body.parameters()
    x, labels = tg.Tensor(rng.normal((batch, 784))), np.arange(batch) % 10
    surgery = optim.GradientSurgery(rng)

    def losses() -> list[tg.Tensor]:
        shared = body(x)
        return [ops.softmax_cross_entropy(head(shared), labels) for head in heads]

    def passes(i: int) -> None:
        for loss in losses():
            tg.grad(loss, params, retain_graph=True)

    return {"passes": passes, "surgery": lambda i: surgery(losses(), params)}


def report(what: str, steps: dict[str, Step], rounds: int) -> None:
    """A line: microseconds of each, and the ratio of the second to the first."""
    seconds = interleave(steps, rounds, several=False)
    first, second = seconds.values()
    # The lower fifth: a busy machine only adds to what a step takes.
    times = [1e6 * np.percentile(s, 20) for s in (first, second)]
    told = ", ".join(f"{name} {t:.0f} us" for name, t in zip(seconds, times, strict=True))
    print(f"{what:30} {told}: x{times[1] / times[0]:.3f} (median {np.median(second / first):.3f})")


def main() -> None:
    """All of them."""
    keep_freed_memory()
    for name, sizes in BUFFERS.items():
        report(f"Adam, {name}", adam_steps(sizes), 400)
    for tasks, batch in SURGERY:
        report(f"surgery, {tasks} tasks, batch {batch}", surgery_steps(tasks, batch), 200)


if __name__ == "__main__":
    main()
