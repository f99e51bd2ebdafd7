"""Functions of one array, element by element.

In every rule `g` is the cotangent of the output, `y` the output, `x` the input.
"""

from __future__ import annotations

import math
from typing import Any

from ..primitive import constant, primitive
from ..tensor import Tensor
from .arithmetic import where

exp = primitive("exp", lambda xp, x: xp.exp(x),
                lambda g, y: g * y,
                doc="The exponential function.")

expm1 = primitive("expm1", lambda xp, x: xp.expm1(x),
                  lambda g, y: g * (y + 1.0),
                  doc="exp(x) - 1, exact for small x.")

log = primitive("log", lambda xp, x: xp.log(x),
                lambda g, x: g / x,
                doc="The natural logarithm.")

log1p = primitive("log1p", lambda xp, x: xp.log1p(x),
                  lambda g, x: g / (1.0 + x),
                  doc="log(1 + x), exact for small x.")

sqrt = primitive("sqrt", lambda xp, x: xp.sqrt(x),
                 lambda g, y: g * (0.5 / y),
                 doc="The square root; its derivative at 0 is infinite.")

square = primitive("square", lambda xp, x: x * x,
                   lambda g, x: g * (2.0 * x),
                   doc="x * x.")

reciprocal = primitive("reciprocal", lambda xp, x: 1.0 / x,
                       lambda g, y: g * (-y * y),
                       doc="1 / x.")

sin = primitive("sin", lambda xp, x: xp.sin(x),
                lambda g, x: g * cos(x),
                doc="The sine of x in radians.")

cos = primitive("cos", lambda xp, x: xp.cos(x),
                lambda g, x: g * -sin(x),
                doc="The cosine of x in radians.")

tan = primitive("tan", lambda xp, x: xp.tan(x),
                lambda g, y: g * (1.0 + y * y),
                doc="The tangent of x in radians.")

arcsin = primitive("arcsin", lambda xp, x: xp.arcsin(x),
                   lambda g, x: g / sqrt(1.0 - x * x),
                   doc="The inverse of the sine, in [-pi/2, pi/2].")

arccos = primitive("arccos", lambda xp, x: xp.arccos(x),
                   lambda g, x: -g / sqrt(1.0 - x * x),
                   doc="The inverse of the cosine, in [0, pi].")

arctan = primitive("arctan", lambda xp, x: xp.arctan(x),
                   lambda g, x: g / (1.0 + x * x),
                   doc="The inverse of the tangent, in (-pi/2, pi/2).")

sinh = primitive("sinh", lambda xp, x: xp.sinh(x),
                 lambda g, x: g * cosh(x),
                 doc="The hyperbolic sine.")

cosh = primitive("cosh", lambda xp, x: xp.cosh(x),
                 lambda g, x: g * sinh(x),
                 doc="The hyperbolic cosine.")

tanh = primitive("tanh", lambda xp, x: xp.tanh(x),
                 lambda g, y: g * (1.0 - y * y),
                 doc="The hyperbolic tangent.")

sigmoid = primitive("sigmoid", lambda xp, x: xp.sigmoid(x),
                    lambda g, y: g * (y * (1.0 - y)),
                    doc="The logistic function, 1 / (1 + exp(-x)).")

softplus = primitive("softplus", lambda xp, x: xp.softplus(x),
                     lambda g, x: g * sigmoid(x),
                     doc="log(1 + exp(x)), without overflow.")

erf = primitive("erf", lambda xp, x: xp.erf(x),
                lambda g, x: g * (2.0 / math.sqrt(math.pi) * exp(-x * x)),
                doc="The error function.")

# -- with a kink: the derivative there is the one from the left (0 for relu at 0), as is usual; ----
# -- the absolute value's is 0, between its two sides ----------------------------------------------

absolute = primitive("absolute", lambda xp, x: abs(x),
                     lambda g, x: g * sign(x),
                     doc="|x|; derivative 0 at 0.")

relu = primitive("relu", lambda xp, x: xp.relu(x),
                 lambda g, y: g * (y > 0),
                 doc="max(x, 0); derivative 0 at 0.")

