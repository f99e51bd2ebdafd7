"""The benchmarks run, compare like with like, and their README shows what was measured.

Nothing here looks at a time: figures belong on a quiet machine, see benchmarks/README.md.
"""

import json
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parent.parent
pytest.importorskip("threadpoolctl")
sys.path.insert(0, str(ROOT))

from benchmarks import __main__ as command  # noqa: E402
from benchmarks import (  # noqa: E402
    chart,
    convolution,
    floors,
    guard,
    limits,
    memory,
    ops,
    peers,
    report,
    scaling,
    steps,
)
from benchmarks.workloads import WORKLOADS, gan_784  # noqa: E402


def others(losses):
    """Competitors that are not tinygen in one of its ways."""
    return [name for name in losses if not name.startswith("tinygen")]


@pytest.mark.parametrize(
    "name", ["gan-784", "og-gan", "classifier", "vae-784", "iwae-50", "rbm-784"]
)
def test_tinygen_has_the_losses_of_numpy_by_hand(name):
    losses = steps.check(WORKLOADS[name], peers.load(["numpy"]).makers(name), steps=3)
    assert others(losses) == ["NumPy by hand"]
    assert np.all(np.isfinite(losses["tinygen"]))


@pytest.mark.torch
@pytest.mark.parametrize(
    ("name", "count"),
    [
        ("og-gan", 3),
        ("dcgan-32", 2),
        ("wgan-gp-2d", 4),
        ("vae-784", 3),
        ("iwae-50", 3),
        ("rbm-784", 3),
        ("attention", 3),
        ("gru", 3),
    ],
)
def test_tinygen_has_the_losses_of_pytorch(name, count):
    pytest.importorskip("torch")
    losses = steps.check(WORKLOADS[name], peers.load(["torch"]).makers(name), steps=count)
    assert others(losses)[0] == peers.REFERENCE
    assert np.all(np.isfinite(losses["tinygen"]))


@pytest.mark.parametrize("peer", ["jax", "dezero", "autograd", "mygrad", "sklearn"])
def test_tinygen_has_the_losses_of_this_peer(peer):
    competing = peers.load([peer])
    if peer in competing.missing:
        pytest.skip(competing.missing[peer])
    for name in WORKLOADS:
        if name != "gan-wide" and peer not in competing.without(name):
            losses = steps.check(WORKLOADS[name], competing.makers(name))
            assert len(others(losses)) == 1 or (peer, name) == ("sklearn", "rbm-784")


def test_another_update_of_the_weights_is_refused():
    makers = peers.load(["numpy"]).makers("rbm-784")

    def slightly_off(problem, draw):
        problem.visible_bias[...] += 0.5
        return makers["NumPy by hand"](problem, draw)

    with pytest.raises(RuntimeError, match="NumPy by hand has losses"):
        steps.check(WORKLOADS["rbm-784"], {**makers, "NumPy by hand": slightly_off})


def test_a_step_that_is_not_orthogonal_is_refused():
    makers = peers.load(["numpy"]).makers("og-gan")
    plain = peers.load(["numpy"]).makers("gan-784")["NumPy by hand"]
    with pytest.raises(RuntimeError, match="NumPy by hand has losses"):
        steps.check(WORKLOADS["og-gan"], {**makers, "NumPy by hand": plain})


def test_different_losses_are_refused():
    makers = peers.load(["numpy"]).makers("classifier")
    by_hand = makers["NumPy by hand"]

    def slightly_off(problem, draw):
        step = by_hand(problem, draw)
        return lambda i: [loss + 1e-3 for loss in step(i)]

    with pytest.raises(RuntimeError, match="NumPy by hand has losses"):
        steps.check(WORKLOADS["classifier"], {**makers, "NumPy by hand": slightly_off})


def test_command_measures_reports_and_writes(tmp_path, capsys):
    out = tmp_path / "out.json"
    argv = ["ops", "classifier", "memory", "--against", "numpy", "--threads", "1", "--rounds", "2"]
    assert command.main([*argv, "--json", str(out)]) == 0
    results = json.loads(out.read_text())
    assert capsys.readouterr().out == report.render(results)
    assert {entry["chain"] for entry in results["ops"]} == set(ops.CHAINS)
    ours = {"tinygen", "tinygen, traced"}
    assert set(results["steps"][0]["peers"]) == ours | {"NumPy by hand"}
    assert set(results["ops"][0]["together"]) == ours | {"numpy"}
    assert results["machine"]["versions"]["numpy"] == np.__version__


@pytest.mark.slow
def test_convolution_is_measured_on_request(monkeypatch, capsys):
    layer = "1 to 64 at 32x32, 4x4 stride 2"
    monkeypatch.setattr(convolution, "LAYERS", {layer: convolution.LAYERS[layer]})
    argv = ["convolution", "--against", "none", "--threads", "1", "--rounds", "1"]
    assert command.main(argv) == 0
    shown = capsys.readouterr().out
    assert all(f"| {layer} | {what} |" in shown for what in convolution.PASSES)
    assert "convolution" not in command.parse([]).workloads


