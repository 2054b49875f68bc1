"""A user who is not root: a folder that may not be written or read is one line, and nothing is lost."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from small import DRAWN, SWEPT
from waiting import HANGING

ORDINARY = ("-dac_override", "-dac_read_search")  # what root may do and others may not
WITHOUT = [f"--bounding-set={','.join(ORDINARY)}", f"--inh-caps={','.join(ORDINARY)}"]
USER = [] if os.geteuid() else ["setpriv", *WITHOUT]
pytestmark = [
    pytest.mark.skipif(sys.platform == "win32", reason="permissions of another kind"),
    pytest.mark.skipif(bool(USER) and not shutil.which("setpriv"), reason="root without setpriv may write everywhere"),
]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A folder to start from, with drawn photographs."""
    (tmp_path / "home").mkdir()
    return tmp_path / "home"


def said(home: Path, *arguments: str, module: str = "renormal.run", umask: int = -1) -> tuple[int, list[str]]:
    command = [*USER, sys.executable, "-m", module, *arguments]
    end = subprocess.run(command, cwd=home, capture_output=True, text=True, check=False, timeout=HANGING, umask=umask)
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