_leaky_relu = primitive("leaky_relu", lambda xp, x, slope: xp.leaky_relu(x, slope),
                        lambda g, x, slope: leaky_relu_slope(g, x, slope))

leaky_relu_slope = primitive("leaky_relu_slope", lambda xp, u, x, slope: xp.leaky_relu_slope(u, x, slope),
                              lambda g, x, slope: leaky_relu_slope(g, x, slope),
                              None)  # constant between the kinks

_elu = primitive("elu", lambda xp, x, alpha: xp.elu(x, alpha),
                 lambda g, x, y, alpha: where(x > 0, g, g * (y + alpha)))

silu = primitive("silu", lambda xp, x: xp.silu(x),
                 lambda g, x: _silu_slope(g, x),
                 doc="x sigmoid(x), also called swish (Ramachandran et al. 2017).")

_silu_slope = primitive("silu_slope", lambda xp, u, x: xp.silu_slope(u, x),
                        lambda g, x: _silu_slope(g, x),
                        lambda g, u, x: g * u * _silu_curvature(x, sigmoid(x)))

gelu = primitive("gelu", lambda xp, x: xp.gelu(x),
                 lambda g, x: _gelu_slope(g, x),
                 doc="x times the normal distribution function of x (Hendrycks & Gimpel 2016), exact.")

_gelu_slope = primitive("gelu_slope", lambda xp, u, x: xp.gelu_slope(u, x),
                        lambda g, x: _gelu_slope(g, x),
                        lambda g, u, x: g * u * (_normal_density(x) * (2.0 - x * x)))

# -- constant almost everywhere: the derivative is zero, at every order ---------------------------

sign = primitive("sign", lambda xp, x: xp.sign(x), lambda g: zeros_like(g), doc="-1, 0 or 1.")
floor = primitive("floor", lambda xp, x: xp.floor(x), lambda g: zeros_like(g), doc="Rounded down.")
ceil = primitive("ceil", lambda xp, x: xp.ceil(x), lambda g: zeros_like(g), doc="Rounded up.")
round_ = primitive("round", lambda xp, x: xp.rint(x), lambda g: zeros_like(g),
                   doc="To the nearest integer, halves to even.")

zeros_like = constant("zeros_like", lambda xp, x: xp.zeros(x.shape, dtype=x.dtype), doc="Zeros in the shape and dtype of x.")
ones_like = constant("ones_like", lambda xp, x: xp.ones(x.shape, dtype=x.dtype), doc="Ones in the shape and dtype of x.")
isfinite = constant("isfinite", lambda xp, x: xp.isfinite(x), doc="Whether x is neither nan nor infinite.")
isnan = constant("isnan", lambda xp, x: xp.isnan(x), doc="Whether x is nan.")

# -- the engine's own cast ------------------------------------------------------------------------

_cast = primitive("astype", lambda xp, x, dtype: x.astype(dtype, copy=False),
                  lambda g: g)  # the engine casts a cotangent back to its argument's dtype


def astype(x: Any, dtype: Any) -> Any:
    """`x` with elements of another type; not recorded where the new type has no derivatives."""
    import numpy as np

    dtype = np.dtype(dtype)
    return _cast(x.detach() if type(x) is Tensor and dtype.kind != "f" else x, dtype)


def leaky_relu(x: Any, slope: float = 0.01) -> Any:
    """x where positive, slope * x elsewhere; derivative `slope` at 0.

    Raises ValueError unless 0 <= slope <= 1. Maas et al. 2013, "Rectifier nonlinearities improve
    neural network acoustic models".
    """
    if not 0 <= slope <= 1:
        raise ValueError(f"leaky_relu: slope must lie in [0, 1], not {slope}.")
    return _leaky_relu(x, slope)


def elu(x: Any, alpha: float = 1.0) -> Any:
    """x where positive, alpha * (exp(x) - 1) elsewhere (Clevert et al. 2016); the shape stays."""
    return _elu(x, alpha)


def _silu_curvature(x: Any, s: Any) -> Any:
    return s * (1.0 - s) * (2.0 + x * (1.0 - 2.0 * s))


def _normal_density(x: Any) -> Any:
    return exp(x * x * -0.5) * (1.0 / math.sqrt(2.0 * math.pi))
