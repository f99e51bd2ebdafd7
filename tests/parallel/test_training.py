"""`mpiexec -n N tinygen train`: one folder, resumed on any number of ranks, and how it ends."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import mpiexec
import numpy as np
import pytest
from safetensors.numpy import load_file

SMALL = [
    "--set", "batch=12", "--set", "generator=8", "--set", "discriminator=8",
    "--set", "report_every=2", "--set", "checkpoint_every=4",
]  # fmt: skip
CHAINS = [
    "--set", "batch=12", "--set", "hidden=8", "--set", "negative=tempered", "--set", "chains=6",
    "--set", "report_every=4", "--set", "checkpoint_every=4", "--set", "burn_in=5",
]  # fmt: skip

SECONDS_TO_NOTICE = 10


def arrays(run: Path, step: int) -> dict[str, np.ndarray]:
    return load_file(run / f"checkpoints/step-{step:06d}/arrays.safetensors")


def sentences(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.startswith("tinygen: ")]


@pytest.fixture(scope="module")
def begun(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, subprocess.CompletedProcess]:
    """A run of 8 steps on two ranks."""
    folder = tmp_path_factory.mktemp("runs")
    ended = mpiexec.train(2, folder, "gan", "--steps", 8, "--out", "two", *SMALL)
    assert ended.returncode == 0, ended.stderr
    return folder, ended


@pytest.mark.slow
def test_rank_0_alone_writes_and_speaks(begun):
    folder, ended = begun
    assert [p.name for p in folder.iterdir()] == ["two"]
    lines = (folder / "two/metrics.jsonl").read_text().splitlines()
    assert len(lines) == 4
    assert ended.stdout.count("8 steps in ") == 1
    assert ended.stderr.count("step 8/8") == 1
    assert (folder / "two/samples/step-000008.png").is_file()


@pytest.mark.slow
@pytest.mark.parametrize("ranks", [1, 3])
def test_a_run_goes_on_with_another_number_of_ranks(ranks, begun, tmp_path):
    subprocess.run(["cp", "-r", begun[0] / "two", tmp_path / "run"], check=True)
    ended = mpiexec.train(ranks, tmp_path, "--resume", "run", "--steps", 12)
    assert ended.returncode == 0, ended.stderr
    whole = mpiexec.train(1, tmp_path, "gan", "--steps", 12, "--out", "whole", *SMALL)
    assert whole.returncode == 0, whole.stderr
    expected, found = arrays(tmp_path / "whole", 12), arrays(tmp_path / "run", 12)
    assert found.keys() == expected.keys()
    for name, array in expected.items():
        np.testing.assert_allclose(found[name], array, rtol=1e-5, atol=1e-5, err_msg=name)


@pytest.mark.slow
def test_chains_are_spread_and_gathered(tmp_path):
    for ranks, steps in ((2, 4), (3, 8)):
        more = ["--resume", "run"] if ranks == 3 else ["rbm", "--out", "run", *CHAINS]
        ended = mpiexec.train(ranks, tmp_path, *more, "--steps", steps)
        assert ended.returncode == 0, ended.stderr
        chains = arrays(tmp_path / "run", steps)["trainer/negative/chains"]
        assert chains.shape == (10 * 6, 64)
        assert len(np.unique(chains[:6], axis=0)) == 6  # the hottest are random: none twice


def test_a_setting_that_does_not_go_with_the_ranks_is_told_once(tmp_path):
    ended = mpiexec.train(3, tmp_path, "gan", "--steps", 2, *SMALL, "--set", "batch=32")
    assert ended.returncode == 2
    assert sentences(ended.stderr) == [
        "tinygen: batch=32 cannot be shared evenly by 3 ranks: take a multiple of 3, "
        "--set batch=33."
    ]
    assert "Traceback" not in ended.stderr
    assert list(tmp_path.iterdir()) == []


@contextmanager
def endless(cwd: Path, *settings: object) -> Iterator[subprocess.Popen]:
    """Two ranks in a folder `run`, with two checkpoints or more."""
    command = mpiexec.command(
        2, *mpiexec.TINYGEN, "train", "gan", "--steps", 10**6, "--out", "run", *SMALL, *settings
    )
    pipe = subprocess.PIPE
    with subprocess.Popen(
        command, cwd=cwd, env=mpiexec.ENVIRONMENT, text=True, stdout=pipe, stderr=pipe
    ) as running:
        try:
            wait_for(cwd / "run/checkpoints/step-000008", running)
            yield running
        finally:
            running.terminate()


def wait_for(path: Path, running: subprocess.Popen) -> None:
    end = time.monotonic() + 60
    while not path.exists():
        assert running.poll() is None, running.communicate()
        assert time.monotonic() < end
        time.sleep(0.05)


def pid_of(rank: int, cwd: Path) -> int:
    """The process of a rank that trains in this folder."""
    for entry in Path("/proc").iterdir():
        try:
            words = (entry / "environ").read_bytes().split(b"\0")
            here = (entry / "cwd").resolve() == cwd.resolve()
            trains = b"train" in (entry / "cmdline").read_bytes().split(b"\0")
            if here and trains and b"PMI_RANK=%d" % rank in words:
                return int(entry.name)
        except (OSError, ValueError):
            continue
    raise AssertionError(f"no process of rank {rank}")


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="finds processes by /proc")
@pytest.mark.slow
@pytest.mark.parametrize("victim", [0, 1])
def test_a_killed_rank_ends_the_run_and_what_was_saved_stands(victim, tmp_path):
    with endless(tmp_path, "--set", "keep=1000000") as running:
        os.kill(pid_of(victim, tmp_path), signal.SIGKILL)
        killed = time.monotonic()
        _, err = running.communicate(timeout=SECONDS_TO_NOTICE)
    assert time.monotonic() - killed < SECONDS_TO_NOTICE
    assert running.returncode != 0
    (told,) = sentences(err)
    match = re.fullmatch(
        r"tinygen: one of the 2 ranks died, and the run with it \(run/checkpoints/step-(\d+) "
        r"stands; go on with tinygen train --resume run\)\.", told,
    )  # fmt: skip
    assert match, told
    goes_on = mpiexec.train(2, tmp_path, "--resume", "run", "--steps", int(match[1]) + 4)
    assert goes_on.returncode == 0, goes_on.stderr


FAILING = """
import sys
import numpy as np
from tinygen import cli
from tinygen.parallel import team
from tinygen.recipes import spread
from tinygen.recipes.spread import _Spread
from tinygen.runs import RunError

