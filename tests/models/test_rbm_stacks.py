"""Deep belief networks: greedy training, sampling, and what they unroll into."""

from __future__ import annotations

import numpy as np
import pytest
import strict
from rbm_cases import make_rbm, states_of

import tinygen as tg
from tinygen import nn
from tinygen.backend import host
from tinygen.data import load
from tinygen.models.rbm import (
    RBM,
    Bernoulli,
    DBNTrainer,
    DeepBeliefNetwork,
    Gaussian,
    exact_log_z,
    mean_log_likelihood,
    unroll,
)


@pytest.mark.parametrize("kind", ["bernoulli", "gaussian", "rectified"])
def test_unrolled_layers_compute_the_rbms_expectations(kind, backend):
    rbm = make_rbm(kind, dtype="float32")
    v = states_of(rbm, 6)
    encode, decode = unroll(rbm)
    h = encode(tg.Tensor(v))
    np.testing.assert_allclose(h.numpy(), host(rbm.arrays().hidden_mean(v)), atol=1e-6)
    np.testing.assert_allclose(decode(h).numpy(), host(rbm.arrays().reconstruction(v)), atol=1e-5)
    assert [name for name, _ in encode.named_parameters()] == ["0.weight", "0.bias"]


def test_unrolled_layers_have_weights_of_their_own():
    rbm = make_rbm(dtype="float32")
    encode, _ = unroll(rbm)
    encode.parameters()[0][...] = 0.0
    assert rbm.weight.numpy().any()


def test_softmax_units_cannot_be_unrolled():
    with pytest.raises(ValueError, match="softmax units have no layer"):
        unroll(make_rbm("softmax"))


def test_layers_are_trained_one_after_the_other(backend):
    dbn = DeepBeliefNetwork([6, 5, 4, 3], rng=tg.Generator(0))
    trainer = DBNTrainer(dbn, rng=tg.Generator(1), steps_per_layer=2)
    v = states_of(dbn.rbms[0], 8)
    changed = []
    for _ in range(7):
        before = [rbm.weight.numpy().copy() for rbm in dbn.rbms]
        trainer.step(v)
        changed.append([
            not np.array_equal(b, rbm.weight.numpy())
            for b, rbm in zip(before, dbn.rbms, strict=True)
        ])  # fmt: skip
    first, second, third = [True, False, False], [False, True, False], [False, False, True]
    assert changed == [first, first, second, second, third, third, third]


def test_greedy_training_raises_the_likelihood_of_each_layer():
    rows = (load("digits").flat()[0] > 0.5).astype("float32")
    rng = tg.Generator(0)
    dbn = DeepBeliefNetwork([64, 16, 8], rng=rng)
    trainer = DBNTrainer(dbn, rng=rng, steps_per_layer=300)

    def likelihoods() -> list[float]:
        found, v = [], rows
        for rbm in dbn.rbms:
            found.append(mean_log_likelihood(rbm, v, exact_log_z(rbm)))
            v = tg.Generator(9).bernoulli(rbm.arrays().hidden_mean(v))
        return found

    before = likelihoods()
    for i in range(600):
        trainer.step(rows[i * 50 % 1200 :][:50])
    after = likelihoods()
    assert after[0] > before[0] + 10.0
    assert dbn.sample(5, rng=rng, burn_in=10).shape == (5, 64)
    assert dbn.up(rows[:3]).shape == (3, 8)


def test_autoencoder_begins_as_the_stack_and_learns_on():
    rows = (load("digits").flat()[0] > 0.5).astype("float32")
    rng = tg.Generator(0)
    dbn = DeepBeliefNetwork([Bernoulli(64), 32, 16], rng=rng)
    dbn.rbms[0].start_at(rows)
    trainer = DBNTrainer(dbn, rng=rng, steps_per_layer=400)
    for i in range(800):
        trainer.step(rows[i * 50 % 1200 :][:50])
    autoencoder = nn.Sequential(*dbn.encoder(), *dbn.decoder())

    def error() -> tg.Tensor:
        return tg.mse(autoencoder(tg.Tensor(rows)), tg.Tensor(rows))

    start = float(error().item())
    assert start < 0.8 * rows.var(0).mean()
    optimizer = tg.optim.Adam(autoencoder.named_parameters(), lr=3e-3)
    for _ in range(60):
        optimizer.step(tg.grad(error(), optimizer.params))
    assert float(error().item()) < 0.92 * start


def test_stacks_may_begin_with_gaussian_units():
    rng = tg.Generator(0)
    dbn = DeepBeliefNetwork([Gaussian(4), 5, 3], rng=rng)
    trainer = DBNTrainer(dbn, rng=rng, steps_per_layer=2, burn_in=5)
    for _ in range(4):
        trainer.step(rng.normal((8, 4)))
    assert np.isfinite(dbn.encoder()(tg.Tensor(rng.normal((8, 4)))).numpy()).all()
    assert trainer.sample(3).shape == (3, 4)


def test_a_continued_run_is_bit_for_bit_the_same(backend):
    def make(seed: int) -> DBNTrainer:
        dbn = DeepBeliefNetwork([6, 5, 4], rng=tg.Generator(0))
        return DBNTrainer(dbn, rng=tg.Generator(seed), steps_per_layer=3)

    whole, first, second = make(1), make(1), make(2)
    v = states_of(RBM(6, 5, rng=tg.Generator(3)), 8)
    for _ in range(8):
        whole.step(v)
    for _ in range(4):
        first.step(v)
    second.load_state_dict(first.state_dict())
    for _ in range(4):
        second.step(v)
    for a, b in zip(whole.dbn.parameters(), second.dbn.parameters(), strict=True):
        np.testing.assert_array_equal(a.numpy(), b.numpy())


def test_a_step_waits_for_no_device():
    with tg.use_device("strict"):
        dbn = DeepBeliefNetwork([6, 5, 4], rng=tg.Generator(0))
        trainer = DBNTrainer(dbn, rng=tg.Generator(1), steps_per_layer=2)
        v = states_of(dbn.rbms[0], 8)
        trainer.step(v)
        with strict.measure() as spent:
            for _ in range(4):
                trainer.step(v)
        assert spent.syncs == 0


def test_what_is_no_stack_is_refused():
    with pytest.raises(ValueError, match="at least two layers"):
        DeepBeliefNetwork([5], rng=tg.Generator(0))
    with pytest.raises(ValueError, match="only the first layer may be Units"):
        DeepBeliefNetwork([5, Bernoulli(4), 3], rng=tg.Generator(0))
    dbn = DeepBeliefNetwork([5, 4], rng=tg.Generator(0))
    with pytest.raises(ValueError, match="steps_per_layer must be at least 1"):
        DBNTrainer(dbn, rng=tg.Generator(0), steps_per_layer=0)
