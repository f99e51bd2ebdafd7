"""Training runs: one loop for every model, and one folder that holds all it left behind."""

from .checkpoints import CheckpointError, as_json
from .environment import environment
from .files import RunError, TakenError, explained, npz_bytes, write_file
from .folder import RunFolder
from .loop import growing_steps, resume, train
from .progress import Progress
from .ranks import shared
from .signals import Stopped
from .tensorboard import event_writer, summary_writer

__all__ = [
    "CheckpointError",
    "Progress",
    "RunError",
    "RunFolder",
    "Stopped",
    "TakenError",
    "as_json",
    "environment",
    "event_writer",
    "explained",
    "growing_steps",
    "npz_bytes",
    "resume",
    "shared",
    "summary_writer",
    "train",
    "write_file",
]
