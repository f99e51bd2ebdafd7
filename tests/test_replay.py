"""Recorded steps compute what steps compute: bit for bit, with every number that changes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import strict
from checks import assert_same

import tinygen as tg
from tinygen.backend import host
from tinygen.cli import main
from tinygen.models import dcgan
from tinygen.models.gan import DRAGAN, R1, GANTrainer, GradientPenalty, mlp
from tinygen.models.rbm import (
    RBM,
    ContrastiveDivergence,
    FastPersistentChains,
    PersistentChains,
    RBMTrainer,
    TemperedChains,
)
from tinygen.replay import Replay, suspended

GANS = {
    "plain": {},
    "two to one": {"d_steps": 2},
    "everything": {
        "d_steps": 2,
        "regularizers": [R1(0.5, every=3)],
        "instance_noise": 0.1,
        "instance_noise_steps": 8,
        "ema_decay": 0.9,
        "real_label": 0.9,
    },
    "relative": {"objective": "relativistic", "regularizers": [GradientPenalty(1.0), DRAGAN(1.0)]},
}


def dense(**options) -> GANTrainer:
    rng = tg.Generator(3)
    generator = mlp([5, 9, 6], rng, slope=0.2, output=tg.nn.Sigmoid())
    discriminator = mlp([6, 9, 1], rng, slope=0.2)
    return GANTrainer(generator, discriminator, rng=rng, noise_shape=5, **options)


def convolutional() -> GANTrainer:
    """With batch norm, whose running statistics a replay must move on too."""
    rng = tg.Generator(3)
    generator = dcgan.generator(4, (2, 3, 4), 1, rng)
    discriminator = dcgan.discriminator((2, 3, 4), 1, rng)
    options = {"noise_shape": (4, 1, 1), "one_batch": False, "ema_decay": 0.9}
    return GANTrainer(generator, discriminator, rng=rng, **options)


def batches(backend, shape: tuple[int, ...], sizes: list[int]) -> list:
    rng = np.random.default_rng(0)
    return [backend.from_host(rng.random((n, *shape), "float32")) for n in sizes]


@pytest.mark.slow
@pytest.mark.parametrize("name", GANS)
def test_twenty_replayed_steps_are_twenty_steps(name, device):
    plain, captured = dense(**GANS[name]), dense(**GANS[name])
    captured.capture()
    for batch in batches(device, (6,), [7] * 15 + [4] * 5):
        expected, found = plain.step(batch), captured.step(batch)
        assert expected.keys() == found.keys()
        for key, value in expected.items():
            assert found[key].item() == value.item(), key
    assert_same(plain, captured)
    np.testing.assert_array_equal(plain.sample(3), captured.sample(3))


def test_a_convolutional_model_is_replayed_with_its_statistics(device):
    plain, captured = convolutional(), convolutional()
    captured.capture()
    for batch in batches(device, (1, 32, 32), [3] * 5):
        plain.step(batch), captured.step(batch)
    assert_same(plain, captured)


SAMPLERS = {
    "CD-2": lambda: ContrastiveDivergence(2),
    "persistent": lambda: PersistentChains(5),
    "fast persistent": lambda: FastPersistentChains(5),
    "tempered": lambda: TemperedChains(3, temperatures=4),
}


@pytest.mark.parametrize("name", SAMPLERS)
def test_chains_go_on_where_they_were(name, device):
    """A step that kept its states in a new array would start from the same ones at each replay."""
    data = np.random.default_rng(0).integers(0, 2, (4, 6, 7)).astype("float32")
    ends = []
    for capture in (False, True):
        rng = tg.Generator(1)
        rbm = RBM(7, 5, rng=rng)
        trainer = RBMTrainer(rbm, rng=rng, negative=SAMPLERS[name](), centred=True, sparsity=0.1)
        if capture:
            trainer.capture()
        for i in range(8):
            results = trainer.step(device.from_host(data[i % 4]))
        ends.append((trainer, float(results["free_energy_gap"])))
    assert_same(ends[0][0], ends[1][0])
    assert ends[0][1] == ends[1][1]


def test_the_pool_of_a_graph_has_what_the_limit_leaves(device):
    before = device.memory().limit
    trainer = dense()
    trainer.capture()
    try:
        device.limit_memory(2**30)
        for batch in batches(device, (6,), [7] * 3):
            trainer.step(batch)
        (graph,) = (r._recorded._graph for r in trainer._run._seen.values())
        assert graph in device.graphs
        assert 0 < graph.pool.get_limit() <= 2**30
    finally:
        device.limit_memory(before or 0)


def test_schedules_go_on(device):
    ends = []
    for capture in (False, True):
        trainer = dense()
        trainer.optimizer_d.lr = lambda step: 0.01 / (1 + step)
        if capture:
            trainer.capture()
        for batch in batches(device, (6,), [7] * 8):
            trainer.step(batch)
        ends.append(trainer)
    assert_same(*ends)


def test_a_replayed_step_is_one_upload_of_its_numbers_and_no_wait():
    with tg.use_device("strict") as backend:
        trainer = dense(**GANS["plain"])
        trainer.capture()
        first, *more = batches(backend, (6,), [7] * 4)
        for batch in (first, *more[:2]):
            trainer.step(batch)
        with strict.measure() as spent:
            trainer.step(more[2])
    assert (spent.syncs, spent.uploads) == (0, 1)
    assert spent.launches <= 3, "the batch into place, and the losses out of it"


def test_losses_stay_what_they_were_when_the_step_was_made(device):
    trainer = dense()
    trainer.capture()
    losses = [trainer.step(batch)["loss_d"] for batch in batches(device, (6,), [7] * 6)]
    values = [loss.item() for loss in losses]
    assert len(set(values)) == len(values)


def test_optimizers_see_that_their_weights_were_written(device):
    trainer = dense()
    trainer.capture()
    first, *more = batches(device, (6,), [7] * 4)
    for batch in (first, *more[:2]):
        trainer.step(batch)
    kept = tg.sum(trainer.discriminator(tg.Tensor(first)) ** 2)
    trainer.step(more[2])
    with pytest.raises(RuntimeError, match="overwritten"):
        tg.grad(kept, trainer.optimizer_d.params)


# -- what cannot be recorded -----------------------------------------------------------------------


def replay(run, device, times: int = 2):
    again = Replay(device, run)
    for _ in range(times):
        result = again("plan", device.from_host(np.arange(4.0, dtype="float32")))
    return result


def test_waiting_is_refused_while_recording(device):
    with pytest.raises(RuntimeError, match="captur"):
        replay(lambda plan, x: {"y": tg.Tensor(x * float(x[1]))}, device)


def test_uploading_is_refused_while_recording(device):
    with pytest.raises(RuntimeError, match="captur"):
        # Not a 0-d array: of that CuPy makes a kernel's argument.
        replay(lambda plan, x: {"y": tg.Tensor((x + device.from_host(np.ones(4)))[0])}, device)


def test_a_number_read_on_the_host_is_frozen(device):
    """The fault that `live` exists for; this is how the tests above would see it."""
    counted = iter(range(10))
    result = replay(lambda plan, x: {"y": tg.Tensor(x[0] + float(next(counted)))}, device, 5)
    assert result["y"].item() == 1.0


def test_live_numbers_are_computed_anew_in_order(device):
    counted = iter(range(100))

    def run(plan, x):
        y = device.zeros(1, dtype="float32")
        for _ in range(2):
            device.approach(y, x[2:3], device.live(lambda: (float(next(counted)),)))
        return {"y": tg.Tensor(y[0])}

    again = Replay(device, run)
    x = device.from_host(np.arange(4.0, dtype="float32"))
    found = [again("plan", x)["y"].item() for _ in range(4)]
    assert found == [(a * 2.0) + (a + 1.0) * (2.0 - a * 2.0) for a in (0.0, 2.0, 4.0, 6.0)]


def test_words_of_64_bits_arrive_whole(device):
    top = 2**64 - 1
    numbers = iter([(top, 1, 2, 3)] * 3)
    seen = []

    def run(plan, x):
        live = device.live(lambda: next(numbers), "uint64")
        seen.append(live)
        return {"y": tg.Tensor(x[0])}

    replay(run, device, 3)
    assert host(seen[-1]).tolist() == [top, 1, 2, 3]


def test_on_the_processor_it_says_what_it_needs():
    with tg.use_device("cpu"), pytest.raises(tg.DeviceError, match="device='cuda'"):
        dense().capture()


@pytest.mark.slow
@pytest.mark.parametrize("name", ["gan", "dcgan"])
def test_a_captured_run_ends_as_a_run_does(name, device, tmp_path, monkeypatch):
    """`--set capture=true`, through the command; the watch for a nan looks into it all the same."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("tinygen.commands.train.can_be_evaluated", lambda experiment: False)
    small = ["--set", "generator=8", "--set", "discriminator=8", "--set", "d_steps=2"]
    small = small if name == "gan" else ["--set", "channels=2,3,4", "--set", "noise=5"]
    ends = []
    for capture in ("false", "true"):
        command = ["train", name, "--steps", "9", "--device", tg.default_device(), "--out", capture,
                   "--set", "batch=8", "--set", f"capture={capture}", *small]  # fmt: skip
        assert main(command) == 0
        ends.append(Path(capture, "checkpoints/step-000009/arrays.safetensors").read_bytes())
    assert ends[0] == ends[1]


def test_skipping_and_capturing_exclude_each_other(capsys, tmp_path):
    code = main(["train", "gan", "--device", "strict", "--out", str(tmp_path / "run"),
                 "--set", "capture=true", "--on-nonfinite", "skip"])  # fmt: skip
    assert code == 2
    assert "exclude each other" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_a_replay_that_is_suspended_runs_every_operation():
    calls = []
    with tg.use_device("strict") as backend:
        x = backend.from_host(np.arange(4.0, dtype="float32"))
        again = Replay(backend, lambda plan, x: calls.append(plan) or {"y": tg.Tensor(x[0] * 2.0)})
        for _ in range(3):
            again("plan", x)
        assert len(calls) == 2, "as ever, and recorded"
        with suspended():
            again("plan", x)
        assert len(calls) == 3
