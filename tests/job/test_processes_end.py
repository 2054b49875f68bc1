"""Several processes for one job: when one of them ends before the others, all do, in one line that names it."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import IO

import pytest
from omegaconf import DictConfig, OmegaConf

from preloaded import python
from renormal.job import processes
from renormal.job.lock import LOCK
from several import TWO, command, config_of, ended, folder_of, free_port
from waiting import HANGING, lives, wait_until


@pytest.mark.parametrize(
    ("whom", "number", "code", "line"),
    [
        (1, signal.SIGKILL, 1, "renormal: rank 1 was ended by SIGKILL"),
        (0, signal.SIGKILL, -9, None),
        (0, signal.SIGTERM, 143, None),
    ],
)
def test_when_one_is_killed_all_end(tmp_path: Path, whom: int, number: signal.Signals, code: int, line: str) -> None:
    process = command(tmp_path, "name=long", "trainer.max_epochs=100000")
    folder = folder_of(tmp_path, "long")
    checkpoint = folder / "checkpoints" / "last.ckpt"
    wait_until(lambda: checkpoint.is_file() or process.poll() is not None, "checkpoint")
    assert process.poll() is None, process.communicate()
    first = int((folder / LOCK).read_text().removeprefix("process "))
    other = int(Path(f"/proc/{first}/task/{first}/children").read_text().split()[0])
    assert {place for process in (first, other) for place in listening(process)} <= LOOPBACK
    assert listening(first), "where the ranks find one another"
    os.kill((first, other)[whom], number)
    returned, _, err = ended(process)
    assert returned == code
    assert err.strip().splitlines() == ([line] if line else [])
    wait_until(lambda: not lives(other), "end of rank 1")


def test_what_srun_starts_on_one_node_meets_on_loopback(tmp_path: Path) -> None:
    job = {"SLURM_JOB_ID": "1", "SLURM_JOB_NAME": "renormal", "SLURM_NODEID": "0", "SLURM_NNODES": "1"}
    job |= {"SLURM_NTASKS": "2", "SLURM_NTASKS_PER_NODE": "2", "MASTER_PORT": str(free_port())}
    job["SLURM_NODELIST"] = socket.gethostname()
    start = partial(command, tmp_path, "name=long", "trainer.max_epochs=100000")
    tasks = [start(SLURM_PROCID=task, SLURM_LOCALID=task, **job) for task in "01"]
    checkpoint = folder_of(tmp_path, "long") / "checkpoints" / "last.ckpt"
    wait_until(lambda: checkpoint.is_file() or any(task.poll() is not None for task in tasks), "checkpoint")
    try:
        places = [listening(writer_to(task.stdout)) for task in tasks if task.poll() is None]
    finally:
        for task in tasks:
            task.terminate()
    ends = [ended(task) for task in tasks]
    assert len(places) == 2, ends
    assert {place for found in places for place in found} <= LOOPBACK
    assert places[0], "where the ranks find one another"


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the interface of loopback has another name")
def test_an_address_that_somebody_has_set_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MASTER_ADDR", "node7")
    monkeypatch.setenv("GLOO_SOCKET_IFNAME", "ib0")
    monkeypatch.setattr(processes, "started_by_srun", lambda: True)
    with processes.met_on_loopback(2):
        found = {name: os.environ.get(name) for name in ("MASTER_ADDR", "GLOO_SOCKET_IFNAME", processes.HAS_STORE)}
    assert found == {"MASTER_ADDR": "node7", "GLOO_SOCKET_IFNAME": "ib0", processes.HAS_STORE: None}


LOOPBACK = {"0100007F", "00000000000000000000000001000000", "0000000000000000FFFF00000100007F"}


def listening(process: int) -> list[str]:
    """The addresses of the sockets on which a process accepts connections, as Linux writes them."""
    files = [str(goes_to(path)) for path in Path(f"/proc/{process}/fd").iterdir()]
    tables = (Path(f"/proc/net/{kind}").read_text().splitlines()[1:] for kind in ("tcp", "tcp6"))
    lines = [line.split() for table in tables for line in table]
    return [line[1].partition(":")[0] for line in lines if line[3] == "0A" and f"socket:[{line[9]}]" in files]


def writer_to(pipe: IO[str] | None) -> int:
    """The process whose standard output goes there. What was started preloaded is another one than was forked."""
    assert pipe is not None
    place = Path(f"/proc/self/fd/{pipe.fileno()}").readlink()
    (process,) = (int(path.parts[2]) for path in Path("/proc").glob("[0-9]*/fd/1") if goes_to(path) == place)
    return process


def goes_to(path: Path) -> Path | None:
    """Nowhere, for a process that ends or a file that is closed meanwhile."""
    try:
        return path.readlink()
    except OSError:
        return None


def test_the_others_end_with_rank_0_while_they_wait(tmp_path: Path) -> None:
    """Here for a rank 0 that never comes to meet them."""
    config = json.dumps(OmegaConf.to_container(config_of(tmp_path, *TWO)))
    with socket.create_server(("127.0.0.1", 0)) as rank_zero:
        rank_zero.settimeout(HANGING)
        meeting = {"LOCAL_RANK": "1", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(rank_zero.getsockname()[1])}
        other = subprocess.Popen(
            [python(), *processes.COMMAND[1:]], stdin=subprocess.PIPE, env=os.environ | meeting, text=True
        )
        assert other.stdin is not None
        other.stdin.write(config + "\n")
        other.stdin.flush()
        try:
            connection, _ = rank_zero.accept()
            with connection:
                assert connection.recv(1), "it asks"
                assert other.poll() is None, "it waits for the answer"
                other.stdin.close()
                assert other.wait(timeout=HANGING) == 1
        finally:
            other.kill()


def both_ranks(script: str, config: DictConfig, own: Callable[[], None], patch: pytest.MonkeyPatch) -> None:
    """Rank 0 does its own while rank 1 does what the script says."""
    patch.setattr(processes, "COMMAND", (sys.executable, "-c", f"import sys; sys.stdin.readline(); {script}"))
    with processes.other_ranks(config):
        own()


def cut_off() -> None:
    """A connection ends before the process at its other end."""
    raise RuntimeError("Connection closed by peer")


def busy() -> None:
    """With hours of its own images to project."""
    with pytest.raises(AssertionError):
        wait_until(lambda: False, "interruption")
    pytest.fail("nobody interrupted it")


def refuse() -> None:
    assert os.environ["LOCAL_RANK"] == "0"
    raise ValueError("photos/0.png: empty file")


@pytest.mark.parametrize("own", [cut_off, busy])
@pytest.mark.parametrize(
    ("script", "line"),
    [
        ("sys.exit('renormal: photos/3.png: empty file')", r"^rank 1: photos/3.png: empty file$"),
        ("1 / 0", r"^rank 1 failed with exit code 1, the whole output is in .*rank-1.log: ZeroDivisionError: .*$"),
        ("import os; os.kill(os.getpid(), 11)", r"^rank 1 was ended by SIGSEGV$"),
    ],
)
def test_a_rank_that_fails_ends_the_job_and_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, own: Callable[[], None], script: str, line: str
) -> None:
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored in what a shell runs in its background
    monkeypatch.setattr(processes, "NOTICE", 1.0)
    try:
        with pytest.raises(ValueError, match=line):
            both_ranks(script, config_of(tmp_path, *TWO, f"folder={tmp_path}"), own, monkeypatch)
    finally:
        signal.signal(signal.SIGINT, before)
    assert (tmp_path / "rank-1.log").is_file() == ("1 / 0" in script)


def test_rank_0_s_own_failure_is_its_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    before = dict(os.environ)
    with pytest.raises(ValueError, match=r"^photos/0.png: empty file$"):
        both_ranks("import time; time.sleep(99)", config_of(tmp_path, *TWO, f"folder={tmp_path}"), refuse, monkeypatch)
    assert dict(os.environ) == before
