"""A table of photographs: a CSV file with a row for each image, wherever the files lie.

    image      path from the folder of the table on (or from data.root); the only column that must be there
    label      good or the name of the defect; 0 is good, another number a defect
    mask       path of the mask of a defective image
    split      train, validation (good images that settings are chosen on) or test
    group      rows of one group are never divided between training, validation and test
    category   with this column the rows of one category are taken: category=candle

Without a split, defects are tested and good images train; if no good image is tested, every `holdout`-th one is, or
every `holdout`-th group. The order of the rows does not count.
"""

from __future__ import annotations

import os
from pathlib import Path

from renormal.data.kind import kind_of
from renormal.data.names import role
from renormal.data.source import MAX_PIXELS, Augmentation, DataError, Fit, Item, Kind, Source
from renormal.data.table_file import Row, Table, has_category, listed, read_table
from renormal.data.table_parts import check_shared_masks, group_equal, parts_of
from renormal.data.table_rows import (
    Entry,
    base_of,
    check_entries,
    check_labels,
    check_there,
    entries_of,
    read_masks,
)
from renormal.data.table_words import is_number

FIRST = 100  # rows, ours


def table(
    csv: str | Path | None,
    *,
    root: str | Path | None = None,  # the folder that the paths start from; null: that of the table, or the one above
    category: str | None = None,  # of the rows that are read; without such a column the name of the data set
    kind: Kind | None = "object",  # null: guessed
    augmentation: Augmentation | None = None,  # null: none, since only the owner can say how a part may lie
    holdout: int = 10,  # ours: every 10th good image
    fit: Fit = "squash",
    max_pixels: int = MAX_PIXELS,
) -> Source:
    """The photographs that the table lists. Raises DataError with the line of a wrong row."""
    if csv is None:
        raise DataError("no table yet: give data.csv=/path/to/parts.csv with a column image, and label, mask, split")
    _check_first(Path(csv), root, category)
    found = read_table(Path(csv))
    rows, remarks = _rows_of(found, category)
    base, above = base_of(found.path, root, rows)
    check_there(found, rows, base)
    entries, numbers = entries_of(found, rows, base), any(map(is_number, {row.label for row in rows}))
    remarks += [*found.remarks, *above, *check_labels(found, rows, entries, numbers=numbers)]
    sizes = check_entries(found, entries, base, max_pixels)
    remarks += read_masks(found, entries, max_pixels, numbers=numbers)
    remarks += group_equal(found, entries, sizes)
    remarks += check_shared_masks(found, entries)
    parts = parts_of(found, entries, holdout)
    remarks += parts.remarks
    place, train, spare, test = _items(base, parts.train, parts.spare, parts.test)
    if kind is None:
        kind, line = kind_of(train, fit=fit, max_pixels=max_pixels)
        remarks.insert(0, f"{found.path}: {line}")
    name, moves = str(category or found.path.stem), augmentation or Augmentation()
    return Source(name, place, kind, moves, train, test, fit, max_pixels, spare, remarks=tuple(remarks))


def _check_first(csv: Path, root: str | Path | None, category: str | None) -> None:
    """Raises DataError if one of the first images is not there, before all rows are read."""
    first = read_table(csv, FIRST)
    rows = [row for row in first.rows if "category" not in first.names or row.category == str(category)]
    if rows:
        check_there(first, rows, base_of(first.path, root, rows)[0])


def table_name(csv: str | None, category: str) -> str:
    """The name of the results: the category where the table has such a column, else the name of its file."""
    if csv is None:
        return "table"
    return str(category) if has_category(Path(csv)) else Path(csv).stem


def _rows_of(table: Table, category: str | None) -> tuple[list[Row], list[str]]:
    """The rows of the category, all where the table has no such column, and a line that counts the others."""
    if "category" not in table.names:
        return table.rows, []
    names = list(dict.fromkeys(row.category for row in table.rows if row.category))
    if empty := next((row for row in table.rows if not row.category), None):
        raise DataError(f"{table.path}, line {empty.line}: no {table.names['category']}; fill the cell")
    if category is None and len(names) == 1:
        return table.rows, []
    rows = [row for row in table.rows if row.category == str(category)]
    if rows:
        return rows, [f"{table.path}: {len(rows)} of {len(table.rows)} rows are of {category}"]
    said = f"no category {category}" if category is not None else "several categories"
    if "label" not in table.names and any(role(name) == "good" for name in names):
        mend = f"if its column {table.names['category']} says what is wrong with a part, call that column label"
    else:
        mend = f"give category={names[0]}" + " or another one" * (len(names) > 1)
    raise DataError(f"{table.path} has {said}, it has {listed(names)}: {mend}")


def _items(base: Path, *parts: list[Entry]) -> tuple[Path, tuple[Item, ...], tuple[Item, ...], tuple[Item, ...]]:
    """The folder that all files lie in, `base` if they do, and the items of each part."""
    folders = {path.parent for part in parts for one in part for path in (one.image, one.mask) if path}
    inside = all(folder.is_relative_to(base) for folder in folders)
    real = base.resolve()

    def whole(path: Path) -> Path:
        return real / path.relative_to(base) if not inside and path.is_relative_to(base) else path

    place = base if inside else Path(os.path.commonpath(list(map(whole, folders))))
    train, spare, test = (
        tuple(Item(whole(one.image), one.mask and whole(one.mask), one.defect, one.group) for one in part)
        for part in parts
    )
    return place, train, spare, test
