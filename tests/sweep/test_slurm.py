"""Sweeps through a real SLURM of one node: an array, failures, preemption. Needs slurmctld, slurmd and munged."""

from __future__ import annotations

import contextlib
import csv
import json
import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from preloaded import python
from renormal.job.job import run_job
from renormal.report.record import Record, read_record
from small import SWEPT
from waiting import HANGING, wait_until

DAEMONS = ("slurmctld", "slurmd", "munged", "sbatch")
MISSING = [name for name in DAEMONS if not shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")]
pytestmark = pytest.mark.skipif(
    bool(MISSING), reason=f"apt-get install slurm-wlm munge: there is no {', '.join(MISSING)}"
)
CLUSTER = Path(__file__).with_name("cluster.sh")
SLURM = ["hydra/launcher=slurm", "hydra.launcher.cpus_per_task=1", "hydra.launcher.mem_gb=1"]
Wait = Callable[[Callable[[], Any], str], Any]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The environment of a client of a cluster of our own."""
    folder = tmp_path_factory.mktemp("slurm")
    mine = {"SLURM_ONE_DIR": str(folder), "SLURM_ONE_PORT": str(20_000 + os.getpid() % 10_000 * 2)}
    mine["SLURM_ONE_CPUS"] = "4"  # jobs that wait for a signal take no time of the others
    environment = {**os.environ, **mine, "SLURM_CONF": str(folder / "slurm.conf"), "OMP_NUM_THREADS": "1"}
    subprocess.run([CLUSTER, "start"], env=environment, check=True, timeout=120)
    yield environment
    subprocess.run([CLUSTER, "stop"], env=environment, check=True, timeout=120)


class Sweep:
    """A sweep's controller on the login node, and what its jobs leave."""

    def __init__(self, folder: Path, environment: dict[str, str], *arguments: str) -> None:
        folder.mkdir(exist_ok=True)
        self.folder, self.environment = folder / "outputs" / "s", environment
        command = [python(), "-m", "renormal.run", "-m", *SWEPT, *SLURM, *arguments]
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

    def jobs(self, state: str) -> list[str]:
        """Its jobs of the queue in that state, as array_index. COMPLETING is one whose processes end."""
        lines = self.slurm("squeue", "--noheader", "--array", "--states=all", "--format=%i %T %Z").splitlines()
        found = (line.split(maxsplit=2) for line in lines)
        return [job for job, now, place in found if now == state and self.folder.is_relative_to(place)]

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


def test_a_sweep_that_does_not_wait_ends_when_its_jobs_are_queued(tmp_path: Path, cluster: dict[str, str]) -> None:
    """And says where everything lies: the report shows the jobs before and after they end."""
    sweep = Sweep(tmp_path, cluster, "seed=0,1", "hydra.launcher.wait=false")
    status, output = sweep.end()
    assert status == 0, output
    assert "2 jobs submitted: SLURM job " in output
    array = output.partition("SLURM job ")[2].split()[0]
    log = f"outputs/s/.submitit/{array}_1/{array}_1_0_log.err"
    assert f"SLURM job {array}_1: outputs/s/l2_ae/bottle/1, log {log}" in output
    assert "renormal-report outputs/s shows how far they are" in output
    report = [python(), "-m", "renormal.report.cli", str(sweep.folder)]
    early = subprocess.run(report, capture_output=True, text=True, check=False, timeout=HANGING)
    assert "of 2 jobs done" in early.stdout + early.stderr
    wait_until(lambda: len(sweep.records()) == 2, "records")
    wait_until(lambda: not sweep.slurm("squeue", "--noheader"), "end of the jobs")
    late = subprocess.run(report, capture_output=True, text=True, check=True, timeout=HANGING)
    assert late.stdout.startswith("training images: "), "the table of a finished sweep, without a line on its progress"


def test_one_job_without_a_sweep_runs_on_the_cluster(tmp_path: Path, cluster: dict[str, str]) -> None:
    command = [python(), "-m", "renormal.run", *SWEPT, *SLURM, "stages=[train]"]
    end = subprocess.run(
        command, cwd=tmp_path, env=cluster, capture_output=True, text=True, check=False, timeout=HANGING
    )
    assert end.returncode == 0, end.stderr
    assert "1 job submitted: SLURM job " in end.stdout
    assert json.loads((tmp_path / "outputs/s/l2_ae/bottle/0/state.json").read_text())["state"] == "done"


def test_what_sbatch_refuses_is_one_line(tmp_path: Path, cluster: dict[str, str]) -> None:
    status, output = Sweep(tmp_path, cluster, "seed=0,1", "hydra.launcher.partition=nowhere").end()
    assert status == 2
    assert output.strip().splitlines()[-1].startswith("renormal: not submitted: sbatch: error: ")
    assert "nowhere" in output or "partition" in output.splitlines()[-1]
    assert "Traceback" not in output


def test_an_array_of_four_jobs_ends_in_a_complete_table(tmp_path: Path, cluster: dict[str, str]) -> None:
    """And the same line again submits nothing."""
    arguments = ("model=l2_ae,vae", "category=bottle,grid")
    status, output = Sweep(tmp_path, cluster, *arguments).end()
    assert status == 0, output
    assert "4 jobs submitted: SLURM job " in output
    assert "Ctrl-C ends it alone; renormal-report outputs/s shows how far they are" in output
    sweep = Sweep(tmp_path, cluster, *arguments)
    status, output = sweep.end()
    assert status == 0, output
    assert "4 of 4 jobs already have the record of their config" in output
    assert "submitted" not in output
    names = [f"{model}/{category}/0" for model in ("l2_ae", "vae") for category in ("bottle", "grid")]
    assert list(sweep.records()) == names
    assert [sweep.state(name)["state"] for name in names] == ["done"] * 4
    plan = json.loads((sweep.folder / "plan.json").read_text())
    assert (sorted(plan["jobs"]), plan["launcher"]) == (names, "slurm")
    report = [python(), "-m", "renormal.report.cli", str(sweep.folder)]
    end = subprocess.run(report, capture_output=True, text=True, check=True, timeout=HANGING)
    assert "unreadable" not in end.stderr
    table = (sweep.folder / "table.csv").read_text()
    assert "bottle" in table
    assert "grid" in table


def test_photographs_are_shared_by_an_array_and_by_the_tasks_of_srun(
    tmp_path: Path, cluster: dict[str, str], small: Any
) -> None:
    """The two commands of docs/predict.md: each photograph once, and one table of all of them."""
    run_job(small("category=bottle", "projection=[]", f"folder={tmp_path / 'run'}"))
    names = [f"{number}.png" for number in range(6)]
    (tmp_path / "photographs").mkdir()
    for number, name in enumerate(names):
        Image.new("RGB", (40, 40), (40 * number, 0, 0)).save(tmp_path / "photographs" / name)
    program = "import sys; from renormal.inspect.predict import main; sys.exit(main())"
    predict = [python(), "-c", program, "run", "photographs", "--only", "csv", "--threshold", "1e6", "--device", "cpu"]
    shared = f"{shlex.join(predict)} --out array --part $SLURM_ARRAY_TASK_ID/2"
    for command in (
        ["sbatch", "--wait", "--array=1-2", "--mem=1G", "--wrap", shared],
        ["srun", "--ntasks=2", "--mem=2G", *predict, "--out", "tasks"],
    ):
        end = subprocess.run(command, cwd=tmp_path, env=cluster, capture_output=True, text=True, timeout=HANGING)
        assert end.returncode == 0, end.stderr + "".join(path.read_text() for path in tmp_path.glob("slurm-*.out"))
    for out in (tmp_path / "array", tmp_path / "tasks"):
        parts = [out / f"predictions-{part}-of-2.jsonl" for part in (1, 2)]
        found = [json.loads(line)["image"] for part in parts for line in part.read_text().splitlines()]
        assert sorted(found) == names
        with (out / "predictions.csv").open(newline="") as table:
            assert [row["image"] for row in csv.DictReader(table)] == names


def test_failed_and_killed_jobs_are_named_and_take_no_other_along(tmp_path: Path, cluster: dict[str, str]) -> None:
    """One diverges, one is killed from outside on a cluster without accounts; the third ends well."""
    where = "hydra.sweep.subdir=${model.optimizer.lr}/${model.name}/${data.category}/${seed}"
    lengths = "trainer.max_epochs=100"
    sweep = Sweep(
        tmp_path, cluster, "model.optimizer.lr=100.0,1e-4,2e-4", where, lengths, "hydra.launcher.array_parallelism=2"
    )
    sweep.until(lambda: sweep.state("0.0001/l2_ae/bottle/0")["epoch"] > 0, "epoch")
    array = sweep.jobs("RUNNING")[0].split("_")[0]
    sweep.slurm("scancel", "--signal=KILL", f"{array}_1")
    status, output = sweep.end()
    assert status == 1
    assert list(sweep.records()) == ["0.0002/l2_ae/bottle/0"]
    last = [line for line in output.splitlines() if line.startswith("renormal: ")]
    assert last[0] == "renormal: 2 of 3 jobs are not done"
    assert last[1].startswith("renormal: 100.0/l2_ae/bottle/0 failed: the training loss is not finite")
    assert last[1].endswith("(outputs/s/100.0/l2_ae/bottle/0/run.log)")
    killed = f"failed: SLURM job {array}_1 was killed or could not start: .*{array}_1_0_log.err"
    ended = "was killed or interrupted, the same command goes on after .*/run.log"  # SLURM's SIGTERM came first
    assert re.fullmatch(rf"renormal: 0.0001/l2_ae/bottle/0 ({killed}|{ended})\)", last[2])
    assert "Traceback" not in output


LIMITS = {"undisturbed": 240, "preempted": 240, "timed-out": 5}  # minutes; submitit says time-out where one is near
REQUEUED = ("model=vae", "seed=0", "trainer.max_epochs=80")


@pytest.fixture(scope="module")
def sweeps(tmp_path_factory: pytest.TempPathFactory, cluster: dict[str, str]) -> dict[str, Sweep]:
    """Three sweeps of one job at the same time. Two jobs get the requeue signal in the middle of their training."""
    started = {
        case: Sweep(tmp_path_factory.mktemp(case), cluster, *REQUEUED, f"hydra.launcher.timeout_min={limit}")
        for case, limit in LIMITS.items()
    }
    disturbed = [sweep for case, sweep in started.items() if case != "undisturbed"]
    jobs = [signalled(sweep) for sweep in disturbed]
    for sweep, job in zip(disturbed, jobs, strict=True):
        start_again(sweep, job)
    return started


def signalled(sweep: Sweep) -> str:
    sweep.until(lambda: sweep.state("vae/bottle/0")["epoch"] > 5, "fifth epoch")
    (job,) = sweep.jobs("RUNNING")
    sweep.slurm("scancel", "--signal=USR2", job)
    return job


def start_again(sweep: Sweep, job: str) -> None:
    """At once. SLURM would wait two minutes, lest its orders to end the first run reach the second of the same number:
    a node refuses what was granted in the second in which the first run's grant was taken back, or before.
    """
    sweep.until(lambda: sweep.state("vae/bottle/0")["state"] == "interrupted", "interruption")
    sweep.until(lambda: sweep.jobs("PENDING") == [job], "requeue")
    sweep.until(lambda: not running(f"slurmstepd: [{job}."), "end of the first run's last process")
    sweep.slurm("scontrol", "update", f"jobid={job}", "StartTime=now+3")


@pytest.fixture(scope="module")
def records(sweeps: dict[str, Sweep]) -> dict[str, Record]:
    """What the three sweeps have left, once all have ended."""
    for sweep in sweeps.values():
        status, output = sweep.end()
        assert status == 0, output + sweep.logs()
    return {case: record for case, sweep in sweeps.items() for record in sweep.records().values()}


@pytest.mark.parametrize("case", ["preempted", "timed-out"])
def test_a_requeued_job_ends_as_an_undisturbed_one(
    sweeps: dict[str, Sweep], records: dict[str, Record], case: str
) -> None:
    sweep, disturbed, undisturbed = sweeps[case], records[case], records["undisturbed"]
    log = (sweep.folder / "vae/bottle/0/run.log").read_text()
    assert log.count("going on after") == 1
    assert f"this job is {case}" in "".join(path.read_text() for path in sweep.folder.glob(".submitit/*/*.err"))
    assert not list(sweep.folder.rglob("hpc_ckpt*")), "Lightning's own requeue is off"
    assert disturbed.metrics == undisturbed.metrics
    assert disturbed.training["final_loss"] == undisturbed.training["final_loss"]
    assert disturbed.training["images"] == undisturbed.training["images"] == 80 * 8


def test_a_cancelled_job_is_interrupted_and_the_same_sweep_goes_on(tmp_path: Path, cluster: dict[str, str]) -> None:
    arguments = ("model=vae", "seed=0", "trainer.max_epochs=80")
    sweep = Sweep(tmp_path, cluster, *arguments)
    sweep.until(lambda: sweep.state("vae/bottle/0")["epoch"] > 5, "fifth epoch")
    (job,) = sweep.jobs("RUNNING")
    sweep.slurm("scancel", job)
    status, output = sweep.end()
    assert status == 1, output
    assert sweep.state("vae/bottle/0")["state"] == "interrupted", output + sweep.logs()
    assert "renormal: vae/bottle/0 was killed or interrupted, the same command goes on after at least " in output
    again = Sweep(tmp_path, cluster, *arguments)
    status, output = again.end()
    assert status == 0, output + again.logs()
    assert (sweep.folder / "vae/bottle/0/run.log").read_text().count("going on after") == 1
    assert again.state("vae/bottle/0")["state"] == "done"
