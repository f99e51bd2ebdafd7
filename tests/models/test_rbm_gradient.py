"""The update: against autograd, finite differences, expectations over all states, invariances."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
import strict
from rbm_cases import DISCRETE, LAYERS, LIKELY, make_rbm, numeric_gradient, states_of

import tinygen as tg
from tinygen.backend import host
from tinygen.models.rbm import (
    RBM,
    Bernoulli,
    ContrastiveDivergence,
    Exact,
    FastPersistentChains,
    NegativeSampler,
    Particles,
    PersistentChains,
    RBMTrainer,
    TemperedChains,
    exact_log_z,
    mean_log_likelihood,
)

KINDS = pytest.mark.parametrize("kind", list(LAYERS))


class Given(NegativeSampler):
    """These states stand for the model."""

    def __init__(self, states, weights=None) -> None:
        self.states, self.weights = states, weights

    def draw(self, rbm, data, rng) -> Particles:
        return Particles(self.states, rbm.hidden_input(self.states), self.weights)


def gradients(rbm: RBM, batch, negative: NegativeSampler, **options) -> dict[str, np.ndarray]:
    """What the trainer hands to its optimizer, at a learning rate of 0."""
    trainer = RBMTrainer(rbm, rng=tg.Generator(9), negative=negative, lr=0.0, **options)
    trainer.step(batch)
    return {name: np.array(host(g)) for name, g in trainer.optimizer.gradients.items()}


# -- what it is a gradient of ----------------------------------------------------------------------


@KINDS
@pytest.mark.parametrize("weighted", [False, True])
def test_the_update_is_autograds_gradient_of_the_free_energies(kind, weighted, backend):
    rbm = make_rbm(kind)
    v, u = states_of(rbm, 4), states_of(rbm, 6, seed=2)
    share = np.random.default_rng(0).dirichlet(np.ones(6)) if weighted else np.full(6, 1 / 6)
    place = backend.from_host
    got = gradients(rbm, v, Given(u, place(share) if weighted else None))
    loss = tg.mean(rbm.free_energy(tg.Tensor(v)))
    loss = loss - tg.sum(rbm.free_energy(tg.Tensor(u)) * tg.Tensor(place(share)))
    names = [name for name, _ in rbm.named_parameters()]
    for name, want in zip(names, tg.grad(loss, rbm.parameters()), strict=True):
        np.testing.assert_allclose(got[name], want.numpy(), atol=1e-12, err_msg=name)
        assert np.abs(got[name]).max() > 1e-3, name


@pytest.mark.parametrize("kind", DISCRETE)
def test_with_all_states_it_is_the_gradient_of_the_likelihood(kind):
    rbm = make_rbm(kind)
    v = states_of(rbm, 5)
    got = gradients(rbm, v, Exact())
    for name, p in rbm.named_parameters():
        want = numeric_gradient(lambda: -mean_log_likelihood(rbm, v, exact_log_z(rbm)), p)
        np.testing.assert_allclose(got[name], want, atol=1e-7, err_msg=name)


def test_a_wrong_sign_or_a_missing_state_would_be_seen():
    rbm = make_rbm()
    v = states_of(rbm, 5)
    right = gradients(rbm, v, Exact())
    states = rbm.arrays().visible.states(0, 32)
    p = np.exp(-rbm.arrays().free_energy(states) - exact_log_z(rbm))
    wrong = gradients(rbm, v, Given(states[1:], p[1:] / p[1:].sum()))
    assert np.abs(wrong["weight"] - right["weight"]).max() > 1e-3


def transition(rbm: RBM, k: int) -> tuple[np.ndarray, np.ndarray]:
    """All visible states, and the probabilities of going from each to each in k steps."""
    model = rbm.arrays()
    v = model.visible.states(0, int(rbm.visible.n_states))
    h = np.array(list(product((0.0, 1.0), repeat=rbm.hidden.n)))
    up, down = model.hidden_mean(v), model.visible.mean(model.visible_input(h))
    to_h = np.prod(np.where(h[None] > 0, up[:, None], 1.0 - up[:, None]), axis=2)
    to_v = np.prod(np.where(v[None] > 0, down[:, None], 1.0 - down[:, None]), axis=2)
    return v, np.linalg.matrix_power(to_h @ to_v, k)


@pytest.mark.parametrize("k", [1, 3])
def test_the_mean_of_cd_updates_is_its_exact_expectation(k):
    """E over all paths of k steps: within 3 standard errors, entry by entry (4.5 for the worst)."""
    rbm = make_rbm()
    states, moves = transition(rbm, k)
    chosen = [3, 11, 30]
    batch = states[chosen]
    want = gradients(rbm, batch, Given(states, moves[chosen].mean(0)))
    trainer = RBMTrainer(rbm, rng=tg.Generator(2), negative=ContrastiveDivergence(k), lr=0.0)
    draws: dict[str, list] = {name: [] for name in want}
    for _ in range(3000):
        trainer.step(batch)
        for name, g in trainer.optimizer.gradients.items():
            draws[name].append(g.copy())
    for name, values in draws.items():
        found = np.array(values)
        z = (found.mean(0) - want[name]) / (found.std(0, ddof=1) / np.sqrt(len(found)))
        assert np.sqrt((z**2).mean()) < 1.6, name
        assert np.abs(z).max() < 4.5, name
        assert (np.abs(z) < 3.0).mean() > 0.9, name


# -- centring, flipping, tempering -----------------------------------------------------------------


def centred_gradients(rbm: RBM, batch, model, mu, lam) -> dict[str, np.ndarray]:
    """By autograd of the centred parameters' energy, and written in the plain ones."""
    v, u = (tg.Tensor(a) for a in (batch, model))
    w = tg.tensor(rbm.weight.numpy(), requires_grad=True)
    b = tg.tensor(rbm.visible.bias.numpy() + lam @ rbm.weight.numpy(), requires_grad=True)
    c = tg.tensor(rbm.hidden.bias.numpy() + rbm.weight.numpy() @ mu, requires_grad=True)

    def free_energy(s):  # of the sum over h of exp((s - mu) W (h - lambda) + c.h + b.s)
        x = c + (s - mu) @ w.T
        return -(s @ b) + ((s - mu) @ w.T) @ tg.tensor(lam) - tg.sum(tg.softplus(x), axis=1)

    loss = tg.mean(free_energy(v)) - tg.mean(free_energy(u))
    g_w, g_b, g_c = (g.numpy() for g in tg.grad(loss, [w, b, c]))
    return {"weight": g_w, "visible.bias": g_b - lam @ g_w, "hidden.bias": g_c - g_w @ mu}


