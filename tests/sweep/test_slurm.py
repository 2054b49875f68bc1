"""Sweeps through a real SLURM of one node: an array, failures, preemption. Needs slurmctld, slurmd and munged."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from preloaded import python
from renormal.report.record import Record, read_record
from waiting import HANGING, wait_until

DAEMONS = ("slurmctld", "slurmd", "munged", "sbatch")
MISSING = [name for name in DAEMONS if not shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")]
pytestmark = pytest.mark.skipif(
    bool(MISSING), reason=f"apt-get install slurm-wlm munge: there is no {', '.join(MISSING)}"
)
CLUSTER = Path(__file__).with_name("cluster.sh")
SMALL = [
    *("data.train=6", "data.good=2", "data.defective=1", "data.epoch_images=8", "data.object_size=32"),
    *("data.texture_size=64", "data.patch_size=32", "test.stride=32", "test.panels=0", "batch_size=4"),
    *("trainer.max_epochs=2", "trainer.accelerator=cpu", "trainer.log_every_n_steps=1", "descent.max_steps=3"),
    *("name=s", "hydra/launcher=slurm", "hydra.launcher.cpus_per_task=1", "hydra.launcher.mem_gb=1"),
]
Wait = Callable[[Callable[[], Any], str], Any]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The environment of a client of a cluster of our own."""
    folder = tmp_path_factory.mktemp("slurm")
    mine = {"SLURM_ONE_DIR": str(folder), "SLURM_ONE_PORT": str(20_000 + os.getpid() % 10_000 * 2)}
    environment = {**os.environ, **mine, "SLURM_CONF": str(folder / "slurm.conf"), "OMP_NUM_THREADS": "1"}
    subprocess.run([CLUSTER, "start"], env=environment, check=True, timeout=120)
    yield environment
    subprocess.run([CLUSTER, "stop"], env=environment, check=True, timeout=120)


class Sweep:
    """A sweep's controller on the login node, and what its jobs leave."""

    def __init__(self, folder: Path, environment: dict[str, str], *arguments: str, executable: str = "") -> None:
        folder.mkdir(exist_ok=True)
        self.folder, self.environment = folder / "outputs" / "s", environment
        command = [executable or python(), "-m", "renormal.run", "-m", *SMALL, *arguments]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
        self.process = subprocess.Popen(command, cwd=folder, env=environment, text=True, **pipes)  # type: ignore[call-overload]

    def end(self) -> tuple[int, str]:
        output, _ = self.process.communicate(timeout=HANGING)
        return self.process.returncode, output

    def until(self, happens: Callable[[], Any], what: str) -> Any:
        answer = wait_until(lambda: happens() or self.process.poll() is not None, what)
        assert self.process.poll() is None, f"the sweep ended before {what}: {self.process.communicate()[0]}"
        return answer

    def slurm(self, *command: str) -> str:
        end = subprocess.run(command, env=self.environment, capture_output=True, text=True, check=True, timeout=HANGING)
        return end.stdout.strip()

    def job(self, state: str) -> str:
        """The one job of the queue in that state, as array_index."""
        return self.slurm("squeue", "--noheader", "--array", "--format=%i", f"--states={state}")

    def state(self, name: str) -> dict[str, Any]:
        path = self.folder / name / "state.json"
        return dict(json.loads(path.read_text())) if path.is_file() else {"state": "", "epoch": -1}

    def logs(self) -> str:
        """What submitit wrote of the jobs, and the end of what the daemons wrote."""
        daemons = [Path(self.environment["SLURM_ONE_DIR"]) / name for name in ("slurmctld.log", "slurmd.log")]
        return "\n".join(
            f"{path.name}:\n{path.read_text(errors='replace')[-5000:]}"
            for path in (*sorted(self.folder.glob(".submitit/*/*_log.*")), *daemons)
        )

    def records(self) -> dict[str, Record]:
        paths = sorted(self.folder.rglob("record.json"))
        return {str(path.parent.relative_to(self.folder)): read_record(path) for path in paths}


def running(command: str) -> bool:
    """Whether a process has a command line that begins so."""
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):  # it ended meanwhile
            if path.read_bytes().startswith(command.encode()):
                return True
    return False


