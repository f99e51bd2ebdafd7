"""VQ-VAE, adversarial autoencoder and VAE/GAN: who is moved by what, continuing, cost, replay."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import scipy.stats
import strict
from checks import assert_same, flat
from numpy.testing import assert_allclose, assert_array_equal

import tinygen as tg
from tinygen import nn
from tinygen.models.gan import R1, Discriminator, GANTrainer, mlp
from tinygen.models.vae import BernoulliOutput, GaussianOutput, dense, dense_vae
from tinygen.models.vae.adversarial import AAETrainer
from tinygen.models.vae.latent_gan import LatentGANTrainer
from tinygen.models.vae.vae_gan import VAEGANTrainer
from tinygen.models.vae.vq import VQVAE, CodePrior, VQTrainer

D, L, N = 12, 3, 6


def vq(seed: int = 0, **options) -> VQTrainer:
    rng = tg.Generator(seed)
    model = VQVAE(D, (7,), groups=L, entries=4, width=2, output=BernoulliOutput(), rng=rng)
    return VQTrainer(model, rng=tg.Generator(seed, stream=1), **options)


def aae(seed: int = 0, output=None, **options) -> AAETrainer:
    rng = tg.Generator(seed)
    output = GaussianOutput(rng=rng) if output is None else output
    return AAETrainer(
        dense([D, 7, L], rng), dense([L, 7, D], rng), mlp([L, 5, 1], rng, slope=0.2),
        output, latent=L, rng=tg.Generator(seed, stream=1), **options,
    )  # fmt: skip


def vae_gan(seed: int = 0, **options) -> VAEGANTrainer:
    rng = tg.Generator(seed)
    discriminator = Discriminator(
        nn.Sequential(nn.Linear(D, 8, rng=rng), nn.LeakyReLU(0.2)), nn.Linear(8, 1, rng=rng)
    )
    decoder = mlp([L, 7, D], rng, output=nn.Sigmoid())
    return VAEGANTrainer(
        mlp([D, 7, 2 * L], rng), decoder, discriminator, latent=L,
        rng=tg.Generator(seed, stream=1), **options,
    )  # fmt: skip


def latent_gan(seed: int = 0, first: int = 2, **options) -> LatentGANTrainer:
    rng, noise = tg.Generator(seed), tg.Generator(seed, stream=1)
    gan = GANTrainer(
        mlp([L, 7, L], rng), mlp([L, 6, 1], rng, slope=0.2), rng=noise, noise_shape=L,
        regularizers=[R1(0.1, every=2)], ema_decay=0.9,
    )  # fmt: skip
    (rows,) = batches(rng.backend, [40])
    model = dense_vae(D, (7,), L, BernoulliOutput(), rng=rng)
    return LatentGANTrainer(model, gan, rows, first=first, rng=noise, **options)


MAKERS = {
    "vq": vq,
    "aae": aae,
    "aae, weighted": lambda seed=0: aae(seed, BernoulliOutput(), weight=5.0),
    "vae-gan": vae_gan,
    "vae-gan, penalised": lambda seed=0: vae_gan(seed, r1=1.0, r1_every=3, gamma=0.5),
    "latent-gan": latent_gan,
    "latent-gan of a vae": lambda seed=0: latent_gan(seed, objective="elbo", warm_up=2),
}


def batches(backend, sizes: list[int]) -> list:
    rng = np.random.default_rng(0)
    return [backend.from_host(rng.random((n, D), "float32")) for n in sizes]


# -- what all of them share ------------------------------------------------------------------------


@pytest.mark.parametrize("name", MAKERS)
def test_a_fresh_trainer_continues_bit_for_bit(name, backend):
    straight, resumed = MAKERS[name](), MAKERS[name](77)
    data = batches(backend, [N] * 6)
    for batch in data[:3]:
        straight.step(batch)
    resumed.load_state_dict(straight.state_dict())
    for batch in data[3:]:
        expected, found = straight.step(batch), resumed.step(batch)
        assert {k: float(v) for k, v in found.items()} == {k: float(v) for k, v in expected.items()}
    assert_same(straight, resumed)
    assert_array_equal(straight.sample(3), resumed.sample(3))


@pytest.mark.parametrize("name", MAKERS)
def test_a_step_neither_waits_for_the_device_nor_copies_to_it(name):
    with tg.use_device("strict") as backend:
        made = MAKERS[name]()
        warm = 1 + getattr(made, "first", 0)  # targets are made with the first step of a kind
        data = batches(backend, [N] * (4 + warm))
        for batch in data[:warm]:
            made.step(batch)
        for batch in data[warm:]:
            with strict.measure() as spent:
                made.step(batch)
            assert (spent.syncs, spent.uploads) == (0, 0)


@pytest.mark.slow
@pytest.mark.parametrize("name", MAKERS)
def test_replayed_steps_are_steps(name, device):
    plain, captured = MAKERS[name](), MAKERS[name]()
    captured.capture()
    for batch in batches(device, [N] * 10 + [4] * 4):
        expected, found = plain.step(batch), captured.step(batch)
        assert {k: float(v) for k, v in found.items()} == {k: float(v) for k, v in expected.items()}
    assert_same(plain, captured)


@pytest.mark.parametrize("name", MAKERS)
def test_all_backends_train_alike(name):
    states = []
    for device in ("cpu", "strict"):
        with tg.use_device(device) as backend:
            made = MAKERS[name]()
            for batch in batches(backend, [N] * 4):
                made.step(batch)
            states.append(flat({k: v.state_dict() for k, v in made.parts.items()}))
    for key, value in states[0].items():
        assert_allclose(states[1][key], value, rtol=1e-3, atol=1e-4, err_msg=key)


@pytest.mark.parametrize("name", MAKERS)
def test_samples_and_reconstructions_are_on_the_host(name, backend):
    made = MAKERS[name]()
    noise = made.noise(5)
    samples = made.sample(5, noise)
    assert type(samples) is np.ndarray
    assert samples.shape == (5, D)
    assert_array_equal(made.sample(5, noise), samples)
    assert made.reconstruct(batches(backend, [N])[0]).shape == (N, D)


# -- codebooks -------------------------------------------------------------------------------------


def test_the_nearest_entry_is_chosen(backend):
    model = vq().model
    x = tg.Tensor(batches(backend, [N])[0])
    codes = model.quantise(x)
    encoded, codebook = codes.encoded.numpy(), model.codebook.numpy()
    distances = ((encoded[:, :, None] - codebook) ** 2).sum(-1)
    assert_array_equal(codes.marks.numpy().argmax(-1), distances.argmin(-1))
    assert_allclose(codes.chosen.numpy(), codebook[distances.argmin(-1)], rtol=1e-6)


def test_the_gradient_goes_straight_through_the_codebook(backend):
    """As if the decoder had been given the encoder's own vectors; the entries see nothing of it."""
    model = vq().model
    codes = model.quantise(tg.Tensor(batches(backend, [N])[0]))
    through = codes.straight_through()
    assert_allclose(through.numpy(), codes.chosen.numpy(), rtol=1e-5, atol=1e-6)
    weights = backend.from_host(np.random.default_rng(1).normal(size=through.shape).astype("f"))
    loss = tg.sum(through * through * weights)
    found = tg.grad(loss, [codes.encoded, model.codebook], allow_unused=True)
    assert_allclose(found[0].numpy(), (2.0 * codes.chosen * weights).numpy(), rtol=1e-4, atol=1e-5)
    assert found[1] is None


