"""A job array on SLURM, watched with squeue: a killed job is seen, whether the cluster keeps accounts or not."""

from __future__ import annotations

import logging
import os
import re
import subprocess
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from renormal.job.lock import holder
from renormal.job.state import State, read_state, write_state
from renormal.sweep.plan import Job

LOOK = 2.0  # seconds between two looks at the queue at first, ours
LONGEST_LOOK = 30.0  # a scheduler serves many, ours
GONE = 3  # looks in a row that miss a job before it counts as gone: one may fall between its end and its requeue
EVERYWHERE = {
    "timeout_min",
    "cpus_per_task",
    "gpus_per_node",
    "tasks_per_node",
    "mem_gb",
    "nodes",
    "name",
}  # submitit's
log = logging.getLogger("renormal")


def executor(params: Mapping[str, Any]) -> Any:
    """submitit's executor with the settings of conf/hydra/launcher/slurm.yaml."""
    import submitit

    settings = {
        key if key in EVERYWHERE else f"slurm_{key}": value
        for key, value in params.items()
        if key not in ("submitit_folder", "max_num_timeout")
    }
    result = submitit.AutoExecutor(
        folder=params["submitit_folder"], cluster="slurm", slurm_max_num_timeout=params["max_num_timeout"]
    )
    result.update_parameters(**settings)
    return result


def watch(jobs: Mapping[Any, Job | None]) -> None:
    """Until every job has left a result or is no longer in the queue."""
    left, missed, pause = dict(jobs), dict.fromkeys(jobs, 0), LOOK
    try:
        while left:
            queued = queue({job.job_id.split("_")[0] for job in left})
            for job in list(left):
                missed[job] = 0 if queued is None or job.job_id in queued else missed[job] + 1
                if missed[job] >= (1 if job.paths.result_pickle.exists() else GONE):
                    settle(job, left.pop(job))
                    log.info("%d of %d jobs have ended", len(jobs) - len(left), len(jobs))
            time.sleep(pause if left else 0)
            pause = min(pause * 1.1, LONGEST_LOOK)
    except KeyboardInterrupt:
        ids = " ".join(sorted({job.job_id.split("_")[0] for job in left}))
        log.warning("nobody watches the jobs any more, but they go on: scancel %s ends them", ids)
        raise


def queue(arrays: set[str]) -> set[str] | None:
    """Which of the jobs wait or run; None where the scheduler does not answer just now."""
    command = ["squeue", "--noheader", "--array", "--format=%i", f"--jobs={','.join(sorted(arrays))}"]
    end = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    if end.returncode == 0:
        return set(end.stdout.split())
    return set() if re.search("Invalid job id", end.stderr) else None  # the scheduler forgets what ended


def settle(job: Any, plan: Job | None) -> None:
    """A job that ended without a word of its own is given one: what SLURM's log says, and where that lies."""
    if plan is None or holder(plan.folder):
        return
    state = read_state(plan.folder)
    if state is not None and state.state in ("done", "failed"):
        return
    plan.folder.mkdir(parents=True, exist_ok=True)
    path = Path(job.paths.stderr)
    lines = path.read_text(errors="replace").split("\n") if path.is_file() else []
    last = next((line.strip() for line in reversed(lines) if line.strip()), "no word in its log")
    error = f"SLURM job {job.job_id} was killed or could not start: {last}"
    now = time.time()
    log_file = os.path.relpath(path, plan.folder)
    write_state(plan.folder, replace(state or State(), state="failed", error=error, updated=now, log=log_file))