def test_an_array_of_eight_jobs_ends_in_a_complete_table(tmp_path: Path, cluster: dict[str, str]) -> None:
    """And the same line again submits nothing."""
    arguments = ("model=l2_ae,vae", "category=bottle,grid", "seed=0,1")
    status, output = Sweep(tmp_path, cluster, *arguments).end()
    assert status == 0, output
    assert "8 jobs submitted: SLURM job " in output
    sweep = Sweep(tmp_path, cluster, *arguments)
    status, output = sweep.end()
    assert status == 0, output
    assert "8 of 8 jobs already have the record of their config" in output
    assert "submitted" not in output
    names = [
        f"{model}/{category}/{seed}" for model in ("l2_ae", "vae") for category in ("bottle", "grid") for seed in "01"
    ]
    assert list(sweep.records()) == names
    assert [sweep.state(name)["state"] for name in names] == ["done"] * 8
    plan = json.loads((sweep.folder / "plan.json").read_text())
    assert (sorted(plan["jobs"]), plan["launcher"]) == (names, "slurm")
    report = [python(), "-m", "renormal.report.cli", str(sweep.folder)]
    end = subprocess.run(report, capture_output=True, text=True, check=True, timeout=HANGING)
    assert "unreadable" not in end.stderr
    table = (sweep.folder / "table.csv").read_text()
    assert "bottle" in table
    assert "grid" in table


def test_failed_and_killed_jobs_are_named_and_take_no_other_along(tmp_path: Path, cluster: dict[str, str]) -> None:
    """One diverges, one is killed from outside on a cluster without accounts; the third ends well."""
    where = "hydra.sweep.subdir=${model.optimizer.lr}/${model.name}/${data.category}/${seed}"
    lengths = "trainer.max_epochs=200"
    sweep = Sweep(
        tmp_path, cluster, "model.optimizer.lr=1e30,1e-4,2e-4", where, lengths, "hydra.launcher.array_parallelism=2"
    )
    sweep.until(lambda: sweep.state("0.0001/l2_ae/bottle/0")["epoch"] > 0, "epoch")
    array = sweep.job("running").split("\n")[0].split("_")[0]
    sweep.slurm("scancel", "--signal=KILL", f"{array}_1")
    status, output = sweep.end()
    assert status == 1
    assert list(sweep.records()) == ["0.0002/l2_ae/bottle/0"]
    last = [line for line in output.splitlines() if line.startswith("renormal: ")]
    assert last[0] == "renormal: 2 of 3 jobs are not done"
    assert last[1].startswith("renormal: 1e+30/l2_ae/bottle/0 failed: the training loss is not finite")
    assert last[1].endswith("(outputs/s/1e+30/l2_ae/bottle/0/run.log)")
    assert last[2].startswith(
        f"renormal: 0.0001/l2_ae/bottle/0 failed: SLURM job {array}_1 was killed or could not start: "
    )
    assert last[2].endswith(f"(outputs/s/.submitit/{array}_1/{array}_1_0_log.err)")
    assert "Traceback" not in output


REQUEUED = ("model=vae", "seed=0", "trainer.max_epochs=150")


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory, cluster: dict[str, str]) -> Record:
    whole = Sweep(tmp_path_factory.mktemp("whole"), cluster, *REQUEUED)
    status, output = whole.end()
    assert status == 0, output
    (record,) = whole.records().values()
    return record


@pytest.mark.parametrize("case", ["preempted", "timed-out"])
def test_a_requeued_job_ends_as_an_undisturbed_one(
    tmp_path: Path, cluster: dict[str, str], undisturbed: Record, case: str
) -> None:
    """The requeue signal in the middle of a training; submitit calls it a time-out where the limit is near."""
    limit = 240 if case == "preempted" else 5
    limited = (*REQUEUED, f"hydra.launcher.timeout_min={limit}")
    sweep = Sweep(tmp_path, cluster, *limited, executable=sys.executable)
    sweep.until(lambda: sweep.state("vae/bottle/0")["epoch"] > 5, "fifth epoch")
    job = sweep.job("running")
    sweep.slurm("scancel", "--signal=USR2", job)
    sweep.until(lambda: sweep.state("vae/bottle/0")["state"] == "interrupted", "interruption")
    sweep.until(lambda: sweep.job("pending") == job, "requeue")
    # SLURM would wait two minutes, lest its orders to end the first run reach the second, which has the same number:
    # a node refuses what was granted in the second in which the first run's grant was taken back, or before.
    sweep.until(lambda: sweep.slurm("sinfo", "--noheader", "--format=%T") == "idle", "end of the first run")
    sweep.until(lambda: not running(f"slurmstepd: [{job}."), "end of the first run's last process")
    sweep.slurm("scontrol", "update", f"jobid={job}", "StartTime=now+3")
    status, output = sweep.end()
    assert status == 0, output + sweep.logs()
    log = (sweep.folder / "vae/bottle/0/run.log").read_text()
    assert log.count("going on after") == 1
    assert f"this job is {case}" in "".join(path.read_text() for path in sweep.folder.glob(".submitit/*/*.err"))
    assert not list(sweep.folder.rglob("hpc_ckpt*")), "Lightning's own requeue is off"
    (disturbed,) = sweep.records().values()
    assert disturbed.metrics == undisturbed.metrics
    assert disturbed.training["final_loss"] == undisturbed.training["final_loss"]
    assert disturbed.training["images"] == undisturbed.training["images"] == 150 * 8
