"""The lock of a folder: on a file system that has none, and where something else has its name."""

from __future__ import annotations

import errno
import fcntl
import os
from pathlib import Path

import pytest

from renormal.job.lock import locked


@pytest.mark.parametrize(
    ("number", "kind", "line"),
    [
        (errno.ENOLCK, ValueError, "has no file locks"),
        (errno.EOPNOTSUPP, ValueError, "has no file locks"),
        (errno.EIO, OSError, "broken"),
    ],
)
def test_a_file_system_without_locks_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, number: int, kind: type[Exception], line: str
) -> None:
    def flock(*_: object) -> None:
        raise OSError(number, "broken")

    monkeypatch.setattr(fcntl, "flock", flock)
    with pytest.raises(kind, match=line), locked(tmp_path / ".lock", patience=0.0):
        pytest.fail("the lock was taken")


@pytest.mark.parametrize("kind", ["symbolic link", "hard link", "link to nothing", "pipe", "folder"])
def test_a_lock_writes_its_name_into_no_other_file(tmp_path: Path, kind: str) -> None:
    other, lock = tmp_path / "thesis.tex", tmp_path / ".lock"
    other.write_text("a year")
    if kind == "pipe":
        os.mkfifo(lock)
    elif kind == "folder":
        lock.mkdir()
    elif kind == "hard link":
        lock.hardlink_to(other)
    else:
        lock.symlink_to(other if kind == "symbolic link" else "nowhere")
    with pytest.raises(ValueError, match="lock is a link, or no regular file: delete it"), locked(lock, patience=0.0):
        pytest.fail("the lock was taken")
    assert other.read_text() == "a year"
    assert not (tmp_path / "nowhere").exists()
