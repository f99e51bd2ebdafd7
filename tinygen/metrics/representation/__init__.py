"""Features judged by what they are good for: `scorecard(spaces, ...)`, a table of tasks.

Each task is a file: `classification.py` has the linear probe, nearest neighbours and few labels,
`clustering.py`, `reduction.py` and `outliers.py` the others. scikit-learn's estimators judge;
every figure is a mean over draws of examples (`view.py`), beside what pixels and PCA get.
"""

from .card import Card, scorecard
from .clustering import clustering_accuracy
from .outliers import areas
from .view import Space, baselines

__all__ = ["Card", "Space", "areas", "baselines", "clustering_accuracy", "scorecard"]
