"""The commands of `tinygen`, one a file: `add` says its options, `run` does it.

A command of your own is a file with these two functions, in `COMMANDS`.
"""

from . import (
    animate,
    bench,
    compare,
    evaluate,
    export,
    gradcheck,
    info,
    recipes,
    report,
    reproduce,
    sample,
    scorecard,
    train,
)

COMMANDS = (
    train,
    sample,
    evaluate,
    scorecard,
    report,
    animate,
    export,
    info,
    bench,
    compare,
    reproduce,
    gradcheck,
    recipes,
)
