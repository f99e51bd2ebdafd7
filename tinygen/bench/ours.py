"""Each workload in tinygen, as its users write it: its trainers, and loops of a few lines.

A maker takes a problem, a source of noise (None: a generator on the device) and a device, and
returns one step or one operation as a function of the batch's number.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np

from .. import __version__, nn, ops, optim
from ..autograd import grad
from ..backend import Array, backend_for, cuda_status, host, use_device
from ..creation import tensor
from ..models import dcgan
from ..models.gan import GANTrainer, mlp
from ..models.rbm import RBM, ContrastiveDivergence, RBMTrainer
from ..random import Generator
from ..tensor import Tensor
from .problems import Classifier, Critic, Dcgan, Draw, Gan, Layers, Maker, Rbm, Step

NAME = "tinygen"
VERSION = __version__
OUT_OF_MEMORY = (MemoryError,)  # CuPy's own is one


def why_not(device: str) -> str | None:
    """None where it computes on this device."""
    return cuda_status() if device.startswith("cuda") else None


def active(device: str) -> AbstractContextManager[Any]:
    """Make this the device of whatever is made and computed inside."""
    return use_device(device)


def seconds(work: Callable[[], object], device: str) -> float:
    """How long `work()` takes there."""
    return backend_for(device).seconds(work)


def read(result: Any) -> np.ndarray:
    """A copy of a result on the host: the next call may write over it."""
    return np.array(host(result.data if isinstance(result, Tensor) else result))


def facts(device: str) -> dict[str, Any]:
    """What is known of the device."""
    return backend_for(device).facts()


# -- operations ------------------------------------------------------------------------------------


def forward(function: Callable[..., Any]) -> Maker:
    """An operation on given arrays, without derivatives."""

    def make(arrays: list[np.ndarray], draw: Draw | None = None, *, device: str = "cpu") -> Step:
        inputs = [tensor(array, device=device) for array in arrays]
        return lambda i: [function(*inputs)]

    return make


def conv2d_gradients(
    arrays: list[np.ndarray], draw: Draw | None = None, *, device: str = "cpu"
) -> Step:
    """A convolution, and its gradients in images and filters."""
    x, w, cotangent = (tensor(a, device=device, requires_grad=True) for a in arrays)
    cotangent = cotangent.detach()

    def call(i: int) -> list[Any]:
        return grad(_conv2d(x, w), [x, w], cotangent=cotangent)

    return call


def cross_entropy(
    arrays: list[np.ndarray], draw: Draw | None = None, *, device: str = "cpu"
) -> Step:
    """The loss of given logits, and its gradient in them."""
    logits = tensor(arrays[0], device=device, requires_grad=True)
    labels = tensor(arrays[1], device=device)

    def call(i: int) -> list[Any]:
        loss = ops.softmax_cross_entropy(logits, labels)
        return [loss.detach(), grad(loss, logits)]

    return call


def adam(arrays: list[np.ndarray], draw: Draw | None = None, *, device: str = "cpu") -> Step:
    """An update of one array, from a given gradient."""
    w = tensor(arrays[0], device=device, requires_grad=True)
    g = tensor(arrays[1], device=device)
    optimizer = optim.Adam([w], lr=1e-3)

    def call(i: int) -> list[Any]:
        optimizer.step([g])
        return [w.detach()]

    return call


def normal(arrays: list[np.ndarray], draw: Draw | None = None, *, device: str = "cpu") -> Step:
    """As many standard normal numbers as the given array has."""
    rng, shape = Generator(0, device=device), arrays[0].shape
    return lambda i: [rng.normal(shape)]


def _conv2d(x: Tensor, w: Tensor) -> Tensor:
    return ops.conv2d(x, w, stride=2, padding=1)


# -- training steps --------------------------------------------------------------------------------


class Given:
    """In the place of a Generator: noise that was drawn elsewhere."""

    def __init__(self, draw: Draw, device: str) -> None:
        self.draw = draw
        self.backend = backend_for(device)

    def normal(self, shape: tuple[int, ...], dtype: Any = "float32") -> Array:
        """The next draw, on the device."""
        return self.backend.move(self.draw(shape).astype(dtype, copy=False))

    def stacked(self, batches: int) -> AbstractContextManager[None]:
        """Draws for several batches are one batch after the other, as one process has them."""
        return nullcontext()

    def bernoulli_logits(self, x: Array) -> Array:
        """Ones where the next draw is below sigmoid(x)."""
        return (self.backend.move(self.draw(x.shape)) < self.backend.sigmoid(x)).astype(x.dtype)


def network(layers: Layers, slope: float = 0.0, device: str = "cpu") -> nn.Sequential:
    """Dense layers with these weights."""
    sizes = [layers[0][0].shape[1], *(len(bias) for _, bias in layers)]
    with use_device(device):
        model = mlp(sizes, Generator(0), slope=slope)
        arrays = (array for pair in layers for array in pair)
        for p, array in zip(model.parameters(), arrays, strict=True):
            p[...] = tensor(array)
    return model


def players(problem: Gan | Dcgan, device: str = "cpu") -> tuple[nn.Sequential, nn.Sequential]:
    """G and D."""
    if isinstance(problem, Gan):
        layers = problem.generator, problem.discriminator
        return network(layers[0], device=device), network(layers[1], device=device)
    with use_device(device):
        rng = Generator(0)
        g = dcgan.generator(problem.noise_shape[0], problem.channels, 1, rng)
        d = dcgan.discriminator(problem.channels, 1, rng)
    g.load_state_dict(problem.generator)
    d.load_state_dict(problem.discriminator)
    return g, d


def trainer(
    problem: Gan | Dcgan, draw: Draw | None = None, device: str = "cpu", **options: Any
) -> GANTrainer:
    """The trainer of the `gan` and `dcgan` recipes, with further options of it."""
    rng: Any = Generator(0, device=device) if draw is None else Given(draw, device)
    return GANTrainer(
        *players(problem, device), rng=rng, noise_shape=problem.noise_shape, lr=problem.lr,
        betas=problem.betas, one_batch=isinstance(problem, Gan), **options,
    )  # fmt: skip


def gan(problem: Gan | Dcgan, draw: Draw | None = None, *, device: str = "cpu") -> Step:
    """A step of each player."""
    train = trainer(problem, draw, device)
    batches = [_moved(x, device) for x in problem.batches]

    def step(i: int) -> list[Any]:
        return list(train.step(batches[i % len(batches)]).values())

    return step


def recorded_gan(problem: Gan | Dcgan, draw: Draw | None = None, *, device: str = "cpu") -> Step:
    """The same as a CUDA graph, noise and all; given noise would have to be sent, so it is not."""
    train = trainer(problem, None, device)
    train.capture()
    batches = [_moved(x, device) for x in problem.batches]
    return lambda i: list(train.step(batches[i % len(batches)]).values())


def rbm(problem: Rbm, draw: Draw | None = None, *, device: str = "cpu") -> Step:
    """An update by contrastive divergence."""
    return _rbm_step(*_rbm(problem, draw, device), problem, device)


def recorded_rbm(problem: Rbm, draw: Draw | None = None, *, device: str = "cpu") -> Step:
    """The same as a CUDA graph, with numbers of its own."""
    model, train = _rbm(problem, None, device)
    train.capture()
    return _rbm_step(model, train, problem, device)


def _rbm(problem: Rbm, draw: Draw | None, device: str) -> tuple[RBM, RBMTrainer]:
    rng: Any = Generator(0, device=device) if draw is None else Given(draw, device)
    hidden, visible = problem.weight.shape
    with use_device(device):
        model = RBM(visible, hidden, rng=Generator(0))
        values = (problem.visible_bias, problem.hidden_bias, problem.weight)
        for p, value in zip(model.parameters(), values, strict=True):
            p[...] = tensor(value)
    return model, RBMTrainer(model, rng=rng, negative=ContrastiveDivergence(1), lr=problem.lr)


def _rbm_step(model: RBM, train: RBMTrainer, problem: Rbm, device: str) -> Step:
    batches = [_moved(x, device) for x in problem.batches]

    def step(i: int) -> list[Any]:
        train.step(batches[i % len(batches)])
        return [model.weight.detach()]

    return step


def classifier(problem: Classifier, draw: Draw | None = None, *, device: str = "cpu") -> Step:
    """Softmax cross-entropy and Adam."""
    model = network(problem.layers, device=device)
    optimizer = optim.Adam(model.named_parameters(), lr=problem.lr, betas=problem.betas)
    batches = [(_moved(x, device), _moved(labels, device)) for x, labels in problem.batches]

    def step(i: int) -> list[Any]:
        x, labels = batches[i % len(batches)]
        loss = ops.softmax_cross_entropy(model(Tensor(x)), labels)
        optimizer.step(grad(loss, optimizer.params))
        return [loss]

    return step


def critic(problem: Critic, draw: Draw | None = None, *, device: str = "cpu") -> Step:
    """The critic of WGAN-GP: the gradient of a gradient."""
    model = network(problem.layers, problem.slope, device)
    optimizer = optim.Adam(model.named_parameters(), lr=problem.lr, betas=problem.betas)
    batches = [[_moved(x, device) for x in batch] for batch in problem.batches]

    def step(i: int) -> list[Any]:
        real, generated, share = batches[i % len(batches)]
        x = Tensor(share * real + (1.0 - share) * generated, requires_grad=True)
        slope = grad(ops.sum(model(x)), x, create_graph=True)
        penalty = ops.mean((ops.norm(slope, axis=1) - 1.0) ** 2)
        distance = ops.mean(model(Tensor(real))) - ops.mean(model(Tensor(generated)))
        loss = problem.penalty * penalty - distance
        optimizer.step(grad(loss, optimizer.params))
        return [loss.detach()]

    return step


def _moved(array: np.ndarray, device: str) -> Array:
    return backend_for(device).move(array)


MAKERS: dict[str, Maker] = {
    "add": forward(ops.add),
    "exp": forward(ops.exp),
    "sum": forward(ops.sum),
    "matmul": forward(ops.matmul),
    "conv2d": forward(_conv2d),
    "conv2d-gradients": conv2d_gradients,
    "cross-entropy": cross_entropy,
    "adam": adam,
    "normal": normal,
    "classifier": classifier,
    "gan-784": gan,
    "rbm-cd1": rbm,
    "wgan-gp": critic,
    "dcgan-32": gan,
}

RECORDED: dict[str, Maker] = {
    "gan-784": recorded_gan,
    "dcgan-32": recorded_gan,
    "rbm-cd1": recorded_rbm,
}
"""Steps that are launched as one graph, where a device records."""
