"""The VAE's trainer: continuing, cost, replay, what it reports, what it refuses."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest
import strict
from checks import assert_same, flat
from numpy.testing import assert_allclose, assert_array_equal

import tinygen as tg
from tinygen import nn
from tinygen.backend import host
from tinygen.data import DataError
from tinygen.models.vae import (
    BernoulliOutput,
    DiscretisedLogisticOutput,
    GaussianOutput,
    PosteriorCollapse,
    VAETrainer,
    convolutional_vae,
    dense_vae,
    start_at_mean,
)

D, L, N = 16, 3, 7

OUTPUTS = {
    "bernoulli": lambda rng: BernoulliOutput(),
    "gaussian": lambda rng: GaussianOutput(rng=rng),
    "gaussian, fixed": lambda rng: GaussianOutput(0.5, rng=rng),
    "logistic": lambda rng: DiscretisedLogisticOutput(5, rng=rng),
}


def trainer(seed: int = 0, output: str = "bernoulli", classes: int = 0, **options) -> VAETrainer:
    rng = tg.Generator(seed)
    model = dense_vae(D, (6, 5), L, OUTPUTS[output](rng), rng=rng, classes=classes)
    return VAETrainer(model, rng=tg.Generator(seed, stream=1), **options)


def convolutional(seed: int = 0, **options) -> VAETrainer:
    rng = tg.Generator(seed)
    model = convolutional_vae((1, 4, 4), (2, 3), L, BernoulliOutput(), rng=rng)
    return VAETrainer(model, rng=tg.Generator(seed, stream=1), **options)


MAKERS = {
    "plain": trainer,
    "everything": lambda seed=0: trainer(
        seed, samples=2, beta=2.0, warm_up=4, free_bits=0.1, corruption=0.2, classes=3,
        lr=lambda step: 0.01 / (1 + step),
    ),
    "stl": lambda seed=0: trainer(seed, objective="stl"),
    "iwae": lambda seed=0: trainer(seed, objective="iwae", samples=4),
    "dreg": lambda seed=0: trainer(seed, objective="dreg", samples=4),
    "autoencoder": lambda seed=0: trainer(seed, objective="autoencoder", corruption=0.3),
    "gaussian": lambda seed=0: trainer(seed, "gaussian"),
    "gaussian, fixed": lambda seed=0: trainer(seed, "gaussian, fixed"),
    "logistic": lambda seed=0: trainer(seed, "logistic"),
    "convolutional": convolutional,
}  # fmt: skip


def batches(backend, made: VAETrainer, sizes: list[int]) -> list:
    """Grey levels of 5, and labels for models with classes."""
    rng = np.random.default_rng(0)
    found = []
    for n in sizes:
        arrays = [rng.integers(0, 5, (n, D)).astype("float32") / 4]
        if made.model.classes:
            arrays.append(rng.integers(0, made.model.classes, n))
        found.append([backend.from_host(a) for a in arrays])
    return found


# -- continuing, cost, replay ----------------------------------------------------------------------


@pytest.mark.parametrize("name", MAKERS)
def test_a_fresh_trainer_continues_bit_for_bit(name, backend):
    straight, resumed = MAKERS[name](), MAKERS[name](77)
    data = batches(backend, straight, [N] * 6)
    for batch in data[:3]:
        straight.step(*batch)
    resumed.load_state_dict(straight.state_dict())
    for batch in data[3:]:
        expected, found = straight.step(*batch), resumed.step(*batch)
        assert {k: float(v) for k, v in found.items()} == {k: float(v) for k, v in expected.items()}
    assert_same(straight, resumed)
    assert_array_equal(straight.sample(3), resumed.sample(3))


@pytest.mark.parametrize("name", MAKERS)
def test_a_step_neither_waits_for_the_device_nor_copies_to_it(name):
    with tg.use_device("strict") as backend:
        made = MAKERS[name]()
        first, *more = batches(backend, made, [N] * 4)
        made.step(*first)
        for batch in more:
            with strict.measure() as spent:
                made.step(*batch)
            assert (spent.syncs, spent.uploads) == (0, 0)


@pytest.mark.slow
@pytest.mark.parametrize("name", MAKERS)
def test_replayed_steps_are_steps(name, device):
    plain, captured = MAKERS[name](), MAKERS[name]()
    captured.capture()
    for batch in batches(device, plain, [N] * 8 + [4] * 4):
        expected, found = plain.step(*batch), captured.step(*batch)
        assert expected.keys() == found.keys()
        for key, value in expected.items():
            assert float(found[key]) == float(value), key
    assert_same(plain, captured)


@pytest.mark.parametrize("name", MAKERS)
def test_all_backends_train_alike(name):
    states = []
    for device in ("cpu", "strict"):
        with tg.use_device(device) as backend:
            made = MAKERS[name]()
            for batch in batches(backend, made, [N] * 5):
                made.step(*batch)
            states.append(flat(made.state_dict()["model"]))
    for key, value in states[0].items():
        assert_allclose(states[1][key], value, rtol=1e-3, atol=1e-4, err_msg=key)


# -- what it does ----------------------------------------------------------------------------------


def test_grey_pixels_are_drawn_afresh_in_each_step():
    made = trainer()
    seen = []
    made.model.posterior = lambda x, labels=None: seen.append(x.numpy()) or _raise()
    grey = np.full((4, D), 0.5, "float32")
    for _ in range(2):
        with pytest.raises(StopIteration):
            made.step(grey)
    assert set(np.unique(seen)) == {0.0, 1.0}
    assert (seen[0] != seen[1]).any()


def _raise():
    raise StopIteration


def test_corruption_hides_features_from_the_encoder_and_not_from_the_loss():
    made = trainer(output="gaussian", objective="autoencoder", corruption=0.5)
    posterior, seen = made.model.posterior, []
    made.model.posterior = lambda x, labels=None: seen.append(x.numpy()) or posterior(x, labels)
    batch = np.full((200, D), 0.75, "float32")
    expected = []
    likelihood = made.model.likelihood

    def remember(z, labels=None):
        distribution = likelihood(z, labels)
        expected.append(-distribution.log_prob(tg.Tensor(batch)).numpy().mean())
        return distribution

    made.model.likelihood = remember
    shown = made.step(batch)
    assert set(np.unique(seen[0])) == {0.0, 0.75}
    assert (seen[0] == 0).mean() == pytest.approx(0.5, abs=0.03)
    assert float(shown["reconstruction"]) == pytest.approx(expected[0], rel=1e-5)


def test_the_weight_of_the_kl_rises_to_beta():
    made = trainer(beta=3.0, warm_up=4)
    weights = []
    for (batch,) in batches(made.backend, made, [N] * 6):
        weights.append(made._beta())
        made.step(batch)
    assert weights == [0.0, 0.75, 1.5, 2.25, 3.0, 3.0]


def test_training_lowers_the_bound():
    made = trainer(lr=0.01)
    data = (np.random.default_rng(0).random((200, 1)) < 0.5) * np.ones((1, D))
    data = np.abs(data - (np.random.default_rng(1).random((200, D)) < 0.05)).astype("float32")
    first = float(made.step(data)["negative_elbo"])
    for _ in range(300):
        last = made.step(data)
    assert float(last["negative_elbo"]) < first - 4.0
    assert 0.3 < float(last["kl"]) < 3.0
    assert np.abs(made.reconstruct(data) - data).mean() < 0.12


def test_latents_are_measured_component_by_component(backend):
    made = trainer()
    x = batches(backend, made, [50])[0][0]
    latents = made.latents(x)
    q = made.model.posterior(tg.Tensor(x))
    m, v = q.mean.numpy(), q.log_variance.numpy()
    assert_allclose(latents.kl, 0.5 * (m**2 + np.exp(v) - 1 - v).mean(0), rtol=1e-4, atol=1e-6)
    assert_allclose(latents.spread, m.var(0), rtol=1e-4)
    assert_array_equal(latents.active, m.var(0) > 0.01)
    assert float(made.step(x)["active_units"]) == made.latents(x).active.sum()


def collapsed(**options) -> VAETrainer:
    """A model whose encoder says the same of everything."""
    made = trainer(lr=0.0, **options)
    for p in made.model.encoder.parameters():
        p[...] = 0.0
    return made


def test_posterior_collapse_is_told_once(backend):
    made = collapsed()
    x = batches(backend, made, [N])[0][0]
    made.steps = 999
    assert float(made.step(x)["active_units"]) == 0.0
    with pytest.warns(PosteriorCollapse, match=r"step 1001: .*warm_up.*free_bits"):
        float(made.step(x)["active_units"])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        float(made.step(x)["active_units"])


def test_a_model_in_use_has_not_collapsed(backend):
    made = trainer()
    made.steps = 5000
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert float(made.step(batches(backend, made, [N])[0][0])["active_units"]) > 0


@pytest.mark.parametrize("name", MAKERS)
def test_samples_and_reconstructions_are_means_on_the_host(name, backend):
    made = MAKERS[name]()
    batch = batches(backend, made, [N])[0]
    for found in (made.sample(N), made.reconstruct(*batch)):
        assert type(found) is np.ndarray
        assert found.shape == (N, D)
        if made.model.output.binary:
            assert found.min() > 0
            assert found.max() < 1
    noise = made.noise(4)
    assert_array_equal(made.sample(4, noise), made.sample(4, noise))
    assert made.model.training


def test_a_conditional_model_samples_its_classes_by_turns(backend):
    made = MAKERS["everything"]()
    noise = made.noise(6)
    found = made.sample(6, noise)
    labels = backend.from_host(np.array([0, 1, 2, 0, 1, 2]))
    with tg.no_grad():
        expected = made.model.likelihood(tg.Tensor(noise), labels).mean.numpy()
    assert_array_equal(found, expected)


@pytest.mark.parametrize("output", OUTPUTS)
def test_a_decoder_can_start_at_the_mean_of_the_data(output, backend):
    made = trainer(output=output)
    rows = np.random.default_rng(0).random((50, D)).astype("float32")
    start_at_mean(made.model, rows)
    zero = tg.Tensor(backend.from_host(np.zeros((1, 6), "float32")))
    decoded = made.model.decoder[-1](zero)
    mean = made.model.output.distribution(decoded).mean.numpy()[0]
    assert_allclose(mean, rows.mean(0), rtol=1e-4)


# -- what it refuses -------------------------------------------------------------------------------

RNG = tg.Generator(0)
BITS = np.zeros((2, D), "float32")


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: trainer(objective="elbow"), "unknown objective 'elbow'; known are elbo"),
        (lambda: trainer(samples=0), "samples must be finite and at least 1, not 0"),
        (lambda: trainer(beta=-1.0), "beta must be finite and at least 0"),
        (lambda: trainer(beta=math.nan), "beta must be finite"),
        (lambda: trainer(free_bits=-1.0), "free_bits must be"),
        (lambda: trainer(objective="iwae", beta=2.0), "only the objective 'elbo'"),
        (lambda: trainer(objective="dreg", warm_up=5), "only the objective 'elbo'"),
        (lambda: trainer(objective="autoencoder", samples=5), "leave samples at 1"),
        (lambda: trainer(corruption=1.0), r"corruption must lie in \[0, 1\), not 1"),
        (lambda: dense_vae(D, (), 0, BernoulliOutput(), rng=RNG), "latent must be at least 1"),
        (lambda: trainer(classes=-1), "classes must be at least 0"),
        (lambda: trainer(classes=3).step(BITS), "this model takes labels of 3 classes"),
        (lambda: trainer().step(BITS, np.zeros(2, int)), "this model takes no labels"),
        (lambda: GaussianOutput(0.0, rng=RNG), "variance must be positive, not 0"),
        (lambda: DiscretisedLogisticOutput(1, rng=RNG), "levels must be at least 2"),
        (lambda: convolutional_vae((1, 6, 8), (2, 3), L, BernoulliOutput(), rng=RNG),
         "images of 6 x 8 do not halve twice"),
        (lambda: trainer().step(BITS[:0]), r"shape \(0, 16\); give rows"),
        (lambda: trainer().step(BITS.astype("float64")), "is float64, the weights are float32"),
        (lambda: trainer().step(BITS.reshape(2, 4, 4)), r"shape \(2, 4, 4\)"),
        (lambda: trainer().step(np.zeros((2, 9), "float32")), "9 features"),
    ],
)  # fmt: skip
def test_what_cannot_be_trained_is_refused_in_a_sentence(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_an_encoder_of_the_wrong_width_is_told():
    made = trainer()
    made.model.latent = 4
    with pytest.raises(ValueError, match=r"the encoder makes 6 numbers.*for each: 8"):
        made.step(BITS)


@pytest.mark.parametrize("output", OUTPUTS)
@pytest.mark.parametrize(
    ("x", "refused_by"),
    [
        ([0.0, 1.0], ()),
        ([0.0, 0.25, 0.5], ()),
        ([0.0, 0.3], ("logistic",)),
        ([-0.5, 1.0], ("bernoulli", "logistic")),
        ([0.0, 255.0], ("bernoulli", "logistic")),
        ([0.0, math.nan], ("bernoulli", "logistic", "gaussian")),
        ([0.0, math.inf], ("bernoulli", "logistic", "gaussian")),
    ],
)
def test_data_outside_the_support_is_refused_when_it_is_checked(output, x, refused_by):
    family = OUTPUTS[output](RNG)
    rows = np.array([x], "float32")
    if output.split(",")[0] in refused_by:
        with pytest.raises(DataError, match=r"^train holds .*\.$"):
            family.check(rows, "train")
    else:
        family.check(rows, "train")


def test_labels_reach_the_device_of_the_model(device):
    made = MAKERS["everything"]()
    batch = batches(device, made, [N])[0]
    assert made.reconstruct(*batch).shape == (N, D)
    assert isinstance(host(batch[0]), np.ndarray)


def test_a_vae_of_dropout_and_batch_norm_samples_in_evaluation():
    made = trainer()
    made.model.decoder = nn.Sequential(nn.Dropout(0.5, rng=tg.Generator(0)), made.model.decoder)
    noise = made.noise(30)
    assert_array_equal(made.sample(30, noise), made.sample(30, noise))
    assert made.model.decoder.training
