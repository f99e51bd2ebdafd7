"""Published results, run again with their protocol and judged: `tinygen reproduce NAME`."""

from . import rbm, rbm_small, vae
from .row import Outcome, Row, Verdict, reproduce

__all__ = ["ROWS", "Outcome", "Row", "Verdict", "reproduce"]

ROWS = {row.name: row for family in (rbm, rbm_small, vae) for row in family.ROWS}
