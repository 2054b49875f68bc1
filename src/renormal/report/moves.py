"""`python -m renormal.report.moves FOLDER`: records of model=vae from before model.net.sigma become model=vae_unit.

They have σ = 1, which is vae_unit today. Each `vae/<category>/<seed>` moves to `vae_unit/<category>/<seed>` with all of
its files. In its record the name of the model and its folder change, and no number and no digest.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

from renormal.files import RECORD, read_json, write_whole
from renormal.report.record import Record, read_record

FORMER, TODAY = "vae", "vae_unit"
NAMES = {"name": TODAY, "label": "VAE, σ = 1", "paper": FORMER}  # as in conf/model/vae_unit.yaml
CHOICE = "choice.json"


def moves(folder: Path) -> Iterator[tuple[Path, Path]]:
    """Move every record of the former model below the folder; yields where each was and where it is.

    Raises ValueError, before it moves anything, for a record that cannot be read or a place that is taken. After an
    interrupt the same call goes on.
    """
    former = [path.parent for path in sorted(folder.rglob(RECORD)) if is_former(read_record(path))]
    ends = {place: end_of(place) for place in former}
    if taken := [end for place, end in ends.items() if end != place and end.exists()]:
        raise ValueError(f"{taken[0]}: there is something already; move it elsewhere")
    for place, end in ends.items():
        if end != place:
            end.parent.mkdir(parents=True, exist_ok=True)
            place.rename(end)
        for file in (CHOICE, RECORD):  # the record last: until then the folder counts as not moved
            if (end / file).is_file():
                content = read_json(end / file)
                write_whole(end / file, json.dumps(renamed(content), indent=1, ensure_ascii=False))
        for above in (place.parent, place.parent.parent):
            if above.is_dir() and not any(above.iterdir()):
                above.rmdir()
        yield place, end


def is_former(record: Record) -> bool:
    """Whether the record is of model=vae from before it had a sigma."""
    return record.model == FORMER and "sigma" not in record.config.get("model", {}).get("net", {})


def end_of(place: Path) -> Path:
    """.../vae/<category>/<seed> under the name of today. Raises ValueError for a record in another place."""
    model = place.parents[1]
    if model.name not in (FORMER, TODAY):
        raise ValueError(f"{place}: not in a folder {FORMER}/<category>/<seed>; move it there")
    return model.with_name(TODAY) / place.parent.name / place.name


def renamed(content: dict[str, Any]) -> dict[str, Any]:
    """A decoded record.json or choice.json under today's names; all else stays as it is."""
    config = {"config": with_path(content["config"])} if "config" in content else {}
    if "model" in config.get("config", {}):
        config["config"]["model"] |= NAMES
    return content | {"model": TODAY} | config


def with_path(value: Any) -> Any:
    """The same value, with the former model's folder renamed in every path."""
    if isinstance(value, dict):
        return {key: with_path(item) for key, item in value.items()}
    if isinstance(value, list):
        return [with_path(item) for item in value]
    return re.sub(rf"(?<=/){FORMER}(?=/)", TODAY, value) if isinstance(value, str) else value


def main() -> None:
    if len(sys.argv) != 2 or not Path(sys.argv[1]).is_dir():
        refuse("usage: python -m renormal.report.moves FOLDER, a folder of records")
    try:
        count = 0
        for place, end in moves(Path(sys.argv[1])):
            count += 1
            print(f"{place} is now {end}, with the same numbers")
        print(f"{count} records moved")
    except ValueError as error:
        refuse(str(error))


def refuse(line: str) -> NoReturn:
    print(line, file=sys.stderr)
    sys.exit(2)


if __name__ == "__main__":
    main()
