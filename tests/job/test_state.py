"""The state of a job, the lock of its folder, and files that are whole or not there."""

from __future__ import annotations

import errno
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from typing import IO, Any

import pytest
import torch
from hydra.errors import InstantiationException

from preloaded import python
from renormal.files import write_whole
from renormal.job import state
from renormal.job.errors import in_one_line
from renormal.job.lock import BusyError, holder, locked
from renormal.job.state import State, forget, had_begun, hold_folder, read_state
from renormal.lit.whole_file import WholeFile

YEAR = 365 * 24 * 3600.0
HOLD = """
import sys, time
from pathlib import Path
from renormal.job.state import hold_folder
with hold_folder(Path(sys.argv[1]), 3) as file:
    file.report("train", 1)
    print("ready", flush=True)
    time.sleep(60)
"""

WRITERS = """
import os, sys, torch
from pathlib import Path
from renormal.lit.whole_file import WholeFile
for _ in sys.stdin:
    if os.fork() == 0:
        k = 0
        while True:
            k = (k + 1) % 10
            WholeFile().save_checkpoint({"k": torch.full((500_000,), k)}, Path(sys.argv[1]))
            print(os.getpid(), flush=True)
    os.wait()
    print("ended", flush=True)
"""


def content(folder: Path) -> dict[str, object]:
    return dict(json.loads((folder / "state.json").read_text()))


def test_a_job_says_where_it_stands_and_how_it_ended(tmp_path: Path) -> None:
    with hold_folder(tmp_path, 7) as file:
        said = content(tmp_path)
        assert (said["state"], said["stage"]) == ("running", "data"), (
            "before the first report: libraries load for seconds"
        )
        assert (tmp_path / "run.log").read_text() == "", "what messages name is there, also before the first line"
        file.report("train", 3)
        said = content(tmp_path)
        assert (said["state"], said["stage"], said["epoch"], said["epochs"]) == ("running", "train", 3, 7)
        assert said["log"] == "run.log"
        file.report("test")
    assert content(tmp_path)["state"] == "done"
    assert content(tmp_path)["epoch"] == 3


@pytest.mark.parametrize(
    ("error", "state", "line"),
    [
        (ValueError("the loss is\nnot finite"), "failed", "the loss is not finite"),
        (RuntimeError("a bug"), "failed", "RuntimeError: a bug"),
        (KeyboardInterrupt(), "interrupted", ""),
        (SystemExit(1), "interrupted", ""),
    ],
)
def test_an_end_before_time_is_named(tmp_path: Path, error: BaseException, state: str, line: str) -> None:
    def ends() -> None:
        with hold_folder(tmp_path, 1) as file:
            file.report("data")
            raise error

    with pytest.raises(type(error)):
        ends()
    assert (content(tmp_path)["state"], content(tmp_path)["error"]) == (state, line)


@pytest.mark.parametrize(("stage", "begun"), [("data", False), ("train", True), ("choose", True)])
def test_a_job_has_begun_with_its_first_stage(tmp_path: Path, stage: str, begun: bool) -> None:
    with suppress(ValueError), hold_folder(tmp_path, 1) as file:
        file.report(stage)
        raise ValueError("wrong")
    assert had_begun(tmp_path) is begun


def test_an_earlier_training_does_not_count_as_begun(tmp_path: Path) -> None:
    with hold_folder(tmp_path, 1) as file:
        file.report("train")
    with pytest.raises(ValueError, match="wrong"), hold_folder(tmp_path, 1):
        raise ValueError("wrong")
    assert not had_begun(tmp_path)
    (tmp_path / "state.json").write_text("{")
    assert not had_begun(tmp_path)


def test_a_job_whose_folder_was_replaced_by_a_file_had_begun(tmp_path: Path) -> None:
    """The status was 2, as of wrong settings."""
    (tmp_path / "outputs").write_text("")
    assert had_begun(tmp_path / "outputs" / "0")


