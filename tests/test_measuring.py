"""What `tinygen bench` measures with: agreement first, turns, where a device gets ahead, memory.

No test looks at a time: whoever runs beside it would be measured too.
"""

from __future__ import annotations

import gc
import sys
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import strict

from tinygen.backend import DeviceError, cuda_status
from tinygen.bench import competitors, ours, table
from tinygen.bench.crossing import as_number, overtaking
from tinygen.bench.measure import Effort, equal_threads, measure
from tinygen.bench.problems import given_noise
from tinygen.bench.session import run
from tinygen.bench.timing import quiet_collector
from tinygen.bench.workloads import WORKLOADS
from tinygen.config import ConfigError

ONCE = Effort(seconds=0.0, turns=1)


def on(*devices: str) -> list[competitors.Competitor]:
    return competitors.find(devices, []).competitors


def smallest(name: str, *devices: str) -> dict:
    workload = WORKLOADS[name]
    return measure(workload, workload.sizes[0], on(*devices), ONCE, several=False)


# -- workloads and competitors ---------------------------------------------------------------------


def expected(workload: str, device: str) -> set[str]:
    """Who is measured: on a device also whole steps as graphs, for some workloads."""
    graph = {f"tinygen {device} graph"} if workload in ours.RECORDED else set()
    return {"tinygen cpu", f"tinygen {device}"} | graph


SLOW = ("dcgan-32",)


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=pytest.mark.slow) if n in SLOW else n for n in WORKLOADS]
)
def test_each_workload_computes_the_same_on_a_device_as_on_the_host(name):
    point = smallest(name, "cpu", "strict")
    assert point["failures"] == {}
    assert set(point["seconds"]) == expected(name, "strict")
    for summary in point["seconds"].values():
        assert 0 < summary["low"] <= summary["median"] <= summary["high"]


@pytest.mark.cuda
@pytest.mark.parametrize("name", WORKLOADS)
def test_each_workload_computes_the_same_on_a_gpu_as_on_the_host(name):
    if reason := cuda_status():
        pytest.skip(reason)
    point = smallest(name, "cpu", "cuda")
    assert point["failures"] == {}
    assert set(point["seconds"]) == expected(name, "cuda")


@pytest.mark.torch
@pytest.mark.parametrize("name", WORKLOADS)
def test_each_workload_computes_the_same_in_pytorch(name):
    pytest.importorskip("torch")
    workload = WORKLOADS[name]
    both = competitors.find(["cpu"], ["torch"]).competitors
    with equal_threads():
        point = measure(workload, workload.sizes[0], both, ONCE, several=False)
    assert point["failures"] == {}
    ratio = point["ratio"]["tinygen cpu"]["torch cpu"]
    seconds = point["seconds"]
    assert ratio["median"] == pytest.approx(
        seconds["tinygen cpu"]["median"] / seconds["torch cpu"]["median"]
    )


@pytest.mark.parametrize("name", ["classifier", "gan-784", "wgan-gp", "dcgan-32"])
def test_a_training_step_never_waits_for_the_device(name):
    workload = WORKLOADS[name]
    step = ours.MAKERS[name](workload.problem(workload.sizes[0]), None, device="strict")
    step(0)
    with strict.measure() as spent:
        step(1)
    assert spent.syncs == 0


@pytest.mark.parametrize("fault", ["a value", "the second step", "a shape", "nan"])
def test_a_competitor_that_computes_something_else_is_not_timed(fault, monkeypatch):
    right = ours.MAKERS["classifier"]

    def wrong(problem, draw=None, *, device):
        step = right(problem, draw, device=device)
        if device == "cpu":
            return step
        off = {
            "a value": lambda i, y: y + 1e-3 * abs(y),
            "the second step": lambda i, y: y + (1e-3 * abs(y) if i else 0.0),
            "a shape": lambda i, y: y.reshape(1),
            "nan": lambda i, y: y * float("nan"),
        }[fault]
        return lambda i: [off(i, y) for y in step(i)]

    monkeypatch.setitem(ours.MAKERS, "classifier", wrong)
    point = smallest("classifier", "cpu", "strict")
    assert list(point["seconds"]) == ["tinygen cpu"]
    failure = point["failures"]["tinygen strict"]
    assert failure == {"reason": "its results are not those of tinygen cpu", "fault": True}


