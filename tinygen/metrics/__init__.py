"""What is measured: judgements of samples, each with what it says of real data beside it.

    print(metrics.evaluate(data, trainer.sample, seed=0).words)     # all that suits the data
    metrics.prdc(real, fake), metrics.frechet_distance(real, fake)  # of features (N, D)

Distances are best at 0; precision, recall, density and coverage at 1.
"""

from .energy import energy_distance
from .estimate import Estimate, Measure
from .evaluation import Evaluation, evaluate, judge_of
from .frechet import frechet_distance, gaussian_frechet_distance
from .judge import Judge, Judgement
from .memorisation import memorisation_ratio, nearest_training_distances
from .modes import ModeCoverage, mode_coverage
from .prdc import PRDC, prdc
from .resampling import bootstrap, jackknife
from .score import classifier_score
from .sliced import SlicedWasserstein, sliced_wasserstein
from .suite import ImageSuite

__all__ = [
    "PRDC",
    "Estimate",
    "Evaluation",
    "ImageSuite",
    "Judge",
    "Judgement",
    "Measure",
    "ModeCoverage",
    "SlicedWasserstein",
    "bootstrap",
    "classifier_score",
    "energy_distance",
    "evaluate",
    "frechet_distance",
    "gaussian_frechet_distance",
    "jackknife",
    "judge_of",
    "memorisation_ratio",
    "mode_coverage",
    "nearest_training_distances",
    "prdc",
    "sliced_wasserstein",
]
