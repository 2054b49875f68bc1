"""Jobs that run at the same time: a device and a number for each, the cores divided, and none outlives its sweep."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from renormal.sweep.workers import cores, how_many, worker_environment, worker_number
from waiting import HANGING, lives, wait_until

JOB = """
import os
from renormal.sweep.workers import worker_number
print(worker_number(), os.environ.get("CUDA_VISIBLE_DEVICES"), os.environ["OMP_NUM_THREADS"], flush=True)
input()
"""


def job() -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-c", JOB], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def said(process: subprocess.Popen[str]) -> list[str]:
    assert process.stdout is not None
    return process.stdout.readline().split()


def test_jobs_at_the_same_time_have_devices_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those that the user gave, in any number; one that ends hands its device to the next."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2,5")
    with worker_environment(None) as count:
        assert count == 2
        with job() as first, job() as second:
            both = sorted([said(first), said(second)])
            threads = str(max(1, cores() // 2))
            assert both == [["0", "2", threads], ["1", "5", threads]]
            with job() as third:
                time.sleep(0.5)
                second.communicate("\n")
                assert said(third) in both, "the place that became free"
                third.communicate("\n")
            first.communicate("\n")
    assert os.environ["CUDA_VISIBLE_DEVICES"] == "2,5"
    assert "RENORMAL_WORKERS" not in os.environ


def test_more_jobs_than_devices_share_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "7")
    with worker_environment(2), job() as first, job() as second:
        assert sorted([said(first)[:2], said(second)[:2]]) == [["0", "7"], ["1", "7"]]
        first.communicate("\n")
        second.communicate("\n")


def test_without_a_device_there_is_a_job_for_each_core(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    with worker_environment(None) as count, job() as one:
        assert count == cores()
        assert said(one) == ["0", "1"], "no device is named"
        one.communicate("\n")


@pytest.mark.parametrize(
    ("jobs", "devices", "cores", "count"),
    [(None, 0, 8, 8), (None, 4, 8, 4), (3, 4, 8, 3), (-1, 0, 8, 8), (-2, 0, 8, 7), (16, 0, 8, 16)],
)
def test_how_many_run_at_a_time(jobs: int | None, devices: int, cores: int, count: int) -> None:
    assert how_many(jobs, devices, cores) == count


@pytest.mark.parametrize("jobs", [0, -9])
def test_no_job_at_a_time_is_refused(jobs: int) -> None:
    with pytest.raises(ValueError, match=f"n_jobs must be at least 1, or null, got {jobs}"):
        how_many(jobs, 0, 8)


def test_a_job_alone_has_the_first_line_and_keeps_its_environment() -> None:
    before = dict(os.environ)
    assert worker_number() == 0
    assert dict(os.environ) == before


def test_a_job_ends_with_its_sweep(tmp_path: Path) -> None:
    """Even if the sweep was killed and could say nothing."""
    sleeps = JOB.replace("input()", "import time; time.sleep(600)")
    code = (
        "import subprocess, sys; from renormal.sweep.workers import worker_environment\nwith worker_environment(1):\n"
    )
    code += f"    subprocess.run([sys.executable, '-c', {sleeps!r}])"
    sweep = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    with sweep:
        assert said(sweep)[0] == "0"
        children = Path(f"/proc/{sweep.pid}/task/{sweep.pid}/children").read_text().split()
        assert len(children) == 1
        sweep.kill()
        wait_until(lambda: not lives(int(children[0])), "end of the job")


@pytest.mark.parametrize("left", [True, False])
def test_a_job_that_begins_after_the_end_of_its_sweep_ends(left: bool, tmp_path: Path) -> None:
    """left: the folder of locks, which a killed sweep cannot delete."""
    folder = tmp_path / "locks"
    if left:
        folder.mkdir()
        for name in ("sweep", "0"):
            (folder / name).touch()
    code = JOB.replace("input()", "import time; time.sleep(600)")
    with subprocess.Popen([sys.executable, "-c", code], env=os.environ | {"RENORMAL_WORKERS": str(folder)}) as process:
        assert process.wait(HANGING) in (-signal.SIGTERM, 1)


def test_a_signal_to_one_worker_ends_that_process_alone() -> None:
    """joblib hands an exception of a job, and this one, too, to the sweep's process."""
    code = (
        "import os; from renormal.sweep.workers import ending_alone\n"
        "try:\n  with ending_alone(): raise SystemExit(143)\n"
        "except SystemExit: print('handed on')"
    )
    for workers, answer in ({"RENORMAL_WORKERS": "/locks"}, (143, "")), ({}, (0, "handed on\n")):
        end = subprocess.run([sys.executable, "-c", code], env=os.environ | workers, capture_output=True, text=True)
        assert (end.returncode, end.stdout) == answer
