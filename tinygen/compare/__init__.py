"""Models side by side: the same data, the same seconds, the same measures.

`tinygen compare vae gan rbm --data mnist --budget 120s` runs such a contest; each run is a folder
like any other, to be sampled and resumed.
"""

from .contest import Entry, contest, folder_name
from .measures import Field, Measures
from .table import render

__all__ = ["Entry", "Field", "Measures", "contest", "folder_name", "render"]
