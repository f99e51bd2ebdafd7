"""Whether a class stands out whose labels say that it is not normal: one held out in turn.

    roc, precision_recall = areas(strange, scores)       # (N,) each

1 is perfect; chance gives 0.5 and the share of anomalies.
"""

from __future__ import annotations

import numpy as np

from .estimators import sklearn
from .view import View

__all__ = ["areas", "outliers"]

NEIGHBOURS = 5
MOST_CLASSES = 10


def outliers(view: View) -> dict[str, float]:
    """Means over the held-out classes, the first ten: areas under both curves.

    The score of an example is its mean distance to the five nearest training examples of the other
    classes, the method of Ramaswamy et al. 2000, "Efficient algorithms for mining outliers from
    large data sets". The model whose features these are has seen the class, without its label;
    models that have not are in `tinygen reproduce anomaly`.
    """
    distances = sklearn("metrics").pairwise_distances(view.test, view.fit)
    found = []
    for held_out in range(min(view.n_classes, MOST_CLASSES)):
        strange = view.test_labels == held_out
        normal = distances[:, view.fit_labels != held_out]
        if strange.any() and not strange.all() and normal.shape[1] > NEIGHBOURS:
            nearest = np.partition(normal, NEIGHBOURS - 1, axis=1)[:, :NEIGHBOURS]
            found.append(areas(strange, nearest.mean(1)))
    if not found:
        return {}
    under_roc, under_precision = np.mean(found, 0)
    return {
        "a class held out, AUROC": float(under_roc),
        "a class held out, AUPRC": float(under_precision),
    }


def areas(strange: np.ndarray, scores: np.ndarray) -> tuple[float, float]:
    """Under the ROC curve, and under precision over recall (average precision).

    Args:
        strange: (N,), whether each example is an anomaly; some are and some are not.
        scores: (N,), the greater the stranger. What is not finite is stranger than all else.

    Returns:
        Both areas, from 0 to 1.

    Raises:
        ConfigError: scikit-learn is not installed.

    >>> areas(np.array([False, False, True]), np.array([0.1, 0.2, 0.9]))
    (1.0, 1.0)
    """
    metrics = sklearn("metrics")
    most = np.finfo(np.float64).max
    scores = np.nan_to_num(scores.astype(np.float64), nan=most, posinf=most)
    return (
        float(metrics.roc_auc_score(strange, scores)),
        float(metrics.average_precision_score(strange, scores)),
    )
