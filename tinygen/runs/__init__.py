"""Training runs: one loop for every model, and one folder that holds all it left behind.

    folder = RunFolder.create(Path("runs/mine"), recipes.as_dict(recipe, config))
    train(experiment, folder, steps=10_000, report_every=100, checkpoint_every=5_000)

An interrupted run goes on where it was: `progress = resume(experiment, folder)`, then `train` with
`progress=progress`.
"""

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
