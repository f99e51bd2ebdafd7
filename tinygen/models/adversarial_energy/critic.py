"""An adversary without weights: which states of the model have data for neighbours?

Fisher, Smith and Walsh, "Boltzmann encoded adversarial machines" (2018): the hidden units of the
RBM are the features, and a nearest-neighbour classifier in them says of each state of the model how
much it looks like data. There is nothing to be trained, so the adversary is never behind.

Hidden units alone do not see what is wrong with visible ones that they only make likely: of an RBM
with 16 hidden units on MNIST most of the reverse divergence is noise on single pixels, and such a
critic, however weighed, took 5% of it; one that looks at both layers took 28%, for a likelihood 1%
worse (`tinygen reproduce contrastive-adversarial-beam`). So both is what is looked at here, unless
one asks for the article's.
"""

from __future__ import annotations

from ...backend import BACKEND_OF, Array
from ..rbm.gibbs import at_least

__all__ = ["UNITS", "NearestNeighbourCritic"]

UNITS = ("both", "hidden", "visible")

FAR = 1e30


class NearestNeighbourCritic:
    """T = 2 D - 1, D the share of data among the k nearest neighbours, nearer ones weighing more.

    A neighbour at distance d weighs 1 / (d + softness), divided by how many states its kind has, so
    that D is 1/2 where both kinds are equally frequent. T grows with log p_data / p_model: it is
    half of it where the two are close, and ends at -1 and 1.

    Args:
        neighbours: k. Each state of the model is left out of its own neighbours.
        softness: the distance below which differences do not matter, in units of v and E[h | v];
            for more than one neighbour.
        units: by which distances are told: "both", "visible", or "hidden", as the article has it.

    Fisher, Smith and Walsh, "Boltzmann encoded adversarial machines" (2018).

    Raises:
        ValueError: an argument is out of range; when called, there are too few states.

    >>> data, model = np.zeros((5, 2)), np.array([[0.1, 0.0], [9.0, 9.0], [9.0, 9.1]])
    >>> NearestNeighbourCritic(neighbours=1)(data, model)
    array([ 1., -1., -1.])
    """

    def __init__(self, neighbours: int = 10, softness: float = 0.1, units: str = "both") -> None:
        self.neighbours = at_least("NearestNeighbourCritic", "neighbours", neighbours, 1)
        if not 0.0 < softness < float("inf"):
            raise ValueError(
                f"NearestNeighbourCritic: softness must be positive and finite, not {softness}."
            )
        if units not in UNITS:
            raise ValueError(
                f"NearestNeighbourCritic: units={units!r} is none of {', '.join(UNITS)}; take one."
            )
        self.softness, self.units = softness, units

    def features(self, visible: Array, hidden: Array) -> Array:
        """By what distances are told, (N, D), of visible states (N, n) and E[h | v], (N, m)."""
        if self.units == "both":
            return BACKEND_OF[type(hidden)].concatenate([visible, hidden], axis=1)
        return hidden if self.units == "hidden" else visible

    def __call__(self, data: Array, model: Array, weights: Array | None = None) -> Array:
        """T of each of the model's states, (M,).

        Args:
            data: `features` of the batch, (N, D). model: of the model's states, (M, D).
            weights: (M,) of the model's states, adding up to 1; None for equal ones.
        """
        xp = BACKEND_OF[type(model)]
        n, m = len(data), len(model)
        if n + m - 1 < self.neighbours:
            raise ValueError(
                f"NearestNeighbourCritic: {self.neighbours} neighbours are asked for among {n} + "
                f"{m} states; take a larger batch or fewer neighbours."
            )
        apart = distances(model, xp.concatenate([data, model]))
        apart[:, n:] += FAR * xp.eye(m, dtype=model.dtype)
        reach = xp.sort(apart, axis=1)[:, self.neighbours - 1 : self.neighbours]
        weight = (apart <= reach).astype(model.dtype) / (apart + self.softness)
        share = 1.0 / m if weights is None else weights
        of_data = xp.sum(weight[:, :n], 1) * (1.0 / n)
        of_model = xp.sum(weight[:, n:] * share, 1)
        # Far off there are neighbours all the same, but no weight of a far copy of oneself.
        return (of_data - of_model) / (of_data + of_model)


def distances(x: Array, y: Array) -> Array:
    """Euclidean distances of rows x (M, D) to rows y (N, D): (M, N)."""
    xp = BACKEND_OF[type(x)]
    squares = xp.sum(x * x, 1)[:, None] + xp.sum(y * y, 1) - 2.0 * (x @ y.T)
    return xp.sqrt(xp.maximum(squares, 0.0))
