"""Convolution and its two derivatives are a family of three, in which every derivative stays.

x * w slides a kernel over an image. Its derivative in x spreads the kernel from each pixel, which
is the "transposed" convolution of generators (Dumoulin and Visin 2016, "A guide to convolution
arithmetic for deep learning", chapter 4). Its derivative in w is what a kernel learns by. All three
are linear in both of their arguments, so the derivatives of each one are the other two.

Run it: python examples/05_convolution_as_three_operations.py [--device cuda] [--data mnist]
"""

import argparse

import numpy as np

import tinygen as tg
from tinygen.data import load
from tinygen.pictures import image_grid

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--device", default=tg.default_device(), help="cpu, cuda, cuda:1, auto")
parser.add_argument("--data", default="digits", help="digits, mnist, fashion-mnist")
options = parser.parse_args()
tg.use_device(options.device)
rng = tg.Generator(0)

# Images are (N, channels, height, width), kernels (channels out, channels in, height, width): here
# Sobel's two, which answer to vertical and to horizontal edges.
images = load(options.data).train[:16, None].astype("float64")
sobel = np.array([[1.0, 0.0, -1.0], [2.0, 0.0, -2.0], [1.0, 0.0, -1.0]])
x = tg.tensor(images, requires_grad=True)
w = tg.tensor(np.stack([sobel, sobel.T])[:, None] / 4, requires_grad=True)


# 1. Slide: y[o, i, j] is the sum of w[o, c, k, l] x[c, i + k, j + l]. With a padding of 1 the
# result is as large as the image.
def slide(x, w):
    return tg.conv2d(x, w, padding=1)


# 2. Spread: each element of g adds its kernel, so weighted, to the place that it was read from.
def spread(g, w):
    return tg.conv_transpose2d(g, w, padding=1)


# 3. Correlate: what each weight has met. It is a convolution too, of the image with the cotangent,
# in which examples and channels change places: examples are what is summed over.
def correlate(x, g):
    return slide(x.transpose(1, 0, 2, 3), g.transpose(1, 0, 2, 3)).transpose(1, 0, 2, 3)


# One number, three ways to read it: this equation defines the family.
edges = slide(x, w)
g = tg.tensor(rng.normal(edges.shape, dtype="float64"))
readings = [edges * g, x * spread(g, w), w * correlate(x, g)]
names = ("<slide(x, w), g>", "<x, spread(g, w)>", "<w, correlate(x, g)>")
for name, products in zip(names, readings, strict=True):
    print(f"{name:22}{tg.sum(products).item():.6f}")

# So the gradients that tinygen computes are these functions, and their derivatives are in turn.
dx, dw = tg.grad(readings[0].sum(), [x, w])
same = abs((dx - spread(g, w)).numpy()).max() < 1e-12
same &= abs((dw - correlate(x, g)).numpy()).max() < 1e-10
print("the gradients are spread and correlate:", same)
small = [x.numpy()[:2, :, :4, :4], w.numpy(), g.numpy()[:2, :, :4, :4]]
for f, a, b in ((slide, 0, 1), (spread, 2, 1), (correlate, 0, 2)):
    tg.gradcheck(f, [small[a], small[b]], order=3)
    print(f"{f.__name__}: orders 1 to 3 agree with finite differences")

# Learning by the third: from images and their edges alone, which kernel was it?
guess = tg.tensor(np.zeros(w.shape), requires_grad=True)
target = edges.detach()
for _ in range(300):
    loss = tg.mse(slide(x, guess), target)
    guess.data -= 1.5 * tg.grad(loss, guess).data
print("the kernel, learned back:", *(4 * guess.numpy()[0, 0]).round(1) + 0.0)

# Digits; where they have vertical edges; and those edges, spread back to where they came from.
back = spread(edges, w)
rows = [x.numpy()[:8, 0], edges.numpy()[:8, 0], back.numpy()[:8, 0]]
picture = [rows[0], *(0.5 + 0.5 * row / abs(row).max() for row in rows[1:])]
image_grid(np.concatenate(picture), columns=8).save("edges.png")
print("edges.png")

# Expected output:
# <slide(x, w), g>      -5.036267
# <x, spread(g, w)>     -5.036267
# <w, correlate(x, g)>  -5.036267
# the gradients are spread and correlate: True
# slide: orders 1 to 3 agree with finite differences
# spread: orders 1 to 3 agree with finite differences
# correlate: orders 1 to 3 agree with finite differences
# the kernel, learned back: [ 1.  0. -1.] [ 2.  0. -2.] [ 1.  0. -1.]
# edges.png
