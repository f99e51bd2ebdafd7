"""Is a derivative right? Finite differences tell, at every order. Here they find a planted mistake.

Run it: python examples/02_checking_a_derivative.py [--device cuda]
"""

import argparse
import math

from PIL import Image, ImageDraw

import tinygen as tg

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--device", default=tg.default_device(), help="cpu, cuda, cuda:1, auto")
tg.use_device(parser.parse_args().device)

rng = tg.Generator(0)
x = rng.normal((3, 4), dtype="float64")


# A softmax, built from parts. Checked up to the third derivative, against random directions.
def softmax(x):
    e = tg.exp(x - tg.max(x, axis=1, keepdims=True))
    return e / tg.sum(e, axis=1, keepdims=True)


worst = tg.gradcheck(softmax, [x], order=3)
print(f"softmax: right to {worst:.0e} at orders 1, 2 and 3" if worst < 1e-8 else worst)

# An operation of one's own, with a rule for its derivative that is wrong by one part in a thousand.
cube = tg.primitive(
    "cube",
    lambda xp, x: x * x * x,
    lambda g, x: g * (3.003 * x * x),
)
try:
    tg.gradcheck(cube, [x])
except tg.GradientError:
    print("cube: the mistake is found")

# A rule that is right once and wrong the second time: `detach` hides x from the second derivative.
# Gradient penalties differentiate twice, and train on such mistakes without a complaint.
hidden = tg.primitive(
    "cube_that_forgets",
    lambda xp, x: x * x * x,
    lambda g, x: g * (3.0 * (x * x).detach() if isinstance(x, tg.Tensor) else 3.0 * x * x),
)
tg.gradcheck(hidden, [x], order=1)
print("cube_that_forgets: right at order 1")
try:
    tg.gradcheck(hidden, [x], order=2)
except tg.GradientError as error:
    print("cube_that_forgets:", str(error).split(":")[0], "is wrong")

# How wide should the difference be? Too wide, and the function bends within it: the error falls as
# h^2. Too narrow, and rounding is divided by h. Both scales of the picture are logarithmic.
picture = Image.new("RGB", (480, 320), "white")
draw = ImageDraw.Draw(picture)
line = []
for i in range(49):
    error = tg.gradcheck(softmax, [x], step=10 ** (-i / 4), tolerance=math.inf)
    line.append((10 * i, -25 * math.log10(error)))
draw.line(line, fill="navy", width=2)
draw.text((10, 300), "h = 1", fill="black")
draw.text((430, 300), "1e-12", fill="black")
picture.save("errors.png")
print("errors.png")

# Expected output (rounding errors may differ):
# softmax: right to 2e-11 at orders 1, 2 and 3
# cube: the mistake is found
# cube_that_forgets: right at order 1
# cube_that_forgets: order 2 is wrong
# errors.png
