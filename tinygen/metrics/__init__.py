"""What is measured: judgements of samples, each with what it says of real data beside it."""

from .energy import energy_distance
from .evaluation import Evaluation, evaluate
from .judge import Judge, Judgement
from .modes import ModeCoverage, mode_coverage

__all__ = [
    "Evaluation",
    "Judge",
    "Judgement",
    "ModeCoverage",
    "energy_distance",
    "evaluate",
    "mode_coverage",
]
