"""NumPy by hand: the derivatives written out, every trick allowed."""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import numpy as np

from tinygen.bench.problems import Array, Classifier, Draw, Gan, Layers, Maker, Rbm, Step

from ..ops import Chain

VERSION = np.__version__


class Network:
    """Dense layers; weights, gradients and moments each in one flat array."""

    def __init__(self, layers: Layers, lr: float, betas: tuple[float, float]) -> None:
        self.lr, self.betas, self.t = lr, betas, 0
        arrays = [a for pair in layers for a in pair]
        self.flat = np.concatenate([a.ravel() for a in arrays])
        self.slope, self.m, self.v = (np.zeros_like(self.flat) for _ in range(3))
        self.scratch = np.empty(65_536, "float32")
        self.weights = self._views(self.flat, arrays)
        self.slopes = self._views(self.slope, arrays)

    @staticmethod
    def _views(flat: Array, like: list[Array]) -> list[tuple[Array, Array]]:
        ends = np.cumsum([a.size for a in like])
        parts = [flat[e - a.size : e].reshape(a.shape) for e, a in zip(ends, like, strict=True)]
        return list(zip(parts[::2], parts[1::2], strict=True))

    def forward(self, x: Array) -> list[Array]:
        """The input and the output of every layer."""
        seen = [x]
        for k, (w, b) in enumerate(self.weights):
            x = x @ w.T
            x += b
            if k < len(self.weights) - 1:
                np.maximum(x, 0, out=x)
            seen.append(x)
        return seen

    def backward(self, seen: list[Array], g: Array, train: bool, to_input: bool) -> Array:
        """The cotangent of the input (if asked for); with `train`, fills in `slope`."""
        for k in reversed(range(len(self.weights))):
            if k < len(self.weights) - 1:
                g *= seen[k + 1] > 0
            if train:
                dw, db = self.slopes[k]
                np.matmul(g.T, seen[k], out=dw)
                np.matmul(np.ones(len(g), "float32"), g, out=db)
            if k or to_input:
                g = g @ self.weights[k][0]
        return g

    def turn(self) -> None:
        """Make each weight's gradient orthogonal to the weight, and as long as it was."""
        for (w, _), (dw, _) in zip(self.weights, self.slopes, strict=True):
            w, g = w.reshape(-1), dw.reshape(-1)
            along, square, length = float(w.dot(g)), float(w.dot(w)), float(g.dot(g))
            scale = 1.0 / math.sqrt(1.0 - along * along / (square * length))
            g *= scale
            g -= np.multiply(w, scale * along / square, out=np.empty_like(w))

    def update(self) -> None:
        """Adam."""
        self.t += 1
        beta1, beta2 = self.betas
        root = math.sqrt(1.0 - beta2**self.t)
        size = self.lr / (1.0 - beta1**self.t) * root
        chunk = len(self.scratch)
        for start in range(0, self.flat.size, chunk):
            part = slice(start, start + chunk)
            w, g, m, v = self.flat[part], self.slope[part], self.m[part], self.v[part]
            t = self.scratch[: w.size]
            m *= beta1
            np.multiply(g, 1.0 - beta1, out=t)
            m += t
            v *= beta2
            np.multiply(g, g, out=t)
            t *= 1.0 - beta2
            v += t
            np.sqrt(v, out=t)
            t += 1e-8 * root
            np.divide(m, t, out=t)
            t *= size
            w -= t


def bce(s: Array, target: Any) -> tuple[Array, Array]:
    """The mean of softplus(s) - target * s, and its slope."""
    e = np.exp(-np.abs(s))
    loss = np.log1p(e)
    loss += np.maximum(s, 0)
    loss -= target * s
    slope = 1.0 / (1.0 + np.exp(-s)) - target
    slope *= 1.0 / s.size
    return np.add.reduce(loss, axis=None) * (1.0 / s.size), slope


