"""`tinygen bench` and `--gpu-memory-limit` as a user runs them. No test looks at a time."""

from __future__ import annotations

import io
import json
import re
import sys
from pathlib import Path

import pytest
from commands import everything_in, look
from PIL import Image

from tinygen import backend, bench
from tinygen.backend import DeviceError, cuda_status
from tinygen.bench import ours
from tinygen.bench.measure import Effort
from tinygen.bench.workloads import WORKLOADS
from tinygen.commands import bench as command

FEW = ("add", "gan-784", "--sizes", "4,16,64")
HERE = ("--device", "cpu,strict", "--against", "none")


@pytest.fixture(autouse=True)
def in_a_hurry(monkeypatch):
    monkeypatch.setattr(command, "USUAL", Effort(0.0, 1))
    monkeypatch.setattr(command, "QUICK", Effort(0.0, 1))
    limit = backend.backend_for("strict").limit_memory
    yield
    limit(0)


@pytest.fixture
def no_matplotlib(monkeypatch):
    for name in [n for n in sys.modules if n.partition(".")[0] == "matplotlib"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "matplotlib", None)


# -- what it leaves --------------------------------------------------------------------------------


@pytest.mark.slow
def test_table_numbers_and_plot(run):
    pytest.importorskip("matplotlib")
    result = run("bench", *FEW, *HERE)
    assert (result.code, result.err) == (0, "")
    for name in ("add", "gan-784"):
        assert f"\n{name}: {WORKLOADS[name].summary}\n" in result.out
    head = next(line for line in result.out.splitlines() if line.lstrip().startswith("elements"))
    assert re.split(r"\s{2,}", head.strip()) == ["elements", "tinygen cpu", "tinygen strict"]
    assert "tinygen strict: Strict 9000, compute capability 9.0, 8.00 GiB" in result.out
    assert result.out.count("tinygen strict overtakes") + result.out.count("is ahead of") == 2
    assert "Memory of strict: " in result.out
    assert "Plot: runs/bench-1/bench.png" in result.out
    results = json.loads(Path("runs/bench-1/bench.json").read_bytes())
    assert [w["workload"] for w in results["workloads"]] == ["add", "gan-784"]
    for entry in results["workloads"]:
        assert [p["size"] for p in entry["points"]] == [4, 16, 64]
        for point in entry["points"]:
            graph = {"tinygen strict graph"} if entry["workload"] == "gan-784" else set()
            assert set(point["seconds"]) == {"tinygen cpu", "tinygen strict"} | graph
            assert all(0 < s["low"] <= s["high"] for s in point["seconds"].values())
    assert results["memory"]["strict"]["limit"] is None
    assert {"processor", "cores", "blas", "threads", "numpy"} <= results["machine"].keys()
    (width, height), _ = look("runs/bench-1/bench.png")
    assert width > 600
    assert height > 300


def test_what_is_in_the_picture(run):
    """The words of the planted results, as matplotlib draws them."""
    pytest.importorskip("matplotlib")
    results = json.loads(json.dumps(_planted()))
    picture = Image.open(io.BytesIO(bench.draw(results)))
    blank = Image.open(io.BytesIO(bench.draw({**results, "workloads": _without_times(results)})))
    assert picture.size == blank.size
    blue = (0, 0x72, 0xB2)
    assert sum(n for n, colour in picture.convert("RGB").getcolors(1 << 20) if colour == blue) > 50
    assert not any(c == blue for _, c in blank.convert("RGB").getcolors(1 << 20))


def _planted() -> dict:
    sizes = (1_000, 10_000, 100_000)
    planted = {"tinygen cpu": 1e-9, "tinygen strict": 5e-10}
    points = [
        {"size": n, "turns": 5, "ratio": {}, "failures": {}, "seconds": {
            name: dict.fromkeys(("low", "median", "high"), each * n)
            for name, each in planted.items()
        }}
        for n in sizes
    ]  # fmt: skip
    over = {"faster": "tinygen strict", "slower": "tinygen cpu"}
    crossings = [{"size": None, "inside": False}, {"size": 2e4, "inside": True},
                 {"size": 1e3, "inside": False}]  # fmt: skip
    machine = {"processor": "a processor", "numpy": "2", "threads": 1,
               "versions": {"tinygen": "0"}, "devices": {name: {} for name in planted}}  # fmt: skip
    return {"machine": machine, "workloads": [
        {"workload": f"number {i}", "size_is": "elements", "points": points,
         "overtakes": [{**over, **crossing}]} for i, crossing in enumerate(crossings)
    ]}  # fmt: skip


