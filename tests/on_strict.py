"""Runs a script where the device "strict" is known: python tests/on_strict.py SCRIPT ARGUMENTS."""

import runpy
import sys

import strict  # noqa: F401  registers the device

del sys.argv[0]
runpy.run_path(sys.argv[0], run_name="__main__")
