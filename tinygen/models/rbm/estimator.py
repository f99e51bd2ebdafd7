"""RBMs with scikit-learn's face: fit, partial_fit, transform, score_samples; in pipelines too.

    features = BernoulliRBM(n_components=100, n_iter=10).fit_transform(images)
    Pipeline([("rbm", BernoulliRBM()), ("classifier", LogisticRegression())])

They follow scikit-learn's conventions without importing it: parameters are stored as they are
given and checked when fitting, what is learned ends in an underscore.
"""

from __future__ import annotations

import inspect
import warnings
from typing import Any

import numpy as np

from ...backend import host, use_device
from ...data import BatchLoader, DataError
from ...random import Generator
from .discrete import Bernoulli
from .estimator_input import as_matrix
from .gibbs import gibbs_samples
from .model import RBM
from .negative import ContrastiveDivergence, NegativeSampler, PersistentChains
from .pseudo import pseudo_log_likelihood
from .real import Gaussian
from .trainer import RBMTrainer
from .units import Units

__all__ = ["BernoulliRBM", "GaussianRBM", "NotFittedError"]


class NotFittedError(ValueError, AttributeError):
    """An estimator was asked for what it learns before it was fitted."""


class _Estimator:
    """What both estimators do; they differ in their visible units."""

    n_features_in_: int
    n_iter_: int

    def __init__(
        self,
        n_components: int = 256,
        *,
        learning_rate: float = 0.1,
        batch_size: int = 10,
        n_iter: int = 10,
        k: int = 1,
        chains: int = 0,
        momentum: float = 0.0,
        weight_decay: float = 0.0,
        centred: bool = False,
        dtype: str = "float32",
        device: str = "cpu",
        random_state: int = 0,
    ) -> None:
        self.n_components = n_components
        self.learning_rate = learning_rate
        self.batch_size = batch_size
        self.n_iter = n_iter
        self.k = k
        self.chains = chains
        self.momentum = momentum
        self.weight_decay = weight_decay
        self.centred = centred
        self.dtype = dtype
        self.device = device
        self.random_state = random_state

    def fit(self, X: Any, y: Any = None) -> _Estimator:  # noqa: N803, as scikit-learn has it
        """Learn from rows (N, features), anew, in `n_iter` passes of shuffled batches.

        y is not looked at.
        """
        rows = self._states(X, "fit", anew=True)
        self._begin(rows)
        size = min(self.batch_size, len(rows))
        loader = BatchLoader((rows,), size, Generator(self.random_state, stream=1, device="cpu"))
        with np.errstate(all="ignore"):  # numbers that overflow are found in the parameters
            for _ in range(self.n_iter * len(loader)):
                self._trainer.step(self._trainer.rng.backend.move(loader.next_batch()[0]))
        self.n_iter_ = self.n_iter
        self._check_outcome(rows)
        return self

    def partial_fit(self, X: Any, y: Any = None) -> _Estimator:  # noqa: N803
        """One update on these rows as a batch; the first call sets the biases by them."""
        rows = self._states(X, "partial_fit", anew=not hasattr(self, "rbm_"))
        if not hasattr(self, "rbm_"):
            self._begin(rows)
        self._trainer.step(self._trainer.rng.backend.from_host(rows))
        return self

    def transform(self, X: Any) -> np.ndarray:  # noqa: N803
        """E[h | v] of rows (N, features): (N, n_components)."""
        rbm = self._fitted("transform")
        return host(rbm.arrays().hidden_mean(rbm.as_rows(self._states(X, "transform"))))

    def fit_transform(self, X: Any, y: Any = None) -> np.ndarray:  # noqa: N803
        """`fit`, then `transform` of the same rows."""
        return self.fit(X, y).transform(X)

    def score_samples(self, X: Any) -> np.ndarray:  # noqa: N803
        """The pseudo-log-likelihood of each row, (N,), in nats: over all units, nothing drawn.

        Raises DataError for grey values under Bernoulli units: these have no probability.
        """
        rbm = self._fitted("score_samples")
        return host(pseudo_log_likelihood(rbm, self._states(X, "score_samples")))

    def score(self, X: Any, y: Any = None) -> float:  # noqa: N803
        """The mean of `score_samples`."""
        return float(self.score_samples(X).mean())

    def sample(
        self, n: int = 1, *, burn_in: int = 1000, random_state: int | None = None
    ) -> np.ndarray:
        """n new rows by Gibbs sampling, (n, features).

        Args:
            burn_in: steps of each chain.
            random_state: of the draws; None goes on with the stream of the training.
        """
        rbm = self._fitted("sample")
        rng = self._trainer.rng
        if random_state is not None:
            rng = Generator(random_state, device=self.device)
        return host(gibbs_samples(rbm, n, rng=rng, burn_in=burn_in)[0])

    def reconstruct(self, X: Any) -> np.ndarray:  # noqa: N803
        """E[v | h = E[h | v]] of rows (N, features): (N, features), nothing drawn."""
        rbm = self._fitted("reconstruct")
        return host(rbm.arrays().reconstruction(rbm.as_rows(self._states(X, "reconstruct"))))

    @property
    def components_(self) -> np.ndarray:
        """The weights, (n_components, n_features)."""
        return self._fitted("components_").weight.numpy()

    # -- scikit-learn's conventions ----------------------------------------------------------------

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """The constructor's arguments."""
        return {name: getattr(self, name) for name in self._names()}

    def set_params(self, **params: Any) -> _Estimator:
        """Change constructor's arguments; returns self."""
        for name, value in params.items():
            if name not in self._names():
                known = ", ".join(self._names())
                raise ValueError(
                    f"Invalid parameter {name!r} for estimator {self!r}: known are {known}."
                )
            setattr(self, name, value)
        return self

    @classmethod
    def _names(cls) -> list[str]:
        return sorted(name for name in inspect.signature(cls).parameters)

    def __repr__(self) -> str:
        defaults = {n: p.default for n, p in inspect.signature(type(self)).parameters.items()}
        shown = [f"{n}={v!r}" for n, v in self.get_params().items() if v != defaults[n]]
        return f"{type(self).__name__}({', '.join(shown)})"

    def __sklearn_tags__(self) -> Any:
        """What scikit-learn asks of an estimator before it works with it."""
        from sklearn.utils import InputTags, Tags, TargetTags, TransformerTags

        return Tags(
            estimator_type=None,
            target_tags=TargetTags(required=False),
            transformer_tags=TransformerTags(preserves_dtype=[]),
            input_tags=InputTags(),
        )

    def __sklearn_is_fitted__(self) -> bool:
        """Whether it has learned."""
        return hasattr(self, "rbm_")

    # -- inside ------------------------------------------------------------------------------------

    def _visible(self, features: int) -> Units:
        raise NotImplementedError

    def _begin(self, rows: np.ndarray) -> None:
        """A new model that begins at these rows."""
        for name in ("n_components", "batch_size", "n_iter", "k"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < 1:
                raise ValueError(f"{type(self).__name__}: {name} must be at least 1, not {value}.")
        self._make(rows.shape[1])
        self.rbm_.start_at(self._trainer.rng.backend.from_host(rows))

    def _make(self, features: int) -> None:
        """A model, and what trains it."""
        rng = Generator(self.random_state, device=self.device)
        with use_device(self.device):
            hidden = Bernoulli(self.n_components, dtype=self.dtype)
            self.rbm_ = RBM(self._visible(features), hidden, rng=rng)
        negative: NegativeSampler = (
            PersistentChains(self.chains, self.k) if self.chains else ContrastiveDivergence(self.k)
        )
        self._trainer = RBMTrainer(
            self.rbm_, rng=rng, negative=negative, lr=self.learning_rate, momentum=self.momentum,
            weight_decay=self.weight_decay, centred=self.centred,
        )  # fmt: skip

    def __getstate__(self) -> dict[str, Any]:
        """For pickle: host arrays and plain values, which load on any device."""
        state = {k: v for k, v in vars(self).items() if k not in ("rbm_", "_trainer")}
        return {**state, "_saved": self._trainer.state_dict()} if hasattr(self, "rbm_") else state

    def __setstate__(self, state: dict[str, Any]) -> None:
        """From pickle."""
        saved = state.pop("_saved", None)
        vars(self).update(state)
        if saved is not None:
            self._make(self.n_features_in_)
            self._trainer.load_state_dict(saved)

    def _states(self, X: Any, where: str, anew: bool = False) -> np.ndarray:  # noqa: N803
        """Checked rows in the model's dtype."""
        name = f"{type(self).__name__}.{where}"
        rows = as_matrix(X, name, None if anew else self.n_features_in_, self.dtype)
        self._check_values(rows, name)
        if anew:
            self.n_features_in_ = rows.shape[1]
        return rows

    def _check_values(self, rows: np.ndarray, where: str) -> None:
        """Raise DataError for what the visible units cannot be."""

    def _fitted(self, where: str) -> RBM:
        if not hasattr(self, "rbm_"):
            raise NotFittedError(
                f"{type(self).__name__}.{where}: this instance is not fitted yet; call fit first."
            )
        return self.rbm_

    def _check_outcome(self, rows: np.ndarray) -> None:
        """Raise where training diverged; warn once of hidden units that learned nothing."""
        if not np.isfinite(self.rbm_.weight.numpy()).all():
            raise DataError(
                f"{type(self).__name__}.fit: the weights are not finite any more; take a smaller "
                f"learning_rate than {self.learning_rate}, or standardise the data."
            )
        means = host(self.rbm_.arrays().hidden_mean(self.rbm_.as_rows(rows[:1000])))
        stuck = np.ptp(means, axis=0) < 0.01
        if stuck.mean() > 0.25:
            warnings.warn(
                f"{type(self).__name__}: {100 * stuck.mean():.0f}% of the hidden units are dead or "
                "saturated: they vary by less than 0.01 over the data. Take a smaller "
                "learning_rate or fewer units, or centred=True.",
                stacklevel=3,
            )


class BernoulliRBM(_Estimator):
    """An RBM of Bernoulli units.

    Args:
        n_components: hidden units.
        grey: take features between 0 and 1 as probabilities, whose statistics training uses, as
            scikit-learn's class of that name does without asking; False refuses them. Their
            `score_samples` is refused in any case.
        learning_rate, batch_size, n_iter: of plain gradient descent; passes over the data.
        k: steps of Gibbs sampling for each update.
        chains: persistent ones, instead of beginning at the data; 0 for contrastive divergence.
        momentum, weight_decay, centred: see `RBMTrainer`.
        dtype, device: of the computation.
        random_state: the seed of everything.

    Attributes:
        rbm_: the `RBM`. components_: its weights, (n_components, n_features). n_features_in_,
            n_iter_: as scikit-learn has it.

    Raises:
        DataError: X is no matrix (N, n_features) of 0 and 1 (`grey`: from 0 to 1), or training
            diverged.
        ValueError: a count is below 1, which `fit` finds.
        NotFittedError: something is asked for before `fit`.

    >>> x = np.random.default_rng(0).integers(0, 2, (20, 6))
    >>> BernoulliRBM(n_components=4, n_iter=1).fit_transform(x).shape
    (20, 4)
    """

    def __init__(
        self,
        n_components: int = 256,
        *,
        grey: bool = False,
        learning_rate: float = 0.1,
        batch_size: int = 10,
        n_iter: int = 10,
        k: int = 1,
        chains: int = 0,
        momentum: float = 0.0,
        weight_decay: float = 0.0,
        centred: bool = False,
        dtype: str = "float32",
        device: str = "cpu",
        random_state: int = 0,
    ) -> None:
        super().__init__(
            n_components, learning_rate=learning_rate, batch_size=batch_size, n_iter=n_iter, k=k,
            chains=chains, momentum=momentum, weight_decay=weight_decay, centred=centred,
            dtype=dtype, device=device, random_state=random_state,
        )  # fmt: skip
        self.grey = grey

    def _visible(self, features: int) -> Units:
        return Bernoulli(features, dtype=self.dtype)

    def _check_values(self, rows: np.ndarray, where: str) -> None:
        if not self.grey:
            Bernoulli(rows.shape[1]).check(rows, f"{where}: X")
        elif rows.min() < 0 or rows.max() > 1:
            raise DataError(
                f"{where}: X has values in [{rows.min():.4g}, {rows.max():.4g}], which are no "
                "probabilities: scale them to [0, 1]."
            )


class GaussianRBM(_Estimator):
    """An RBM of Gaussian visible units of learned variance; arguments as of `BernoulliRBM`.

    Standardised features suit it, and a learning rate of 0.01 or less. Errors as of
    `BernoulliRBM`, but any real numbers will do; a single row has no variance.

    >>> x = np.random.default_rng(0).normal(size=(1000, 3)) @ np.ones((3, 3))
    >>> GaussianRBM(n_components=2, n_iter=10).fit_transform(x).shape
    (1000, 2)
    """

    def __init__(
        self,
        n_components: int = 256,
        *,
        learning_rate: float = 0.01,
        batch_size: int = 10,
        n_iter: int = 10,
        k: int = 1,
        chains: int = 0,
        momentum: float = 0.0,
        weight_decay: float = 0.0,
        centred: bool = True,
        dtype: str = "float32",
        device: str = "cpu",
        random_state: int = 0,
    ) -> None:
        super().__init__(
            n_components, learning_rate=learning_rate, batch_size=batch_size, n_iter=n_iter, k=k,
            chains=chains, momentum=momentum, weight_decay=weight_decay, centred=centred,
            dtype=dtype, device=device, random_state=random_state,
        )  # fmt: skip

    def _visible(self, features: int) -> Units:
        return Gaussian(features, dtype=self.dtype)

    def _check_values(self, rows: np.ndarray, where: str) -> None:
        if where.endswith("fit") and len(rows) == 1:
            raise DataError(f"{where}: 1 sample has no variance; give at least 2.")
