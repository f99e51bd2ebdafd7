"""What few numbers say: the inputs' variance explained by 2 and by 10, and a map of the plane."""

from __future__ import annotations

from typing import Any

import numpy as np

from .estimators import fitted, sklearn
from .view import View

__all__ = ["plane", "reduction"]

FEW = (2, 10)
NEIGHBOURS = 5
MAPPED = 1_000
"""Held-out examples on a map: the cost of comparing neighbours grows with their square."""


def reduction(view: View) -> dict[str, float]:
    """Of held-out inputs: the share of their variance that a linear map from the first principal
    components of the features explains; and how far neighbours in the plane of the first two are
    neighbours among the inputs (trustworthiness, Venna and Kaski 2001). PCA of the inputs is the
    best that the first can be."""
    components = _components(view.fit, max(FEW))
    found = {}
    for few in FEW:
        if few <= min(view.fit.shape[1], len(view.fit)):
            fit, test = (components.transform(rows)[:, :few] for rows in (view.fit, view.test))
            found[f"variance of inputs explained by {few}"] = _explained(view, fit, test)
    held = view.test_inputs[:MAPPED]
    if len(held) > 2 * NEIGHBOURS + 1:
        flat = components.transform(view.test[:MAPPED])[:, :2]
        near = sklearn("manifold").trustworthiness(held, flat, n_neighbors=NEIGHBOURS)
        found["trustworthiness of the plane"] = float(near)
    return found


def plane(train: np.ndarray, test: np.ndarray) -> np.ndarray:
    """Held-out features (M, F) by the first two principal components of training ones: (M, 2)."""
    found = _components(train, 2).transform(test)[:, :2]
    return np.pad(found, ((0, 0), (0, 2 - found.shape[1])))


def _components(rows: np.ndarray, most: int) -> Any:
    few = min(most, *rows.shape)
    return fitted(sklearn("decomposition").PCA(few, random_state=0), rows)


def _explained(view: View, fit: np.ndarray, test: np.ndarray) -> float:
    """By a linear map from these: 1 - squared error / squared distance from the training mean."""
    model = sklearn("linear_model").LinearRegression()
    predicted = model.fit(fit, view.fit_inputs).predict(test)
    whole = ((view.test_inputs - view.fit_inputs.mean(0)) ** 2).sum(dtype=np.float64)
    error = ((view.test_inputs - predicted) ** 2).sum(dtype=np.float64)
    return float(1.0 - error / max(whole, 1e-12))
