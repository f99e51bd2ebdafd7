"""tinygen itself, as its users run it: the training steps of `tinygen bench`."""

from __future__ import annotations

from typing import Any

import tinygen as tg
from tinygen.bench.ours import classifier, critic, gan
from tinygen.bench.problems import Maker

from ..ops import Chain
from .vae_tinygen import vae

VERSION = tg.__version__

MAKERS: dict[str, dict[str, Maker]] = {
    "gan-784": {"tinygen": gan},
    "classifier": {"tinygen": classifier},
    "dcgan-32": {"tinygen": gan},
    "wgan-gp-2d": {"tinygen": critic},
    "vae-784": {"tinygen": vae},
    "iwae-50": {"tinygen": vae},
}


class chain(Chain):  # noqa: N801, an adapter's function
    """y = tanh(y) * a + b."""

    def prepare(self, y: Any, a: Any, b: Any, trained: bool) -> None:
        self.y = tg.tensor(y, requires_grad=True)
        self.a = tg.tensor(a, requires_grad=trained)
        self.b = tg.tensor(b, requires_grad=trained)
        self.inputs = [self.y, self.a, self.b] if trained else [self.y]
        self.one = tg.Tensor(y * 0 + 1)

    def forward(self) -> Any:
        y, a, b = self.y, self.a, self.b
        for _ in range(self.links):
            y = tg.tanh(y) * a + b
        return y

    def backward(self, y: Any, keep: bool = False) -> list[Any]:
        found = tg.grad(y, self.inputs, cotangent=self.one, create_graph=keep)
        return [g.data for g in found]
