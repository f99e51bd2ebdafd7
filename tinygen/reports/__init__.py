"""What a run left behind, as one page for a browser."""

from .page import report
from .read import RunRecord, read_run

__all__ = ["RunRecord", "read_run", "report"]
