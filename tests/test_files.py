"""Files that are whole or not there: through exceptions, kills, links and missing folders."""

from __future__ import annotations

import errno
import json
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack, nullcontext
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

import renormal.files
from renormal.files import LARGEST, read_json, read_text, shown, whole_file, write_whole

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


def test_a_disk_that_refuses_a_file_s_content_is_named_by_the_file(tmp_path: Path) -> None:
    """A failed write has no name of its own; torch.save raises another error after it."""

    def full(*, hidden: bool) -> None:
        with whole_file(tmp_path / "file"):
            try:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            except OSError:
                if hidden:
                    raise RuntimeError("unexpected pos 64 vs 0") from None
                raise

    with pytest.raises(OSError, match="No space") as refused:
        full(hidden=False)
    assert refused.value.filename == str(tmp_path / "file")
    with pytest.raises(RuntimeError) as other:
        full(hidden=True)
    assert isinstance(other.value.__context__, OSError)
    assert other.value.__context__.filename == str(tmp_path / "file")


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


@pytest.mark.parametrize("link", [Path.symlink_to, Path.hardlink_to])
@pytest.mark.parametrize("place", ["file", "draft"])
def test_a_link_is_replaced_and_its_target_stays(
    tmp_path: Path, place: str, link: Callable[[Path, Path], None]
) -> None:
    """Both kinds, in the place of the file and of its draft."""
    other, path = tmp_path / "other", tmp_path / "file"
    other.write_text("another's")
    with whole_file(path) as file:
        draft = Path(file.name)
    path.unlink()
    link({"file": path, "draft": draft}[place], other)
    write_whole(path, "new")
    assert other.read_text() == "another's"
    assert path.read_text() == "new\n"
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["file", "other"]


def test_a_link_to_nothing_or_to_a_device_is_replaced(tmp_path: Path) -> None:
    for target in ("nowhere", "/dev/full", tmp_path, "file"):
        path = tmp_path / "file"
        path.unlink(missing_ok=True)
        path.symlink_to(target)
        write_whole(path, "new")
        assert path.read_text() == "new\n"
        assert [entry.name for entry in tmp_path.iterdir()] == ["file"]


def test_a_pipe_in_the_place_of_the_draft_does_not_make_the_writer_wait(tmp_path: Path) -> None:
    with whole_file(tmp_path / "file") as file:
        draft = Path(file.name)
    os.mkfifo(draft)
    write_whole(tmp_path / "file", "new")
    assert (tmp_path / "file").read_text() == "new\n"
    assert not draft.exists()


def test_a_folder_in_the_place_of_the_draft_is_named(tmp_path: Path) -> None:
    (tmp_path / ".file.draft").mkdir()
    with pytest.raises(ValueError, match=r"\.file\.draft is a folder: delete it"):
        write_whole(tmp_path / "file", "new")


def test_a_name_may_be_as_long_as_the_file_system_takes(tmp_path: Path) -> None:
    for name in ("n" * 255, "ü" * 127):
        write_whole(tmp_path / name, "new")
        assert (tmp_path / name).read_text() == "new\n"


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


NO_FILES = ["folder", "pipe", "socket", "device", "link to a device", "circle of links", "endless"]


def no_file(folder: Path, kind: str) -> Path:
    """A path that names no regular file, or one without an end."""
    path = folder / "there"
    if kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "socket":
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(os.path.relpath(path))
    elif kind == "link to a device":
        path.symlink_to("/dev/zero")
    elif kind == "circle of links":
        path.symlink_to("there")
    else:
        return Path({"device": "/dev/zero", "endless": "/proc/self/pagemap"}[kind])
    return path


@pytest.mark.parametrize("kind", NO_FILES)
def test_what_is_no_regular_file_is_refused_without_waiting(tmp_path: Path, kind: str) -> None:
    path = no_file(tmp_path, kind)
    with pytest.raises(ValueError, match=f"^{path}: (no regular file|more than 1000 bytes|Too many levels)"):
        read_text(path, 1000)


