"""Two players descend, and circle: what orthogonal gradients are in a game, and why they help.

In a GAN each player descends its own loss, so the steps of both together follow no gradient but a
field xi. Its Jacobian is S + A: the symmetric part goes downhill, the antisymmetric part turns. In
the game x y, which one minimises and the other maximises, there is nothing but turning. A^T xi is
orthogonal to xi, and descending along it as well leads to the solution: the symplectic adjustment
of Balduzzi et al. 2018, "The mechanics of n-player differentiable games", Algorithm 1. Looking a
step ahead finds that direction by first derivatives alone (Gidel et al. 2019, "A variational
inequality perspective on generative adversarial networks", section 3.2).

Run it: python examples/11_orthogonal_gradients.py [--device cuda]
"""

import argparse
import math

from PIL import Image, ImageDraw

import tinygen as tg
from tinygen.optim import SGD, games

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--device", default=tg.default_device(), help="cpu, cuda, cuda:1, auto")
tg.use_device(parser.parse_args().device)

RATE = 0.1
STEPS = 100


def losses(x, y):
    return [x * y, -(x * y)]


# The field at (1, 0.5): the slope of each loss in its own player's weight. Recorded, it can be
# differentiated again, row by row of its Jacobian.
w = tg.tensor([1.0, 0.5], requires_grad=True)
slopes = [tg.grad(loss, w, create_graph=True) for loss in losses(w[0], w[1])]
xi = tg.stack([slopes[0][0], slopes[1][1]])
jacobian = tg.stack([tg.grad(xi[i], w, retain_graph=True) for i in range(2)])
across = 0.5 * (jacobian - jacobian.T).T @ xi.detach()
print("xi      ", xi.numpy(), "which descent follows backwards")
print("A^T xi  ", across.numpy(), "which points away from the solution, at 0")
print("xi . A^T xi =", tg.dot(xi.detach(), across).item())

# How each way to play ends; and by what one step multiplies the distance in the long run, in closed
# form: the moduli of a step's eigenvalues. (Steps by turns go round an ellipse, not a circle.)
ways = {
    "simultaneous": (games.Simultaneous(), math.hypot(1.0, RATE)),
    "alternating": (games.Alternating(), 1.0),
    "extragradient": (games.Extragradient(), math.hypot(1.0 - RATE**2, RATE)),
    "symplectic": (games.RotationCorrection(), math.hypot(1.0 - RATE, RATE)),
}
paths = {}
for name, (game, factor) in ways.items():
    x, y = (tg.tensor(v, dtype="float64", requires_grad=True) for v in (1.0, 0.0))
    game.bind([SGD([x], lr=RATE), SGD([y], lr=RATE)])
    path = [(x.item(), y.item())]
    for _ in range(STEPS):
        game.step(lambda x=x, y=y: losses(x, y))
        path.append((x.item(), y.item()))
    paths[name] = path
    end = math.hypot(*path[-1])
    print(f"{name:14} distance after {STEPS} steps {end:.5f}, in closed form {factor**STEPS:.5f}")

# The phase portrait: the field as strokes that begin at a dot, and the four paths through it.
SIZE, SCALE = 480, 480 / 3.6
picture = Image.new("RGB", (SIZE, SIZE + 20), "white")
draw = ImageDraw.Draw(picture)


def place(x, y):
    return SIZE / 2 + SCALE * x, SIZE / 2 - SCALE * y


for i in range(-8, 9):
    for j in range(-8, 9):
        a, b = 0.2 * i, 0.2 * j  # players move along -xi = (-y, x)
        start = place(a, b)
        draw.line([start, place(a - 0.1 * b, b + 0.1 * a)], fill="silver")
        draw.ellipse([start[0] - 1, start[1] - 1, start[0] + 1, start[1] + 1], fill="silver")
colours = ("crimson", "darkorange", "navy", "green")
for i, (name, path) in enumerate(paths.items()):
    draw.line([place(*point) for point in path], fill=colours[i], width=2)
    draw.text((10 + 120 * i, SIZE + 4), name, fill=colours[i])
picture.save("portrait.png")
print("portrait.png")

# Expected output:
# xi       [ 0.5 -1. ] which descent follows backwards
# A^T xi   [1.  0.5] which points away from the solution, at 0
# xi . A^T xi = 0.0
# simultaneous   distance after 100 steps 1.64463, in closed form 1.64463
# alternating    distance after 100 steps 1.02341, in closed form 1.00000
# extragradient  distance after 100 steps 0.60807, in closed form 0.60807
# symplectic     distance after 100 steps 0.00005, in closed form 0.00005
# portrait.png