def test_the_floor_counts_the_products_of_a_step():
    """Of the classifier by hand: 64-32-10, 32 rows, no gradient of the input."""
    need = floors.classifier(WORKLOADS["classifier"].problem())
    forward = 32 * (64 * 32 + 32 * 10)
    assert need.gigaflop == pytest.approx(2e-9 * (2 * forward + 32 * 32 * 10))
    assert floors.alone(need)(0) == []


def test_every_workload_has_a_floor_that_runs():
    for name in WORKLOADS:
        need = limits.floors_of(name)
        shapes = limits.largest(need)
        assert 1 <= len(shapes) <= limits.LARGEST
        if need.gigaflop < 1:
            floors.alone(need)(0)


def test_the_guard_tells_slower_from_as_before():
    def results(low, median, high):
        ratio = {"low": low, "median": median, "high": high}
        return {"steps": [{"workload": "w", "threads": 1, "peers": {"tinygen": {"ratio": ratio}}}]}

    saved = results(0.5, 0.6, 0.7)
    for now, words, failed in (
        (results(0.71, 0.8, 0.9), "SLOWER", True),
        (results(0.69, 0.8, 0.9), "as before", False),
        (results(0.3, 0.4, 0.49), "faster", False),
    ):
        (line,), slower = guard.compare(now, saved)
        assert words in line
        assert slower is failed
    nobody = {"steps": [{"workload": "w", "threads": 1, "peers": {"tinygen": {"ratio": None}}}]}
    (line,), slower = guard.compare(nobody, saved)
    assert "not compared" in line
    assert not slower


def test_scaling_finds_the_exponent():
    sizes = [1, 2, 4, 8]
    assert scaling.exponent(sizes, [5.0, 5.0, 5.0 * 4**1.5, 5.0 * 8**1.5]) == pytest.approx(1.5)


def test_scaling_is_measured_and_drawn(monkeypatch):
    pytest.importorskip("matplotlib")
    curves = {"GAN: batch": ((8, 16, 32), lambda n: scaling.gan(batch=n, width=16))}
    monkeypatch.setattr(scaling, "CURVES", curves)
    (curve,) = found = scaling.measure(1, lambda text: None)
    assert len(curve["ms"]) == len(curve["mb"]) == 3
    assert 0.0 < curve["mb_exponent"] < 1.5
    assert chart.scaling(found).startswith(b"\x89PNG")


def test_the_picture_shows_the_committed_results():
    pytest.importorskip("matplotlib")
    results = json.loads((ROOT / "benchmarks" / "results" / "cpu.json").read_text())
    assert chart.ratios(results).startswith(b"\x89PNG")


def test_report_lists_peers_without_code_and_memory_that_is_not_kept(monkeypatch, capsys):
    monkeypatch.setattr(command, "keep_freed_memory", lambda: False)
    argv = ["wgan-gp-2d", "--against", "numpy", "--threads", "1", "--rounds", "1"]
    assert command.main(argv) == 0
    shown = capsys.readouterr().out
    assert "no code for this workload: numpy." in shown
    assert "could not be asked to keep freed memory" in shown


def test_a_peer_that_cannot_be_imported_is_listed_with_the_reason(monkeypatch):
    monkeypatch.setitem(peers.ADAPTERS, "nobody", "nobody_at_all")
    found = peers.load(["nobody", "numpy"])
    assert "nobody_at_all" in found.missing["nobody"]
    assert list(found.adapters) == ["tinygen", "numpy"]


@pytest.mark.parametrize("argv", [["nothing"], ["--against", "nobody"], ["--threads", "9999"]])
def test_command_refuses_what_it_does_not_know(argv, capsys):
    with pytest.raises(SystemExit):
        command.parse(argv)
    assert "usage: python -m benchmarks" in capsys.readouterr().err


def test_memory_requirement_is_that_of_the_networks():
    needed = memory.requirement(gan_784())
    generator = 785 * 128 + 129 * 128 + 129 * 784
    discriminator = 785 * 128 + 129 * 128 + 129
    assert needed["parameters"] == needed["gradients"] == 4 * (generator + discriminator)
    assert needed["activations of the larger step"] == 4 * 256 * (784 + 128 + 128 + 1)


def test_peak_memory_of_a_gan_step_stays_near_what_its_arrays_need():
    assert memory.measure(steps=1)["ratio"] <= memory.MARK


def test_readme_shows_the_committed_results():
    results = json.loads((ROOT / "benchmarks" / "results" / "cpu.json").read_text())
    readme = (ROOT / "benchmarks" / "README.md").read_text()
    shown = readme.partition(command.BEGIN + "\n")[2].partition(command.END)[0]
    assert shown == report.render(results)
