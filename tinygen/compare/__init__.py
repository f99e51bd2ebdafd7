"""Models side by side: the same data, the same seconds, the same measures."""

from .contest import Entry, contest, folder_name
from .measures import Field, Measures
from .table import render

__all__ = ["Entry", "Field", "Measures", "contest", "folder_name", "render"]
