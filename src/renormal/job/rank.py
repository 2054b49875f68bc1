"""Which of a job's processes this is, and who started it: no other file reads these variables."""

from __future__ import annotations

import os
import re

from renormal.console.text import printable

LOCAL_RANK = "LOCAL_RANK"  # the number of a process on its node; from Lightning, torchrun and our own processes
TORCHRUN = "TORCHELASTIC_RUN_ID"
NUMBERS = (
    *("RANK", LOCAL_RANK, "NODE_RANK", "WORLD_SIZE", "MASTER_PORT"),
    *("SLURM_PROCID", "SLURM_LOCALID", "SLURM_NODEID", "SLURM_NNODES"),
    *("SLURM_NTASKS", "SLURM_NTASKS_PER_NODE", "SLURM_STEP_NUM_TASKS"),
)


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


def share() -> tuple[int, int]:
    """The number of this process, from 0, and of all that torchrun or srun has started with it: (0, 1) if alone.

    In the only process of a batch script SLURM sets SLURM_NTASKS, too: srun adds the step.
    """
    count = "SLURM_STEP_NUM_TASKS" if "SLURM_JOB_ID" in os.environ else "SLURM_NTASKS"
    for number, all_of_them in ((_number("RANK"), _number("WORLD_SIZE")), (_number("SLURM_PROCID"), _number(count))):
        if number is not None and all_of_them is not None:
            return number, all_of_them
    return 0, 1


def number_on_node() -> int:
    """The number of this process among those of its node, from 0."""
    return _number(LOCAL_RANK) or _number("SLURM_LOCALID") or 0


def check_numbers() -> None:
    """Raise ValueError for a variable that is no number."""
    for name in NUMBERS:
        _number(name)


def check_process(count: int) -> None:
    """Raise ValueError for a process beyond the `count` of its job: it would hold no lock, and write nevertheless.

    Also for tasks of SLURM that are not counted by node: Lightning refuses them after the images are read.
    """
    numbers = {name: number for name in ("RANK", LOCAL_RANK, "SLURM_PROCID") if (number := _number(name)) is not None}
    name, number = next(iter(numbers.items()), ("", 0))
    if number >= count:
        wanted = f"trainer.devices and trainer.num_nodes ask for {count}"
        raise ValueError(f"{name}={number} makes this process {number + 1} of its job, and {wanted}: unset {name}")
    tasks = _number("SLURM_NTASKS") or 1
    if tasks > 1 and "SLURM_NTASKS_PER_NODE" not in os.environ and started_by_srun():
        mend = "give sbatch --ntasks-per-node= in its place, or unset SLURM_NTASKS for a job of one process"
        raise ValueError(f"SLURM_NTASKS={tasks} comes from --ntasks, which does not say how many a node has: {mend}")


def _number(name: str) -> int | None:
    text = os.environ.get(name)
    if not text:
        return None
    if not re.fullmatch(r"[0-9]{1,9}", text):
        raise ValueError(f"{name}={printable(text[:40])} in the environment is no number of processes: unset {name}")
    return int(text)