def normal(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """Box and Muller's transform."""
    u = rng.random((2, shape[0] * shape[1] // 2), dtype="float32")
    radius, angle = u
    np.log(np.subtract(1.0, radius, out=radius), out=radius)
    radius *= -2.0
    np.sqrt(radius, out=radius)
    angle *= 2.0 * math.pi
    z = np.empty_like(u)
    np.cos(angle, out=z[0])
    np.sin(angle, out=z[1])
    z *= radius
    return z.reshape(shape)


def gan(problem: Gan, draw: Draw | None = None, *, orthogonal: bool = False) -> Step:
    g = Network(problem.generator, problem.lr, problem.betas)
    d = Network(problem.discriminator, problem.lr, problem.betas)
    batches = problem.batches
    n, features = batches[0].shape
    is_real = np.zeros((2 * n, 1), "float32")
    is_real[:n] = 1.0
    rng = np.random.Generator(np.random.SFC64(0))
    both = np.empty((2 * n, features), "float32")

    def noise() -> Array:
        shape = (n, *problem.noise_shape)
        return normal(rng, shape) if draw is None else draw(shape)

    def step(i: int) -> list[Any]:
        both[:n] = batches[i % len(batches)]
        both[n:] = g.forward(noise())[-1]
        seen = d.forward(both)
        loss_d, slope = bce(seen[-1], is_real)
        slope *= 2.0
        d.backward(seen, slope, train=True, to_input=False)
        if orthogonal:
            d.turn()
        d.update()

        seen_g = g.forward(noise())
        seen_d = d.forward(seen_g[-1])
        loss_g, slope = bce(seen_d[-1], 1.0)
        slope = d.backward(seen_d, slope, train=False, to_input=True)
        g.backward(seen_g, slope, train=True, to_input=False)
        if orthogonal:
            g.turn()
        g.update()
        return [2.0 * loss_d, loss_g]

    return step


def classifier(problem: Classifier, draw: Draw | None = None) -> Step:
    net = Network(problem.layers, problem.lr, problem.betas)
    batches = problem.batches
    n = len(batches[0][0])
    rows = np.arange(n)

    def step(i: int) -> list[Any]:
        x, labels = batches[i % len(batches)]
        seen = net.forward(x)
        s = seen[-1]
        s -= np.maximum.reduce(s, axis=1, keepdims=True)
        p = np.exp(s)
        total = np.add.reduce(p, axis=1, keepdims=True)
        loss = np.add.reduce(np.log(total)[:, 0] - s[rows, labels]) * (1.0 / n)
        p /= total
        p[rows, labels] -= 1.0
        p *= 1.0 / n
        net.backward(seen, p, train=True, to_input=False)
        net.update()
        return [loss]

    return step


def vae(problem: Any, draw: Draw | None = None) -> Step:
    from .vae_numpy import vae  # which is built on the network above

    return vae(problem, draw)


def rbm(problem: Rbm, draw: Draw | None = None) -> Step:
    """The products of both phases in one, updates in place."""
    w, b, c = (a.copy() for a in (problem.weight, problem.visible_bias, problem.hidden_bias))
    n, (hidden, visible) = len(problem.batches[0]), w.shape
    random = np.random.Generator(np.random.SFC64(0))
    uniform = draw or (lambda shape: random.random(shape, dtype="float32"))
    v, h = np.empty((2 * n, visible), "float32"), np.empty((2 * n, hidden), "float32")
    slope = np.empty_like(w)
    share = np.repeat(np.float32([-1.0 / n, 1.0 / n]), n)

    def step(i: int) -> list[Any]:
        v[:n] = problem.batches[i % len(problem.batches)]
        up = v[:n] @ w.T
        up += c
        h[:n] = sigmoid(up)
        down = (uniform(up.shape) < up).astype("float32") @ w
        down += b
        v[n:] = uniform(down.shape) < sigmoid(down)
        up = v[n:] @ w.T
        up += c
        h[n:] = sigmoid(up)
        np.multiply(h, share[:, None], out=h)
        np.matmul(h.T, v, out=slope)
        np.multiply(slope, problem.lr, out=slope)
        np.subtract(w, slope, out=w)
        b[...] -= problem.lr * (share @ v)
        c[...] -= problem.lr * h.sum(0)
        return [w]

    return step


def sigmoid(x: Array) -> Array:
    """In place."""
    x *= 0.5
    np.tanh(x, out=x)
    x *= 0.5
    x += 0.5
    return x


MAKERS: dict[str, dict[str, Maker]] = {
    "gan-784": {"NumPy by hand": gan},
    "gan-wide": {"NumPy by hand": gan},
    "og-gan": {"NumPy by hand": partial(gan, orthogonal=True)},
    "classifier": {"NumPy by hand": classifier},
    "vae-784": {"NumPy by hand": vae},
    "iwae-50": {"NumPy by hand": vae},
    "rbm-784": {"NumPy by hand": rbm},
}


class chain(Chain):  # noqa: N801, an adapter's function
    """y = tanh(y) * a + b."""

    def prepare(self, y: Any, a: Any, b: Any, trained: bool) -> None:
        self.y, self.a, self.b, self.trained = y, a, b, trained
        self.one = np.ones_like(y)

    def forward(self) -> Any:
        y, a, b = self.y, self.a, self.b
        seen = []
        for _ in range(self.links):
            t = np.tanh(y)
            seen.append(t)
            y = t * a + b
        return seen

    def backward(self, y: Any, keep: bool = False) -> list[Any]:
        g, a = self.one, self.a
        if not self.trained:
            for t in reversed(y):
                g = (g * a) * (1.0 - t * t)
            return [g]
        slope_a, slope_b = np.zeros_like(a), np.zeros_like(a)
        for t in reversed(y):
            slope_b += g
            slope_a += g * t
            g = (g * a) * (1.0 - t * t)
        return [g, slope_a, slope_b]
