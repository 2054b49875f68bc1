"""The rows of a table as photographs: where their files are, what they show, and whether they exist."""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import TypeVar

from tqdm import tqdm

from renormal.console.program import said_if_slow
from renormal.console.text import printable
from renormal.data.listing import no_folder
from renormal.data.masks import is_black
from renormal.data.opening import check_file
from renormal.data.source import GOOD, DataError
from renormal.data.table_file import Row, Table, fault
from renormal.data.table_words import WRITE, Part, defect_of, part_of

T = TypeVar("T")
NEXT = 100  # images after one that is not there, which are looked for to count them, ours
ADDRESS = re.compile(r"[a-z][a-z0-9+.-]+://|data:", re.IGNORECASE)
DRIVE = re.compile(r"[a-z]:[\\/]|\\\\", re.IGNORECASE)
NUMBERS = "if 1 means good in this table, write good and defective"


@dataclass(slots=True)
class Entry:
    """One row."""

    line: int
    image: Path
    mask: Path | None
    defect: str  # "": the table does not say it
    part: Part
    group: str


def base_of(csv: Path, root: str | Path | None, rows: Sequence[Row]) -> tuple[Path, list[str]]:
    """The folder that the paths start from, and a line where it is the one above the folder of the table."""
    if root is not None:
        if not Path(root).is_dir():
            raise DataError(f"{no_folder(root)}: correct it, or leave it out")
        return Path(root), []
    base, first = csv.parent, rows[0].image.replace("\\", "/")
    above = base / ".." if base.name in ("", "..") else base.parent
    if os.path.isabs(first) or _exists(base / first) or not _exists(above / first):  # noqa: PTH117
        return base, []
    return above, [f"{csv}: its paths start from {above}, the folder above its own"]


def _exists(path: Path | str) -> bool:
    return os.path.exists(path)  # noqa: PTH110 of a name that is too long pathlib would raise OSError


def entries_of(table: Table, rows: Iterable[Row], base: Path) -> list[Entry]:
    """Raises DataError with its line for a row that is not understood, and for an image in two rows."""
    label, split = cache(partial(defect_of, column=table.names.get("label", "label"))), cache(part_of)
    inside = cache(partial(_inside, base))
    entries, before = list[Entry](), dict[str, int]()
    for row in rows:
        try:
            image, mask = path_of(row.image, base, inside), path_of(row.mask, base, inside) if row.mask else None
            part, defect = split(row.split), label(row.label) if row.label else ""
        except ValueError as error:
            raise fault(table.path, row.line, error) from error
        if not defect and (part in ("train", "validation") or not (part or mask or "label" in table.names)):
            defect = GOOD
        if not (defect or mask):
            where = "an image to test" if part else "an image of no split"
            raise fault(table.path, row.line, f"{where}, without a label; {WRITE}")
        if (first := before.setdefault(str(image), row.line)) != row.line:
            raise fault(table.path, row.line, f"{image} stands in line {first}, too; delete one, and merge their masks")
        entries.append(Entry(row.line, image, mask, defect, part, row.group))
    return entries


def check_labels(table: Table, rows: Iterable[Row], entries: Sequence[Entry], *, numbers: bool) -> list[str]:
    """A line that says which labels are read as good. Raises DataError for defects in training, and for two spellings.

    entries: of these rows. numbers: whether labels are numbers.
    """
    trained = [one for one in entries if one.part == "train" and one.defect not in (GOOD, "")]
    if trained:
        more = f" (and {len(trained) - 1} more)" if len(trained) > 1 else ""
        mend = f"write test as its split, or delete the row{more}" + f"; {NUMBERS}" * numbers
        raise fault(table.path, trained[0].line, f"{trained[0].defect}, but training uses good images only; {mend}")
    read, spelled = dict[str, str](), dict[str, tuple[str, int]]()
    for row, entry in zip(rows, entries, strict=True):
        read |= {row.label: entry.defect} if row.label and row.label not in read else {}
        first, line = spelled.setdefault(entry.defect.casefold(), (entry.defect, row.line))
        if first != entry.defect:
            raise fault(table.path, row.line, f"the label {row.label}, and {first} in line {line}; write both alike")
    good = [label for label, defect in read.items() if defect == GOOD]
    if numbers:
        _check_rare(table, entries)
        return [f"{table.path}: labels in numbers: 0 is read as good, any other as a defect"]
    return [f"{table.path}: read as good: {', '.join(good)}"] if good not in ([], [GOOD]) else []


def _check_rare(table: Table, entries: Sequence[Entry]) -> None:
    """Raises DataError where nothing but numbers says that most parts are defective."""
    defects = [one for one in entries if one.defect not in (GOOD, "")]
    said = any(one.part == "train" for one in entries) or any(one.mask for one in defects)
    if not said and 2 * len(defects) > len(entries):
        found = f"{len(defects)} of {len(entries)} labels are not 0 and so defects"
        raise DataError(f"{table.path}: {found}; write good and defective in place of numbers")


