"""The lock of a folder on a file system that has none."""

from __future__ import annotations

import errno
import fcntl
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