def test_the_time_that_an_interrupted_job_stood_still_does_not_count(tmp_path: Path) -> None:
    before = {"state": "interrupted", "stage": "train", "epoch": 2, "epochs": 4, "started": 1000.0, "updated": 1600.0}
    (tmp_path / "state.json").write_text(json.dumps(before))
    with hold_folder(tmp_path, 4) as file:
        file.report("train", 2)
        state = read_state(tmp_path)
        assert state is not None
        assert state.updated - state.started == pytest.approx(600, abs=5)


@pytest.mark.parametrize("jump", [-YEAR, YEAR])
def test_a_clock_that_is_set_while_a_job_runs_changes_no_duration(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, jump: float
) -> None:
    """A year back, a job ended as running; a year on, the report named years for the time left."""
    real, moved = time.time, [0.0]
    monkeypatch.setattr(time, "time", lambda: real() + moved[0])
    with hold_folder(tmp_path, 4) as file:
        file.report("train", 1)
    with hold_folder(tmp_path, 4) as file:
        moved[0] = jump
        file.report("train", 2)
        state = read_state(tmp_path)
        assert state is not None
        assert 0 <= state.updated - state.started < 60
        assert state.updated == pytest.approx(time.time(), abs=60)
    assert content(tmp_path)["state"] == "done"


def test_a_job_that_had_nothing_to_do_leaves_the_state_of_the_one_before(tmp_path: Path) -> None:
    with hold_folder(tmp_path, 1) as file:
        file.report("test", 1)
    before = content(tmp_path)
    with hold_folder(tmp_path, 1):
        pass
    assert content(tmp_path) == before


def test_a_job_that_finds_its_record_is_done_although_another_command_failed_in_between(tmp_path: Path) -> None:
    with hold_folder(tmp_path, 1) as file:
        file.report("test", 1)
    with pytest.raises(ValueError, match="another"), hold_folder(tmp_path, 1):
        raise ValueError("another projection")
    assert content(tmp_path)["state"] == "failed"
    with hold_folder(tmp_path, 1):
        pass
    assert (content(tmp_path)["state"], content(tmp_path)["error"]) == ("done", "")


def test_a_second_process_learns_who_holds_the_lock_until_that_one_is_killed(tmp_path: Path) -> None:
    first = subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert first.stdout is not None
    with first, first.stdout:
        assert first.stdout.readline() == "ready\n"
        assert holder(tmp_path) == f"process {first.pid}"
        refused = pytest.raises(BusyError, match=f"worked on by process {first.pid}: wait for it, or give name=")
        with refused, locked(tmp_path / ".lock", patience=0.2):
            pytest.fail("two in one folder")
        assert content(tmp_path)["state"] == "running", "the second did not change the state of the first"
        first.send_signal(signal.SIGKILL)
    assert holder(tmp_path) is None, "a lock ends with its process"
    with hold_folder(tmp_path, 3) as file:
        file.report("train", 2)


def test_a_slurm_job_is_named_as_squeue_names_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("ARRAY_JOB_ID", "12"), ("ARRAY_TASK_ID", "3"), ("JOB_ID", "15")):
        monkeypatch.setenv(f"SLURM_{name}", value)
    with (
        hold_folder(tmp_path, 1),
        pytest.raises(BusyError, match="SLURM job 12_3"),
        locked(tmp_path / ".lock", patience=0.0),
    ):
        pytest.fail("two in one folder")


def test_an_error_in_one_line_is_its_first_cause() -> None:
    error = InstantiationException("Error in call to target 'DSSIM'")
    error.__cause__ = ValueError("window must be odd")
    assert in_one_line(error) == "window must be odd"


def test_a_kill_at_any_moment_leaves_the_old_checkpoint_or_the_new_one(tmp_path: Path) -> None:
    """A process that writes one checkpoint over and over is killed at eight moments."""
    path = tmp_path / "file"
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen([python(), "-c", WRITERS, str(path)], **pipes) as writers:
        for moment in range(8):
            writers.stdin.write("another\n")
            writers.stdin.flush()
            writer = int(writers.stdout.readline())
            time.sleep(0.003 * moment)
            os.kill(writer, signal.SIGKILL)
            while not writers.stdout.readline().endswith("ended\n"):
                pass
            values = torch.load(path, weights_only=True)["k"]
            assert len(values) == 500_000
            assert values.unique().numel() == 1


