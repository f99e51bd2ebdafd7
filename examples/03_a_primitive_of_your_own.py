"""An operation with its derivative rule, declared in one act and right at every order.

A rule's parameters are what it reads, by name: `g` is the cotangent of the output, `y` the output,
and the forward computation's own parameters are the inputs. What no rule names is not kept alive.

Run it: python examples/03_a_primitive_of_your_own.py [--device cuda]
"""

import argparse

import tinygen as tg

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--device", default=tg.default_device(), help="cpu, cuda, cuda:1, auto")
tg.use_device(parser.parse_args().device)

# log cosh x, a smooth |x|. Its derivative is tanh x, which is an operation itself, so the second
# derivative and all later ones follow.
log_cosh = tg.primitive(
    "log_cosh",
    lambda xp, x: xp.abs(x) + xp.log1p(xp.exp(-2.0 * xp.abs(x))) - 0.6931471805599453,
    lambda g, x: g * tg.tanh(x),
)

# Two inputs, one rule each. The length of (a, b) reads its own output.
hypotenuse = tg.primitive(
    "hypotenuse",
    lambda xp, a, b: xp.sqrt(a * a + b * b),
    lambda g, a, y: g * (a / y),
    lambda g, b, y: g * (b / y),
)

a = tg.tensor([3.0, 5.0, 8.0], requires_grad=True)
b = tg.tensor([4.0, 12.0, 15.0], requires_grad=True)
c = hypotenuse(a, b)
print("c     ", c.numpy())
print("dc/da ", tg.grad(c.sum(), a).numpy().round(4))

rng = tg.Generator(1)
pair = [rng.uniform(5, 1.0, 2.0, dtype="float64") for _ in range(2)]
for name, f, inputs in (("log_cosh", log_cosh, pair[:1]), ("hypotenuse", hypotenuse, pair)):
    tg.gradcheck(f, inputs, order=3)
    print(f"{name}: orders 1 to 3 agree with finite differences")

# The graph of a second derivative: the rules have recorded themselves.
slope = tg.grad(tg.sum(log_cosh(a)), a, create_graph=True)
tg.draw_graph(tg.sum(slope), "slope.svg", names={"a": a})
print("slope.svg")

# Expected output:
# c      [ 5. 13. 17.]
# dc/da  [0.6    0.3846 0.4706]
# log_cosh: orders 1 to 3 agree with finite differences
# hypotenuse: orders 1 to 3 agree with finite differences
# slope.svg