def test_each_term_of_the_loss_moves_what_it_should(backend):
    """The entries by the codebook term alone: 2 (c - e) summed over the vectors they stand for."""
    made = vq(commitment=0.0)
    x = batches(backend, [N])[0]
    made.binarise = False
    codes = made.model.quantise(tg.Tensor(x))
    pull = 2.0 * (codes.chosen - codes.encoded).numpy() / N
    expected = np.einsum("ngk,ngw->kw", codes.marks.numpy(), pull)
    made.step(x)
    assert_allclose(tg.Tensor(made.optimizer.gradients["codebook"]).numpy(), expected, rtol=1e-3,
                    atol=1e-6)  # fmt: skip


def test_perplexity_counts_the_entries_in_use(backend):
    codes = vq().model.quantise(tg.Tensor(batches(backend, [50])[0]))
    share = codes.marks.numpy().reshape(-1, 4).mean(0)
    expected = math.exp(scipy.stats.entropy(share))
    assert codes.perplexity().item() == pytest.approx(expected, rel=1e-4)


def trained_prior() -> tuple[CodePrior, np.ndarray]:
    """Three groups of two entries, of which the third is the exclusive or of the others, mostly."""
    rng = np.random.default_rng(0)
    a, b = rng.random((2, 4000)) < [[0.3], [0.6]]
    c = np.where(rng.random(4000) < 0.9, a, b)
    marks = np.eye(2, dtype="float32")[np.stack([a, b, c], 1).astype(int)]
    prior = CodePrior(3, 2, tg.Generator(0))
    optimizer = tg.optim.Adam(prior.named_parameters(), lr=0.05)
    for _ in range(300):
        loss = prior.negative_log_prob(tg.Tensor(marks))
        optimizer.step(tg.grad(loss, optimizer.params))
    return prior, marks


