"""`tinygen gradcheck`: every derivative against finite differences, on this machine."""

from __future__ import annotations

import argparse
from typing import Any

from ..backend import cuda_status
from ..config import ConfigError


def add(commands: Any) -> None:
    """Its place on the command line."""
    check = commands.add_parser(
        "gradcheck",
        help="every operation's derivatives against finite differences, on this machine",
    )
    check.add_argument("names", nargs="*", metavar="NAME", help="of an operation (default: all)")
    check.add_argument(
        "--order", type=int, default=3, choices=(1, 2, 3, 4), help="the highest (default 3)"
    )
    check.add_argument("--device", help="cpu, cuda, cuda:1 (default: all that can be used)")
    check.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Print a table of the worst errors; exit code 1 if any is too large."""
    from ..selfcheck import Result, selfcheck

    orders = [f"order {n + 1}" for n in range(options.order)]
    devices = [options.device] if options.device else None
    results: list[Result] = []
    try:
        for result in selfcheck(options.names, order=options.order, devices=devices):
            if not results:
                heads = "".join(f"{head:>10}" for head in orders)
                print(f"{'operation':24}{'device':8}{heads}   float32")
            results.append(result)
            errors = "".join(f"{error:10.1e}" if error else f"{0:10}" for error in result.errors)
            kept = "kept" if result.keeps_float32 else "LOST"
            verdict = "   FAILED" if result.failure else ""
            print(f"{result.primitive:24}{result.device:8}{errors}   {kept}{verdict}")
    except ValueError as error:
        raise ConfigError(str(error)) from None
    failed = [result for result in results if result.failure]
    for result in failed:
        print(f"\n{result.primitive} on {result.device}: {result.failure}")
    if devices is None and (reason := cuda_status()):
        print(f"\ncuda was not checked: {reason}")
    print(f"\n{len(results) - len(failed)} of {len(results)} right to {orders[-1]}.")
    return 1 if failed else 0