def test_the_centred_update_is_the_gradient_of_centred_parameters():
    rbm = make_rbm()
    v, u = states_of(rbm, 4), states_of(rbm, 6, seed=2)
    trainer = RBMTrainer(rbm, rng=tg.Generator(0), negative=Given(u), lr=0.0, centred=True)
    mu, lam = np.linspace(0.1, 0.8, 5), np.linspace(0.3, 0.6, 4)
    trainer.offsets.visible[...], trainer.offsets.hidden[...] = mu, lam
    trainer.step(v)
    for name, want in centred_gradients(rbm, v, u, mu, lam).items():
        np.testing.assert_allclose(trainer.optimizer.gradients[name], want, atol=1e-12)


def flipped(rbm: RBM, unit: int) -> RBM:
    """The same distribution with the two values of one visible unit exchanged."""
    other = make_rbm()
    w, b, c = (p.numpy().copy() for p in (rbm.weight, rbm.visible.bias, rbm.hidden.bias))
    c += w[:, unit]
    w[:, unit] *= -1.0
    b[unit] *= -1.0
    other.weight[...], other.visible.bias[...], other.hidden.bias[...] = w, b, c
    return other


def flip(v: np.ndarray, unit: int) -> np.ndarray:
    v = np.array(v)
    v[..., unit] = 1.0 - v[..., unit]
    return v


def test_flipping_a_visible_unit_changes_no_mean_field_and_no_tempered_energy():
    rbm, unit = make_rbm(), 2
    other = flipped(rbm, unit)
    one, two = rbm.arrays(), other.arrays()
    v = states_of(rbm, 6)
    np.testing.assert_allclose(one.hidden_mean(v), two.hidden_mean(flip(v, unit)), atol=1e-12)
    np.testing.assert_allclose(
        flip(one.reconstruction(v), unit), two.reconstruction(flip(v, unit)), atol=1e-12
    )
    gap = one.free_energy(v) - two.free_energy(flip(v, unit))
    np.testing.assert_allclose(gap, gap[0], atol=1e-12)
    np.testing.assert_allclose(exact_log_z(rbm) + gap[0], exact_log_z(other), atol=1e-10)
    h = np.random.default_rng(0).integers(0, 2, (6, 4)).astype("float64")
    for beta in (0.2, 0.7):
        gap = beta * (one.energy(v, h) - two.energy(flip(v, unit), h))
        np.testing.assert_allclose(gap, gap[0], atol=1e-12)


