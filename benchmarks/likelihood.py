"""`python -m benchmarks.likelihood`: L_5000 of a variational autoencoder, and its products alone.

The network is Burda et al. 2016's, 784-200-200-50 and back with tanh. The products are those of the
decoder, in passes of as many rows, into arrays that are there; the two take turns.
"""

from __future__ import annotations

import argparse
from itertools import pairwise

import numpy as np

import tinygen as tg
from tinygen.backend.numpy import keep_freed_memory
from tinygen.bench import machine
from tinygen.bench.timing import Summary, threads
from tinygen.models.vae import BernoulliOutput, dense_vae, importance_sampled

from .timing import interleave

SIZES = (50, 200, 200, 784)
"""Of the decoder."""

MARK = 1.2


def measure(
    examples: int = 20, samples: int = 5000, rows: int = 1000, rounds: int = 11
) -> dict[str, np.ndarray]:
    """Seconds of each in each round."""
    rng = tg.Generator(0)
    latent, *hidden, features = SIZES
    model = dense_vae(
        features, hidden[::-1], latent, BernoulliOutput(), rng=rng, activation=tg.nn.Tanh
    )
    host = np.random.default_rng(0)
    x = (host.random((examples, features)) < 0.2).astype("float32")
    weights = [host.standard_normal((b, a), dtype="float32") for a, b in pairwise(SIZES)]
    layers = [host.standard_normal((rows, n), dtype="float32") for n in SIZES]

    def bound(i: int) -> object:
        return importance_sampled(model, x, rng=rng, samples=samples, rows=rows)

    def products(i: int) -> object:
        for _ in range(examples * samples // rows):
            for (a, b), weight in zip(pairwise(layers), weights, strict=True):
                np.matmul(a, weight.T, out=b)
        return layers

    return interleave({"bound": bound, "products": products}, rounds, several=False, warm_up=1)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.likelihood", description=__doc__)
    parser.add_argument("--rows", type=int, default=1000, help="in a pass (default 1000)")
    parser.add_argument("--rounds", type=int, default=11, help="(default 11)")
    options = parser.parse_args()
    keep_freed_memory()
    load = machine.Load()
    with threads(1):
        seconds = measure(rows=options.rows, rounds=options.rounds)
    bound, products = seconds["bound"], seconds["products"]
    ratio = Summary.of(bound / products)
    print(f"L_5000 of 20 examples   {np.median(bound):.3f} s")
    print(f"its products alone      {np.median(products):.3f} s")
    print(f"ratio                   {ratio.median:.2f} ({ratio.low:.2f} to {ratio.high:.2f}), "
          f"mark {MARK}; of the fastest {bound.min() / products.min():.2f}")  # fmt: skip
    print(f"others used             {load.others():.2f} of a core meanwhile")


if __name__ == "__main__":
    main()
