"""Module: a function with parameters, which are simply its Tensor attributes.

    class Encoder(nn.Module):
        def __init__(self, rng):
            self.hidden = nn.Linear(784, 400, rng=rng)
            self.scale = nn.Parameter(np.ones(400, "float32"))

        def forward(self, x):
            return self.scale * tg.tanh(self.hidden(x))

There is no registration: `parameters()` walks the attributes in the order in which they were set,
through lists, tuples, dicts and other modules. A leaf that requires gradients is a parameter, a
Tensor that does not is a buffer. Names that start with "_" are private and not walked.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

import numpy as np

from ..backend import Array, backend_for
from ..state import check_state
from ..tensor import Tensor

__all__ = ["Module", "Parameter"]

Self = TypeVar("Self", bound="Module")


def Parameter(data: Tensor | Array) -> Tensor:  # noqa: N802, as PyTorch spells it
    """A leaf that requires gradients, sharing the memory of an array or Tensor.

    >>> nn.Parameter(tg.zeros(2))
    Tensor([0., 0.], requires_grad=True)
    """
    return Tensor(data._data if isinstance(data, Tensor) else data, requires_grad=True)


class Module:
    """A function with parameters. Subclasses define `forward`; calling the module calls it.

    `super().__init__()` is allowed but not needed. A module without `forward` raises
    NotImplementedError when it is called.

    >>> class Scaled(nn.Module):
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.factor = nn.Parameter(tg.ones(1))
    ...
    ...     def forward(self, x):
    ...         return x * self.factor
    >>> Scaled()(tg.tensor([3.0])), [name for name, _ in Scaled().named_parameters()]
    (Tensor([3.], op=multiply), ['factor'])
    """

    training: bool = True
    """Whether layers such as Dropout behave as in training; set by `train` and `eval`."""

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """What the module computes."""
        raise NotImplementedError(f"{type(self).__name__} has no forward method; define one.")

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """`forward`."""
        return self.forward(*args, **kwargs)

    # -- what belongs to it --------------------------------------------------------------------

    def parameters(self) -> list[Tensor]:
        """The leaves that require gradients, each once."""
        return [tensor for _, tensor in self.named_parameters()]

    def named_parameters(self) -> list[tuple[str, Tensor]]:
        """Pairs such as ("encoder.0.weight", tensor); a shared tensor has its first name only."""
        return [(name, tensor) for name, tensor in self._tensors() if tensor.requires_grad]

    def named_buffers(self) -> list[tuple[str, Tensor]]:
        """The Tensors that do not require gradients, such as running means."""
        return [(name, tensor) for name, tensor in self._tensors() if not tensor.requires_grad]

    def modules(self) -> list[Module]:
        """This module and all inside it, each once."""
        return [self, *(part for _, part in self._walk() if isinstance(part, Module))]

    def num_parameters(self) -> int:
        """How many numbers are trained."""
        return sum(tensor.size for tensor in self.parameters())

    def _parts(self) -> Iterable[tuple[str, Any]]:
        """What this module holds, under the names it has in a state."""
        return vars(self).items()

    def _walk(self, prefix: str = "", seen: set[int] | None = None) -> Iterator[tuple[str, Any]]:
        seen = {id(self)} if seen is None else seen
        for name, part in _members(self._parts(), prefix):
            if id(part) not in seen:
                seen.add(id(part))
                yield name, part
                if isinstance(part, Module):
                    yield from part._walk(f"{name}.", seen)

    def _tensors(self) -> Iterator[tuple[str, Tensor]]:
        for name, part in self._walk():
            # The result of an operation that was stored for later is neither parameter nor buffer.
            if isinstance(part, Tensor) and (part._node is None or part._node.op is None):
                yield name, part

    @contextmanager
    def substituted(self, values: Sequence[Tensor]) -> Iterator[None]:
        """Inside, the module computes with these in place of its parameters, in their order.

            with critic.substituted([p - lr * g for p, g in zip(critic.parameters(), grads)]):
                loss = critic(x)           # a function of what the values were computed from

        Nothing is copied: each parameter holds the array and the node of its value meanwhile.

        Raises:
            ValueError: there are not as many values as parameters, or one has another shape.
        """
        params = self.parameters()
        shapes, given = [p.shape for p in params], [v.shape for v in values]
        if shapes != given:
            raise ValueError(
                f"{type(self).__name__}.substituted: values of shapes {given} for parameters of "
                f"shapes {shapes}; give one for each, in the order of parameters()."
            )
        own = [Tensor(p._data, p._node) for p in params]
        new = [Tensor(v._data, v._node) for v in values]  # some may be the parameters themselves
        try:
            _put(params, new)
            yield
        finally:
            _put(params, own)

    # -- mode and place ------------------------------------------------------------------------

    def train(self: Self, mode: bool = True) -> Self:
        """Set `training` here and in all modules inside; returns the module."""
        for module in self.modules():
            module.training = mode
        return self

    def eval(self: Self) -> Self:
        """`train(False)`."""
        return self.train(False)

    def to(self: Self, device: str) -> Self:
        """Move parameters and buffers; returns the module.

        Do so before making an optimizer, which holds the parameters in memory of its own; an
        optimizer made earlier refuses its next step.
        """
        backend = backend_for(device)
        for _, tensor in self._tensors():
            if backend_for(tensor.device) is not backend:
                tensor._data = backend.from_host(tensor.numpy())
                if tensor.grad is not None:
                    tensor.grad = tensor.grad.to(device)
        return self

    # -- saving and loading --------------------------------------------------------------------

    def state_dict(self) -> dict[str, np.ndarray]:
        """Parameters and buffers by name, as copies on the host."""
        return {name: np.array(tensor.numpy(), order="C") for name, tensor in self._tensors()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Write the values of a `state_dict` into the parameters and buffers.

        Raises:
            ValueError: names are missing or unexpected, or values misfit; all of them are listed,
                and nothing was changed.
        """
        own = dict(self._tensors())
        arrays = {name: tensor._data for name, tensor in own.items()}
        values = check_state(f"{type(self).__name__}.load_state_dict", arrays, state)
        for name, tensor in own.items():
            tensor[...] = backend_for(tensor.device).from_host(values[name])

    # -- showing -------------------------------------------------------------------------------

    def extra_repr(self) -> str:
        """What `repr` shows between the parentheses; layers override it."""
        return ""

    def __repr__(self) -> str:
        children = [
            f"({name}): {part!r}".replace("\n", "\n  ")
            for name, part in _members(self._parts())
            if isinstance(part, Module)
        ]
        inside = self.extra_repr()
        if children:
            lines = [inside, *children] if inside else children
            inside = "\n  " + "\n  ".join(lines) + "\n"
        return f"{type(self).__name__}({inside})"


def _put(tensors: Sequence[Tensor], values: Sequence[Tensor]) -> None:
    for tensor, value in zip(tensors, values, strict=True):
        tensor._data, tensor._node = value._data, value._node


def _members(parts: Iterable[tuple[Any, Any]], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """The Tensors and Modules among `parts`, also inside lists, tuples and dicts."""
    for key, value in parts:
        if str(key).startswith("_"):
            continue
        name = f"{prefix}{key}"
        if isinstance(value, (Tensor, Module)):
            yield name, value
        elif isinstance(value, (list, tuple)):
            yield from _members(enumerate(value), f"{name}.")
        elif isinstance(value, dict):
            yield from _members(value.items(), f"{name}.")
