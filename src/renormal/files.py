"""Write a file completely or not at all; read a file that somebody else has written; show a path."""

from __future__ import annotations

import fcntl
import json
import math
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

RECORD, STATE, SAMPLES, RUN_LOG = "record.json", "state.json", "samples.csv", "run.log"  # of a job, in its folder
PACKAGE = Path(__file__).parent
CONF = PACKAGE / "conf" if (PACKAGE / "conf").is_dir() else PACKAGE.parents[1] / "conf"  # a wheel carries its own
PLAN = "plan.json"  # of a sweep, in its folder
CAPTION = "caption_pixels"  # text of a PNG: the height of the bar with captions, below its pictures
LARGEST = 32 * 2**20  # bytes of a text file that is read, ours: the largest record so far has 0.07 · 2²⁰
NAME = 240  # bytes of a file's name in the name of its draft: a file system takes 255
DEPTH = 50  # of objects and lists in JSON, ours: a config has about 10
DIGITS = 20  # of a whole number in JSON: one more than 2⁶³ has


class TargetError(ValueError):
    """Something stands where a file is to be written, and must not be replaced."""


@contextmanager
def whole_file(path: Path) -> Iterator[BinaryIO]:
    """Open a draft in the folder of `path`, which is made if missing; after the block the draft is renamed to `path`.

    A reader finds the old file or the new one, even if this process is killed. If the block raises, `path` does not
    change. If two processes write one file, the second waits for the first. The draft is a new file with a fixed name:
    the next call deletes the draft of a killed process. A link at `path` or at the draft is replaced, its target does
    not change. Raises ValueError for a folder, a device or a pipe at `path`: these must not be replaced.
    """
    check_target(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{os.fsdecode(os.fsencode(path.name)[:NAME])}.draft")
    with naming(path), _locked_draft(draft) as file:
        try:
            yield file
            file.flush()
            os.fsync(file.fileno())
            draft.replace(path)
        except BaseException:
            draft.unlink(missing_ok=True)
            raise


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """A fault of the disk in the block that names no file, such as a failed write, is one of `path`."""
    try:
        yield
    except Exception as error:
        for one in (error, error.__context__):  # torch.save raises an error of its own after that of the disk
            if isinstance(one, OSError) and one.errno and one.filename is None:
                one.filename = str(path)
        raise


def check_target(path: Path) -> None:
    """Raise ValueError if something other than a file or a link stands at `path`."""
    with suppress(FileNotFoundError, NotADirectoryError):
        mode = path.lstat().st_mode
        if not stat.S_ISREG(mode) and not stat.S_ISLNK(mode):
            raise TargetError(f"{path} is no regular file: give the name of a file")


def check_no_link(folder: Path) -> None:
    """Raise ValueError if a folder to write into is a link: its target may be anywhere."""
    if folder.is_symlink():
        raise TargetError(f"{folder} is a link: delete it, or replace it by a folder")


def _locked_draft(draft: Path) -> BinaryIO:
    """A new file, locked for this process: another one waits in this function until it is closed."""
    while True:
        try:
            file = open(draft, "xb", opener=_no_link)  # noqa: SIM115 the caller closes it
        except FileExistsError:
            _delete_stale(draft)
            continue
        if _is_locked(file, draft):
            return file
        file.close()  # another process took this draft for one that a kill had left


def _delete_stale(draft: Path) -> None:
    """Wait for the process that writes this draft, if there is one, then delete it."""
    with suppress(FileNotFoundError):
        mode = draft.lstat().st_mode
        if stat.S_ISDIR(mode):
            raise TargetError(f"{draft} is a folder: delete it, a file is to be written there")
        if not stat.S_ISREG(mode):
            draft.unlink()
            return
        with open(draft, "rb", opener=_no_link) as file:
            if _is_locked(file, draft):
                draft.unlink()


def _is_locked(file: BinaryIO, path: Path) -> bool:
    """Lock the file; whether `path` still names it."""
    with suppress(OSError):  # a file system without locks
        fcntl.flock(file, fcntl.LOCK_EX)
    with suppress(FileNotFoundError):
        return os.path.samestat(os.fstat(file.fileno()), path.lstat())
    return False


def _no_link(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK, 0o666)


def write_whole(path: Path, text: str) -> None:
    """Write `text` completely or not at all; it gets a line end if it has none."""
    with whole_file(path) as file:
        file.write(text.removesuffix("\n").encode() + b"\n")


@contextmanager
def regular_file(path: Path, largest: int) -> Iterator[BinaryIO]:
    """Open a regular file of at most `largest` bytes. Raises ValueError for any other.

    A pipe, a device or a socket is not opened: it might be read for ever. FileNotFoundError is raised as it is.
    """
    if "\0" in str(path):
        raise ValueError(f"{str(path)!a}: no name of a file has a zero byte")
    try:
        _check_regular(path.stat(), largest)
        with open(path, "rb", opener=_at_once) as file:
            _check_regular(os.fstat(file.fileno()), largest)
            yield file
    except FileNotFoundError:
        raise
    except OSError as error:
        raise ValueError(f"{path}: {error.strerror or error}") from error
    except _NotRegularError as error:
        raise ValueError(f"{path}: {error}") from error


def check_regular(path: Path, largest: int) -> None:
    """Raise ValueError for a path that does not exist, and for one that `regular_file` does not open."""
    try:
        with regular_file(path, largest):
            pass
    except FileNotFoundError as error:
        raise ValueError(f"{path} does not exist") from error


class _NotRegularError(Exception):
    """Why a file is not opened, without its name."""


def _at_once(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK)  # a pipe that comes in between does not make it wait


def _check_regular(found: os.stat_result, largest: int) -> None:
    if not stat.S_ISREG(found.st_mode):
        raise _NotRegularError("no regular file")
    if found.st_size > largest:
        raise _NotRegularError(f"{found.st_size} bytes, more than {largest}")


def read_text(path: Path, largest: int = LARGEST) -> str:
    """A regular file in UTF-8. Raises FileNotFoundError, and ValueError with one line for any other fault."""
    with regular_file(path, largest) as file:
        content = file.read(largest + 1)
    if content is None:  # of a file that waits for its content, as some of /proc do
        raise ValueError(f"{path}: nothing can be read from it now")
    if len(content) > largest:  # a file of /proc has no size
        raise ValueError(f"{path}: more than {largest} bytes")
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: not UTF-8 (byte {error.start})") from error


def read_json(path: Path, largest: int = LARGEST) -> Any:
    """The content of a JSON file. Raises FileNotFoundError, and ValueError with one line for any other fault.

    Refused although Python's json takes them: a key that stands twice, NaN and infinity, a number too large for a
    float, a whole number of more than DIGITS digits, more than DEPTH levels, half of a surrogate pair.
    """
    text = read_text(path, largest)
    if not text.strip():
        raise ValueError(f"{path}: empty")
    try:
        content = decoded(text)
        _check_inside(content)
    except RecursionError as error:
        raise ValueError(f"{path}: more than {DEPTH} levels") from error
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    return content


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise ValueError(f"the key {key[:40]!r} stands twice")
        found[key] = value
    return found


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text[:40]} is no finite number")
    return value


def _whole(text: str) -> int:
    if len(text) > DIGITS:
        raise ValueError(f"{text[:DIGITS]}… has more than {DIGITS} digits")
    return int(text)


decoded = partial(json.loads, object_pairs_hook=_object, parse_constant=_finite, parse_float=_finite, parse_int=_whole)


def _check_inside(content: Any) -> None:
    """Raise ValueError for too many levels, and for text that UTF-8 cannot hold."""
    level = [content]
    for _ in range(DEPTH):
        texts = [text for text in level if isinstance(text, str)]
        texts += [key for node in level if isinstance(node, dict) for key in node]
        if broken := next((text for text in texts if not _is_whole(text)), None):
            raise ValueError(f"{broken[:40]!r} holds half of a surrogate pair")
        level = [item for node in level if isinstance(node, dict) for item in node.values()] + [
            item for node in level if isinstance(node, list) for item in node
        ]
    if level:
        raise ValueError(f"more than {DEPTH} levels")


def _is_whole(text: str) -> bool:
    return text.isascii() or not any("\ud800" <= sign <= "\udfff" for sign in text)


def shown(path: Path) -> Path:
    """A path for messages: relative if it lies below the working directory."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
