"""Which of a job's processes this is, and who started it: no other file reads these variables."""

from __future__ import annotations

import os

LOCAL_RANK = "LOCAL_RANK"  # the number of a process on its node; from Lightning, torchrun and our own processes
TORCHRUN = "TORCHELASTIC_RUN_ID"


def is_rank_zero() -> bool:
    """Whether this is the first process of its job, on all nodes. It holds the folder's lock and writes into it.

    torchrun sets RANK and LOCAL_RANK: RANK goes first. Our own processes may run inside a SLURM job, where all of them
    have the same SLURM_PROCID: LOCAL_RANK goes before that. Lightning reads them in this order, too.
    """
    if _number("RANK") is not None:
        return _number("RANK") == 0
    if _number(LOCAL_RANK) is not None:
        return not _number(LOCAL_RANK) and not _number("NODE_RANK")
    return not _number("SLURM_PROCID")


def started_elsewhere() -> bool:
    """Whether srun, torchrun or rank 0 itself has started one process for each device."""
    return LOCAL_RANK in os.environ or started_by_srun()


def started_by_srun() -> bool:
    """Whether SLURM's variables tell the processes apart: torchrun may run inside a SLURM job, and has its own."""
    from lightning.fabric.plugins.environments.slurm import SLURMEnvironment

    return TORCHRUN not in os.environ and SLURMEnvironment.detect()


def _number(name: str) -> int | None:
    return int(os.environ[name]) if os.environ.get(name) else None