def path_of(cell: str, base: Path, inside: Callable[[Path], Path]) -> Path:
    """The path in a cell, below `base` or absolute. Raises ValueError for what is no path of this machine.

    inside: `_inside` of the base.
    """
    if ADDRESS.match(cell):
        raise ValueError(f"{cell} is an address and no file; fetch it, and write its path")
    if DRIVE.match(cell) and os.name != "nt":
        raise ValueError(f"{cell} begins with a drive of Windows; write the path from {base} on")
    if not cell.isprintable() and printable(cell) != cell:  # the first is fast
        raise ValueError(f"{cell} has a control character; rename the file")
    if not (cell.isascii() and "\\" not in cell) and not _exists(base / cell):
        forms = [unicodedata.normalize(form, cell.replace("\\", "/")) for form in ("NFC", "NFD")]  # NFD: of a Mac
        cell = next((form for form in forms if _exists(base / form)), forms[0])
    if ".." in cell or cell.startswith("/"):
        folder, name = os.path.split(cell)
        return inside(base / folder) / name
    return base / cell


def _inside(base: Path, folder: Path) -> Path:
    """The folder as a path below `base` where it lies there, else as an absolute one."""
    followed = ".." in folder.parts[len(base.parts) :]  # behind a link it leads elsewhere than it seems
    real, start = (Path(os.path.realpath(path)) if followed else path.absolute() for path in (folder, base))
    return base / real.relative_to(start) if real.is_relative_to(start) else real


def check_entries(table: Table, entries: Sequence[Entry], base: Path, max_pixels: int) -> list[int]:
    """The sizes of the images. Raises DataError for a file that is not there, and for one in two rows by a link."""
    seen, sizes = dict[tuple[int, int], Entry](), list[int]()
    for entry in watched(entries, f"{table.path.name}: files"):
        found = _stat(table, entry, entry.image, base, max_pixels)
        first = seen.setdefault((found.st_dev, found.st_ino), entry)
        if first is not entry:
            text = f"{entry.image} is the file of line {first.line} by a link, {first.image}; delete one of the rows"
            raise fault(table.path, entry.line, text)
        if entry.mask and os.path.samestat(found, _stat(table, entry, entry.mask, base, max_pixels)):
            raise fault(table.path, entry.line, f"{entry.mask} is image and mask; leave the mask out, or draw it")
        sizes.append(found.st_size)
    return sizes


def check_there(table: Table, rows: Sequence[Row], base: Path) -> None:
    """Raise DataError for the first image that is not there, before the rows are read as photographs.

    Of a million rows that takes seconds, and reading them half a minute.
    """
    inside = partial(_inside, base)
    for place, row in enumerate(rows):
        if (path := _gone(table, row, base, inside)) is not None:
            others = rows[place + 1 : place + NEXT]
            gone = sum(_gone(table, one, base, inside) is not None for one in others)
            more = f" (so are {gone} of the next {len(others)} images)" if gone else ""
            raise fault(table.path, row.line, _missing(path, base) + more)


def _gone(table: Table, row: Row, base: Path, inside: Callable[[Path], Path]) -> Path | None:
    """The path of an image that is not there, else None."""
    if _exists(f"{base}{os.sep}{row.image}"):  # fast
        return None
    try:
        path = path_of(row.image, base, inside)
    except ValueError as error:
        raise fault(table.path, row.line, error) from error
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return path
    except (OSError, ValueError):  # there is a line of its own for it, once the rows are read
        return None
    return None


def watched(inputs: Sequence[T], title: str) -> Iterator[T]:
    """The inputs, with a progress bar in a terminal and a line where it takes long."""
    with said_if_slow(f"{title}, {len(inputs)} rows"):
        yield from tqdm(inputs, title, leave=False, disable=None, unit="row")


def _stat(table: Table, entry: Entry, path: Path, base: Path, max_pixels: int) -> os.stat_result:
    try:
        return check_file(path, max_pixels)
    except DataError as error:
        missing = isinstance(error.__cause__, FileNotFoundError | NotADirectoryError)
        raise fault(table.path, entry.line, _missing(path, base) if missing else error) from error


def _missing(path: Path, base: Path) -> str:
    """That a file is not there, with what is there instead."""
    if path.is_symlink():
        return f"{path} links to nothing; copy its file, or correct the row"
    above = [folder for folder in path.parents if not _exists(folder)]
    try:
        there = [] if above else [one for one in path.parent.iterdir() if _folded(one) == _folded(path)]
        there = there or ([] if above else [one for one in path.parent.iterdir() if one.stem == path.stem])
    except OSError:
        there = []
    if there:
        return f"{path} is not there, but {there[0].name} is; correct the row"
    return f"{above[-1] if above else path} is not there; correct the path, which starts from {base}, or set data.root"


def _folded(path: Path) -> str:
    return unicodedata.normalize("NFC", path.name).casefold()


def read_masks(table: Table, entries: Sequence[Entry], max_pixels: int, *, numbers: bool) -> list[str]:
    """Gives rows without a label what their masks say, and a line that counts them. Masks of good images are left out.

    numbers: whether labels are numbers. Raises DataError for the mask of a good image that outlines something.
    """
    masked, unknown = [entry for entry in entries if entry.mask and entry.defect in (GOOD, "")], 0
    for entry in watched(masked, f"{table.path.name}: masks"):
        assert entry.mask is not None
        try:
            black = is_black(entry.mask, max_pixels)
        except DataError as error:
            raise fault(table.path, entry.line, error) from error
        if entry.defect == GOOD and not black:
            mend = "write the defect as label and test as split, or leave the mask out" + f"; {NUMBERS}" * numbers
            raise fault(table.path, entry.line, f"{entry.mask} outlines a defect, but the row counts as good; {mend}")
        unknown += not entry.defect
        entry.defect = GOOD if black else "defective"
        entry.mask = None if black else entry.mask
    found = f"rows without a label, good where their mask is black, else defective: {unknown}"
    return [f"{table.path}: {found}"] if unknown else []
