"""A job array on SLURM, followed with squeue: a killed job is noticed, even without SLURM's accounting."""

from __future__ import annotations

import io
import logging
import os
import re
import shlex
import shutil
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import redirect_stderr
from dataclasses import replace
from pathlib import Path
from typing import Any

from renormal.job.lock import holder
from renormal.job.state import State, read_state, write_state
from renormal.sweep.jobs import Job
from renormal.sweep.refusals import exit_with
from renormal.sweep.settings import SLURM, shared_parameters

FIRST_PAUSE, LONGEST_PAUSE = 2.0, 30.0  # seconds between two calls of squeue, ours: they grow, a scheduler serves many
MISSES = 3  # calls in a row without a job before it counts as ended, ours: a requeued job is missing for a moment
EXPORTS = [  # in the job's shell before its own setup
    "export OMP_NUM_THREADS=${SLURM_CPUS_PER_TASK:-1}",
    "export SRUN_CPUS_PER_TASK=${SLURM_CPUS_PER_TASK:-1}",  # since SLURM 22.05 a step does not inherit --cpus-per-task
]
log = logging.getLogger("renormal")


def array_executor(params: Mapping[str, Any]) -> Any:
    """submitit's executor with the settings of conf/hydra/launcher/slurm.yaml. sbatch takes one kind of memory only."""
    import submitit

    if missing := [program for program in ("sbatch", "srun", "squeue") if shutil.which(program) is None]:
        exit_with([f"hydra/launcher=slurm needs {' and '.join(missing)}: start it where SLURM is installed"])
    given = {key: value for key, value in params.items() if key not in SLURM}
    modules = [f"module load {shlex.quote(name)}" for name in params.get("modules") or []]
    given["setup"] = [*EXPORTS, *modules, *(params.get("setup") or [])]
    if params.get("mem_per_cpu") or params.get("mem_per_gpu"):
        given["mem_gb"] = None
    shared = shared_parameters()
    settings = {key if key in shared else f"slurm_{key}": value for key, value in given.items()}
    result = submitit.AutoExecutor(
        folder=params["submitit_folder"], cluster="slurm", slurm_max_num_timeout=params["max_num_timeout"]
    )
    result.update_parameters(**settings)
    return result


def sbatch_lines(params: Mapping[str, Any], jobs: int) -> list[str]:
    """The #SBATCH lines of the array, and the commands of `setup`: what submitit writes into the script."""
    slurm = array_executor(params)._executor
    if jobs > 1:
        slurm.parameters["map_count"] = jobs
    script = slurm._make_submission_file_text("", "")
    return [line for line in script.partition("# command")[0].splitlines()[1:] if line and not line.startswith("# ")]


def submit(executor: Any, launcher: Any, arguments: Sequence[tuple[Any, ...]]) -> list[Any]:
    """submitit's jobs. arguments: of each. What sbatch refuses ends the program in one line."""
    from submitit.core.utils import FailedJobError, FailedSubmissionError

    try:
        with redirect_stderr(io.StringIO()):  # the error has the same text
            return list(executor.map_array(launcher, *zip(*arguments, strict=True)))
    except (FailedJobError, FailedSubmissionError) as error:
        exit_with([f"not submitted: {' '.join(str(error).split())}"])
        raise


def wait_for_jobs(jobs: Mapping[Any, Job]) -> None:
    """Until every job has left the queue. jobs: submitit's job → ours."""
    left, misses, pause = dict(jobs), dict.fromkeys(jobs, 0), FIRST_PAUSE
    try:
        while left:
            queued = queued_jobs({array_of(job) for job in left})
            for job in list(left):
                misses[job] = 0 if queued is None or job.job_id in queued else misses[job] + 1
                if misses[job] >= (1 if job.paths.result_pickle.exists() else MISSES):
                    record_kill(job, left.pop(job).folder)
                    log.info("%d of %d jobs have ended", len(jobs) - len(left), len(jobs))
            time.sleep(pause if left else 0)
            pause = min(pause * 1.1, LONGEST_PAUSE)
    except (KeyboardInterrupt, SystemExit):
        ids = " ".join(sorted({array_of(job) for job in left}))
        log.warning("the jobs go on without this command: scancel %s ends them", ids)
        raise


def array_of(job: Any) -> str:
    """12 of 12_3."""
    return str(job.job_id).split("_")[0]


def queued_jobs(arrays: set[str]) -> set[str] | None:
    """The jobs of these arrays that wait or run; None if the scheduler does not answer."""
    command = ["squeue", "--noheader", "--array", "--format=%i", f"--jobs={','.join(sorted(arrays))}"]
    end = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    if end.returncode == 0:
        return set(end.stdout.split())
    return set() if re.search("Invalid job id", end.stderr) else None  # the scheduler forgets jobs that have ended


def record_kill(job: Any, folder: Path) -> None:
    """Write state.json for a job that ended and could not do so itself: failed, with the last line of SLURM's log."""
    if holder(folder):
        return
    try:
        state = read_state(folder)
    except ValueError as damaged:
        log.warning("%s", damaged)
        state = None
    if state is not None and state.state in ("done", "failed", "interrupted"):  # of scancel: the sweep goes on there
        return
    folder.mkdir(parents=True, exist_ok=True)
    path = Path(job.paths.stderr)
    lines = path.read_text(errors="replace").split("\n") if path.is_file() else []
    last = next((line.strip() for line in reversed(lines) if line.strip()), "its log is empty")
    error = f"SLURM job {job.job_id} was killed or could not start: {last}"
    now = time.time()
    log_file = os.path.relpath(path, folder)
    write_state(folder, replace(state or State(), state="failed", error=error, updated=now, log=log_file))
