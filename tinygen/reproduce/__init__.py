"""Published results, run again with their protocol and judged: `tinygen reproduce NAME`.

`ROWS` has them by name. `reproduce(ROWS["prdc"])` runs one from Python; its `describe()` is what
the command prints.
"""

from . import (
    anomaly,
    augmentation,
    clustering,
    contrastive_adversarial,
    contrastive_adversarial_gan,
    contrastive_adversarial_mnist,
    filling,
    from_decoder,
    games,
    modes,
    multiscale,
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

__all__ = ["GROUPS", "ROWS", "Outcome", "Row", "Verdict", "reproduce"]

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
        multiscale,
        contrastive_adversarial,
        contrastive_adversarial_gan,
        contrastive_adversarial_mnist,
        filling,
        anomaly,
        pretraining,
        from_decoder,
        augmentation,
        clustering,
    )
    for row in family.ROWS
}

GROUPS = {"contrastive-adversarial": [n for n in ROWS if n.startswith("contrastive-adversarial-")]}
"""Names that stand for several rows."""
