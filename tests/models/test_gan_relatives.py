"""What every GAN must keep that is told a class, reads something off examples or encodes them."""

from __future__ import annotations

import math

import numpy as np
import pytest
import strict
from checks import assert_replays, assert_resumes
from gan_relatives import CODES, KINDS, batches, make

import tinygen as tg
from tinygen.gradcheck import gradcheck
from tinygen.models.gan import OBJECTIVES, R1, InfoGANTrainer
from tinygen.models.gan.rounds import total

FULL = {"d_steps": 2, "ema_decay": 0.9, "regularizers": [R1(0.5, every=3)], "lr": (1e-2, 2e-2),
        "instance_noise": 0.1, "instance_noise_steps": 8, "real_label": 0.9}  # fmt: skip


@pytest.mark.parametrize("objective", ["non-saturating", "relativistic"])
@pytest.mark.parametrize("kind", KINDS)
def test_gradients_of_both_players_are_those_of_finite_differences(kind, objective):
    """Of all that a player minimises, as `step` differentiates it, in all of its weights."""
    with tg.use_device("cpu") as backend:
        trainer = make(kind, "float64", objective=objective)
        ((real, *conditions),) = batches(kind, backend, 1, "float64")
        state = trainer.rng.state_dict()

        def loss_of(player, terms):
            def loss(*weights):
                trainer.rng.load_state_dict(state)  # the same noise at every call
                with player.substituted(weights):
                    return total(terms(trainer._round(real, tuple(conditions))))

            return loss

        for player, terms in (
            (trainer.generator, trainer.generator_terms),
            (trainer.discriminator, trainer.discriminator_terms),
        ):
            weights = [p.detach() for p in player.parameters()]
            if objective == "relativistic" and player is trainer.discriminator:
                _without_the_last_bias(loss_of(player, terms), weights)
            else:
                gradcheck(loss_of(player, terms), weights)


def _without_the_last_bias(loss, weights) -> None:
    """Differences of logits do not see the bias (1,) of the head, which may stand anywhere."""
    fixed = [i for i, w in enumerate(weights) if w.shape == (1,)]

    def of_others(*some):
        given = iter(some)
        return loss(*(w if i in fixed else next(given) for i, w in enumerate(weights)))

    gradcheck(of_others, [w for i, w in enumerate(weights) if i not in fixed])


def test_the_check_above_would_find_a_part_that_is_cut_off(monkeypatch):
    """The code's part of both losses, as a misplaced detach would."""
    whole = InfoGANTrainer.auxiliary_loss
    monkeypatch.setattr(
        InfoGANTrainer, "auxiliary_loss", lambda self, y, seen: whole(self, y.detach(), seen)
    )
    with pytest.raises(AssertionError):
        test_gradients_of_both_players_are_those_of_finite_differences("infogan", "non-saturating")


DRAWS = {"infogan": 2 * (1 + len(CODES.categorical) + 1)}
"""Of random numbers in a step with both players; of other kinds noise for each player."""


@pytest.mark.parametrize("kind", KINDS)
def test_a_step_never_waits_and_uploads_only_the_numbers_of_its_draws(kind):
    with tg.use_device("strict") as backend:
        trainer = make(kind)
        spent = []
        for batch in batches(kind, backend, 6):
            with strict.measure() as cost:
                trainer.step(*batch)
            spent.append(cost)
    assert sum(cost.syncs for cost in spent) == 0
    assert max(cost.uploads for cost in spent[1:]) <= DRAWS.get(kind, 2)
    assert max(cost.launches for cost in spent[3:]) <= max(cost.launches for cost in spent[:3])


@pytest.mark.slow
@pytest.mark.parametrize("options", [{}, FULL], ids=["plain", "all"])
@pytest.mark.parametrize("kind", KINDS)
def test_replayed_steps_are_steps(kind, options, device):
    plain, captured = make(kind, **options), make(kind, **options)
    assert_replays(plain, captured, batches(kind, device, 12))
    np.testing.assert_array_equal(plain.sample(5), captured.sample(5))


@pytest.mark.parametrize("kind", KINDS)
def test_a_replayed_step_is_one_upload_and_no_wait(kind):
    with tg.use_device("strict") as backend:
        trainer = make(kind)
        trainer.capture()
        *first, last = batches(kind, backend, 4)
        for batch in first:
            trainer.step(*batch)
        with strict.measure() as spent:
            trainer.step(*last)
    assert (spent.syncs, spent.uploads) == (0, 1)


@pytest.mark.parametrize("kind", KINDS)
def test_a_fresh_trainer_continues_bit_for_bit(kind, backend):
    straight, resumed = make(kind, **FULL), make(kind, seed=77, **FULL)
    assert_resumes(straight, resumed, batches(kind, backend, 7))
    np.testing.assert_array_equal(straight.sample(5), resumed.sample(5))


@pytest.mark.parametrize("objective", OBJECTIVES)
@pytest.mark.parametrize("kind", KINDS)
def test_every_objective_moves_both_players_of_every_kind(kind, objective, backend):
    trainer = make(kind, objective=objective, regularizers=[R1(1.0)])
    before = trainer.state_dict()
    losses = trainer.step(*batches(kind, backend, 1)[0])
    assert all(math.isfinite(loss.item()) for loss in losses.values())
    after = trainer.state_dict()
    for player in ("generator", "discriminator"):
        still = [
            name for name, was in before[player].items() if np.array_equal(after[player][name], was)
        ]
        # Differences of logits leave the last bias of D where it was.
        assert not [name for name in still if before[player][name].shape != (1,)]


@pytest.mark.parametrize("kind", KINDS)
def test_two_batches_see_what_one_sees(kind, backend):
    """No layer here looks across the batch, so it makes no difference how D is shown it."""
    losses = [
        make(kind, one_batch=one).step(*batches(kind, backend, 1)[0]) for one in (True, False)
    ]
    for name, loss in losses[0].items():
        assert losses[1][name].item() == pytest.approx(loss.item(), rel=1e-5)