def test_a_signal_waits_for_the_end_of_a_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A job that is preempted while it writes one ends as preempted, and its checkpoint is whole."""

    class Preempted(BaseException):
        pass

    def preempt(*_: object) -> None:
        raise Preempted

    def save(checkpoint: dict[str, int], file: IO[bytes]) -> None:
        file.write(b"first ")
        signal.raise_signal(signal.SIGUSR2)
        file.write(b"last")

    monkeypatch.setattr(torch, "save", save)
    before = signal.signal(signal.SIGUSR2, preempt)
    try:
        with pytest.raises(Preempted):
            WholeFile().save_checkpoint({"a": 1}, tmp_path / "last.ckpt")
        assert signal.getsignal(signal.SIGUSR2) is preempt
    finally:
        signal.signal(signal.SIGUSR2, before)
    assert (tmp_path / "last.ckpt").read_bytes() == b"first last"


def test_a_checkpoint_is_drafted_in_its_own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing passes through the system's temporary folder, which may be another disk."""
    replaced: list[tuple[str, str]] = []
    rename = os.replace
    monkeypatch.setattr(
        Path, "replace", lambda self, target: (replaced.append((str(self), str(target))), rename(self, target))
    )
    WholeFile().save_checkpoint({"a": 1}, tmp_path / "checkpoints" / "last.ckpt")
    folder = tmp_path / "checkpoints"
    assert replaced == [(str(folder / ".last.ckpt.draft"), str(folder / "last.ckpt"))]
    assert [path.name for path in folder.iterdir()] == ["last.ckpt"]


def test_the_folder_of_a_job_that_never_began_is_taken_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    empty, full = tmp_path / "outputs/try/vae/botle/0", tmp_path / "outputs/try/vae/bottle/0"
    for folder in (empty, full):
        (folder / ".hydra").mkdir(parents=True)
        write_whole(folder / "state.json", "{}")
    (full / "checkpoints").mkdir()
    forget(empty)
    forget(full)
    assert not empty.parent.exists()
    assert (full / "state.json").is_file()


def test_a_failed_job_deletes_no_folder_outside_and_no_link(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """hydra.run.dir may lead out of the working directory; a link to a larger disk ended in a traceback."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    outside, link = Path("../there/job"), Path("link")
    outside.mkdir(parents=True)
    (tmp_path / "disk").mkdir()
    link.symlink_to(tmp_path / "disk")
    forget(outside)
    forget(link)
    forget(Path())
    assert sorted(path.name for path in tmp_path.iterdir()) == ["disk", "here", "there"]
    assert link.is_symlink()


def test_a_full_disk_does_not_hide_that_a_job_has_failed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The draft of a new state.json finds no room: the old one is overwritten."""

    def full(path: Path, text: str) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", str(path))

    def job() -> None:
        with hold_folder(tmp_path, 3) as file:
            file.report("train", 1)
            monkeypatch.setattr(state, "write_whole", full)
            raise OSError(errno.ENOSPC, "No space left on device", "last.ckpt")

    with pytest.raises(OSError, match="No space"):
        job()
    assert (content(tmp_path)["state"], content(tmp_path)["stage"]) == ("failed", "train")
    assert content(tmp_path)["error"] == (
        "last.ckpt: No space left on device; make room; the same command goes on after the last complete epoch"
    )


def test_a_full_disk_that_names_no_file_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The fuller one of the job's folder and of the places for temporary files."""
    other = tmp_path / "temporary"
    other.mkdir()
    monkeypatch.setattr(state, "TEMPORARY", (str(other), str(tmp_path / "none")))

    def job(fuller: Path) -> None:
        monkeypatch.setattr(shutil, "disk_usage", lambda place: SimpleNamespace(free=0 if place == fuller else 9))
        with hold_folder(tmp_path / "job", 3) as file:
            file.report("train", 1)
            raise OSError(errno.ENOSPC, "No space left on device")

    for fuller in (tmp_path / "job", other):
        with pytest.raises(OSError, match="No space"):
            job(fuller)
        assert str(content(tmp_path / "job")["error"]).startswith(f"{fuller}: No space left on device; make room")


@pytest.mark.parametrize("again", [True, False])
def test_a_folder_that_is_deleted_while_its_job_runs_ends_the_job(tmp_path: Path, again: bool) -> None:
    """Otherwise a new folder would have the end of the job and not its beginning."""
    folder = tmp_path / "job"

    def job() -> None:
        with hold_folder(folder, 3) as file:
            file.report("train", 1)
            folder.rename(tmp_path / "elsewhere")
            if again:
                folder.mkdir()
            file.report("train", 2)

    with pytest.raises(ValueError, match=r"job was moved or deleted while its job ran: start the job again"):
        job()
    assert folder.exists() == again
    assert not (folder / "state.json").exists()


def test_a_clock_that_was_set_back_takes_no_time_away(tmp_path: Path) -> None:
    late = time.time() + 1e6
    state.write_state(tmp_path, State(state="interrupted", started=late, updated=late - 5e5))
    with hold_folder(tmp_path, 1) as file:
        assert file.state.started <= time.time()


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (
            OSError(errno.EROFS, "Read-only file system", "/out/x"),
            r"^/out/x: Read-only .*; choose another folder with name=",
        ),
        (
            OSError(errno.EFBIG, "File too large"),
            "^File too large; the limit of a file's size .* ulimit -f",
        ),
        (
            FileNotFoundError(errno.ENOENT, "No such file or directory", "/parts/a.png"),
            r"^/parts/a.png: No such .*; it was deleted or moved .*: put it back and repeat the command$",
        ),
        (MemoryError(), r"^too little memory .* \(MemoryError\): a smaller batch_size= or test.samples= needs less$"),
        (RuntimeError("std::bad_alloc"), r"^too little memory .*std::bad_alloc"),
        (RuntimeError("[enforce fail at alloc_cpu.cpp:117] tried to allocate 9 bytes"), r"^too little memory"),
        (RuntimeError("CUDA out of memory. Tried to allocate 2 GiB"), r"^too little memory"),
        (RuntimeError("mat1 and mat2"), r"^RuntimeError: mat1 and mat2$"),
    ],
)
def test_what_the_machine_refuses_is_one_line_with_a_mend(error: Exception, line: str) -> None:
    assert re.search(line, in_one_line(error))


