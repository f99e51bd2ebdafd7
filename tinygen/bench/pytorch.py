"""Each workload in PyTorch, eager, as its tutorials have it; see `ours.py`.

Imported only when PyTorch is to run: tinygen does not depend on it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from time import perf_counter
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812, as its users write it

from .problems import Classifier, Critic, Dcgan, Draw, Gan, Layers, Maker, Rbm, Step

NAME = "torch"
VERSION = str(torch.__version__)
OUT_OF_MEMORY = (MemoryError, torch.cuda.OutOfMemoryError)
ROWS, CHANNELS_LAST = torch.contiguous_format, torch.channels_last


def why_not(device: str) -> str | None:
    """None where it computes on this device, else a sentence."""
    if device == "cpu":
        return None
    if not device.startswith("cuda"):
        return f"PyTorch knows no device {device!r}."
    if not torch.cuda.is_available():
        built = torch.version.cuda
        return "this PyTorch finds no GPU." if built else "this PyTorch was built without CUDA."
    index = int(device.partition(":")[2] or 0)
    return None if index < torch.cuda.device_count() else f"PyTorch finds no {device}."


@contextmanager
def active(device: str) -> Iterator[None]:
    """Plain float32 in products and convolutions, as tinygen computes, instead of TF32."""
    switches = torch.backends.cuda.matmul, torch.backends.cudnn
    before = [switch.allow_tf32 for switch in switches]
    try:
        for switch in switches:
            switch.allow_tf32 = False
        yield
    finally:
        for switch, value in zip(switches, before, strict=True):
            switch.allow_tf32 = value


def seconds(work: Callable[[], object], device: str) -> float:
    """How long `work()` takes there: by events on a GPU."""
    if device == "cpu":
        start = perf_counter()
        work()
        return perf_counter() - start
    with torch.cuda.device(device):
        torch.cuda.synchronize()
        before, after = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        before.record()
        work()
        after.record()
        after.synchronize()
        return before.elapsed_time(after) / 1e3


def read(result: Any) -> np.ndarray:
    """A copy of a result on the host: the next call may write over it."""
    return np.array(result.detach().cpu().numpy())


def facts(device: str) -> dict[str, Any]:
    """What is known of the device."""
    return {} if device == "cpu" else {"cuda_runtime": torch.version.cuda}


# -- operations ------------------------------------------------------------------------------------


def forward(function: Callable[..., Any]) -> Maker:
    """An operation on given arrays, without derivatives."""

    def make(arrays: list[np.ndarray], draw: Draw | None = None, *, device: str = "cpu") -> Step:
        inputs = _tensors(arrays, device)
        return lambda i: [function(*inputs)]

    return make


def conv2d_gradients(
    arrays: list[np.ndarray], draw: Draw | None = None, *, device: str = "cpu"
) -> Step:
    """A convolution, and its gradients in images and filters."""
    x, w, cotangent = _tensors(arrays, device)
    x.requires_grad_(True)
    w.requires_grad_(True)
    return lambda i: list(torch.autograd.grad(_conv2d(x, w), [x, w], cotangent))


def cross_entropy(
    arrays: list[np.ndarray], draw: Draw | None = None, *, device: str = "cpu"
) -> Step:
    """The loss of given logits, and its gradient in them."""
    logits, labels = _tensors(arrays, device)
    logits.requires_grad_(True)

    def call(i: int) -> list[Any]:
        loss = F.cross_entropy(logits, labels)
        return [loss.detach(), *torch.autograd.grad(loss, logits)]

    return call


def adam_update(arrays: list[np.ndarray], draw: Draw | None = None, *, device: str = "cpu") -> Step:
    """An update of one array in one kernel, from a given gradient."""
    w, g = (x.clone() for x in _tensors(arrays, device))
    w.grad = g
    optimizer = torch.optim.Adam([w.requires_grad_(True)], lr=1e-3, fused=True)

    def call(i: int) -> list[Any]:
        optimizer.step()
        return [w]

    return call


def normal(arrays: list[np.ndarray], draw: Draw | None = None, *, device: str = "cpu") -> Step:
    """As many standard normal numbers as the given array has."""
    shape = arrays[0].shape
    return lambda i: [torch.randn(shape, device=device)]


def _conv2d(x: torch.Tensor, w: torch.Tensor) -> torch.Tensor:
    return F.conv2d(x, w, stride=2, padding=1)


def _tensors(arrays: Iterable[np.ndarray], device: str) -> list[torch.Tensor]:
    return [torch.from_numpy(array).to(device) for array in arrays]


# -- training steps --------------------------------------------------------------------------------


def network(layers: Layers, slope: float = 0.0) -> nn.Sequential:
    """Dense layers with these weights."""
    parts: list[nn.Module] = []
    for weight, bias in layers:
        linear = nn.Linear(weight.shape[1], weight.shape[0])
        with torch.no_grad():
            linear.weight.copy_(torch.from_numpy(weight))
            linear.bias.copy_(torch.from_numpy(bias))
        parts += [linear, nn.LeakyReLU(slope) if slope else nn.ReLU()]
    return nn.Sequential(*parts[:-1])


def players(problem: Gan | Dcgan, layout: Any = ROWS) -> tuple[nn.Module, nn.Module]:
    """G and D; `layout` is the memory format of images and filters."""
    if isinstance(problem, Gan):
        return network(problem.generator), network(problem.discriminator)
    low, middle, high = problem.channels
    g = nn.Sequential(
        nn.ConvTranspose2d(problem.noise_shape[0], high, 4, 1, 0, bias=False),
        nn.BatchNorm2d(high), nn.ReLU(),
        nn.ConvTranspose2d(high, middle, 4, 2, 1, bias=False), nn.BatchNorm2d(middle), nn.ReLU(),
        nn.ConvTranspose2d(middle, low, 4, 2, 1, bias=False), nn.BatchNorm2d(low), nn.ReLU(),
        nn.ConvTranspose2d(low, 1, 4, 2, 1, bias=False), nn.Sigmoid(),
    )  # fmt: skip
    d = nn.Sequential(
        nn.Conv2d(1, low, 4, 2, 1, bias=False), nn.LeakyReLU(0.2),
        nn.Conv2d(low, middle, 4, 2, 1, bias=False), nn.BatchNorm2d(middle), nn.LeakyReLU(0.2),
        nn.Conv2d(middle, high, 4, 2, 1, bias=False), nn.BatchNorm2d(high), nn.LeakyReLU(0.2),
        nn.Conv2d(high, 1, 4, 1, 0, bias=False), nn.Flatten(),
    )  # fmt: skip
    for model, state in ((g, problem.generator), (d, problem.discriminator)):
        model.load_state_dict({name: torch.from_numpy(array) for name, array in state.items()})
    return g.to(memory_format=layout), d.to(memory_format=layout)


def noise_source(draw: Draw | None, device: str = "cpu") -> Any:
    """A function of the lengths of a shape."""
    if draw is None:
        return partial(torch.randn, device=device)
    return lambda *shape: torch.from_numpy(draw(shape)).to(device)


def adam(params: Any, problem: Any, fused: bool = False) -> torch.optim.Adam:
    """With PyTorch's defaults, or in one kernel."""
    return torch.optim.Adam(params, lr=problem.lr, betas=problem.betas, fused=fused or None)