def test_the_prior_of_codes_is_a_distribution_and_its_draws_have_it():
    prior, marks = trained_prior()
    every = np.array(list(itertools.product((0, 1), repeat=3)))
    tensors = [tg.Tensor(np.eye(2, dtype="float32")[row][None]) for row in every]
    p = np.exp([-prior.negative_log_prob(t).item() for t in tensors])
    assert p.sum() == pytest.approx(1.0, rel=1e-5)
    numbers = marks.argmax(-1) @ [4, 2, 1]
    assert_allclose(p, np.bincount(numbers, minlength=8) / len(marks), atol=0.01)
    drawn = prior.draw(tg.Generator(1).normal((20_000, 3))).numpy()
    assert_array_equal(drawn.sum(-1), 1.0)
    found = np.bincount(drawn.argmax(-1) @ [4, 2, 1], minlength=8) / len(drawn)
    assert_allclose(found, p, atol=0.015)


def test_an_entry_does_not_depend_on_itself_or_on_later_ones(backend):
    prior = CodePrior(3, 2, tg.Generator(0))
    prior.weight[...] = backend.from_host(np.random.default_rng(0).normal(size=(6, 6)).astype("f"))
    marks = np.eye(2, dtype="float32")[np.zeros((1, 3), int)]
    before = prior.logits(tg.Tensor(backend.from_host(marks))).numpy()
    for i in range(3):
        changed = marks.copy()
        changed[0, i] = [0.0, 1.0]
        after = prior.logits(tg.Tensor(backend.from_host(changed))).numpy()
        assert_array_equal(after[0, : i + 1], before[0, : i + 1])
        assert i == 2 or (after[0, i + 1 :] != before[0, i + 1 :]).all()


# -- adversaries -----------------------------------------------------------------------------------


def gradient(loss, module, **options) -> np.ndarray:
    found = tg.grad(loss, module.parameters(), allow_unused=True, retain_graph=True, **options)
    return np.concatenate([np.zeros(p.size) if g is None else g.numpy().ravel()
                           for p, g in zip(module.parameters(), found, strict=True)])  # fmt: skip


def test_an_adversarial_autoencoders_discriminator_is_not_moved_by_the_encoders_loss(backend):
    made = aae()
    x = batches(backend, [N])[0]
    codes = made.encoder(tg.Tensor(x))
    rng_state = made.rng.state_dict()
    real = made.discriminator(tg.Tensor(made.noise(N)))
    made.rng.load_state_dict(rng_state)
    false = made.discriminator(codes.detach())
    loss = tg.bce_with_logits(real, 1.0) + tg.bce_with_logits(false, 0.0)
    expected = gradient(loss, made.discriminator)
    made.step(x)
    found = [g.numpy().ravel() for g in map(tg.Tensor, made.optimizer_d.gradients.values())]
    assert_allclose(np.concatenate(found), expected, rtol=1e-4, atol=1e-7)