def test_a_checkpoint_that_could_not_be_written_is_named_by_the_disk_s_own_error() -> None:
    error = RuntimeError("[enforce fail at inline_container.cc:664] . unexpected pos 64 vs 0")
    error.__context__ = OSError(errno.ENOSPC, "No space left on device", "last.ckpt")
    assert in_one_line(error).startswith("last.ckpt: No space left on device; make room")


@pytest.mark.parametrize(
    "text",
    ["{", "[]", "", '{"state": "lost"}', '{"state": "done", "epoch": "2"}', '{"state": "done", "updated": 1e999}'],
)
def test_a_damaged_state_is_named_before_any_work(tmp_path: Path, text: str) -> None:
    (tmp_path / "state.json").write_text(text)
    with pytest.raises(ValueError, match=f"^{tmp_path}/state.json: .*: delete this file$"), hold_folder(tmp_path, 1):
        pytest.fail("the job has begun")


@pytest.mark.parametrize("kind", ["link", "new folder", "nothing"])
def test_no_checkpoint_is_written_into_what_replaced_its_folder(kind: str, tmp_path: Path) -> None:
    """A folder that was replaced by a link midway: checkpoints went to where the link leads."""
    folder, elsewhere = tmp_path / "job", tmp_path / "elsewhere"
    path, writer = folder / "checkpoints" / "last.ckpt", WholeFile()
    elsewhere.mkdir()
    writer.save_checkpoint({"a": 1}, path)
    folder.rename(tmp_path / "moved")
    if kind == "link":
        folder.symlink_to(elsewhere)
        (elsewhere / "checkpoints").mkdir()
    elif kind == "new folder":
        folder.mkdir()
    with pytest.raises(ValueError, match=r"checkpoints was moved or deleted while its job ran: start the job again$"):
        writer.save_checkpoint({"a": 2}, path)
    assert not [one for one in elsewhere.rglob("*") if one.is_file()]
    assert (tmp_path / "moved" / "checkpoints" / "last.ckpt").is_file()
