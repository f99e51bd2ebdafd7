"""scikit-learn, which only judges: imported where it is used, and fitted without its warnings."""

from __future__ import annotations

import warnings
from importlib import import_module
from typing import Any

from ...config import ConfigError

__all__ = ["fitted", "sklearn"]


def sklearn(module: str) -> Any:
    """sklearn.MODULE, or one sentence that says how to get it."""
    try:
        return import_module(f"sklearn.{module}")
    except ImportError:
        raise ConfigError(
            "features are judged by scikit-learn, which is not installed: "
            "pip install 'tinygen[eval]'."
        ) from None


def fitted(estimator: Any, *data: Any) -> Any:
    """The estimator after `fit`; one that stops at its limit of iterations judges as it is."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", sklearn("exceptions").ConvergenceWarning)
        return estimator.fit(*data)
