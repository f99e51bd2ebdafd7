"""A convolutional GAN, its networks written out: from noise an image grows by doubling.

The rules are those of Radford et al. 2016, "Unsupervised representation learning with deep
convolutional generative adversarial networks", section 3: strided convolutions instead of pooling,
batch normalisation but for G's output and D's input, rectifiers in G, leaky ones in D. Each player
descends its own loss by the gradient in its own weights; that is the whole training.

Run it: python examples/09_a_dcgan_on_digits.py [--device cuda] [--data mnist]
(MNIST is padded to 32 x 32: an epoch of it takes minutes on a CPU.)
"""

import argparse
from itertools import pairwise
from pathlib import Path

import tinygen as tg
from tinygen import nn
from tinygen.data import BatchLoader, load, resized
from tinygen.metrics import energy_distance
from tinygen.pictures import film_bytes, image_grid

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--device", default=tg.default_device(), help="cpu, cuda, cuda:1, auto")
parser.add_argument("--data", default="digits", help="digits, mnist, fashion-mnist")
options = parser.parse_args()
tg.use_device(options.device)

data = load(options.data)
size = 8 if data.shape[-1] <= 8 else 32
data = resized(data, size)
images, test = data.train[:, None], data.test[:500]
epochs = 16 if size == 8 else 3
rng = tg.Generator(0)

# The channels halve as the sides double: 32 at 4 x 4 pixels, 16 at 8 x 8; up to 32 x 32 from 256.
channels = (32, 16) if size == 8 else (256, 128, 64, 32)
NOISE = 32

layers = [nn.ConvTranspose2d(NOISE, channels[0], 4, bias=False, rng=rng)]  # 1 x 1 to 4 x 4
for many, few in pairwise(channels):
    layers += [nn.BatchNorm2d(many), nn.ReLU()]
    layers += [nn.ConvTranspose2d(many, few, 4, 2, 1, bias=False, rng=rng)]
layers += [nn.BatchNorm2d(channels[-1]), nn.ReLU(), nn.Conv2d(channels[-1], 1, 3, 1, 1, rng=rng)]
generator = nn.init.dcgan_(nn.Sequential(*layers, nn.Sigmoid()), rng=rng)

layers = [nn.Conv2d(1, channels[-1], 3, 1, 1, rng=rng), nn.LeakyReLU(0.2)]
for few, many in pairwise(channels[::-1]):
    layers += [nn.Conv2d(few, many, 4, 2, 1, bias=False, rng=rng)]
    layers += [nn.BatchNorm2d(many), nn.LeakyReLU(0.2)]
layers += [nn.Conv2d(channels[0], 1, 4, bias=False, rng=rng), nn.Flatten()]  # 4 x 4 to a logit
discriminator = nn.init.dcgan_(nn.Sequential(*layers), rng=rng)

adam_g = tg.optim.Adam(generator.named_parameters(), lr=1e-3, betas=(0.5, 0.999))
adam_d = tg.optim.Adam(discriminator.named_parameters(), lr=5e-4, betas=(0.5, 0.999))
shown = tg.tensor(rng.normal((64, NOISE, 1, 1)))


def samples(noise):
    """Images on the host. In evaluation, layers use the statistics of all batches seen so far."""
    generator.eval()
    with tg.no_grad():
        found = generator(noise).numpy()[:, 0]
    generator.train()
    return found


def distance(noise):
    """Of generated from held-out images, rows of pixels: 0 for the same distribution."""
    return energy_distance(samples(noise).reshape(len(noise), -1), test.reshape(len(test), -1))


judged = tg.tensor(rng.normal((500, NOISE, 1, 1)))
print(f"energy distance before training  {distance(judged):.1f}")
film = [image_grid(samples(shown))]
batches = BatchLoader((images,), 64, rng)
for _ in range(epochs):
    for (batch,) in batches:
        real, noise = tg.tensor(batch), tg.tensor(rng.normal((len(batch), NOISE, 1, 1)))
        fake = generator(noise)
        # D: what is real gets a logit above 0, what is not one below. Its step ends at `detach`.
        # The two kinds come in batches of their own, so that each is normalised by itself.
        loss_d = tg.bce_with_logits(discriminator(real), 0.9)
        loss_d = loss_d + tg.bce_with_logits(discriminator(fake.detach()), 0.0)
        adam_d.step(tg.grad(loss_d, adam_d.params))
        # G: D shall take it for real. Of D only the slope in the images is computed.
        loss_g = tg.bce_with_logits(discriminator(fake), 1.0)
        adam_g.step(tg.grad(loss_g, adam_g.params))
    film.append(image_grid(samples(shown)))
print(f"energy distance after training   {distance(judged):.1f}")
floor = energy_distance(images[:500].reshape(500, -1), test.reshape(len(test), -1))
print(f"of as many training images       {floor:.1f}")

film[-1].save("digits.png")
Path("digits.gif").write_bytes(film_bytes(film, "GIF"))
print("digits.png, digits.gif")

# Expected output (numbers within 5% or 0.1: training is noisy):
# energy distance before training  3.7
# energy distance after training   0.1
# of as many training images       0.0
# digits.png, digits.gif