@pytest.mark.parametrize("steps", [1, 40])
def test_centred_training_is_the_same_after_flipping_a_unit_and_its_offset(steps):
    """The identity that plain training lacks: to 1e-10 after many exact updates."""
    unit = 2
    results = {}
    for centred in (True, False):
        one = make_rbm()
        pair = [one, flipped(one, unit)]
        data = [states_of(one, 8), flip(states_of(one, 8), unit)]
        trainers = [
            RBMTrainer(rbm, rng=tg.Generator(0), negative=Exact(), lr=0.2, centred=centred,
                       weight_decay=0.01)
            for rbm in pair
        ]  # fmt: skip
        if centred:
            trainers[1].offsets.visible[...] = flip(trainers[0].offsets.visible, unit)
        for _ in range(steps):
            for trainer, batch in zip(trainers, data, strict=True):
                trainer.step(batch)
        results[centred] = [
            mean_log_likelihood(r, d, exact_log_z(r)) for r, d in zip(pair, data, strict=True)
        ]
        if centred:
            np.testing.assert_allclose(
                flipped(pair[0], unit).weight.numpy(), pair[1].weight.numpy(), atol=1e-10
            )
            np.testing.assert_allclose(
                flipped(pair[0], unit).hidden.bias.numpy(), pair[1].hidden.bias.numpy(), atol=1e-10
            )
    assert results[True][0] == pytest.approx(results[True][1], abs=1e-10)
    assert abs(results[False][0] - results[False][1]) > 1e-6


def test_a_tempered_model_is_the_model_of_scaled_parameters():
    rbm = make_rbm()
    base = rbm.arrays().visible.mapped(lambda p: 0.0 * p)
    cooler = make_rbm()
    for p in cooler.parameters():
        p[...] = 0.4 * p.numpy()
    units, scale = rbm.arrays().visible.blend(base, 0.4)
    h = np.random.default_rng(0).integers(0, 2, (3, 4)).astype("float64")
    x = scale * rbm.arrays().visible_field(h) + units.bias
    np.testing.assert_allclose(x, cooler.arrays().visible_input(h), atol=1e-12)
    v = states_of(rbm, 3)
    np.testing.assert_allclose(
        0.4 * rbm.arrays().hidden_input(v), cooler.arrays().hidden_input(v), atol=1e-12
    )


# -- what else is in an update ---------------------------------------------------------------------


def test_weight_decay_is_of_the_weights_only():
    rbm = make_rbm()
    v, u = states_of(rbm, 4), states_of(rbm, 6, seed=2)
    plain = gradients(rbm, v, Given(u))
    decayed = gradients(rbm, v, Given(u), weight_decay=0.1)
    np.testing.assert_allclose(
        decayed["weight"] - plain["weight"], 0.1 * rbm.weight.numpy(), atol=1e-12
    )
    for name in ("visible.bias", "hidden.bias"):
        np.testing.assert_array_equal(decayed[name], plain[name])


def test_sparsity_adds_the_slope_of_its_penalty_in_every_hidden_input():
    rbm = make_rbm()
    v, u = states_of(rbm, 4), states_of(rbm, 6, seed=2)
    plain = gradients(rbm, v, Given(u))
    trainer = RBMTrainer(rbm, rng=tg.Generator(0), negative=Given(u), lr=0.0, sparsity=0.5,
                         sparsity_target=0.1)  # fmt: skip
    activity = np.array([0.5, 0.1, 0.0, 0.9])
    trainer._activity[...] = activity
    trainer.step(v)
    push = 0.5 * (activity - 0.1)
    got = trainer.optimizer.gradients
    np.testing.assert_allclose(got["hidden.bias"] - plain["hidden.bias"], push, atol=1e-12)
    np.testing.assert_allclose(
        got["weight"] - plain["weight"], np.outer(push, v.mean(0)), atol=1e-12
    )
    np.testing.assert_array_equal(got["visible.bias"], plain["visible.bias"])


def test_sparsity_lowers_the_activity_of_hidden_units():
    v = states_of(make_rbm(), 64)
    means = []
    for sparsity in (0.0, 2.0):
        rbm = make_rbm()
        trainer = RBMTrainer(rbm, rng=tg.Generator(0), lr=0.1, sparsity=sparsity,
                             sparsity_target=0.05, sparsity_decay=0.9)  # fmt: skip
        for _ in range(300):
            trainer.step(v)
        means.append(rbm.arrays().hidden_mean(v).mean())
    assert means[1] < 0.15 < means[0]


