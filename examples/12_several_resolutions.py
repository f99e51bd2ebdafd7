"""Several resolutions: an image as what each size adds to the one below it, and a GAN for each.

A Laplacian pyramid (Burt and Adelson 1983, "The Laplacian pyramid as a compact image code",
section III) keeps a small image and, for each doubling, the residual: what the blurred enlargement
lacks. Nothing is lost. Denton et al. 2015, "Deep generative image models using a Laplacian pyramid
of adversarial networks", section 3.3, learn it level by level: the first generator draws a small
image, each other one is told an enlarged image and draws the residual that makes it sharp. In
training it is told real ones, so the levels are games of their own; samples go up through all.

Run it: python examples/12_several_resolutions.py [--device cuda] [--data mnist]
(MNIST is padded to 32 x 32, in sizes 8, 16 and 32: some minutes on a CPU.)
"""

import argparse

import numpy as np

import tinygen as tg
from tinygen.data import BatchLoader, load, resized
from tinygen.metrics import energy_distance
from tinygen.models import multiscale
from tinygen.models.gan import R1
from tinygen.pictures import image_grid

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--device", default=tg.default_device(), help="cpu, cuda, cuda:1, auto")
parser.add_argument("--data", default="digits", help="digits, mnist, fashion-mnist")
options = parser.parse_args()
tg.use_device(options.device)

data = load(options.data)
sizes = (4, 8, 16) if data.shape[-1] <= 8 else (8, 16, 32)
steps = 600 if data.shape[-1] <= 8 else 4000
data = resized(data, sizes[-1])
images, test = (tg.tensor(part[:, None]).data for part in (data.train, data.test[:300]))

# -- 1. the pyramid: down is the mean of 2 x 2 pixels, up is bilinear, the residual is the rest --
blurred = tg.avg_pool2d(images, 2)
residual = images - tg.upsample_bilinear2d(blurred, 2)
pyramid = multiscale.Pyramid(sizes)
levels = pyramid.laplacian(images)
print("the last residual, by hand and by Pyramid:", bool((levels[-1] == residual).all()))
off = float(abs(pyramid.reconstruct(levels) - images).max())
print(f"put together again, the largest error of a pixel is below 1e-6: {off < 1e-6}")
numbers = [size * size for size in sizes]
for size, level in zip(sizes, levels, strict=True):
    spread = float((level - level.mean(0)).std())
    kind = "image   " if size == sizes[0] else "residual"
    print(f"  {kind} {size:2} x {size:<2} standard deviation {spread:.3f}")


def on_host(array):
    return tg.tensor(array).numpy()


def enlarged(small):
    """To the last size, each pixel a square."""
    times = sizes[-1] // small.shape[-1]
    return small.repeat(times, 2).repeat(times, 3)


def side_by_side(rows, path):
    """A column for each example, a row for each of these images of it."""
    image_grid(np.concatenate([enlarged(row) for row in rows]), columns=len(rows[0])).save(path)


shown = [on_host(level[:12]) for level in levels]
sharpened = [0.5 + 2.0 * level for level in shown[1:]]  # 0 is grey
side_by_side([on_host(images[:12]), shown[0], *sharpened], "pyramid.png")

# -- 2. a GAN for each level -----------------------------------------------------------------------
scales = multiscale.Scales(sizes, channels=(32, 16, 8))
trainer = multiscale.lapgan(
    scales, noise=16, weights=tg.Generator(0), rng=tg.Generator(1), lr=2e-3,
    regularizers=[R1(1.0, every=8)], ema_decay=0.99,
)  # fmt: skip


def distances(samples):
    """Of images of each size from held-out ones of that size: 0 for the same distribution."""
    held_out = map(on_host, pyramid.gaussian(test))
    both = zip(samples, held_out, strict=True)
    return [energy_distance(a.reshape(len(a), -1), b.reshape(len(b), -1)) for a, b in both]


def told(name, found):
    print(f"{name:18}", "  ".join(f"{value:.2f}" for value in found))


print("energy distance at", ", ".join(f"{size} x {size}" for size in sizes))
told("before training", distances(trainer.sample_scales(300)))
batches = BatchLoader((on_host(images),), 32, tg.Generator(2))
for _ in range(steps):
    trainer.step(tg.tensor(batches.next_batch()[0]).data)
samples = trainer.sample_scales(300)
told("after training", distances(samples))
told("training images", distances([on_host(x[:300]) for x in pyramid.gaussian(images)]))

# What each generator made of the one below it: the same digits at every size.
side_by_side([level[:12] for level in samples], "scales.png")
print("pyramid.png, scales.png")

# Expected output (numbers within 10% or 0.1: training is noisy):
# the last residual, by hand and by Pyramid: True
# put together again, the largest error of a pixel is below 1e-6: True
#   image     4 x 4  standard deviation 0.152
#   residual  8 x 8  standard deviation 0.136
#   residual 16 x 16 standard deviation 0.054
# energy distance at 4 x 4, 8 x 8, 16 x 16
# before training    1.72  2.94  5.94
# after training     0.01  0.06  0.14
# training images    0.01  0.01  0.03
# pyramid.png, scales.png
