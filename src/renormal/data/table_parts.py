"""Which images of a table train, which are held out and which are tested: by their splits, labels and groups."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from hashlib import file_digest
from pathlib import Path
from typing import Any, NamedTuple

from renormal.data.source import GOOD, DataError, every_nth
from renormal.data.table_file import Table, fault
from renormal.data.table_rows import Entry, watched
from renormal.data.table_words import Part

USES = {"train": "training", "validation": "validation", "test": "test"}
SAMPLE = 4096  # bytes from the middle of a file that tell most pictures apart, ours


class Parts(NamedTuple):
    """The rows by their use, and what is to be said about it."""

    train: list[Entry]
    spare: list[Entry]
    test: list[Entry]
    remarks: list[str]


def group_equal(table: Table, entries: Sequence[Entry], sizes: Sequence[int]) -> list[str]:
    """Puts equal files into one group. Returns a line that counts them.

    sizes: of the images. Raises DataError where equal files have two labels, two splits or two groups.
    """
    equal = equal_files({entry.image: size for entry, size in zip(entries, sizes, strict=True)}, table.path.name)
    rows = {entry.image: entry for entry in entries}
    for paths in equal:
        same = [rows[path] for path in paths]
        for name, values in (("label", [one.defect for one in same]), ("split", [one.part for one in same])):
            _check_one(table, same, name, values)
        _check_one(table, same, "group", groups := [one.group for one in same])
        for one in same:
            one.group = next(filter(None, groups), f"= {paths[0]}")
    if not equal:
        return []
    first, second = equal[0][:2]
    count = sum(len(paths) - 1 for paths in equal)
    return [f"{table.path}: copies of other images, each of which counts: {count}, as {second} of {first}"]


def _check_one(table: Table, same: Sequence[Entry], name: str, values: Sequence[str]) -> None:
    given = [(one, value) for one, value in zip(same, values, strict=True) if value]
    for one, value in given:
        first, before = given[0]
        if value != before:
            where = f"{one.image} is a copy of {first.image} in line {first.line}"
            raise fault(
                table.path, one.line, f"{where}, but the {name} is {value} and {before}; delete one of the rows"
            )


def check_shared_masks(table: Table, entries: Sequence[Entry]) -> list[str]:
    """A line that counts the photographs whose mask is that of an earlier row. A link is the file that it leads to.

    Raises DataError where they are of different groups: a mask outlines the defects of one photograph. Call it after
    `group_equal`, which puts copies of a photograph into one group.
    """
    masks, shared = dict[Path, Entry](), list[Entry]()
    for entry in entries:
        if entry.mask is None:
            continue
        first = masks.setdefault(entry.mask.resolve(), entry)
        if first is entry:
            continue
        if not entry.group or entry.group != first.group:
            why = f"{entry.mask} is the mask of {first.image} in line {first.line}, too, and the photographs differ"
            mend = "give each its own mask, or both one group if the part lies at the same place in them"
            raise fault(table.path, entry.line, f"{why}; {mend}")
        shared.append(entry)
    if not shared:
        return []
    return [f"{table.path}: masks of an earlier row of the same group: {len(shared)}, as that of {shared[0].image}"]


def equal_files(sizes: dict[Path, int], title: str) -> list[list[Path]]:
    """The files that hold the same bytes, two or more each, in their order. sizes: of all files."""
    keys: dict[Path, tuple[Any, ...]] = {path: (size,) for path, size in sizes.items()}
    readers: tuple[Callable[[Path], bytes], ...] = (_middle, _digest)
    for read in readers:
        counts = Counter(keys.values())
        alike = [path for path, key in keys.items() if counts[key] > 1]
        for path in watched(alike, f"{title}: copies"):
            keys[path] += (read(path),)
    same = defaultdict[tuple[Any, ...], list[Path]](list)
    for path, key in keys.items():
        same[key].append(path)
    return [paths for paths in same.values() if len(paths) > 1]


def _middle(path: Path) -> bytes:
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size // 2 - SAMPLE // 2))
        return file.read(SAMPLE)


def _digest(path: Path) -> bytes:
    with path.open("rb") as file:
        return file_digest(file, "sha256").digest()


def parts_of(table: Table, entries: Sequence[Entry], holdout: int) -> Parts:
    """Every row in the split that the table gives it. Without one, defects are tested and good images train.

    Of those, every `holdout`-th image, or group, is tested instead if no other good image is. A good image whose group
    has a split follows it.
    """
    if holdout < 0 or holdout == 1:
        raise DataError(f"data.holdout must be 0 (none) or at least 2, got {holdout}")
    fixed, joined = _parts_of_groups(table, entries), 0
    for entry in entries:
        if not entry.part and entry.defect != GOOD:
            entry.part = "test"
        elif not entry.part and entry.group in fixed:
            entry.part = fixed[entry.group][0]
            joined += entry.part == "test"
    entries = sorted(entries, key=lambda entry: str(entry.image))
    unsplit = [entry for entry in entries if not entry.part]
    good = [entry for entry in entries if entry.part == "test" and entry.defect == GOOD]
    none = bool(good) or not holdout
    kept, held = (unsplit, ()) if none else every_nth(unsplit, holdout, lambda entry: entry.group or entry.image)
    train = sorted([*_of(entries, "train"), *kept], key=lambda entry: str(entry.image))
    validation = _of(entries, "validation")
    test = sorted([*_of(entries, "test"), *held], key=lambda entry: (entry.defect, str(entry.image)))
    spare = [entry for entry in validation if entry.defect == GOOD]
    if not train:
        raise DataError(f"{table.path}: no good image to train on; {_why_none(entries, joined)}")
    if not test:
        mend = "add defective rows, or rows with test as split, or set data.holdout=10"
        raise DataError(f"{table.path}: nothing to test; {mend}")
    remarks = _remarks(table, test, held, joined, len(validation) - len(spare))
    return Parts(train, spare, test, remarks)


def _of(entries: Sequence[Entry], part: Part) -> list[Entry]:
    return [entry for entry in entries if entry.part == part]


def _parts_of_groups(table: Table, entries: Sequence[Entry]) -> dict[str, tuple[Part, int]]:
    """Group → its split, and the first line that says it. Raises DataError where two lines say two splits."""
    fixed = dict[str, tuple[Part, int]]()
    for entry in entries:
        part: Part = entry.part or ("" if entry.defect == GOOD else "test")
        if part and entry.group:
            first, line = fixed.setdefault(entry.group, (part, entry.line))
            if first != part:
                why = f"{USES[part]}, but line {line} of the same group {entry.group} is {USES[first]}"
                raise fault(table.path, entry.line, f"{why}; give a group one split")
    return fixed


def _why_none(entries: Sequence[Entry], joined: int) -> str:
    labels = list(dict.fromkeys(entry.defect for entry in entries if entry.defect != GOOD))
    if joined:
        return "every group has a row that is tested; give some groups good images only"
    if labels:
        return f"write good as the label of good parts, and train as their split or none (other labels: {labels[0]}, …)"
    return "write train as the split of some good parts, or none"


def _remarks(table: Table, test: Sequence[Entry], held: Sequence[Entry], joined: int, unused: int) -> list[str]:
    defects, lines = [one for one in test if one.defect != GOOD], list[str]()
    if lacking := [one for one in defects if one.mask is None]:
        effect = "no metric of pixels is measured" if len(lacking) == len(defects) else "pixel metrics leave them out"
        lines.append(f"defective images without a mask: {len(lacking)} of {len(defects)}; {effect}")
    if joined:
        lines.append(f"good images that are tested, since their group has a row that is: {joined}")
    if held:
        groups = len({entry.group or entry.image for entry in held})
        of = f" in groups: {groups}" if any(entry.group for entry in held) else ""
        lines.append(f"good images that are tested in place of training (data.holdout): {len(held)}{of}")
    elif len(test) == len(defects):
        lines.append("tested as good: nothing; give some good rows test as their split")
    if unused:
        lines.append(f"defective validation images, which are not used: {unused}")
    return [f"{table.path}: {line}" for line in lines]