def test_a_file_that_is_too_large_is_refused_with_the_limit(tmp_path: Path) -> None:
    path = tmp_path / "large"
    with path.open("wb") as file:
        file.truncate(2**40)
    with pytest.raises(ValueError, match=f"^{path}: {2**40} bytes, more than {LARGEST}$"):
        read_text(path)


def test_a_missing_file_is_named_by_the_usual_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_json(tmp_path / "nothing")


NO_JSON = {
    "nothing": (b"", "empty"),
    "spaces": (b" \n\t", "empty"),
    "bytes": (b'{"a": "\xff"}', "not UTF-8"),
    "UTF-16": ('{"a": 1}'.encode("utf-16"), "not UTF-8"),
    "BOM": (b'\xef\xbb\xbf{"a": 1}', "BOM"),
    "a part": (b'{"a": [1, 2', "Expecting"),
    "more": (b'{"a": 1} {"a": 1}', "Extra data"),
    "NaN": (b'{"a": NaN}', "NaN is no finite number"),
    "infinity": (b'{"a": -Infinity}', "-Infinity is no finite number"),
    "a large float": (b'{"a": 1e999}', "1e999 is no finite number"),
    "a long integer": (b'{"a": 1' + b"0" * 400 + b"}", "has more than 20 digits"),
    "a longer integer": (b'{"a": -1' + b"0" * 40_000 + b"}", "has more than 20 digits"),
    "a key twice": (b'{"a": {"b": 1, "c": 2, "b": 1}}', "the key 'b' stands twice"),
    "deep lists": (b"[" * 60 + b"]" * 60, "more than 50 levels"),
    "deeper lists": (b"[" * 100_000 + b"]" * 100_000, "more than 50 levels"),
    "deep objects": (b'{"a":' * 100_000, "more than 50 levels"),
    "half of a pair": (rb'{"a": "\ud800"}', "half of a surrogate pair"),
    "half of a pair in a key": (rb'{"\udfff": 1}', "half of a surrogate pair"),
    "a control character": (b'{"a": "\x1b[2J"}', "Invalid control character"),
}


@pytest.mark.parametrize("kind", NO_JSON)
def test_what_is_no_json_is_refused_in_one_line(tmp_path: Path, kind: str) -> None:
    content, reason = NO_JSON[kind]
    (tmp_path / "file").write_bytes(content)
    with pytest.raises(ValueError, match=f"^{tmp_path / 'file'}: .*{re.escape(reason)}") as found:
        read_json(tmp_path / "file")
    assert "\n" not in str(found.value)
    assert len(str(found.value)) < 300


LEAVES = st.none() | st.booleans() | st.integers(-(10**18), 10**18) | st.text()
VALUES = st.recursive(
    LEAVES | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)
SIGNS = st.text('{}[]"\\\\:,0123456789.eE+-tfnul NaIy\ud800', max_size=60)


@given(VALUES)
def test_every_json_value_is_read_as_it_was_written(tmp_path: Path, value: object) -> None:
    write_whole(tmp_path / "file", json.dumps(value))
    assert read_json(tmp_path / "file") == value


@given(st.binary(max_size=60) | SIGNS.map(lambda text: text.encode(errors="surrogatepass")))
def test_any_bytes_are_json_as_python_reads_it_or_one_line(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "file").write_bytes(content)
    try:
        found = read_json(tmp_path / "file")
    except ValueError as error:
        line = str(error)
    else:
        assert found == json.loads(content)
        return
    assert re.fullmatch(f"{tmp_path / 'file'}: .+", line)


def test_a_path_is_shown_from_the_working_directory_where_it_lies_below(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert shown(tmp_path / "outputs" / "a") == Path("outputs/a")
    assert shown(tmp_path.parent / "b") == tmp_path.parent / "b"


def test_a_file_that_waits_for_its_content_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """/proc/kmsg is a regular file; where no message waits, a read without waiting returns None."""
    monkeypatch.setattr(renormal.files, "regular_file", lambda *_: nullcontext(SimpleNamespace(read=lambda size: None)))
    with pytest.raises(ValueError, match="nothing can be read from it now"):
        read_text(tmp_path / "kmsg")
