"""A table in a text file: its encoding, its separator, its columns, and its rows with their lines."""

from __future__ import annotations

import codecs
import csv
import io
import re
import stat
from collections.abc import Collection, Iterator
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from renormal.console.text import printable
from renormal.data.names import role
from renormal.data.source import DataError

COLUMNS: dict[str, tuple[str, ...]] = {  # column → further names of it; case, blanks and signs do not count
    "image": ("image_path", "path", "file", "file_name", "file_path"),
    "label": ("defect", "class"),
    "mask": ("mask_path", "ground_truth"),
    "split": ("set", "subset"),
    "group": (),
    "category": ("object",),
}
SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}
DECLARED = re.compile(r"sep=(.)(?:\r\n|\r|\n|$)", re.IGNORECASE)  # the first line of some files of Excel
OTHERS = {  # first bytes → what the file is
    b"PK\x03\x04": "a workbook of Excel or another archive",
    b"\xd0\xcf\x11\xe0": "a workbook of Excel",
    b"PAR1": "a Parquet file",
    b"SQLite": "a database",
    b"\x1f\x8b": "compressed",
    b"version https://git-lfs": "a pointer of Git LFS in place of the file",
}
SAVE = "save it as CSV in UTF-8"
LARGEST = 1_000_000_000  # ours, bytes: ten million rows
LONGEST = 1000  # characters of what is said of a row, ours
NAMED = 8  # names that a line lists, ours


class Row(NamedTuple):
    """The cells of a row, empty where there is no such column."""

    line: int  # of the file, from 1
    image: str
    label: str
    mask: str
    split: str
    group: str
    category: str


class Table(NamedTuple):
    """What a file holds."""

    path: Path
    names: dict[str, str]  # column → what the header calls it
    rows: list[Row]
    remarks: list[str]


def fault(path: Path, line: int, text: object) -> DataError:
    """The error of one row. The middle of a long text is left out, as of a cell that holds a whole file."""
    said = str(text)
    said = said if len(said) <= LONGEST else f"{said[: LONGEST // 2]}…{said[-LONGEST // 2 :]}"
    return DataError(f"{path}, line {line}: {said}")


def read_table(path: Path, most: int | None = None) -> Table:
    """Rows that are not empty, of the first `most` or of all. Raises DataError, with its line, for what is no row."""
    text = text_of(path)
    separator, above, header = header_of(path, text)
    names, unused = columns_of(path, header)
    positions = [names.get(column, (None, ""))[0] for column in COLUMNS]
    rows = list[Row]()
    for line, cells in islice(_records(path, text, separator, above), most):
        if len(cells) != len(header):
            cells = _fitted(path, line, cells, len(header), separator)
        _check_nameless(path, line, header, cells, names)
        row = Row(line, *("" if at is None else cells[at].strip() for at in positions))
        if row.image:
            rows.append(row)
        elif any(cell.strip() for cell in cells):
            raise fault(path, line, f"no {names['image'][1]} in this row; add its path, or delete the row")
    if not rows:
        raise DataError(f"{path}: no row below its header; add a row for each image")
    remarks = [f"{path}: its cells are separated by {SEPARATORS[separator]}"] if separator != "," else []
    remarks += [f"{path}: columns that are not used: {listed(unused)}"] if unused else []
    return Table(path, {column: name for column, (_, name) in names.items()}, rows, remarks)


def has_category(path: Path) -> bool:
    """Whether the table has a column of categories. False where it cannot be read."""
    try:
        if not path.is_file():  # a pipe that is opened waits for its writer
            return False
        with path.open("rb") as file:
            head = file.read(1 << 16)
        return "category" in columns_of(path, header_of(path, _decoded(path, head, "ignore"))[2])[0]
    except (DataError, OSError):
        return False


def listed(names: list[str]) -> str:
    """The first names, and how many there are besides."""
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return printable(", ".join(names[:NAMED]) + more)


def text_of(path: Path) -> str:
    try:
        found = path.stat()
        if not stat.S_ISREG(found.st_mode):
            raise DataError(f"data.csv={path} is no file, but a folder, pipe or device: give a file")
        if found.st_size > LARGEST:
            raise DataError(f"data.csv={path} has {found.st_size} bytes, more than {LARGEST}: divide it into several")
        return _decoded(path, path.read_bytes())
    except FileNotFoundError as error:
        raise DataError(f"data.csv={path} does not exist: correct it") from error
    except OSError as error:
        raise DataError(f"data.csv={path} cannot be read ({error.strerror}): correct it") from error