def _without_times(results: dict) -> list:
    return [{**e, "points": [{**p, "seconds": {}} for p in e["points"]], "overtakes": []}
            for e in results["workloads"]]  # fmt: skip


def test_without_matplotlib_there_is_a_sentence_and_everything_else(run, no_matplotlib):
    result = run("bench", "add", "--sizes", "4", "--device", "cpu", "--against", "none")
    assert result.code == 0
    assert result.err.startswith("tinygen: no plot was drawn, since matplotlib cannot be imported")
    assert result.err.endswith("pip install 'tinygen[plot]'.\n")
    assert "nothing is said of where a GPU overtakes it" in result.out
    assert set(everything_in(Path("runs/bench-1"))) == {"bench.json"}


def test_folders_are_numbered_and_named_ones_not_written_over(run, no_matplotlib):
    few = ("bench", "add", "--sizes", "4", *HERE)
    assert "Numbers: runs/bench-1/bench.json" in run(*few).out
    assert "Numbers: runs/bench-2/bench.json" in run(*few).out
    assert run(*few, "--out", "mine", "--json", "numbers.json").code == 0
    assert set(everything_in(Path("mine"))) == set()
    assert Path("numbers.json").is_file()
    assert "exists already" in run(*few, "--out", "runs/bench-1").sentence


def test_every_workload_has_its_quick_sizes(run, no_matplotlib, monkeypatch):
    measured = []

    def noting(workload, size, competitors, effort, several):
        measured.append((workload.name, size))
        return {"size": size, "turns": 0, "seconds": {}, "ratio": {}, "failures": {}}

    monkeypatch.setattr("tinygen.bench.session.measure", noting)
    assert run("bench", *HERE).code == 0
    usual = measured.copy()
    measured.clear()
    assert run("bench", "--quick", *HERE).code == 0
    assert usual == [(w.name, n) for w in WORKLOADS.values() for n in w.sizes]
    assert set(measured) < set(usual)
    assert {name for name, _ in measured} == set(WORKLOADS)


def test_wrong_results_are_told_and_end_with_1(run, no_matplotlib, monkeypatch):
    right = ours.MAKERS["add"]

    def wrong(arrays, draw=None, *, device):
        step = right(arrays, draw, device=device)
        return (lambda i: [y * 1.01 for y in step(i)]) if device == "strict" else step

    monkeypatch.setitem(ours.MAKERS, "add", wrong)
    result = run("bench", "add", "--sizes", "4", *HERE)
    assert result.code == 1
    assert "tinygen strict at 4: its results are not those of tinygen cpu" in result.out


def test_too_little_memory_is_told_and_is_no_fault(run, no_matplotlib, monkeypatch):
    def full(arrays, draw=None, *, device):
        raise MemoryError

    monkeypatch.setitem(ours.MAKERS, "add", full)
    result = run("bench", "add", "--sizes", "4", *HERE)
    assert result.code == 0
    assert "tinygen strict at 4: not enough memory" in result.out