def test_what_fails_on_one_device_is_told_and_the_others_go_on(monkeypatch):
    errors = {"strict": MemoryError("2 GB"), "cpu": None}

    def failing(arrays, draw=None, *, device):
        def call(i):
            if i == 3 and errors[device]:  # while it is timed
                raise errors[device]
            return []

        return call

    monkeypatch.setitem(ours.MAKERS, "add", failing)
    workload = replace(WORKLOADS["add"], compared=False)
    point = measure(workload, 1000, on("strict", "cpu"), Effort(0.0, 4), several=False)
    assert list(point["seconds"]) == ["tinygen cpu"]
    assert point["failures"] == {"tinygen strict": {"reason": "not enough memory", "fault": False}}
    errors["strict"] = RuntimeError("CUDA said no\nand more")
    point = measure(workload, 1000, on("strict", "cpu"), Effort(0.0, 4), several=False)
    failure = {"reason": "RuntimeError: CUDA said no", "fault": True}
    assert point["failures"] == {"tinygen strict": failure}


def test_competitors_take_turns(monkeypatch):
    order = []

    def noting(arrays, draw=None, *, device):
        return lambda i: [order.append(device)][:0]

    monkeypatch.setitem(ours.MAKERS, "add", noting)
    monkeypatch.setattr("tinygen.bench.measure.MOST_CALLS", 1)
    workload = replace(WORKLOADS["add"], compared=False)
    measure(workload, 1000, on("strict", "cpu"), Effort(0.0, 3), several=False)
    assert order[-12:] == ["strict", "strict", "cpu", "cpu"] * 3  # one untimed, one timed


def test_results_are_copies_that_a_later_call_leaves_alone():
    arrays = [np.ones(4, "float32"), np.full(4, 2.0, "float32")]
    (competitor,) = on("cpu")
    first, second = competitor.results(ours.MAKERS["adam"](arrays, device="cpu"), 2)
    assert np.all(first > second)


def test_given_noise_is_the_same_for_all():
    a, b = given_noise(), given_noise()
    for shape in ((3, 2), (4,)):
        np.testing.assert_array_equal(a(shape), b(shape))


def test_the_collector_is_left_as_it_was():
    assert gc.get_freeze_count(), "conftest.py has frozen what was collected"
    with quiet_collector():
        pass
    assert gc.get_freeze_count()
    gc.unfreeze()
    try:
        with quiet_collector():
            assert gc.get_freeze_count()
        assert not gc.get_freeze_count()
    finally:
        gc.freeze()


# -- who is missing --------------------------------------------------------------------------------


def test_what_is_missing_is_listed_with_the_reason_unless_asked_for(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)  # importing it fails
    monkeypatch.delitem(sys.modules, "tinygen.bench.pytorch", raising=False)
    monkeypatch.setattr("tinygen.backend.cupy.why_not", lambda: "no NVIDIA driver was found.")
    monkeypatch.setattr("tinygen.backend.cuda_status", lambda: "no NVIDIA driver was found.")
    found = competitors.find()
    assert [c.name for c in found.competitors] == ["tinygen cpu"]
    assert found.missing == {
        "tinygen cuda": "CUDA cannot be used: no NVIDIA driver was found.",
        "torch": "it is not installed; pip install torch.",
    }
    with pytest.raises(DeviceError, match="no NVIDIA driver"):
        competitors.find(["cpu", "cuda"])
    with pytest.raises(ConfigError, match="PyTorch cannot be measured: it is not installed"):
        competitors.find(["cpu"], ["torch"])


def test_a_broken_library_is_listed_too(monkeypatch):
    monkeypatch.setitem(competitors.PEERS, "torch", ("nothing_of_this_name", "PyTorch"))
    missing = competitors.find(["cpu"]).missing["torch"]
    assert missing == "it is not installed; pip install torch."
    fake = SimpleNamespace(NAME="torch", why_not=lambda device: f"it knows no {device}.")
    monkeypatch.setattr(competitors.importlib, "import_module", lambda name: fake)
    assert competitors.find(["strict"]).missing == {"torch strict": "it knows no strict."}


# -- crossings -------------------------------------------------------------------------------------


