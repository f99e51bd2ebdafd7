"""What a run left behind, as one page for a browser.

    Path("report.html").write_bytes(report([read_run(Path("runs/mine"))]))

`tinygen report RUN` does it from the command line.
"""

from .page import report
from .read import RunRecord, read_run

__all__ = ["RunRecord", "read_run", "report"]
