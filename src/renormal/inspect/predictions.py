"""The folder of predictions: its settings, and a JSON line for each photograph.

A line is appended when the files of its photograph are written. What was killed goes on where the lines end.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any, BinaryIO

from renormal import schema
from renormal.console.text import printable
from renormal.files import check_no_link, check_target, decoded, naming, regular_file, write_whole
from renormal.inspect.inputs import PAGE, SETTINGS, WRITTEN, Item, Part
from renormal.inspect.settled import ABOUT, settled
from renormal.schema import checked

LINES = "predictions*.jsonl"
NEAR = 0.95  # of the threshold, ours: a good photograph with such a score is named
LARGEST = 2**40  # bytes of such a file, ours
FILES = ("overlay", "mask", "map")
Line = dict[str, Any]  # image, score, threshold, defective, defects, …; or image and error


class Predictions:
    """What `folder` holds. settings: what decides the answers; lines of other settings are passed over.

    Raises ValueError for a folder of other settings, for one that holds files of somebody else under the same names,
    and while another process writes the same part; force: the first two are taken over.
    """

    def __init__(self, folder: Path, settings: Mapping[str, Any], part: Part, *, force: bool) -> None:
        self.folder, self.force = folder, force
        self.settings = settings if force else settled(folder, settings)
        self.digest = digest_of(self.settings)
        for name in ("", *WRITTEN):
            check_no_link(folder / name)
        check_target(folder / PAGE)
        folder.mkdir(parents=True, exist_ok=True)
        name = LINES.replace("*", f"-{part.number + 1}-of-{part.of}" if part.of > 1 else "")
        self.path = folder / name
        self.file = appended(self.path, empty=force)
        write_whole(folder / SETTINGS, json.dumps(self.settings, indent=1))
        self.before = rows_of(folder, self.digest)
        self.newest = max((other.stat().st_mtime_ns for other in folder.glob(LINES) if other != self.path), default=0)

    def keep(self, item: Item, files: tuple[str, ...]) -> Item:
        """The item with the content that was predicted before, if the files that are wanted of it exist."""
        line = {} if self.force else self.line_of(item.name)
        if "sha256" not in line or not all((self.folder / line.get(one, "\0")).is_file() for one in files):
            return item
        return item._replace(kept=line["sha256"])

    def line_of(self, name: str) -> Line:
        """The last line of a photograph; empty if there is none."""
        found = self.before.execute("SELECT line FROM rows WHERE name = ?", (json.dumps(name),)).fetchone()
        line: Line = {} if found is None else json.loads(found[0])
        return line

    def add(self, lines: list[Line]) -> None:
        """Append the lines."""
        lines = [line | {"settings": self.digest} for line in lines]
        with naming(self.path):
            self.file.write("".join(f"{json.dumps(line)}\n" for line in lines).encode())
            self.file.flush()
            if os.fstat(self.file.fileno()).st_mtime_ns <= self.newest:  # the clock was set back
                os.utime(self.file.fileno(), ns=(self.newest + 1, self.newest + 1))
        _insert(self.before, lines)

    def close(self) -> None:
        self.file.close()
        self.before.close()


def digest_of(settings: Any) -> str:
    """Of what decides the answers."""
    deciding = {key: settings[key] for key in settings if key != ABOUT} if isinstance(settings, dict) else settings
    return sha256(json.dumps(deciding, sort_keys=True).encode()).hexdigest()[:16]


def appended(path: Path, *, empty: bool) -> BinaryIO:
    """The file of lines, locked, without the part of a line that a kill has left at its end."""
    check_target(path)
    if path.is_symlink():
        raise ValueError(f"{path} is a link, and lines would be appended to its target: delete it")
    file = path.open("ab+")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno == errno.EWOULDBLOCK:  # else a file system without locks
            file.close()
            line = f"{path}: another renormal-predict writes it: wait for it, or take another folder"
            raise ValueError(line) from error
    file.truncate(0 if empty else end_of_lines(file))
    return file


def end_of_lines(file: BinaryIO) -> int:
    """The position after the last line end."""
    end = file.seek(0, os.SEEK_END)
    while end:
        start = max(0, end - 2**16)
        file.seek(start)
        if (at := file.read(end - start).rfind(b"\n")) >= 0:
            return start + at + 1
        end = start
    return 0


def rows_of(folder: Path, digest: str) -> sqlite3.Connection:
    """The last line of each photograph, in a table `rows` of name and line: on disk, not in memory."""
    table = sqlite3.connect("")
    table.execute("CREATE TABLE rows (name TEXT PRIMARY KEY, line TEXT)")
    for path in sorted(folder.glob(LINES), key=lambda path: (path.stat().st_mtime_ns, path.name)):
        _insert(table, _read(path, digest))
    return table


def _insert(table: sqlite3.Connection, lines: Iterable[Line]) -> None:
    rows = ((json.dumps(line["image"]), json.dumps(line)) for line in lines)
    try:
        table.executemany("INSERT OR REPLACE INTO rows VALUES (?, ?)", rows)
    except sqlite3.OperationalError as error:
        place = os.environ.get("TMPDIR", "the temporary folder")
        raise ValueError(f"{place}: no room for a list of the lines ({error}); make room, or set TMPDIR") from error


def _read(path: Path, digest: str) -> Iterator[Line]:
    """The lines with these settings. Raises ValueError with one line for what is none."""
    with regular_file(path, LARGEST) as file:
        for number, text in enumerate(file, start=1):
            if not text.endswith(b"\n"):
                return  # in the making, or cut by a kill
            try:
                line = decoded(text.decode(errors="surrogateescape"))
            except (ValueError, RecursionError) as error:
                why = "" if isinstance(error, (json.JSONDecodeError, RecursionError)) else f" ({printable(str(error))})"
                raise ValueError(f"{path}: line {number} is no JSON{why}: delete it") from error
            if isinstance(line, dict) and line.get("settings") == digest:
                checked(schema.Prediction, line, Path(f"{path}, line {number}"))
                yield line


def lines_in(table: sqlite3.Connection) -> Iterator[Line]:
    """By name."""
    return (json.loads(text) for (text,) in table.execute("SELECT line FROM rows ORDER BY name"))


def state_of(line: Line) -> str:
    return "unread" if "error" in line else "defective" if line["defective"] else "good"


def times_threshold(line: Line) -> float | None:
    """score / threshold; None without a positive threshold, as of several jobs together."""
    threshold = line.get("threshold")
    return float(line["score"] / threshold) if threshold is not None and threshold > 0 else None


def ratio_text(times: float) -> str:
    """1.34 for score / threshold; more digits where 1.00 would hide on which side of the threshold it is."""
    digits = next((digits for digits in (2, 3, 4) if float(f"{times:.{digits}f}") != 1), 4)
    return f"{times:.{digits}f}" if times < 100 else f"{times:.3g}"


def is_near(line: Line) -> bool:
    """Whether a photograph is called good and its score is at most 5 % below the threshold."""
    times = None if "error" in line else times_threshold(line)
    return times is not None and times >= NEAR and not line["defective"]
