"""The cost model against what it must say in limits that anybody can work out."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tinygen.parallel.cost import Link, StepCost, all_reduce, fit_link, predict, ring, tree

LINK = Link(latency=1e-5, bandwidth=1e9)
STEP = StepCost(fixed=1e-3, per_example=1e-5, calls=2, bytes=2_000_000)


def test_a_ring_sends_twice_the_message_whatever_the_number_of_ranks():
    free = Link(0.0, 1e9)
    assert ring(2, 1e6, free) == pytest.approx(1e-3)
    assert ring(4096, 1e6, free) == pytest.approx(2e-3, rel=1e-3)


def test_small_messages_go_by_the_tree_and_large_ones_round_the_ring():
    assert (
        all_reduce(1024, 8, LINK) == tree(1024, 8, LINK) == pytest.approx(2 * 10 * 1e-5, rel=1e-3)
    )
    assert all_reduce(1024, 1e10, LINK) == ring(1024, 1e10, LINK)


def test_one_rank_says_nothing_to_anybody():
    alone = predict(STEP, LINK, ranks=1, batch=100)
    assert (alone.communication, alone.efficiency) == (0.0, 1.0)
    assert alone.throughput == pytest.approx(100 / 2e-3)


@pytest.mark.parametrize("ranks", [2, 64, 4096])
def test_accumulation_and_overlap_help_as_much_as_communication_costs(ranks):
    once, often = (predict(STEP, LINK, ranks, 100, accumulate=k) for k in (1, 8))
    assert often.communication == once.communication
    assert once.efficiency < often.efficiency < 1.0
    assert once.seconds == pytest.approx(2e-3 + once.communication)
    assert once.throughput <= once.overlapped <= ranks * 100 / (2e-3 / 3 + once.communication / 32)
    assert often.overlapped / often.throughput <= once.overlapped / once.throughput


def test_overlap_pays_for_long_messages_and_not_for_latency():
    patient = STEP._replace(fixed=1.0)  # a backward pass that has time for everything
    free, far = Link(0.0, 1e9), Link(1e-3, 1e15)
    hidden = predict(patient, free, 16, 100)
    left = hidden.seconds - hidden.communication * 31 / 32
    assert hidden.overlapped == pytest.approx(1600 / left)
    nothing = predict(patient, far, 16, 100)
    # Two pieces cost as much again, of which half is hidden: nothing is won.
    assert nothing.overlapped == pytest.approx(nothing.throughput)


def test_a_link_is_found_again_from_the_times_it_makes():
    times = {size: ring(2, size, LINK) for size in (8, 4096, 10**7)}
    assert fit_link(times) == pytest.approx(LINK, rel=1e-3)


@pytest.mark.slow
def test_the_benchmark_measures_two_ranks_and_predicts_many():
    pytest.importorskip("mpi4py", reason="pip install 'tinygen[mpi]' brings MPI")
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.parallel", "--steps", "3", "--rounds", "2"],
        cwd=Path(__file__).parents[2], capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "Two ranks over two threads: " in done.stdout
    rows = [line for line in done.stdout.splitlines() if line.startswith("| ")]
    assert [row.count("|") for row in rows] == [10] * 7  # a head, and three links with 1 and 8
    assert "(100%)" in rows[1]
