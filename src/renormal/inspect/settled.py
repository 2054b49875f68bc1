"""What a folder of predictions was written with: the same settings go on in it, others are refused."""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Any

from renormal.files import RECORD, read_json
from renormal.inspect.inputs import PAGE, SETTINGS, TABLE, WRITTEN, Inputs
from renormal.report.decide import conformal, held_out
from renormal.report.former_names import CHOSEN
from renormal.report.record import Record, read_record

ABOUT = "about"  # key of settings.json: what the page says of the job; it decides nothing
MEND = "take another folder, or add --force, which deletes the rows that are there"
SHORT = 8  # digits of a digest in a message


def check_before(options: argparse.Namespace, source: Inputs) -> None:
    """Refuse --out for what is known without torch and the weights: `Predictions` checks the rest after loading.

    Raises ValueError with one line, as `settled` does.
    """
    known = {} if options.force else known_before(options, source)
    before = former(options.out) if known else None
    if before is not None and known.keys() - {ABOUT} <= before.keys():
        check_same(options.out, before, known)


def known_before(options: argparse.Namespace, source: Inputs) -> dict[str, Any]:
    """The settings that record and options tell; empty where the record cannot be read, which loading it says better.

    The default column is known where the job chose one, the threshold where the column is. Folds have no threshold.
    """
    with suppress(ValueError, OSError):
        records = [read_record(folder / RECORD) for folder in folders_of(options.run)]
        known: dict[str, Any] = {
            key: "+".join(record.hashes.get(name, "") for record in records)
            for key, name in (("weights", "weights"), ("recipe", "test"))
        }
        column = options.column or (CHOSEN[0] if records[0].choice else None)
        known |= {"column": column, "threshold": threshold_of(records, column, options)}
        known |= {
            "ignore": digest_of_mask(options.ignore),
            "root": root_of(source),
            ABOUT: {"folder": home(options.run)},
        }
        return {key: value for key, value in known.items() if value is not None}
    return {}


def home(run: Path) -> str:
    """The folder of the job, or of its seeds, whatever the working directory is."""
    return str(run.resolve())


def folders_of(run: Path) -> list[Path]:
    """The jobs that answer: the one of the folder, or all seeds in it."""
    folds = sorted(path.parent for path in run.glob(f"*/{RECORD}"))
    return [run] if (run / RECORD).exists() or len(folds) < 2 else folds


def threshold_of(records: list[Record], column: str | None, options: argparse.Namespace) -> float | None:
    """The threshold as the inspector takes it; None where it is not known yet."""
    if options.threshold is not None:
        return float(options.threshold)
    scores = records[0].inspection.get("good", {}).get(column, ())
    if len(records) > 1 or not scores:
        return None
    return conformal(scores, options.false_alarms, held_out=held_out(records[0])).threshold


def digest_of_mask(path: Path | None) -> str:
    """Of the mask of --ignore; empty without one."""
    return "" if path is None else sha256(path.read_bytes()).hexdigest()


def root_of(source: Inputs) -> str:
    """Where the names of photographs begin; empty for one on standard input."""
    return "" if source.nameless else str(source.root)


def settled(folder: Path, settings: Mapping[str, Any]) -> Mapping[str, Any]:
    """The settings; with the root of the folder's predictions, if those are of the same settings and of a root above.

    Raises ValueError with one line otherwise.
    """
    before = former(folder)
    if before is None:
        return settings
    if before.keys() - {ABOUT} != settings.keys() - {ABOUT}:
        raise ValueError(f"--out {folder}: its {SETTINGS} is not of renormal-predict: {MEND}")
    check_same(folder, before, settings)
    return {**settings, "root": str(before["root"])}


def former(folder: Path) -> dict[str, Any] | None:
    """The settings of the predictions in a folder; None for a new folder. Raises ValueError for files of others."""
    if os.path.lexists(folder) and not folder.is_dir():
        raise ValueError(f"--out {folder} is no folder: give the name of one")
    try:
        before = read_json(folder / SETTINGS)
    except (FileNotFoundError, NotADirectoryError):
        taken = [name for name in (*WRITTEN, TABLE, PAGE) if os.path.lexists(folder / name)]
        if taken:
            mend = "take another folder, or add --force, which writes over it"
            raise ValueError(f"--out {folder} holds {taken[0]}, not of renormal-predict: {mend}") from None
        return None
    if not isinstance(before, dict):
        raise ValueError(f"--out {folder}: its {SETTINGS} is not of renormal-predict: {MEND}")
    return before


def check_same(folder: Path, before: Mapping[str, Any], settings: Mapping[str, Any]) -> None:
    """Raise ValueError if the predictions in the folder are of other settings, or of photographs elsewhere."""
    for key, value in settings.items():
        if key not in ("root", ABOUT) and before[key] != value:
            raise ValueError(f"--out {folder} holds predictions {other(key, before, settings)}: {MEND}")
    root, own = str(before["root"]), settings["root"]
    if own != root and (not root or Path(root) not in Path(own).parents):
        raise ValueError(f"--out {folder} holds photographs of {root or 'standard input'}: {MEND}")


def other(key: str, before: Mapping[str, Any], settings: Mapping[str, Any]) -> str:
    """How the predictions differ: in the network, the mask, or another setting."""
    was, now = str(before[key]), str(settings[key])
    if key == "weights":
        return f"of {other_network(before, settings)} (weights {was[:SHORT]}, now {now[:SHORT]})"
    if key == "ignore":
        return "with another mask of --ignore"
    if key == "recipe":
        return f"with other settings of the job's test (recipe {was[:SHORT]}, now {now[:SHORT]})"
    return f"with {key} {was}, not {now}"


def other_network(before: Mapping[str, Any], settings: Mapping[str, Any]) -> str:
    """Whose network the former predictions are of. Older settings do not say where their job lies."""
    was, now = (
        about.get("folder") if isinstance(about := one.get(ABOUT), dict) else None for one in (before, settings)
    )
    if was is None:
        return "another network, such as an earlier training of this job"
    return "an earlier training of this job" if was == now else "another job"
