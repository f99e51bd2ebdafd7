"""Published results, run again with their protocol and judged: `tinygen reproduce NAME`."""

from . import (
    anomaly,
    augmentation,
    filling,
    from_decoder,
    games,
    modes,
    orthogonal,
    orthogonal_mnist,
    prdc,
    pretraining,
    rbm,
    rbm_small,
    stacked,
    vae,
)
from .row import Outcome, Row, Verdict, reproduce

__all__ = ["ROWS", "Outcome", "Row", "Verdict", "reproduce"]

ROWS = {
    row.name: row
    for family in (
        rbm,
        rbm_small,
        vae,
        prdc,
        modes,
        games,
        orthogonal,
        orthogonal_mnist,
        stacked,
        filling,
        anomaly,
        pretraining,
        from_decoder,
        augmentation,
    )
    for row in family.ROWS
}
