"""Files that are whole or not there: through exceptions, kills, links and missing folders."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path

import pytest

from renormal.files import shown, whole_file, write_whole

SIZE = 2_000_000
WRITER = f"""
import sys
from pathlib import Path
from renormal.files import write_whole
k = 0
while True:
    k = (k + 1) % 10
    write_whole(Path(sys.argv[1]), str(k) * {SIZE})
    print(flush=True)
"""


def test_a_missing_folder_is_made_and_nothing_but_the_file_is_left(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "table.csv"
    write_whole(path, "one")
    assert [entry.name for entry in path.parent.iterdir()] == ["table.csv"]


@pytest.mark.parametrize("text", ["µ, one line", "µ, one line\n"])
def test_text_ends_in_one_line_end(tmp_path: Path, text: str) -> None:
    write_whole(tmp_path / "file", text)
    assert (tmp_path / "file").read_bytes() == "µ, one line\n".encode()


@pytest.mark.parametrize("kind", ["folder", "pipe"])
def test_what_is_no_regular_file_is_not_replaced(tmp_path: Path, kind: str) -> None:
    path = tmp_path / kind
    {"folder": Path.mkdir, "pipe": os.mkfifo}[kind](path)
    with pytest.raises(ValueError, match=f"{kind} is no regular file: give the name of a file"):
        write_whole(path, "one")
    assert [entry.name for entry in tmp_path.iterdir()] == [kind]
    assert not path.is_file()


def write_half(path: Path, error: type[BaseException]) -> None:
    with whole_file(path) as file:
        file.write(b"half of the new")
        raise error


@pytest.mark.parametrize("error", [OSError, KeyboardInterrupt])
def test_where_the_block_raises_the_old_file_stays_and_no_draft(tmp_path: Path, error: type[BaseException]) -> None:
    path = tmp_path / "file"
    write_whole(path, "old")
    with pytest.raises(error):
        write_half(path, error)
    assert path.read_text() == "old\n"
    assert list(tmp_path.iterdir()) == [path]


def test_the_old_file_is_read_until_the_block_ends(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_whole(path, "old")
    with whole_file(path) as file:
        file.write(b"new")
        file.flush()
        assert path.read_text() == "old\n"
    assert path.read_text() == "new"


def test_a_link_in_the_place_of_the_draft_is_not_written_through(tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.write_text("another's")
    with whole_file(tmp_path / "file") as file:
        draft = Path(file.name)
    draft.symlink_to(other)
    write_whole(tmp_path / "file", "new")
    assert other.read_text() == "another's"
    assert not (tmp_path / "file").is_symlink()
    assert not draft.is_symlink()


def test_a_draft_that_a_kill_left_is_replaced(tmp_path: Path) -> None:
    with whole_file(tmp_path / "file") as file:
        draft = Path(file.name)
    draft.write_text("a long draft that was not finished")
    write_whole(tmp_path / "file", "new")
    assert (tmp_path / "file").read_text() == "new\n"
    assert not draft.exists()


def test_a_kill_at_any_moment_leaves_the_old_file_or_the_new_one(tmp_path: Path) -> None:
    """A process that writes one file over and over is killed at eight moments."""
    path = tmp_path / "file"
    for moment in range(8):
        with subprocess.Popen([sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE) as writer:
            assert writer.stdout is not None
            writer.stdout.readline()
            time.sleep(0.003 * moment)
            writer.kill()
        text = path.read_text().strip()
        assert len(text) == SIZE
        assert len(set(text)) == 1


def test_two_processes_that_write_one_file_take_turns(tmp_path: Path) -> None:
    """Neither fails for the other's draft, and a reader finds the text of one of them."""
    path = tmp_path / "file"
    commands = [[sys.executable, "-c", WRITER, str(path)]] * 2
    with ExitStack() as stack:
        writers = [stack.enter_context(subprocess.Popen(command, stdout=subprocess.PIPE)) for command in commands]
        try:
            for _ in range(30):
                assert all(writer.stdout is not None and writer.stdout.readline() for writer in writers)
                text = path.read_text().strip()
                assert (len(text), len(set(text))) == (SIZE, 1)
        finally:
            for writer in writers:
                writer.kill()


def test_a_path_is_shown_from_the_working_directory_where_it_lies_below(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert shown(tmp_path / "outputs" / "a") == Path("outputs/a")
    assert shown(tmp_path.parent / "b") == tmp_path.parent / "b"
