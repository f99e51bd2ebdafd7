"""How well classes can be told from features: a linear probe, nearest neighbours, few labels."""

from __future__ import annotations

import numpy as np

from .estimators import fitted, sklearn
from .view import View

__all__ = ["by_turns", "few_labels", "linear_probe", "nearest_neighbours"]

STRENGTHS = (1.0, 10.0, 100.0)
"""C of the logistic regression: a third of the training examples chooses."""
OF_FEW = 10.0
"""C where there are too few labels to choose by."""
NEIGHBOURS = 5
LABELS = (10, 100, 1_000)


def linear_probe(view: View) -> dict[str, float]:
    """Logistic regression on the features (Alain and Bengio 2016, "Understanding intermediate
    layers using linear classifier probes")."""
    third = len(view.fit) // 3
    rest = (view.fit[third:], view.fit_labels[third:])
    tried = {c: _logistic(c, *rest, view.fit[:third], view.fit_labels[:third]) for c in STRENGTHS}
    best = max(tried, key=tried.__getitem__)
    accuracy = _logistic(best, view.fit, view.fit_labels, view.test, view.test_labels)
    return {"linear probe, accuracy": accuracy}


def nearest_neighbours(view: View) -> dict[str, float]:
    """The vote of the five nearest training examples."""
    voters = min(NEIGHBOURS, len(view.fit))
    model = sklearn("neighbors").KNeighborsClassifier(voters, algorithm="brute")
    found = model.fit(view.fit, view.fit_labels).score(view.test, view.test_labels)
    return {f"{NEIGHBOURS} nearest neighbours, accuracy": float(found)}


def few_labels(view: View) -> dict[str, float]:
    """Logistic regression on 10, 100 and 1000 labelled examples, as many of each class as there
    can be, where there are that many; the features may have seen all others without labels."""
    found = {}
    turns = by_turns(view.fit_labels)
    for n in LABELS:
        if view.n_classes <= n <= len(turns):
            chosen = turns[:n]
            accuracy = _logistic(
                OF_FEW, view.fit[chosen], view.fit_labels[chosen], view.test, view.test_labels
            )
            found[f"{n:,} labels, accuracy"] = accuracy
    return found


def by_turns(labels: np.ndarray) -> np.ndarray:
    """Numbers of the examples, a first one of each class, then a second, ..."""
    order = np.argsort(labels, kind="stable")
    ranks = np.empty(len(labels), int)
    starts = np.searchsorted(labels[order], labels[order])
    ranks[order] = np.arange(len(labels)) - starts
    return np.lexsort((labels, ranks))


def _logistic(
    c: float, rows: np.ndarray, labels: np.ndarray, test: np.ndarray, test_labels: np.ndarray
) -> float:
    """The accuracy on the test rows; of one class alone, that class is the answer to all."""
    if (labels == labels[0]).all():
        return float((test_labels == labels[0]).mean())
    model = sklearn("linear_model").LogisticRegression(C=c, max_iter=200)
    return float(fitted(model, rows, labels).score(test, test_labels))
