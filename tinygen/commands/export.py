"""`tinygen export`: a finished run's networks as PyTorch knows them."""

from __future__ import annotations

import argparse
import json
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np

from .. import runs
from ..config import ConfigError
from ..nn import Module
from ..optim import ExponentialMovingAverage
from ..runs.files import ELSEWHERE, explained
from ..runs.parts import parts_of
from .restore import add_checkpoint_options, restore

SUFFIX = ".safetensors"


def add(commands: Any) -> None:
    """Its place on the command line."""
    export = commands.add_parser(
        "export",
        help="write a finished run's weights for PyTorch",
        description="Writes a safetensors file for each network, with the keys of PyTorch's "
        "state_dict: network.load_state_dict(safetensors.torch.load_file(path)) reads one. Where "
        "a moving average of the weights was kept, it is what is exported.",
    )
    export.add_argument("folder", type=Path, metavar="RUN", help="the folder of the run")
    export.add_argument(
        "--out", type=Path, metavar="PLACE",
        help="a folder for the files, or one .safetensors file for all networks, whose keys then "
        "begin with the network's name (default: RUN/export/step-...)",
    )  # fmt: skip
    add_checkpoint_options(export)
    export.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Write the files and list what is in them."""
    folder = runs.RunFolder.open(options.folder)
    step, experiment = restore(folder, options.device, options.step)
    networks = states(experiment.trainer)
    if not networks:
        raise ConfigError(f"the model of {folder.path} has no networks to export.")
    about = {"tinygen": json.dumps(folder.config), "step": str(step)}
    place = options.out
    if place is not None and place.suffix == SUFFIX:
        together = {f"{n}.{key}": a for n, state in networks.items() for key, a in state.items()}
        runs.write_file(place, _content(together, about))
        print(f"{', '.join(networks)} of step {step}: {place}")
        return
    if place is not None:
        with explained(f"cannot make the folder {place}"):
            place.mkdir(exist_ok=True)
    for name, state in networks.items():
        content = _content(state, about)
        if place is None:
            path = folder.write(f"export/step-{step:06d}/{name}{SUFFIX}", content, ELSEWHERE)
        else:
            runs.write_file(path := place / f"{name}{SUFFIX}", content)
        print(f"{name} of step {step} ({_count(state):,} numbers): {path}")


def states(trainer: Any) -> dict[str, dict[str, np.ndarray]]:
    """The state of each network of a trainer by its name: averaged where there is an average.

    Those of trainers in it are "gan.generator" and so on; of them parts of other networks, and of
    all what has no weights, are left out.
    """
    parts = parts_of(trainer)
    networks = {name: part for name, part in parts.items() if isinstance(part, Module)}
    within = {id(inner) for part in networks.values() for inner in part.modules()[1:]}
    with ExitStack() as averaged:
        for part in parts.values():
            if isinstance(part, ExponentialMovingAverage):
                averaged.enter_context(part.swapped())
        return {
            name: state for name, network in networks.items()
            if ("." not in name or id(network) not in within) and (state := network.state_dict())
        }  # fmt: skip


def _content(state: dict[str, np.ndarray], about: dict[str, str]) -> bytes:
    """A safetensors file's content; "format" is what PyTorch's readers ask for."""
    from safetensors.numpy import save

    arrays = {name: np.array(array, order="C") for name, array in state.items()}
    return save(arrays, metadata={"format": "pt", **about})


def _count(state: dict[str, np.ndarray]) -> int:
    return sum(array.size for array in state.values())
