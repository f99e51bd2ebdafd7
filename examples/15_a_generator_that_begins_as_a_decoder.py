"""A generator that begins as a trained decoder, beside the same one from nothing.

An autoencoder learns in seconds what digits look like, and not which codes are digits: decoded
noise is a blend of several. A GAN whose generator begins with the decoder's weights (the founding
article D2) has only that to learn. Codes have means and covariances of their own; the decoder's
first layer is changed so that it takes noise from N(0, I) in their stead. With MNIST, and seconds
in place of steps: tinygen reproduce generator-from-autoencoder.

Run it: python examples/15_a_generator_that_begins_as_a_decoder.py [--device cuda]
"""

import argparse

import numpy as np

import tinygen as tg
from tinygen import nn
from tinygen.data import BatchLoader, load
from tinygen.metrics import ImageSuite, judge_of
from tinygen.models.gan import R1, GANTrainer, mlp, start_from_decoder, whiten_decoder
from tinygen.models.vae import VAE, BernoulliOutput, VAETrainer
from tinygen.pictures import image_grid

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--device", default=tg.default_device(), help="cpu, cuda, cuda:1, auto")
tg.use_device(parser.parse_args().device)

CODE, HIDDEN = 10, 128
FIRST, STEPS, EVERY = 1000, 2000, 500
digits = load("digits")
images, _ = digits.flat()
suite = ImageSuite(digits, judge_of(digits), seed=0)
xp = tg.Generator(0).backend


def batches(seed):
    return BatchLoader((images,), 64, tg.Generator(seed, device="cpu"))


# -- 1. the autoencoder ----------------------------------------------------------------------------
rng = tg.Generator(1)
encoder = mlp([64, HIDDEN, HIDDEN, 2 * CODE], rng, slope=0.2)
decoder = mlp([CODE, HIDDEN, HIDDEN, 64], rng, slope=0.2)
model = VAE(encoder, decoder, BernoulliOutput(), CODE)
autoencoder = VAETrainer(model, rng=rng, objective="autoencoder", lr=2e-3)
loader = batches(2)
for _ in range(FIRST):
    loss = autoencoder.step(xp.move(loader.next_batch()[0]))["reconstruction"]
print(f"autoencoder, {FIRST} steps: {loss.item():.1f} nats an image")
whiten_decoder(decoder, autoencoder.encode(xp.move(images)).numpy())

# -- 2. the same GAN, begun in two ways ------------------------------------------------------------
pictures = []
for beginning in ("nothing", "the decoder"):
    rng = tg.Generator(3)
    generator = mlp([CODE, HIDDEN, HIDDEN, 64], rng, slope=0.2, output=nn.Sigmoid())
    if beginning == "the decoder":
        start_from_decoder(generator, decoder)
    trainer = GANTrainer(
        generator, mlp([64, HIDDEN, HIDDEN, 1], rng, slope=0.2),
        rng=rng, noise_shape=CODE, regularizers=[R1(0.1)], lr=5e-4, ema_decay=0.99,
    )  # fmt: skip
    loader, noise, distances = batches(4), trainer.noise(suite.n), []
    for step in range(STEPS + 1):
        if step % EVERY == 0:
            samples = trainer.sample(suite.n, noise)
            distances.append(suite.values(samples)["Frechet distance"])
        trainer.step(xp.move(loader.next_batch()[0]))
    print(f"from {beginning:11}  Frechet distance", *(f"{each:6.1f}" for each in distances))
    pictures.append(samples[:16])

grid = np.concatenate(pictures).reshape(-1, 1, 8, 8)
image_grid(grid, columns=16).save("beginnings.png")
print("beginnings.png")

# Expected output (numbers within 25% or 2: training is noisy):
# autoencoder, 1000 steps: 11.2 nats an image
# from nothing      Frechet distance   90.5   13.8    9.1    6.3    4.3
# from the decoder  Frechet distance    2.9    2.6    2.1    2.1    2.1
# beginnings.png
