"""The commands of `tinygen`, one a file: `add` says its options, `run` does it."""

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
