"""What each family's model makes of examples, taken from the trainers that the recipes build."""

from __future__ import annotations

import numpy as np
import pytest

from tinygen import Generator, Tensor, nn, recipes
from tinygen.models.features import features, hidden_layers
from tinygen.models.gan import Conditional, Packed, mlp

GAN = {"generator": "8", "discriminator": "9,7", "batch": "8"}
LATENT = {"hidden": "9", "latent": "5", "batch": "8"}
RBM = {"hidden": "7", "batch": "8"}


def built(recipe: str, settings: dict) -> recipes.Experiment:
    found = recipes.find(recipe)
    return found.build(recipes.resolve(found, settings))


@pytest.mark.parametrize(
    ("recipe", "settings", "width"),
    [
        ("gan", GAN, 7),
        ("gan", {**GAN, "preprocess": "true"}, 7),
        ("gan", {**GAN, "minibatch": "3"}, 7),
        ("pacgan", GAN, 7),
        ("sngan", GAN, 7),
        ("cgan", GAN, 7),
        ("cgan", {**GAN, "conditioning": "concatenation"}, 7),
        ("acgan", GAN, 7),
        ("infogan", GAN, 7),
        ("bigan", {**GAN, "latent": "5"}, 5),
        ("vae", LATENT, 5),
        ("aae", LATENT, 5),
        ("vae-gan", LATENT, 5),
        ("latent-gan", LATENT, 5),
        ("vq-vae", {**LATENT, "width": "3"}, 15),
        ("rbm", RBM, 7),
        ("rbm-gaussian", RBM, 7),
        ("dbn", {"hidden": "7,6", "batch": "8"}, 6),
    ],
)
def test_every_family_makes_features_row_by_row(recipe, settings, width):
    experiment = built(recipe, settings)
    experiment.step()
    rows = experiment.data.flat()[1][:6]
    found = features(experiment.trainer, experiment.inputs(rows))
    assert found.shape == (6, width)
    assert found.dtype == np.float32
    assert np.ptp(found, axis=0).max() > 0
    last = features(experiment.trainer, experiment.inputs(rows[-1:]))
    np.testing.assert_allclose(last, found[-1:], atol=1e-6)


def test_inputs_are_what_the_networks_are_trained_on():
    for recipe, settings in (("rbm-gaussian", RBM), ("rbm", RBM), ("gan", GAN)):
        experiment = built(recipe, settings)
        trained_on = experiment.loader.arrays[0]
        np.testing.assert_allclose(
            experiment.inputs(experiment.data.flat()[0]), trained_on, rtol=1e-5
        )


def test_an_rbms_features_are_the_expected_hidden_states():
    experiment = built("rbm", RBM)
    experiment.step()
    rows = experiment.data.flat()[0][:5]
    rbm = experiment.trainer.rbm
    inputs = (rows > 0.5) @ rbm.weight.numpy().T + rbm.hidden.bias.numpy()
    found = features(experiment.trainer, experiment.inputs(rows))
    np.testing.assert_allclose(found, 1 / (1 + np.exp(-inputs)), rtol=1e-5)


def test_a_discriminators_features_are_before_its_last_layer():
    rng = Generator(0, device="cpu")
    network = mlp([4, 6, 1], rng)
    x = rng.normal((3, 4))
    h = np.maximum(x @ network[0].weight.numpy().T + network[0].bias.numpy(), 0)
    np.testing.assert_allclose(hidden_layers(network)(Tensor(x)).numpy(), h, rtol=1e-5)
    twice = mlp([8, 6, 1], rng)
    packed = hidden_layers(Packed(twice, 2))(Tensor(x)).numpy()
    both = hidden_layers(twice)(Tensor(np.concatenate([x, x], 1))).numpy()
    np.testing.assert_array_equal(packed, both)
    told = Conditional(mlp([6, 5, 1], rng), 2)
    none = hidden_layers(told.network)(Tensor(np.pad(x, ((0, 0), (0, 2))))).numpy()
    np.testing.assert_array_equal(hidden_layers(told)(Tensor(x)).numpy(), none)


def test_many_examples_go_through_in_parts(monkeypatch):
    experiment = built("vae", LATENT)
    rows = experiment.data.flat()[1]
    whole = features(experiment.trainer, rows)
    monkeypatch.setattr("tinygen.models.features.AT_ONCE", 50)
    np.testing.assert_allclose(features(experiment.trainer, rows), whole, atol=1e-6)


@pytest.mark.parametrize(
    ("recipe", "settings", "message"),
    [
        ("cvae", LATENT, "told the class"),
        ("multitask", {}, "MultitaskTrainer makes no features"),
    ],
)
def test_models_without_features_say_so(recipe, settings, message):
    experiment = built(recipe, settings)
    with pytest.raises(ValueError, match=message):
        features(experiment.trainer, experiment.data.flat()[0][:2])


def test_a_discriminator_of_unknown_form_says_what_form_it_needs():
    class Own(nn.Module):
        pass

    with pytest.raises(ValueError, match="Own does not say which of its layers"):
        hidden_layers(Own())
