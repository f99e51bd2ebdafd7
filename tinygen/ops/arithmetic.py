"""Arithmetic and comparison of two arrays, with broadcasting.

A rule may return a cotangent in the broadcast shape: the engine sums it to its argument's shape.
"""

from __future__ import annotations

from typing import Any

from ..primitive import constant, primitive
from ..tensor import Tensor

add = primitive("add", lambda xp, a, b: a + b,
                lambda g: g,
                lambda g: g,
                doc="a + b.")

subtract = primitive("subtract", lambda xp, a, b: a - b,
                     lambda g: g,
                     lambda g: -g,
                     doc="a - b.")

multiply = primitive("multiply", lambda xp, a, b: a * b,
                     lambda g, b: g * b,
                     lambda g, a: g * a,
                     doc="a * b.")

divide = primitive("divide", lambda xp, a, b: a / b,
                   lambda g, b: g / b,
                   lambda g, b, y: -g * (y / b),
                   doc="a / b.")

negative = primitive("negative", lambda xp, x: -x,
                     lambda g: -g,
                     doc="-x.")

# -- powers: the derivatives of x^2 at 0 are 0, 2 and 0, not 0 * 0^-1 -----------------------------

_power = primitive("power", lambda xp, a, b: a**b,
                   lambda g, a, b: g * (b * power(a, where((a == 0) & (b == 0), 1.0, b - 1.0))),
                   lambda g, a, y: g * (y * _log_or_zero(a)))

_integer_power = primitive("power_number", lambda xp, x, n: x**n,
                           lambda g, x, n: g * (n * power(x, n - 1)) if n != 0 else g * 0.0)


def power(a: Any, b: Any) -> Any:
    """a ** b. Where a is 0, the derivative with respect to b is taken as 0."""
    return _integer_power(a, b) if type(b) is int or type(b) is float else _power(a, b)


# -- choosing between two: where they are equal, each gets half of the cotangent ------------------

maximum = primitive("maximum", lambda xp, a, b: xp.maximum(a, b),
                    lambda g, a, b: g * _share(a > b, a == b, g),
                    lambda g, a, b: g * _share(b > a, a == b, g),
                    doc="The larger of a and b; where they are equal, each gets half of the cotangent.")

minimum = primitive("minimum", lambda xp, a, b: xp.minimum(a, b),
                    lambda g, a, b: g * _share(a < b, a == b, g),
                    lambda g, a, b: g * _share(b < a, a == b, g),
                    doc="The smaller of a and b; where they are equal, each gets half of the cotangent.")

where = primitive("where", lambda xp, condition, a, b: xp.where(condition, a, b),
                  None,
                  lambda g, condition: where(condition, g, 0.0),
                  lambda g, condition: where(condition, 0.0, g),
                  doc="a where the condition holds, b elsewhere.")

_clip = primitive("clip", lambda xp, x, low, high: xp.clip(x, low, high),
                  lambda g, x, low, high: g * ((x >= low) & (x <= high)))


def clip(x: Any, low: float | None = None, high: float | None = None) -> Any:
    """x limited to [low, high], either of which may be None; derivative 1 inside, bounds included.

    The bounds are constants: numbers or raw arrays; TypeError for Tensors.
    """
    if type(low) is Tensor or type(high) is Tensor:
        raise TypeError("clip: the bounds are constants, not Tensors; use tg.maximum and tg.minimum.")
    infinity = float("inf")
    return _clip(x, -infinity if low is None else low, infinity if high is None else high)


# -- constants --------------------------------------------------------------------------------------

less = constant("less", lambda xp, a, b: a < b, doc="Whether a < b.")
less_equal = constant("less_equal", lambda xp, a, b: a <= b, doc="Whether a <= b.")
greater = constant("greater", lambda xp, a, b: a > b, doc="Whether a > b.")
greater_equal = constant("greater_equal", lambda xp, a, b: a >= b, doc="Whether a >= b.")
equal = constant("equal", lambda xp, a, b: a == b, doc="Whether a == b.")
not_equal = constant("not_equal", lambda xp, a, b: a != b, doc="Whether a != b.")
logical_and = constant("bitwise_and", lambda xp, a, b: a & b, doc="a & b: both, of booleans or of bits.")
logical_or = constant("bitwise_or", lambda xp, a, b: a | b, doc="a | b: either, of booleans or of bits.")
logical_not = constant("invert", lambda xp, a: ~a, doc="~a: not, of booleans or of bits.")
floor_divide = constant("floor_divide", lambda xp, a, b: a // b, doc="a // b: the quotient, rounded down.")

_share = constant("share", lambda xp, wins, ties, like: wins + ties * like.dtype.type(0.5),
                  doc="1 where an argument wins, 1/2 where it ties.")

_log_or_zero = primitive("log_or_zero", lambda xp, x: xp.log(xp.where(x == 0, 1, x)),
                         lambda g, x: where(x == 0, 0.0, g / where(x == 0, 1.0, x)))
