"""The rows about variational autoencoders: how they judge, and their exact part in a short form."""

from __future__ import annotations

import pytest

from tinygen.reproduce import ROWS, vae

NLL = {"-L_5000": 92.0, "its standard error": 0.7, "-ELBO": 97.0, "KL": 25.0, "active units": 20.0}
IWAE = {
    "nats better": 0.9, "its standard error": 0.1, "IWAE -L_5000": 90.0, "VAE -L_5000": 90.9,
    "IWAE active units": 25.0, "VAE active units": 20.0,
}  # fmt: skip
BOUNDS = {
    "linear VAE: below probabilistic PCA": 0.01, "linear VAE: exact - L_500": 0.001,
    "L_5 - L_1": 2.0, "that in standard errors, L_5": 50.0, "L_50 - L_5": 1.0,
    "that in standard errors, L_50": 40.0, "L_5000 - L_50": 0.5,
    "that in standard errors, L_5000": 20.0,
}  # fmt: skip


def test_the_rows_are_there():
    assert {"vae-nll", "iwae-vs-vae", "vae-bounds"} <= set(ROWS)


@pytest.mark.parametrize(
    ("changed", "passed", "stretch"),
    [
        ({}, True, False),
        ({"-L_5000": 87.0}, True, True),
        ({"-L_5000": 93.1}, False, False),
        ({"-ELBO": 98.6}, False, False),
        ({"KL": 19.0}, False, False),
        ({"active units": 16.0}, False, False),
        ({"active units": 26.0}, False, False),
    ],
)
def test_every_part_of_vae_nll_counts(changed, passed, stretch):
    verdict = vae.judge_nll([{**NLL, **changed}])
    assert (verdict.passed, verdict.stretch) == (passed, stretch)
    assert ("NO" in verdict.because) != passed


@pytest.mark.parametrize(
    ("changed", "passed"),
    [({}, True), ({"nats better": 0.6}, False), ({"IWAE active units": 20.0}, False)],
)
def test_importance_weighting_must_be_better_and_use_more_of_the_latent_vector(changed, passed):
    assert vae.judge_iwae([{**IWAE, **changed}]).passed is passed


@pytest.mark.parametrize(
    ("changed", "passed"),
    [({}, True), ({"linear VAE: below probabilistic PCA": 0.06}, False),
     ({"linear VAE: exact - L_500": -0.06}, False), ({"L_50 - L_5": -0.1}, False)],
)  # fmt: skip
def test_bounds_must_rise_and_the_linear_one_be_exact(changed, passed):
    assert vae.judge_bounds([BOUNDS, {**BOUNDS, **changed}]).passed is passed


def test_a_linear_vae_of_the_digits_meets_its_exact_likelihood():
    """The bound on its own likelihood at once; principal components after 3,000 steps, not 100."""
    found = vae.linear_against_exact(0, 100)
    assert abs(found["linear VAE: exact - L_500"]) < 0.05
    assert found["linear VAE: below probabilistic PCA"] > 0.0


@pytest.mark.slow
def test_a_linear_vae_of_the_digits_becomes_probabilistic_principal_components():
    found = vae.linear_against_exact(0, 3_000)
    assert 0.0 <= found["linear VAE: below probabilistic PCA"] < 0.05
