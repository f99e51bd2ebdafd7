"""The commands of `tinygen`, one a file: `add` says its options, `run` does it."""

from . import gradcheck, info, recipes, sample, train

COMMANDS = (train, sample, info, gradcheck, recipes)
