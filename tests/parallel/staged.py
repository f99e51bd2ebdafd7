"""Two ranks on a device whose arrays MPI cannot read: the weights of a GAN after some steps.

mpiexec -n 2 python staged.py DEVICE FILE
"""

import sys

import numpy as np
import strict  # noqa: F401  registers the device "strict"

from tinygen import recipes
from tinygen.parallel import joined
from tinygen.parallel.mpi import MPICommunicator

SETTINGS = {"batch": 12, "generator": (8,), "discriminator": (8,), "noise": 5}

if __name__ == "__main__":
    with joined(MPICommunicator()) as ranks:
        recipe = recipes.find("gan")
        config = recipes.resolve(recipe, {**SETTINGS, "device": sys.argv[1]})
        experiment = recipes.spread(recipe.build(config), config)
        for _ in range(5):
            experiment.step()
        state = experiment.state_dict()["trainer"]["generator"]
        if ranks.rank == 0:
            np.savez(sys.argv[2], **state)