def by_hand(made: VAEGANTrainer, x) -> dict[str, np.ndarray]:
    """The gradients of Algorithm 1, from graphs in which nothing else could pass."""
    state = made.rng.state_dict()

    def parts(encoder=False, decoder=False, discriminator=False):
        """Posterior, decodings, features and logits, with only the named networks' gradients."""
        made.rng.load_state_dict(state)
        q = made.posterior(tg.Tensor(x))
        z = q.sample(made.rng)
        z = tg.concatenate([z if encoder else z.detach(), tg.Tensor(made.noise(len(x)))])
        decoded = made.decoder(z)
        decoded = decoded if encoder or decoder else decoded.detach()
        features = made.discriminator.features(tg.concatenate([tg.Tensor(x), decoded]))
        return q, features, made.discriminator.head(features)

    n = len(x)

    def likeness(features):
        return tg.sum((features[:n] - features[n : 2 * n]) ** 2) * (0.5 / n)

    q, features, _ = parts(encoder=True)
    kl = tg.sum(0.5 * (q.mean**2 + tg.exp(q.log_variance) - 1.0 - q.log_variance)) * (1.0 / n)
    encoder = gradient(kl + likeness(features), made.encoder)
    _, features, logits = parts(decoder=True)
    deceive = -tg.sum(tg.log(tg.sigmoid(logits[n:]))) * (1.0 / n)
    decoder = gradient(made.gamma * likeness(features) + deceive, made.decoder)
    _, _, logits = parts(discriminator=True)
    p = tg.sigmoid(logits)
    l_gan = -(tg.sum(tg.log(p[:n])) + tg.sum(tg.log(1.0 - p[n:]))) * (1.0 / n)
    discriminator = gradient(l_gan, made.discriminator)
    made.rng.load_state_dict(state)
    return {"encoder": encoder, "decoder": decoder, "discriminator": discriminator}


def test_each_network_of_the_joint_model_gets_the_gradient_that_the_article_sends_it(backend):
    made = vae_gan(gamma=0.3)
    x = batches(backend, [N])[0]
    expected = by_hand(made, x)
    found = made.gradients(made.losses(tg.Tensor(x)))
    for name, gradients in found.items():
        flat_found = np.concatenate([g.numpy().ravel() for g in gradients])
        assert_allclose(flat_found, expected[name], rtol=1e-4, atol=1e-6, err_msg=name)


@pytest.mark.parametrize("network", ["encoder", "decoder", "discriminator"])
def test_a_loss_sent_elsewhere_would_be_noticed(network):
    """All three losses to one network, as `loss.backward()` on their sum would send them."""
    made = vae_gan(gamma=0.3)
    x = np.random.default_rng(0).random((N, D), "float32")
    expected = by_hand(made, x)[network]
    losses = made.losses(tg.Tensor(x))
    total = losses.prior + losses.likeness + losses.generator + losses.discriminator
    wrong = gradient(total, getattr(made, network))
    assert not np.allclose(wrong, expected, rtol=1e-2, atol=1e-4)


def test_the_penalty_reaches_the_discriminator_alone(backend):
    x = batches(backend, [N])[0]
    states = []
    for r1 in (0.0, 5.0):
        made = vae_gan(r1=r1)
        made.step(x)
        states.append({name: flat(made.parts[name].state_dict())
                       for name in ("encoder", "decoder", "discriminator")})  # fmt: skip
    for name in ("encoder", "decoder"):
        for key, value in states[0][name].items():
            assert_array_equal(states[1][name][key], value)
    changed = [(states[1]["discriminator"][k] != v).any()
               for k, v in states[0]["discriminator"].items()]  # fmt: skip
    assert any(changed)


REFUSED = {
    "entries": (lambda: VQVAE(D, (), groups=1, entries=1, width=2, output=BernoulliOutput(),
                              rng=tg.Generator(0)), "entries must be finite and at least 2, not 1"),
    "commitment": (lambda: vq(commitment=-1.0), "commitment must be"),
    "weight": (lambda: aae(weight=math.nan), "weight must be finite"),
    "gamma": (lambda: vae_gan(gamma=-1.0), "gamma must be"),
    "variance": (lambda: vae_gan(variance=0.0), "variance must be positive, not 0"),
    "r1_every": (lambda: vae_gan(r1_every=0), "r1_every must be finite and at least 1"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_settings_without_meaning_are_refused(name):
    call, message = REFUSED[name]
    with pytest.raises(ValueError, match=message):
        call()
