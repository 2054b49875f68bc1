"""Which of a job's processes this is."""

from __future__ import annotations

import os

VARIABLES = ("RANK", "LOCAL_RANK", "SLURM_PROCID")  # of torchrun; of Lightning and of our own processes; of srun


def rank() -> int:
    """The number of this process among all processes of its job, on all nodes; 0 where there is only one.

    torchrun sets RANK and LOCAL_RANK, which counts on one node only: RANK goes first. Our own processes set LOCAL_RANK
    on one machine, also inside a SLURM job, where all of them have the same SLURM_PROCID: it goes before that.
    """
    return next((int(os.environ[name]) for name in VARIABLES if os.environ.get(name)), 0)
