"""Training on several processes that hold the same model and share each batch: data parallel.

    mpiexec -n 4 tinygen train gan --data mnist

Every process, a *rank*, takes its rows of the same global batch, and the gradients are averaged in
one call on the optimizer's flat array before anything else looks at them (games and gradient
surgery, which work with several gradients, average each of them, and then once more what they made
of them). So n ranks with a batch of B/n rows each take the steps that one process with B rows
takes, but for rounding.

A sum is not overlapped with the backward pass whose gradient it is. By the cost model, a GAN's step
of 2 ms with two gradients of 0.7 MB each gains nothing by it on 16 ranks with Ethernet of 10 Gbit/s
(the pieces to send have a latency of 30 us each, in as many messages as the ring or tree is long),
one of 5 ms 1.1 of the throughput, and 1.02 on NVLink. Between processes of one machine it says 1.1
to 1.2, but there it is the cores of the backward pass that would make the sum, of which the model
knows nothing. Adding up the gradients of 8 passes gains more everywhere: 1.7 to 2.4 on Ethernet.
Overlap would pay for layers 4,096 wide: 1.17 on processors joined by Ethernet, 1.27 on GPUs joined
by NVLink if their step, with gradients of 268 MB, took 2 ms. (`python -m benchmarks.parallel` says
it for this machine.)

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
