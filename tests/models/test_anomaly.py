"""Scores of strangeness: each by its formula, and each tells digits from noise after training."""

from __future__ import annotations

import numpy as np
import pytest
from rbm_cases import make_rbm

from tinygen import Generator, recipes
from tinygen.models import anomaly
from tinygen.models.gan import BiGANTrainer, mlp
from tinygen.models.rbm import log_likelihood

SCORES = {
    "rbm": lambda t, x: anomaly.free_energy(t.rbm, x),
    "vae": lambda t, x: anomaly.negative_bound(t.model, x, rng=Generator(5)),
    "gan": lambda t, x: anomaly.anogan_score(t, x, steps=20),
    "bigan": anomaly.bigan_score,
}
STEPS = {"rbm": 300, "vae": 300, "gan": 300, "bigan": 800}


@pytest.mark.parametrize("recipe", SCORES)
def test_shuffled_pixels_are_stranger_than_held_out_digits(recipe):
    found = recipes.find(recipe)
    experiment = found.build(recipes.resolve(found, {"batch": 32}))
    for _ in range(STEPS[recipe]):
        experiment.step()
    rows = experiment.data.flat()[1][:60]
    strange = np.random.default_rng(0).permuted(rows, axis=1)
    normal, shuffled = (
        SCORES[recipe](experiment.trainer, experiment.inputs(x)) for x in (rows, strange)
    )
    assert normal.shape == (60,)
    assert (normal[:, None] < shuffled).mean() > 0.9


def test_the_bigan_score_by_hand():
    rng = Generator(0, device="cpu")
    trainer = BiGANTrainer(
        mlp([2, 3], rng), mlp([3, 2], rng), mlp([5, 4, 1], rng), latent=2, rng=rng
    )
    x = rng.normal((7, 3))
    codes = trainer.encode(x).numpy()
    again = trainer.reconstruct(x)
    logits = trainer.discriminator(np.concatenate([x, codes], 1))[:, 0]
    by_hand = 0.9 * np.abs(x - again).sum(1) + 0.1 * np.log1p(np.exp(-logits.numpy()))
    np.testing.assert_allclose(anomaly.bigan_score(trainer, x), by_hand, rtol=1e-5)


def test_a_search_from_the_encoders_code_makes_no_example_stranger():
    rng = Generator(0, device="cpu")
    trainer = BiGANTrainer(
        mlp([2, 3], rng), mlp([3, 2], rng), mlp([5, 4, 1], rng), latent=2, rng=rng
    )
    x = rng.normal((7, 3))
    encoded, found = (anomaly.bigan_score(trainer, x, weight=0.0, steps=steps) for steps in (0, 20))
    assert (found <= encoded).all()
    assert (found < 0.9 * encoded).any()
    both = anomaly.bigan_score(trainer, x, steps=20)
    doubt = anomaly.bigan_score(trainer, x, weight=1.0, steps=20)
    np.testing.assert_allclose(both, 0.9 * found + 0.1 * doubt, rtol=1e-5)


def test_free_energies_differ_as_log_probabilities_do():
    rbm = make_rbm()
    states = rbm.arrays().visible.states(0, 8)
    scores = anomaly.free_energy(rbm, states)
    exact = log_likelihood(rbm, states, 0.0)
    np.testing.assert_allclose(scores - scores[0], -(exact - exact[0]), atol=1e-9)
