"""A user who is not root: a folder that may not be written or read is one line, and nothing is lost."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from preloaded import python
from small import DRAWN, SWEPT
from waiting import HANGING

AS_USER = """
import ctypes, os, runpy, sys

OVERRIDE, SEARCH = 1, 2  # CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH: what root may do and others may not
libc = ctypes.CDLL(None, use_errno=True)
if os.geteuid() == 0:
    who, may = (ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)()
    failed = libc.capget(who, may)
    for at in range(3):  # effective, permitted, inheritable
        may[at] &= ~(1 << OVERRIDE | 1 << SEARCH)
    for number in (OVERRIDE, SEARCH):
        failed = failed or libc.prctl(24, number, 0, 0, 0)  # PR_CAPBSET_DROP: nor what it starts
    assert not failed and libc.capset(who, may) == 0, os.strerror(ctypes.get_errno())
os.umask(int(sys.argv[2]))
sys.argv = sys.argv[1:2] + sys.argv[3:]
runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
"""
pytestmark = [
    pytest.mark.skipif(sys.platform == "win32", reason="permissions of another kind"),
    pytest.mark.skipif(sys.platform != "linux" and os.geteuid() == 0, reason="root may write everywhere"),
]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A folder to start from, with drawn photographs."""
    (tmp_path / "home").mkdir()
    return tmp_path / "home"


def said(home: Path, *arguments: str, module: str = "renormal.run", umask: int = 0o022) -> tuple[int, list[str]]:
    command = [python(), "-c", AS_USER, module, str(umask), *arguments]
    end = subprocess.run(command, cwd=home, capture_output=True, text=True, check=False, timeout=HANGING)
    return end.returncode, end.stderr.splitlines()


def closed(*folders: Path, mode: int = 0o555) -> None:
    for folder in folders:
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(mode)


@pytest.fixture(autouse=True)
def opened_again(home: Path) -> object:
    yield
    for folder, _, _ in os.walk(home):
        Path(folder).chmod(0o755)


@pytest.mark.parametrize("place", ["", "outputs", "outputs/s", "outputs/s/l2_ae/bottle", "outputs/s/l2_ae/bottle/0"])
@pytest.mark.parametrize("sweep", [[], ["-m", "seed=0,1"]])
def test_a_folder_that_may_not_be_written_is_one_line(home: Path, place: str, sweep: list[str]) -> None:
    (home / place).mkdir(parents=True, exist_ok=True)
    closed(home / place)
    code, lines = said(home, *SWEPT, *sweep, f"data.root={home.parent}")
    assert code in (1, 2)
    assert len(lines) == 1, lines
    assert lines[0].startswith("renormal: ")
    assert "Permission denied" in lines[0]
    assert list(home.rglob("record.json")) == []


@pytest.mark.parametrize("sweep", [[], ["-m", "seed=0,1"]])
def test_a_umask_that_takes_the_owners_permission_is_named(home: Path, sweep: list[str]) -> None:
    """The advice was another folder, where the same happens."""
    code, lines = said(home, *SWEPT, *sweep, f"data.root={home.parent}", umask=0o777)
    assert (code, len(lines)) == (2, 1), lines
    assert lines[0].startswith("renormal: ")
    assert "Permission denied; the umask 0777 takes its owner's permission from each new file: set umask " in lines[0]


def test_photographs_that_may_not_be_read_are_one_line(home: Path) -> None:
    closed(home / "parts" / "good", mode=0)
    code, lines = said(home, *SWEPT[len(DRAWN) :], "data=folder", "data.root=parts", "name=s")
    assert (code, len(lines)) == (2, 1), lines
    assert lines[0].startswith("renormal: parts")
    assert "may not be read; give yourself the permission" in lines[0]


def test_a_report_that_may_not_be_written_and_records_that_may_not_be_read_are_named(home: Path) -> None:
    published = next(Path("results").resolve().glob("table1*"))
    shutil.copytree(published, home / "r", ignore=shutil.ignore_patterns("table.*", "report.html"))
    closed(home / "r")
    code, lines = said(home, "r", module="renormal.report.cli")
    assert (code, len(lines)) == (2, 1), lines
    assert lines[0].startswith("renormal-report: r/")
    assert lines[0].endswith("Permission denied: choose another folder")
    closed(home / "r", mode=0)
    code, lines = said(home, "r", module="renormal.report.cli")
    assert code == 2
    assert lines[0] == "unreadable: r: Permission denied"