def test_the_crossing_of_two_power_laws_is_found_exactly():
    """n^1 against 100 n^0.5 meet at n = 10^4; lines in a log-log plot are interpolated exactly."""
    sizes = [10, 1_000, 300_000, 10**7]
    found = overtaking(sizes, [n**1.0 for n in sizes], [100 * n**0.5 for n in sizes])
    assert found.inside
    assert found.size == pytest.approx(10_000, rel=1e-9)
    assert found.describe("gpu", "cpu", "elements") == "gpu overtakes cpu at 10,000 elements"


@pytest.mark.parametrize(
    ("faster", "size", "inside", "said"),
    [
        ([3, 3, 3], None, False, "gpu overtakes cpu never in this range"),
        ([1, 1, 3], None, False, "gpu overtakes cpu never in this range"),  # not for good
        ([1, 1, 1], 10, False, "gpu is ahead of cpu at every size"),
        ([4, 4, 1], 100 * 10**0.5, True, "gpu overtakes cpu at 320 rows"),
        ([1, 4, 1], 100 * 10**0.5, True, "gpu overtakes cpu at 320 rows"),  # the last crossing
        ([3, 2, 1], 100, True, "gpu overtakes cpu at 100 rows"),  # equal is not ahead
    ],
)  # fmt: skip
def test_where_a_device_gets_ahead_for_good(faster, size, inside, said):
    found = overtaking([10, 100, 1_000], [2, 2, 2], faster)
    assert (found.size, found.inside) == (pytest.approx(size) if size else None, inside)
    assert found.describe("gpu", "cpu", "rows") == said


@pytest.mark.parametrize(
    ("size", "text"), [(1234.0, "1,200"), (9.96, "10.0"), (3.217, "3.2"), (123456.0, "120,000")]
)
def test_sizes_are_printed_to_two_digits(size, text):
    assert as_number(size) == text


def test_the_whole_run_compares_each_library_with_itself(monkeypatch):
    """Planted times: the device takes 5 us whatever the size, the host 10 ns an element."""
    planted = {"cpu": lambda n: 1e-8 * n, "strict": lambda n: 5e-6}

    def fake(workload, size, chosen, effort, several):
        seconds = {c.name: planted[c.device](size) for c in chosen}
        summary = {n: {"median": s, "low": s, "high": s} for n, s in seconds.items()}
        return {"size": size, "turns": 1, "seconds": summary, "ratio": {}, "failures": {}}

    monkeypatch.setattr("tinygen.bench.session.measure", fake)
    field = competitors.find(["cpu", "strict"], [])
    told: list = []
    results = run({"add": [10_000, 100, 1_000]}, field, ONCE, told.append, told.append)
    (entry,) = results["workloads"]
    assert [p["size"] for p in entry["points"]] == [100, 1_000, 10_000]
    (crossing,) = entry["overtakes"]
    assert (crossing["faster"], crossing["slower"]) == ("tinygen strict", "tinygen cpu")
    assert crossing["size"] == pytest.approx(500)
    assert told[0]["machine"]["devices"]["tinygen strict"]["name"] == "Strict 9000"
    assert told[1] is entry
    shown = "\n".join(table.rows(entry))
    assert "tinygen strict overtakes tinygen cpu at 500 elements" in shown
    assert results["memory"]["strict"]["total"] == 8 * 2**30


def test_without_threadpoolctl_threads_are_unknown_and_the_rest_is_told(monkeypatch):
    monkeypatch.setitem(sys.modules, "threadpoolctl", None)
    with equal_threads() as count:
        assert count == 0
    found = run({}, competitors.find(["cpu"], []), ONCE, lambda x: None, lambda x: None)
    assert found["machine"]["threads"] is None
    assert len(found["machine"]["blas"]) == 1
    heading = "\n".join(table.heading(found))
    assert "threads unknown (threadpoolctl would tell: pip install 'tinygen[bench]')" in heading


# -- times as text --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(1.0, "1.00 s"), (0.9999, "1.00 s"), (0.1234, "123 ms"), (9.996e-4, "1.00 ms"),
     (1.5e-6, "1.50 us"), (2e-8, "20.0 ns"), (123.4, "123 s")],
)  # fmt: skip
def test_times_have_three_digits(seconds, text):
    assert table.time_text(seconds) == text