@pytest.mark.parametrize("make", [tg.optim.SGD, tg.optim.Adam, tg.optim.AdamW])
def test_any_optimizer_can_be_used(make, backend):
    rbm = make_rbm(dtype="float32")
    v = states_of(rbm, 16)
    optimizer = make(rbm.named_parameters(), lr=0.05)
    trainer = RBMTrainer(rbm, rng=tg.Generator(0), negative=Exact(), optimizer=optimizer)
    before = mean_log_likelihood(rbm, v, exact_log_z(rbm))
    for _ in range(50):
        trainer.step(v)
    assert mean_log_likelihood(rbm, v, exact_log_z(rbm)) > before + 0.1


SAMPLERS = {
    "cd": lambda: ContrastiveDivergence(2), "persistent": lambda: PersistentChains(7, 2),
    "fast": lambda: FastPersistentChains(7), "tempered": lambda: TemperedChains(3, 4),
    "exact": Exact,
}  # fmt: skip
REFUSED = {("rectified", "tempered"), ("rectified", "exact"), ("gaussian", "exact")}
"""Which have no likelihood or cannot be enumerated: other tests show how they are refused."""


@pytest.mark.parametrize(
    ("kind", "sampler"),
    [(kind, sampler) for kind in LAYERS for sampler in SAMPLERS if (kind, sampler) not in REFUSED],
)
@pytest.mark.parametrize("centred", [False, True])
def test_a_step_waits_for_no_device_and_uploads_nothing(kind, sampler, centred):
    with tg.use_device("strict"):
        rbm = make_rbm(kind, dtype="float32")
        v = states_of(rbm, 8)
        options = {"momentum": 0.5, "weight_decay": 1e-3, "sparsity": 0.1, "centred": centred}
        trainer = RBMTrainer(rbm, rng=tg.Generator(0), negative=SAMPLERS[sampler](), **options)
        trainer.step(v)
        with strict.measure() as spent:
            for _ in range(3):
                trainer.step(v)
        assert spent.syncs == 0


@pytest.mark.parametrize("kind", LIKELY)
def test_learning_raises_the_likelihood(kind, backend):
    rbm = make_rbm(kind, dtype="float32")
    v = states_of(make_rbm(kind, seed=4, dtype="float32"), 200)
    before = mean_log_likelihood(rbm, v, exact_log_z(rbm))
    trainer = RBMTrainer(
        rbm, rng=tg.Generator(0), negative=PersistentChains(200), lr=0.02, centred=True
    )
    for _ in range(300):
        results = trainer.step(v)
    assert mean_log_likelihood(rbm, v, exact_log_z(rbm)) > before + 0.03
    assert all(np.isfinite(float(value)) for value in results.values())


# -- bad input -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: ContrastiveDivergence(0), "k must be at least 1, not 0"),
        (lambda: PersistentChains(0), "chains must be at least 1, not 0"),
        (lambda: PersistentChains(5, 0), "k must be at least 1, not 0"),
        (lambda: FastPersistentChains(0), "chains must be at least 1, not 0"),
        (lambda: FastPersistentChains(5, decay=1.0), r"decay must lie in \[0, 1\), not 1.0"),
        (lambda: TemperedChains(5, 1), "temperatures must be at least 2, not 1"),
        (lambda: RBMTrainer(make_rbm(), rng=tg.Generator(0), weight_decay=-1.0), "at least 0"),
        (lambda: RBMTrainer(make_rbm(), rng=tg.Generator(0), offset_rate=2.0), r"lie in \[0, 1\]"),
        (lambda: RBMTrainer(make_rbm(), rng=tg.Generator(0)).step(np.ones((3, 4))), r"rows \(n, 5"),
        (lambda: RBMTrainer(make_rbm(), rng=tg.Generator(0)).step(np.ones((0, 5))), "at least 1"),
        (lambda: RBMTrainer(make_rbm(), rng=tg.Generator(0)).step(np.ones((3, 5), "float32")),
         r"batch is float32, the weights are float64; convert it"),
        (lambda: gradients(make_rbm("gaussian"), np.ones((2, 5)), Exact()), "infinitely many"),
        (lambda: gradients(make_rbm("rectified"), np.ones((2, 5)), TemperedChains(3, 3)),
         "TemperedChains: NoisyRectified units define no exact distribution"),
        (lambda: gradients(RBM(20, 3, rng=tg.Generator(0)), np.ones((2, 20), "float32"), Exact()),
         "1.05e.06 states, and at most 65,536"),
    ],
)  # fmt: skip
def test_wrong_settings_are_refused_in_a_sentence(call, message):
    with pytest.raises(ValueError, match=message) as caught:
        call()
    assert "\n" not in str(caught.value)


def test_units_of_another_dtype_are_made_alike():
    rbm = RBM(Bernoulli(3, dtype="float64"), 2, rng=tg.Generator(0))
    assert rbm.weight.dtype == rbm.hidden.bias.dtype == np.float64
