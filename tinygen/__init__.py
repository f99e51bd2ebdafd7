"""tinygen: reverse-mode automatic differentiation and generative models, on NumPy and CuPy.

>>> import tinygen as tg
>>> x = tg.tensor([1.0, 2.0, 3.0], requires_grad=True)
>>> y = tg.sum(x**2)
>>> tg.grad(y, x)
Tensor([2., 4., 6.])

Operations and what differentiates them are here; layers in `tinygen.nn`, update rules in
`tinygen.optim`, data, models and what judges them in `tinygen.data`, `tinygen.models` and
`tinygen.metrics`. Functions of elements keep the shape of their argument, and broadcast several as
NumPy does; ValueError tells of shapes that do not fit, IndexError of an axis or index that is not
there. Examples take for granted

    import numpy as np
    import tinygen as tg
    from tinygen import nn, optim

    rng = tg.Generator(0)

and the names of the module in whose documentation they stand.
"""

from . import nn, ops, optim
from .autograd import grad
from .backend import DeviceError, default_device, set_matmul_precision, use_device
from .creation import arange, eye, from_dlpack, full, ones, tensor, zeros
from .drawing import draw_graph
from .gradcheck import GradientError, gradcheck
from .ops import *  # noqa: F403
from .primitive import constant, no_grad, primitive
from .random import Generator
from .recompute import checkpoint
from .tensor import Tensor
from .transforms import hessian, hvp, jacobian, jvp, value_and_grad, vjp

__version__ = "0.1.0"
__all__ = [
    "DeviceError", "Generator", "GradientError", "Tensor", "arange", "checkpoint", "constant",
    "default_device", "draw_graph", "eye", "from_dlpack", "full", "grad", "gradcheck", "hessian",
    "hvp", "jacobian", "jvp", "nn", "no_grad", "ones", "ops", "optim", "primitive",
    "set_matmul_precision", "tensor", "use_device", "value_and_grad", "vjp", "zeros",
]  # fmt: skip
__all__ += ops.__all__
