"""Whether groups that are found without labels are the classes: k-means, a Gaussian mixture.

    clustering_accuracy(labels, clusters)                # (N,) each, to a share in [0, 1]
    clustering(view), clustering_of_map(view)            # how well each agrees with the labels

There are as many clusters as classes; held-out examples are assigned, not fitted.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .estimators import fitted, sklearn
from .view import View

__all__ = ["clustering", "clustering_accuracy", "clustering_of_map", "gaussian_mixture"]

WIDEST = 20
"""Features whose full covariance a component of the mixture has; of more, their first principal
components."""

ON_MAP, PERPLEXITY = 10_000, 30.0
"""Examples, and how many of them count as near."""


def clustering(view: View) -> dict[str, float]:
    """As many clusters as classes, fitted to training examples; where held-out ones fall."""
    k = min(view.n_classes, len(view.fit))
    means = sklearn("cluster").KMeans(k, n_init=10, random_state=view.seed)
    found = _agreement("k-means", view.test_labels, fitted(means, view.fit).predict(view.test))
    fit, test = _narrow(view)
    mixture = gaussian_mixture(fit, k, view.seed)
    return found | _agreement("mixture", view.test_labels, mixture.predict(test))


def clustering_of_map(view: View) -> dict[str, float]:
    """The same by a mixture in the plane that t-SNE lays out the first ON_MAP training examples in.

    Features are 2 at least. It costs a minute or two. Held-out examples fall where most of their
    nearest of these in the space of the features do, as t-SNE maps no others. McConville et al.,
    "N2D: (not too) deep clustering via clustering the local manifold of an autoencoded embedding"
    (2020), map by UMAP.
    """
    name, rows, k = "mixture on a map", view.fit[:ON_MAP], min(view.n_classes, len(view.fit))
    if not np.ptp(rows, axis=0).any():  # which TSNE would not survive
        return _agreement(name, view.test_labels, np.zeros(len(view.test), int))
    perplexity = min(PERPLEXITY, (len(rows) - 1) / 3)
    layout = sklearn("manifold").TSNE(2, perplexity=perplexity, init="pca", random_state=view.seed)
    flat = layout.fit_transform(rows)
    found = gaussian_mixture(flat, k, view.seed, starts=20).predict(flat)
    neighbours = sklearn("neighbors").KNeighborsClassifier(min(5, len(rows)))
    clusters = fitted(neighbours, rows, found).predict(view.test)
    return _agreement(name, view.test_labels, clusters)


def gaussian_mixture(rows: np.ndarray, k: int, seed: int, starts: int = 3) -> Any:
    """k components with full covariances, the likeliest of some starts from k-means."""
    variance = float(rows.var(0).mean()) or 1.0
    model = sklearn("mixture").GaussianMixture(
        k, n_init=starts, random_state=seed, reg_covar=1e-3 * variance
    )
    return fitted(model, rows)


def clustering_accuracy(labels: np.ndarray, clusters: np.ndarray) -> float:
    """The share of examples in the cluster of their class, under the best pairing of both.

    The Hungarian method finds it: Yang et al., "Image clustering using local discriminant models
    and global integration" (2010), eq. 25. Clusters may be more than classes, or fewer.

    Args:
        labels, clusters: (N,) integers from 0.

    >>> clustering_accuracy(np.array([0, 0, 1, 1]), np.array([5, 5, 3, 5]))
    0.75
    """
    from scipy.optimize import linear_sum_assignment  # which scikit-learn brings along

    size = int(max(labels.max(), clusters.max())) + 1
    counts = np.zeros((size, size), int)
    np.add.at(counts, (clusters, labels), 1)
    return float(counts[linear_sum_assignment(counts, maximize=True)].sum() / len(labels))


def _agreement(name: str, labels: np.ndarray, clusters: np.ndarray) -> dict[str, float]:
    metrics = sklearn("metrics")
    return {
        f"{name}, ACC": clustering_accuracy(labels, clusters),
        f"{name}, NMI": float(metrics.normalized_mutual_info_score(labels, clusters)),
        f"{name}, ARI": float(metrics.adjusted_rand_score(labels, clusters)),
    }


def _narrow(view: View) -> tuple[np.ndarray, np.ndarray]:
    """Both parts by at most WIDEST numbers an example."""
    if view.fit.shape[1] <= WIDEST:
        return view.fit, view.test
    few = min(WIDEST, len(view.fit))
    pca = fitted(sklearn("decomposition").PCA(few, random_state=view.seed), view.fit)
    return pca.transform(view.fit), pca.transform(view.test)
