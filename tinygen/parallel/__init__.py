"""Training on several processes that hold the same model and share each batch: data parallel.

    mpiexec -n 4 tinygen train gan --data mnist

Every process, a *rank*, takes its rows of the same global batch, and the gradients are averaged in
one call on the optimizer's flat array before anything else looks at them. So n ranks with a batch
of B/n rows each take the steps that one process with B rows takes, but for rounding.

    communicator.py   the three verbs, and what is made of them; `Alone`, a team of one
    team.py           which communicator holds here and now
    mpi.py, nccl.py   the verbs on MPI and on NCCL
    launch.py         finding out that mpiexec started this process, and ending together
    witness.py        one sentence where a rank was killed
    cost.py           how fast it will be on n ranks: a model of three measured numbers
"""

from .communicator import Alone, Communicator
from .team import joined, team

__all__ = ["Alone", "Communicator", "joined", "team"]