def in_layout(batches: list[Any], layout: Any) -> list[Any]:
    """As tensors in a memory format."""
    return [torch.from_numpy(x).contiguous(memory_format=layout) for x in batches]


def gan(
    problem: Gan | Dcgan, draw: Draw | None = None, *, fused: bool = False, layout: Any = ROWS,
    device: str = "cpu",
) -> Step:  # fmt: skip
    """As most tutorials have it: D on real, D on generated, zero_grad, backward, step."""
    batches = [x.to(device) for x in in_layout(problem.batches, layout)]
    adam_of = partial(adam, problem=problem, fused=fused)
    update = adversaries(problem, draw, adam_of, layout, device)
    return lambda i: update(batches[i % len(batches)])


def recorded_gan(problem: Gan | Dcgan, draw: Draw | None = None, *, device: str = "cuda") -> Step:
    """The same as a CUDA graph, with noise of its own ("whole-network capture" in its manual)."""
    batches = [x.to(device) for x in in_layout(problem.batches, ROWS)]
    adam_of = partial(torch.optim.Adam, lr=problem.lr, betas=problem.betas, capturable=True)
    update = adversaries(problem, None, adam_of, ROWS, device)
    real = batches[0].clone()
    losses, replay = _recorded(lambda: update(real))

    def step(i: int) -> list[Any]:
        real.copy_(batches[i % len(batches)])
        replay()
        return losses

    return step


def adversaries(
    problem: Gan | Dcgan, draw: Draw | None, adam_of: Any, layout: Any, device: str
) -> Callable[[torch.Tensor], list[Any]]:
    """An update of D, then of G, on real examples."""
    g, d = (m.to(device) for m in players(problem, layout))
    optimizer_g, optimizer_d = (adam_of(m.parameters()) for m in (g, d))
    noise = noise_source(draw, device)
    criterion = nn.BCEWithLogitsLoss()
    n = len(problem.batches[0])
    real_label, fake_label = torch.ones(n, 1, device=device), torch.zeros(n, 1, device=device)

    def update(real: torch.Tensor) -> list[Any]:
        optimizer_d.zero_grad()
        fake = g(noise(n, *problem.noise_shape)).detach()
        loss_d = criterion(d(real), real_label) + criterion(d(fake), fake_label)
        loss_d.backward()
        optimizer_d.step()

        optimizer_g.zero_grad()
        loss_g = criterion(d(g(noise(n, *problem.noise_shape))), real_label)
        loss_g.backward()
        optimizer_g.step()
        return [loss_d.detach(), loss_g.detach()]

    return update


