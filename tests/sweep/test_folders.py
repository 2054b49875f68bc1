"""Folders of jobs and sweeps that cannot be made, and files of sweeps that are damaged: named before any work."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from renormal.sweep.folders import check_folder, make_folder
from renormal.sweep.plan import planned_before, write_plan


def a_file(path: Path) -> None:
    path.write_text("mine")


def below_a_file(path: Path) -> None:
    path.parent.rmdir()
    path.parent.write_text("mine")


def broken_link(path: Path) -> None:
    path.symlink_to("nowhere/at all")


def loop(path: Path) -> None:
    path.symlink_to(path)


def pipe_for_the_lock(path: Path) -> None:
    path.mkdir()
    os.mkfifo(path / ".lock")


def link_for_the_lock(path: Path) -> None:
    path.mkdir()
    (path / ".lock").symlink_to("mine")


def link_for_the_log(path: Path) -> None:
    path.mkdir()
    (path / "run.log").symlink_to("mine")


def nothing(path: Path) -> None:
    pass


@pytest.mark.parametrize(
    ("before", "name", "line"),
    [
        (a_file, "job", "job is a file or a broken link, not a folder: choose another one with name="),
        (below_a_file, "job", "job: Not a directory; choose another folder with name="),
        (broken_link, "job", "job is a file or a broken link, not a folder"),
        (loop, "job", "job is a file or a broken link, not a folder"),
        (pipe_for_the_lock, "job", r"\.lock is a link, or no regular file: delete it"),
        (link_for_the_lock, "job", r"\.lock is a link, or no regular file: delete it"),
        (link_for_the_log, "job", r"run\.log is a link: delete it"),
        (nothing, "a" * 256, "has a name that is too long: choose another one with name="),
        (nothing, "/".join(["a" * 200] * 20), "has a name that is too long"),
        (nothing, "a\nb", r"a\\nb' has a sign that cannot be printed or is no UTF-8: choose"),
        (nothing, "a\udcff", r"a\\udcff' has a sign that cannot be printed or is no UTF-8: choose"),
    ],
)
def test_a_folder_that_cannot_be_made_is_one_line(
    before: Callable[[Path], None], name: str, line: str, tmp_path: Path
) -> None:
    folder = tmp_path / "above" / name
    folder.parent.mkdir(exist_ok=True) if "/" not in name else None
    before(folder)
    with pytest.raises(ValueError, match=line) as refused:
        make_folder(folder)
    assert str(refused.value).isprintable()


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to mount a file system")
def test_a_folder_that_is_read_only_is_one_line(tmp_path: Path) -> None:
    """Not by its permissions: root may do everything."""
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "ro", "tmpfs", str(tmp_path)], capture_output=True).returncode:
        pytest.skip("this root may not mount")
    try:
        with pytest.raises(ValueError, match=r"Read-only file system; choose another folder with name="):
            make_folder(tmp_path / "job")
    finally:
        subprocess.run(["umount", str(tmp_path)], check=True)


def test_a_plan_of_which_no_job_was_submitted_is_withdrawn(tmp_path: Path) -> None:
    """The jobs of other sweeps in the same folder stay."""
    write_plan(tmp_path, ["a", "b"], "slurm")
    withdraw = write_plan(tmp_path, ["b", "c"], "slurm")
    assert planned_before(tmp_path / "plan.json") == ["a", "b", "c"]
    withdraw()
    assert planned_before(tmp_path / "plan.json") == ["a", "b"]
    write_plan(tmp_path / "alone", ["a"], "slurm")()
    assert not (tmp_path / "alone" / "plan.json").exists()


@pytest.mark.parametrize("name", ["run.log", "panels", "checkpoints", ".hydra", ".hydra/config.yaml", "wandb"])
@pytest.mark.parametrize("target", ["elsewhere", "nowhere"])
def test_a_link_in_the_folder_of_a_job_is_named_before_hydra_writes_through_it(
    tmp_path: Path, name: str, target: str
) -> None:
    (tmp_path / "elsewhere").mkdir()
    place = tmp_path / "job" / name
    place.parent.mkdir(parents=True)
    place.symlink_to(tmp_path / target)
    with pytest.raises(ValueError, match=f"{place} is a link: delete it, or replace it"):
        check_folder(tmp_path / "job")


@pytest.mark.parametrize("name", ["record.json", "samples.csv", "choice.json", "run.log", "state.json"])
def test_a_folder_or_a_pipe_in_the_place_of_a_file_is_named_before_the_work(tmp_path: Path, name: str) -> None:
    check_folder(tmp_path / "no such folder")
    (tmp_path / name).mkdir()
    with pytest.raises(ValueError, match=f"{name} is no regular file"):
        check_folder(tmp_path)
    (tmp_path / name).rmdir()
    os.mkfifo(tmp_path / name)
    with pytest.raises(ValueError, match=f"{name} is no regular file"):
        check_folder(tmp_path)


@pytest.mark.parametrize("name", ["checkpoints", "panels", "log", ".hydra"])
def test_a_pipe_or_a_file_in_the_place_of_a_folder_is_named_before_the_work(tmp_path: Path, name: str) -> None:
    os.mkfifo(tmp_path / name)
    with pytest.raises(ValueError, match=f"{name} is no folder: delete it"):
        check_folder(tmp_path)
    (tmp_path / name).unlink()
    (tmp_path / name).write_text("")
    with pytest.raises(ValueError, match=f"{name} is no folder: delete it"):
        check_folder(tmp_path)