def test_an_interrupted_one_leaves_no_empty_folder(run, monkeypatch):
    def interrupted(*args, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr("tinygen.bench.session.measure", interrupted)
    assert run("bench", "add", *HERE).code == 130
    assert not Path("runs/bench-1").exists()


# -- what it refuses -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("mathmul",), "did you mean matmul?"),
        (("add", "--sizes", "10,x"), "whole numbers with commas"),
        (("add", "--sizes", ""), "whole numbers with commas"),
        (("add", "--sizes", "0,10"), "must be from 1 to"),
        (("add", "matmul", "--sizes", "1000000"), "sizes of matmul must be from 1 to 16,384 rows"),
        (("add", "--device", "gpu"), "unknown device 'gpu'"),
        (("add", "--device", "cpu,"), "--device takes names"),
        (("add", "--device", "none"), "--device takes names"),
        (("add", "--against", "jax"), "unknown library 'jax'"),
        (("add", "--json", "nowhere/x.json"), "there is no folder nowhere"),
        (("add", "--out", "/proc/x"), "cannot make the folder /proc/x"),
        (("add", "--device", "cpu", "--gpu-memory-limit", "1GB"), "does nothing on the processor"),
        (("add", "--device", "strict", "--gpu-memory-limit", "9"), "a limit is a size, such as"),
        (("add", "--device", "strict", "--gpu-memory-limit", "9GB"), "no more than the 8.00 GiB"),
    ],
)
def test_what_it_does_not_know_is_refused_before_anything_is_measured(run, arguments, said):
    assert said in run("bench", *arguments).sentence
    assert not Path("runs").exists()


def test_cuda_that_cannot_be_used_is_refused_with_the_reason(run):
    if cuda_status() is None:
        pytest.skip("CUDA can be used here")
    assert "CUDA cannot be used: " in run("bench", "add", "--device", "cuda").sentence


# -- the limit of memory, and what is told of a GPU ------------------------------------------------


def test_the_limit_is_set_and_told(run, no_matplotlib):
    result = run("bench", "add", "--sizes", "4", *HERE, "--gpu-memory-limit", "25%")
    assert "reserved at most of 8.00 GiB, limit 2.00 GiB." in result.out
    assert json.loads(Path("runs/bench-1/bench.json").read_bytes())["memory"]["strict"][
        "limit"] == 2 * 2**30  # fmt: skip


def test_training_and_sampling_take_the_limit_and_env_json_tells_the_peak(run):
    assert run.train("--device", "strict", "--gpu-memory-limit", "2GiB").code == 0
    gpu = json.loads(Path("runs/gan-digits-1/env.json").read_bytes())["gpu"]
    assert (gpu["name"], gpu["compute_capability"]) == ("Strict 9000", "9.0")
    assert gpu["pool"]["limit"] == 2 * 2**30
    assert gpu["pool"]["reserved"] >= gpu["pool"]["used"] > 0
    assert run("sample", "runs/gan-digits-1", "-n", 1, "--gpu-memory-limit", "1GiB").code == 0
    assert backend.backend_for("strict").memory().limit == 2**30
    for arguments in (("sample", "runs/gan-digits-1", "--device", "cpu"), ("train", "gan")):
        refused = run(*arguments, "--gpu-memory-limit", "1GiB")
        assert "--gpu-memory-limit does nothing on the processor" in refused.sentence


def test_on_the_processor_env_json_tells_of_no_gpu(run):
    assert run.train().code == 0
    assert json.loads(Path("runs/gan-digits-1/env.json").read_bytes())["gpu"] is None


def test_info_tells_of_each_gpu_and_its_memory(run, monkeypatch):
    strict = backend.backend_for("strict")
    monkeypatch.setitem(backend._device_makers, "cuda", lambda index: strict)
    monkeypatch.setattr("tinygen.commands.info.cuda_status", lambda: None)
    out = run("info").out
    assert "CuPy 14.2.0 with CUDA 13.0; " in out
    assert "runs up to CUDA 13.2" in out
    assert "cuda:0       Strict 9000, compute capability 9.0, 8.00 GiB; pool: " in out
    assert " reserved, no limit" in out


@pytest.mark.cuda
def test_a_limit_on_a_real_gpu_ends_in_a_memory_error():
    try:
        gpu = backend.backend_for("cuda")
    except DeviceError as reason:
        pytest.skip(str(reason))
    try:
        gpu.limit_memory(gpu.memory().reserved + 2**20)
        with pytest.raises(MemoryError):
            gpu.zeros(2**24, dtype="float32")
    finally:
        gpu.limit_memory(0)