step = _Spread.step

def failing(self):
    if team().rank == 1:
        raise RunError("the cat sat on it: feed the cat.")
    return step(self)

_Spread.step = failing
sys.exit(cli.main())
"""


@pytest.mark.slow
def test_an_error_of_one_rank_ends_all_and_is_told_with_its_rank(tmp_path):
    started = time.monotonic()
    ended = mpiexec.run(2, "-c", FAILING, "train", "gan", "--steps", 8, *SMALL, cwd=tmp_path)
    assert time.monotonic() - started < 30
    assert ended.returncode == 2
    assert "tinygen: on rank 1, the cat sat on it: feed the cat." in sentences(ended.stderr)
    assert "Traceback" not in ended.stderr


@pytest.mark.slow
def test_ranks_stop_after_the_same_step(tmp_path):
    with endless(tmp_path, "--set", "keep=1000000") as running:
        os.kill(pid_of(1, tmp_path), signal.SIGTERM)  # one rank hears of it, both stop
        _, err = running.communicate(timeout=60)
    assert "tinygen: interrupted (run/checkpoints/step-" in err
    assert running.returncode == 143, err


WITHOUT_MPI = """
import os, sys
if os.environ["PMI_RANK"] in sys.argv.pop(1).split(","):
    sys.modules["mpi4py"] = None
from tinygen.cli import main
sys.exit(main())
"""


@pytest.mark.parametrize("missing", ["0,1", pytest.param("1", marks=pytest.mark.slow)])
def test_a_rank_without_mpi4py_ends_all_and_tells_what_to_install(missing, tmp_path):
    """Where only one machine lacks it, the others are already waiting in MPI."""
    ended = mpiexec.run(2, "-c", WITHOUT_MPI, missing, "train", "gan", *SMALL, cwd=tmp_path)
    assert ended.returncode != 0
    (told,) = sentences(ended.stderr)
    assert "pip install 'tinygen[mpi]'" in told
    assert ("on rank 1, " in told) == (missing == "1")
    assert list(tmp_path.iterdir()) == []


def test_what_one_process_does_is_not_done_twice_over(tmp_path):
    ended = mpiexec.run(2, *mpiexec.TINYGEN, "compare", "gan", "--budget", "1s", cwd=tmp_path)
    assert ended.returncode == 2
    assert sentences(ended.stderr) == [
        "tinygen: only `tinygen train` is shared by the processes that mpiexec starts: run "
        "`tinygen compare` without mpiexec."
    ]
    assert list(tmp_path.iterdir()) == []
