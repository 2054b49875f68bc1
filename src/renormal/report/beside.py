"""Records of further folders in one table: `renormal-report MINE --with THEIRS`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from renormal.report.models import in_paper, label
from renormal.report.record import Record, read_records


class FurtherError(ValueError):
    """A folder of --with that has no record for the table."""


def further(home: Path, folders: Sequence[Path], records: Sequence[Record]) -> list[Record]:
    """Records of other folders, of categories that these records have. Raises FurtherError where there is none.

    home: the folder of `records`. A model that the table already has gets columns of its own, named after its folder.
    """
    names, found = short_names([home, *folders]), list[Record]()
    for folder in folders:
        present = [*records, *found]
        own = of_these(folder, home, present)
        found += apart(own, present, names[folder.resolve()])
    return found


def of_these(folder: Path, home: Path, present: Sequence[Record]) -> list[Record]:
    """The records of a folder that are of the same categories, without those that are in the table already."""
    categories = {record.category for record in present}
    if not categories:
        raise FurtherError(f"{home}: no job has ended yet, so --with has no table to add to: repeat this when one has")
    read, problems = read_records(folder)
    same = [record for record in read if record.category in categories]
    if problems or not same:
        reason = problems[0] if problems else f"no record of {', '.join(sorted(categories))}"
        raise FurtherError(f"--with {folder}: {reason}")
    places = {record.folder.resolve() for record in present if record.folder}
    new = [record for record in same if record.folder is None or record.folder.resolve() not in places]
    if not new:
        raise FurtherError(f"--with {folder}: its records are in the table of {home} already: give another folder")
    return new


def apart(own: Sequence[Record], present: Sequence[Record], name: str) -> list[Record]:
    """The records of a folder. A model whose name or label is taken is called after the folder, too."""
    taken = {one for record in present for one in (record.model, label(record))}
    twice = {record.model for record in own if not taken.isdisjoint((record.model, label(record)))}
    return [renamed(record, name) if record.model in twice else record for record in own]


def renamed(record: Record, name: str) -> Record:
    """The record under another model's name. It is compared with the same model of the paper."""
    model = {**record.config.get("model", {}), "label": f"{label(record)} ({name})", "paper": in_paper(record)}
    return replace(record, model=f"{record.model} ({name})", config={**record.config, "model": model})


def short_names(folders: Sequence[Path]) -> dict[Path, str]:
    """The last part of each path, or as many of the last as it takes for different folders to have different names."""
    paths = dict.fromkeys(folder.resolve() for folder in folders)
    longest = max(len(path.parts) for path in paths)
    for count in range(1, longest + 1):
        names = {path: "/".join(path.parts[-count:]) for path in paths}
        if len(set(names.values())) == len(names):
            break
    return names
