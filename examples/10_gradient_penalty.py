"""Why second order matters: a penalty on a slope works only if the slope's own derivative is known.

The critic of a Wasserstein GAN must rise by at most 1 for each unit of distance; then the largest
difference of its means over real and generated examples is the distance of the two distributions.
Gulrajani et al. 2017, "Improved training of Wasserstein GANs", eq. 3, ask for a slope of length 1
by a penalty. Its gradient is a derivative of a derivative. Leave that out (here by one argument)
and nothing complains: the penalty is computed, shown, added, and has no effect at all.

Run it: python examples/10_gradient_penalty.py [--device cuda]
"""

import argparse

import numpy as np

import tinygen as tg
from tinygen import nn
from tinygen.pictures import image_grid

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--device", default=tg.default_device(), help="cpu, cuda, cuda:1, auto")
tg.use_device(parser.parse_args().device)

# Real examples around (1.5, 0), generated ones around (-1.5, 0): one is the other, moved by 3. So
# the distance is 3, and the critic that measures it is x -> x[0].
SPREAD = 0.5


def draw(n, rng):
    centre = tg.tensor([[1.5, 0.0]])
    noise = tg.tensor(rng.normal((2, n, 2), std=SPREAD))
    return noise[0] + centre, noise[1] - centre


def slopes(critic, real, fake, rng, second_order):
    """Their lengths at random points between real and generated examples."""
    share = tg.tensor(rng.uniform((len(real), 1), dtype=real.dtype))
    points = tg.tensor(fake + share * (real - fake), requires_grad=True)
    slope = tg.grad(critic(points).sum(), points, create_graph=second_order)
    return tg.norm(slope, axis=1)


def penalty(*arguments):
    return tg.mean((slopes(*arguments) - 1.0) ** 2)


def train(name, weight, second_order):
    """A critic against two fixed distributions, and its estimate of their distance."""
    rng, places = tg.Generator(0), tg.Generator(0, stream=1)
    critic = nn.Sequential(
        nn.Linear(2, 64, rng=rng), nn.Tanh(),
        nn.Linear(64, 64, rng=rng), nn.Tanh(),
        nn.Linear(64, 1, rng=rng),
    )  # fmt: skip
    adam = tg.optim.Adam(critic.named_parameters(), lr=2e-3, betas=(0.5, 0.9))
    for _ in range(600):
        real, fake = draw(256, rng)
        loss = tg.mean(critic(fake)) - tg.mean(critic(real))
        if weight:
            loss = loss + weight * penalty(critic, real, fake, places, second_order)
        adam.step(tg.grad(loss, adam.params))
    real, fake = draw(5000, rng)
    distance = (tg.mean(critic(real)) - tg.mean(critic(fake))).item()
    length = tg.mean(slopes(critic, real, fake, rng, False)).item()
    print(f"{name:27} distance {distance:5.1f}, mean slope {length:5.1f}")
    return critic, distance


# A slope of s earns 3 s and costs 10 (s - 1)^2, so the last critic should have s = 1.15.
free, distance = train("no penalty:", 0.0, False)
_, forgotten = train("penalty, slope a constant:", 10.0, False)
held, _ = train("penalty, second order:", 10.0, True)
print("the penalty without second order has changed nothing:", forgotten == distance)

# Asked for by itself, the mistake is an error.
rng = tg.Generator(1)
real, fake = draw(8, rng)
try:
    tg.grad(penalty(held, real, fake, rng, False), held.parameters())
except RuntimeError as error:
    print("alone it is refused:", str(error).split(" (")[0])

# And that second derivative is right: the penalty as a function of a layer's weights.
layer = nn.Linear(2, 8, rng=rng, dtype="float64")
real, fake = (tg.tensor(x.numpy().astype("float64")) for x in (real, fake))


def of_weights(w):
    return penalty(lambda x: tg.tanh(x @ w.T), real, fake, tg.Generator(2), True)


tg.gradcheck(of_weights, [layer.weight], order=2)
print("its first and second derivatives agree with finite differences")

# Lines of equal height, one unit apart, under each critic: without a penalty, and with it. Where
# they lie one unit of distance apart, the slope is 1.
y, x = np.mgrid[3:-3:120j, -3:3:120j].astype("float32")
plane = tg.tensor(np.stack([x.ravel(), y.ravel()], axis=1))
with tg.no_grad():
    heights = [critic(plane).numpy().reshape(120, 120) for critic in (free, held)]
image_grid(np.stack([h - np.floor(h) for h in heights]), scale=2).save("critics.png")
print("critics.png")

# Expected output (numbers within 15%: training is noisy):
# no penalty:                 distance 161.7, mean slope  51.9
# penalty, slope a constant:  distance 161.7, mean slope  51.9
# penalty, second order:      distance   3.5, mean slope   1.2
# the penalty without second order has changed nothing: True
# alone it is refused: grad: the output does not depend on input 0
# its first and second derivatives agree with finite differences
# critics.png
