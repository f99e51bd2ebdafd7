"""`tinygen bench`: how fast this machine is at what tinygen does, on every device that it has.

    workloads.py    what is timed, and at which sizes     problems.py   networks and batches
    ours.py         each workload in tinygen              pytorch.py    ... and in PyTorch
    competitors.py  which library on which device         measure.py    one workload at one size
    crossing.py     where one device overtakes another    session.py    all of it
    table.py        results as text                       plot.py       ... and as a picture
    machine.py      on what it ran                        timing.py     what a fair time needs

`benchmarks/`, in the repository, goes on from here: more competitors, and marks to be met.
"""

from .competitors import find
from .measure import Effort
from .plot import MissingMatplotlib, draw
from .session import run
from .table import closing, heading, rows

__all__ = ["Effort", "MissingMatplotlib", "closing", "draw", "find", "heading", "rows", "run"]
