"""scikit-learn: its own updates, without the checks of its input."""

from __future__ import annotations

from typing import Any

import numpy as np
import sklearn
from sklearn.neural_network import BernoulliRBM, MLPClassifier

from tinygen.bench.problems import Classifier, Draw, Maker, Rbm, Step

VERSION = sklearn.__version__


def rbm(problem: Rbm, draw: Draw | None = None) -> Step:
    """Persistent chains: another algorithm of the same cost, whose results are not compared."""
    model = BernoulliRBM(len(problem.weight), learning_rate=problem.lr, random_state=0)
    model.partial_fit(problem.batches[0])
    random = np.random.RandomState(0)

    def step(i: int) -> list[Any]:
        model._fit(problem.batches[i % len(problem.batches)], random)
        return []

    return step


def classifier(problem: Classifier, draw: Draw | None = None) -> Step:
    """A multi-layer perceptron, from these weights."""
    x, labels = problem.batches[0]
    beta1, beta2 = problem.betas
    model = MLPClassifier(
        [len(bias) for _, bias in problem.layers[:-1]], alpha=0.0, batch_size=len(x),
        learning_rate_init=problem.lr, beta_1=beta1, beta_2=beta2,
    )  # fmt: skip
    model.partial_fit(x, labels, classes=np.arange(10))
    for k, (weight, bias) in enumerate(problem.layers):
        model.coefs_[k][...] = weight.T
        model.intercepts_[k][...] = bias
    adam = model._optimizer
    adam.t, adam.ms, adam.vs = 0, *([np.zeros_like(w) for w in adam.ms] for _ in range(2))

    def step(i: int) -> list[Any]:
        model.partial_fit(*problem.batches[i % len(problem.batches)])
        return [model.loss_]

    return step


MAKERS: dict[str, dict[str, Maker]] = {
    "rbm-784": {"scikit-learn": rbm},
    "classifier": {"scikit-learn": classifier},
}
