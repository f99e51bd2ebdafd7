"""A restricted Boltzmann machine small enough to know its likelihood: what do its trainings reach?

With 10 hidden units, Z is a sum over 1,024 states, so that log p(v) = -F(v) - log Z is exact, and
one `tg.grad` of it is what others estimate: contrastive divergence (Hinton 2002, "Training products
of experts by minimizing contrastive divergence", section 3) and persistent chains (Tieleman 2008,
"Training restricted Boltzmann machines using approximations to the likelihood gradient"). The
reconstruction error, which is often watched instead, ranks them otherwise. Annealed importance
sampling (Salakhutdinov and Murray 2008, "On the quantitative analysis of deep belief networks",
section 4.1) finds Z without the sum. (With --data mnist the three lie far apart.)

Run it: python examples/06_an_rbm_and_its_exact_likelihood.py [--device cuda] [--data mnist]
"""

import argparse

import numpy as np
from PIL import Image, ImageDraw

import tinygen as tg
from tinygen.data import BatchLoader, load
from tinygen.models import rbm as boltzmann
from tinygen.pictures import image_grid

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--device", default=tg.default_device(), help="cpu, cuda, cuda:1, auto")
parser.add_argument("--data", default="digits", help="digits, mnist, fashion-mnist")
options = parser.parse_args()
tg.use_device(options.device)

# Pixels as zeros and ones: only these have a probability under Bernoulli units.
data = load(options.data)
train, test = ((rows > 0.5).astype("float32") for rows in data.flat())
test = tg.tensor(test[:1000]).data
batches = BatchLoader((train,), 50, tg.Generator(0))
EPOCHS = 60 if len(train) < 10_000 else 3
HIDDEN = 10
states = tg.tensor((np.arange(2**HIDDEN)[:, None] >> np.arange(HIDDEN) & 1).astype("float32"))


def machine(rng):
    return boltzmann.RBM(data.n_features, HIDDEN, rng=rng).start_at(tg.tensor(train))


def likelihood(model):
    return boltzmann.mean_log_likelihood(model, test, boltzmann.exact_log_z(model))


def by_samples(negative):
    """A step whose negative phase is a few of the model's states."""
    rng = tg.Generator(1)
    model = machine(rng)
    trainer = boltzmann.RBMTrainer(model, rng=rng, negative=negative, lr=rate)
    return model, lambda rows: trainer.step(rows.data)


def by_the_gradient():
    """A step down -log p itself: the mean of F, and log Z as the sum over all hidden states."""
    model = machine(tg.Generator(1))
    optimizer = tg.optim.SGD(model.named_parameters(), lr=rate)

    def step(rows):
        log_z = tg.logsumexp(-model.free_energy_of_hidden(states))
        optimizer.step(tg.grad(tg.mean(model.free_energy(rows)) + log_z, optimizer.params))

    return model, step


# A rate that falls to 0: chains that persist can only follow a model that goes slowly.
rate = tg.optim.schedules.linear(0.5, 0.0, EPOCHS * len(batches))
ways = {
    "CD-1": by_samples(boltzmann.ContrastiveDivergence(1)),
    "persistent": by_samples(boltzmann.PersistentChains(100)),
    "gradient": by_the_gradient(),
}
curves = {}
for name, (model, step) in ways.items():
    curve = [likelihood(model)]  # before training: each pixel on its own
    for _ in range(EPOCHS):
        for (rows,) in batches:
            step(tg.tensor(rows))
        curve.append(likelihood(model))
    error = tg.mse(model.reconstruction(tg.tensor(test)), test).item()
    print(f"{name:11} log p {curve[0]:.1f} -> {curve[-1]:.1f} nats, reconstruction {error:.3f}")
    curves[name] = curve

# Many temperatures, from a model without weights, whose Z is known, to this one.
base = model.visible.base_rate(tg.tensor(train).data)
few = boltzmann.temperatures(1000)
found = boltzmann.annealed_importance_sampling(model, base, rng=tg.Generator(2), betas=few)
exact = boltzmann.exact_log_z(model)
inside = found.low - 0.1 < exact < found.high + 0.1
print(f"log Z {exact:.1f}, within three standard errors of annealing's estimate: {inside}")

# The likelihoods by epoch, and what the last machine draws, after 1,000 steps of Gibbs sampling.
low, high = curve[0], max(map(max, curves.values()))
picture = Image.new("RGB", (480, 320), "white")
draw = ImageDraw.Draw(picture)
for i, (name, curve) in enumerate(curves.items()):
    colour = ("crimson", "navy", "green")[i]
    heights = [300 - 280 * (p - low) / (high - low) for p in curve]
    draw.line([(10 + 460 * x / EPOCHS, y) for x, y in enumerate(heights)], fill=colour, width=2)
    draw.text((340, 240 + 20 * i), f"{name} {curve[-1]:.1f} nats", fill=colour)
picture.save("likelihood.png")
samples = boltzmann.gibbs_samples(model, 48, rng=tg.Generator(3), burn_in=1000)[0]
image_grid(tg.tensor(samples).numpy().reshape(-1, *data.shape), columns=12).save("samples.png")
print("likelihood.png, samples.png")

# Expected output (numbers within 3%: training is noisy):
# CD-1        log p -24.5 -> -19.2 nats, reconstruction 0.066
# persistent  log p -24.5 -> -19.0 nats, reconstruction 0.067
# gradient    log p -24.5 -> -19.1 nats, reconstruction 0.068
# log Z 49.3, within three standard errors of annealing's estimate: True
# likelihood.png, samples.png
