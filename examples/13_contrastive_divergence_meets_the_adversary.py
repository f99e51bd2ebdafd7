"""Contrastive divergence meets the adversary: one loss, and several sources of what is not data.

An RBM, p(v) = exp(-F(v)) / Z, learns by the gradient of E_data F - E_model F. That is the loss of a
Wasserstein critic whose verdict is -F. Contrastive divergence (Hinton 2002, "Training products of
experts by minimizing contrastive divergence", section 3) takes one Gibbs step from the data for the
model's states; Yair and Michaeli 2021, "Contrastive divergence learning is a time reversal
adversarial game", find a discriminator in it that asks which of two states came first. The states
may come from elsewhere: chains that go on, or a generator that looks for low F (Kim and Bengio
2016, "Deep directed generative models with energy-based probability estimation"); an adversary may
judge them (Fisher et al. 2018, "Boltzmann encoded adversarial machines"). With 16 pixels all 65,536
states can be listed, so how good each gets is exact.

Run it: python examples/13_contrastive_divergence_meets_the_adversary.py [--device cuda]
"""

import argparse
import math

import numpy as np
from PIL import Image, ImageDraw

import tinygen as tg
from tinygen.models import adversarial_energy as joined
from tinygen.models import rbm as boltzmann
from tinygen.models.gan import mlp
from tinygen.pictures import image_grid

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--device", default=tg.default_device(), help="cpu, cuda, cuda:1, auto")
tg.use_device(parser.parse_args().device)

# Bars and stripes: the 30 images of 4 x 4 whose rows are alike, or whose columns are.
bars = np.repeat(np.arange(16)[:, None] >> np.arange(4) & 1, 4, 1).reshape(16, 4, 4)
patterns = np.unique(np.concatenate([bars, bars.transpose(0, 2, 1)]).reshape(32, 16), axis=0)
states = (np.arange(2**16)[:, None] >> np.arange(16) & 1).astype("float32")
is_pattern = np.isin(states @ 2 ** np.arange(16), patterns @ 2 ** np.arange(16))
data, listed = tg.tensor(patterns.astype("float32")).data, tg.tensor(states)


def machine():
    return boltzmann.RBM(16, 16, rng=tg.Generator(0), std=0.1)


# -- 1. one update, three ways ---------------------------------------------------------------------
by_trainer, by_critic = machine(), machine()
boltzmann.RBMTrainer(by_trainer, rng=tg.Generator(1), lr=0.1).step(data)  # CD-1

rng, fixed = tg.Generator(1), by_critic.arrays()
hidden = fixed.hidden.sample(fixed.hidden_input(data), rng)
after = fixed.visible.sample(fixed.visible_input(hidden), rng)  # one Gibbs step from the data
sgd = tg.optim.SGD(by_critic.named_parameters(), lr=0.1)
of_critic = tg.grad(joined.contrast(by_critic.free_energy, data, after), sgd.params)
which_first = joined.time_reversal_loss(by_critic.free_energy, data, after)
of_game = tg.grad(which_first, sgd.params)
sgd.step(of_critic)
for what, ours, theirs in (
    ("a critic's step on F(data) - F(Gibbs step)", by_critic.parameters(), by_trainer.parameters()),
    (f"the slope of which came first (a guess: {which_first.item():.3f})", of_game, of_critic),
):
    pairs = zip(ours, theirs, strict=True)
    print(f"{what} is CD-1's:", all(tg.abs(a - b).max().item() < 1e-6 for a, b in pairs))

# -- 2. the same RBM, other negatives --------------------------------------------------------------
STEPS, EVERY = 4000, 400
networks = (mlp([16, 64, 16], tg.Generator(seed), slope=0.2) for seed in (2, 3))
# A generator and an encoder that guesses its bits. At a rate of 2e-3 it lags behind the RBM, and
# patterns that it has forgotten lose all their mass.
generator = joined.GeneratorSampler(*networks, noise=16, lr=3e-3)
judged = {"adversary": joined.NearestNeighbourCritic(), "gamma": 0.5}
ways = {  # the rate at first, and where the model's states come from
    "CD-1": (0.1, boltzmann.ContrastiveDivergence(1), {}),
    "persistent": (0.1, boltzmann.PersistentChains(100), {}),
    "adversary": (0.2, boltzmann.PersistentChains(100), judged),  # half of it the likelihood's
    "generator": (0.1, generator, {}),  # and no Gibbs step
}


def exactly(model):
    """log p of every state: (65536,), on the host."""
    energy = -model.free_energy(listed).numpy().astype("float64")
    return energy - np.logaddexp.reduce(energy)


print(f"mean log p of the data (at best {-math.log(30):.2f}), and p(any of the patterns)")
picture = Image.new("RGB", (760, 305), "white")
draw = ImageDraw.Draw(picture)
for i, (name, (rate, negative, others)) in enumerate(ways.items()):
    falling, rng = tg.optim.schedules.linear(rate, 0.0, STEPS), tg.Generator(1)
    options = {"rng": rng, "lr": falling, "negative_sampler": negative, **others}
    trainer = joined.AdversarialEnergyTrainer(machine(), **options)
    curve = []
    for step in range(STEPS + 1):
        if step % EVERY == 0:
            curve.append(exactly(trainer.rbm)[is_pattern].mean())
        trainer.step(data)
    p = np.exp(exactly(trainer.rbm))
    print(f"{name:11} {curve[0]:.1f} -> {curve[-1]:.2f}  {p[is_pattern].sum():.2f}")
    # The curve, and exact draws from the model.
    colour = ("crimson", "navy", "darkorange", "gray")[i]
    places = np.linspace(10, 390, len(curve)), 295 - 280 * (np.maximum(curve, -12) + 12) / 8.6
    draw.line(list(zip(*places, strict=True)), fill=colour, width=2)
    draw.text((300, 190 + 20 * i), name, fill=colour)
    drawn = states[np.random.default_rng(3).choice(len(p), 20, p=p / p.sum())].reshape(-1, 4, 4)
    picture.paste(image_grid(drawn, columns=10, scale=6), (410, 4 + 75 * i))
picture.save("negatives.png")
print("negatives.png")

# Expected output (numbers within 10% or 0.1: training is noisy):
# a critic's step on F(data) - F(Gibbs step) is CD-1's: True
# the slope of which came first (a guess: 1.386) is CD-1's: True
# mean log p of the data (at best -3.40), and p(any of the patterns)
# CD-1        -11.2 -> -5.03  0.51
# persistent  -11.2 -> -3.93  0.62
# adversary   -11.2 -> -3.90  0.69
# generator   -11.2 -> -3.92  0.61
# negatives.png