def _decoded(path: Path, raw: bytes, errors: str = "strict") -> str:
    if kind := next((kind for begin, kind in OTHERS.items() if raw.startswith(begin)), None):
        raise DataError(f"{path}: {kind}, not a text; {SAVE}")
    wide = raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    try:
        text = raw.decode("utf-16" if wide else "utf-8-sig", errors)
    except UnicodeDecodeError as error:
        line = 1 if wide else raw.count(b"\n", 0, error.start) + 1
        raise fault(path, line, f"no UTF-8 (the byte 0x{raw[error.start]:02x}); {SAVE}, which Excel offers") from error
    if "\0" in text:
        raise fault(path, text.count("\n", 0, text.index("\0")) + 1, f"a byte that is 0 and no text; {SAVE}")
    return text


def header_of(path: Path, text: str) -> tuple[str, int, list[str]]:
    """The separator, the lines above the table, and the names of the columns."""
    declared = DECLARED.match(text)
    lines = io.StringIO(text, newline="")
    lines.seek(declared.end() if declared else 0)
    head = next((line for line in lines if line.strip()), "")
    if not head:
        raise DataError(f"{path}: an empty file; its first line names the columns: image,label,mask,split")
    try:
        found = {one: next(csv.reader([head], delimiter=one, skipinitialspace=True)) for one in SEPARATORS}
    except csv.Error as error:
        raise DataError(f"{path}: the header, its first line: {_unsplit(error)}") from error
    own = declared[1] if declared else ""
    best = max(found, key=lambda one: (len(_known(found[one])), one == own))
    return best, int(declared is not None), [name.strip() for name in found[best]]


def _known(header: list[str]) -> set[str]:
    wanted = {plain(name) for column, others in COLUMNS.items() for name in (column, *others)}
    return wanted & {plain(name) for name in header}


def plain(name: str) -> str:
    """The name of a column without case, blanks and signs."""
    return re.sub(r"[\W_]+", "", name.casefold())


def columns_of(path: Path, header: list[str]) -> tuple[dict[str, tuple[int, str]], list[str]]:
    """Column → its place and its name in the header; and the names that are not used."""
    found = dict[str, tuple[int, str]]()
    places: dict[str, list[int]] = {}
    for place, name in enumerate(header):
        places.setdefault(plain(name), []).append(place)
    for column, others in COLUMNS.items():
        own = places.get(column) or [place for name in others for place in places.get(plain(name), [])]
        if len(own) > 1:
            names = " and ".join(header[place] for place in own)
            raise DataError(f"{path}: the columns {names} are both read as {column}; give one of them another name")
        found |= {column: (own[0], header[own[0]])} if own else {}
    if "image" not in found:
        raise DataError(
            f"{path}: no column is called image; its first line names the columns, as in image,label,mask,split, and "
            f"reads {listed(header)}"
        )
    used = {place for place, _ in found.values()}
    return found, [name for place, name in enumerate(header) if place not in used and name]


def _check_nameless(path: Path, line: int, header: list[str], cells: list[str], names: Collection[str]) -> None:
    """Raise DataError for a split in a column without a name: without it other images would be tested."""
    for place, name in enumerate(header if "split" not in names else ()):
        if not name and not cells[place].isdigit() and role(cells[place]) in ("train", "test"):
            text = f"the column {place + 1} has no name, and reads {cells[place].strip()}"
            raise fault(path, line, f"{text}; call it split, or delete it")


def _records(path: Path, text: str, separator: str, above: int) -> Iterator[tuple[int, list[str]]]:
    """The line on which each row begins, and its cells, below the header."""
    lines = io.StringIO(text, newline="")
    for _ in range(above):
        lines.readline()
    reader, begun, start = csv.reader(lines, delimiter=separator, skipinitialspace=True, strict=True), False, above + 1
    try:
        for cells in reader:
            if begun and cells:
                yield start, cells
            begun = begun or any(cell.strip() for cell in cells)
            start = reader.line_num + above + 1
    except csv.Error as error:
        raise fault(path, start, _unsplit(error)) from error


def _unsplit(error: csv.Error) -> str:
    """Why a line cannot be split into cells, and the mend."""
    mend = "put a whole cell in quotes, and write a quote inside it twice"
    if "field limit" in str(error):
        return f"a cell has more than {csv.field_size_limit()} characters; shorten it, or {mend}"
    return f"its quotes do not match ({error}); {mend}"


def _fitted(path: Path, line: int, cells: list[str], width: int, separator: str) -> list[str]:
    """The cells without empty ones at the end. Raises DataError for a row of another length than the header."""
    while len(cells) > width and not cells[-1].strip():
        cells = cells[:-1]
    if len(cells) == width or not any(cell.strip() for cell in cells):
        return [*cells, *[""] * (width - len(cells))]
    kind = SEPARATORS[separator]
    many = f"put a cell with {kind} inside in quotes" if len(cells) > width else f"add the missing {kind}"
    raise fault(path, line, f"{len(cells)} cell{'s' * (len(cells) > 1)}, but the header has {width}; {many}")