def _recorded(work: Callable[[], Any]) -> tuple[Any, Callable[[], None]]:
    """What `work` returns, and a function that does it again as a CUDA graph."""
    beside = torch.cuda.Stream()
    beside.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(beside):
        for _ in range(3):
            work()
    torch.cuda.current_stream().wait_stream(beside)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        results = work()
    return results, graph.replay


def rbm(problem: Rbm, draw: Draw | None = None, *, device: str = "cpu") -> Step:
    """An update by contrastive divergence, as tutorials write it."""
    values = (problem.weight, problem.visible_bias, problem.hidden_bias)
    w, b, c = (torch.from_numpy(a.copy()).to(device) for a in values)
    batches = _tensors(problem.batches, device)

    def step(i: int) -> list[Any]:
        _contrastive_divergence(batches[i % len(batches)], w, b, c, problem.lr, draw)
        return [w]

    return step


def recorded_rbm(problem: Rbm, draw: Draw | None = None, *, device: str = "cuda") -> Step:
    """The same as a CUDA graph, with numbers of its own."""
    values = (problem.weight, problem.visible_bias, problem.hidden_bias)
    w, b, c = (torch.from_numpy(a.copy()).to(device) for a in values)
    batches = _tensors(problem.batches, device)
    v = batches[0].clone()
    _, replay = _recorded(lambda: _contrastive_divergence(v, w, b, c, problem.lr, None))

    def step(i: int) -> list[Any]:
        v.copy_(batches[i % len(batches)])
        replay()
        return [w]

    return step


def _contrastive_divergence(v: Any, w: Any, b: Any, c: Any, lr: float, draw: Draw | None) -> None:
    def bernoulli(p: torch.Tensor) -> torch.Tensor:
        if draw is None:
            return torch.bernoulli(p)
        return (torch.from_numpy(draw(tuple(p.shape))).to(p.device) < p).float()

    mean = torch.sigmoid(F.linear(v, w, c))
    v1 = bernoulli(torch.sigmoid(F.linear(bernoulli(mean), w.t(), b)))
    mean1 = torch.sigmoid(F.linear(v1, w, c))
    w.add_(mean.t() @ v - mean1.t() @ v1, alpha=lr / len(v))
    b.add_((v - v1).mean(0), alpha=lr)
    c.add_((mean - mean1).mean(0), alpha=lr)


def classifier(
    problem: Classifier, draw: Draw | None = None, *, fused: bool = False, device: str = "cpu"
) -> Step:
    """Softmax cross-entropy and Adam."""
    model = network(problem.layers).to(device)
    optimizer = adam(model.parameters(), problem, fused)
    batches = [_tensors(batch, device) for batch in problem.batches]

    def step(i: int) -> list[Any]:
        x, labels = batches[i % len(batches)]
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), labels)
        loss.backward()
        optimizer.step()
        return [loss.detach()]

    return step


def critic(
    problem: Critic, draw: Draw | None = None, *, fused: bool = False, device: str = "cpu"
) -> Step:
    """As most implementations of WGAN-GP have it."""
    model = network(problem.layers, problem.slope).to(device)
    optimizer = adam(model.parameters(), problem, fused)
    batches = [_tensors(batch, device) for batch in problem.batches]

    def step(i: int) -> list[Any]:
        real, generated, share = batches[i % len(batches)]
        optimizer.zero_grad()
        x = (share * real + (1.0 - share) * generated).requires_grad_(True)
        scores = model(x)
        (slope,) = torch.autograd.grad(scores, x, torch.ones_like(scores), create_graph=True)
        penalty = ((slope.norm(2, dim=1) - 1.0) ** 2).mean()
        loss = model(generated).mean() - model(real).mean() + problem.penalty * penalty
        loss.backward()
        optimizer.step()
        return [loss.detach()]

    return step


MAKERS: dict[str, Maker] = {
    "add": forward(torch.add),
    "exp": forward(torch.exp),
    "sum": forward(torch.sum),
    "matmul": forward(torch.matmul),
    "conv2d": forward(_conv2d),
    "conv2d-gradients": conv2d_gradients,
    "cross-entropy": cross_entropy,
    "adam": adam_update,
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
"""Steps that are launched as one graph."""
