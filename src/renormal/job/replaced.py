"""The line that says, before the work, what a job does to the record and the network of another config."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from omegaconf import DictConfig

from renormal.files import RECORD, shown
from renormal.job.checkpoints import checkpoint_of
from renormal.job.digests import same_weights, same_work
from renormal.job.other_config import aside_of, name_of_other
from renormal.job.own_code import changed_code
from renormal.lit.stage import TRAIN
from renormal.report.record import read_record

OTHER = "{} holds the record of another config or of other photographs"
REPLACED = (
    "this job replaces the network that renormal-predict uses there, and before it ends that command fails there; "
    "record and weights are kept as {} and checkpoints/{}; name=... keeps both in use"
)
EDITED = "{} holds the record of other code ({} was edited)"
KEPT = "it will be kept as {}{}; name=... keeps both in the tables"


def replaced(config: DictConfig, folder: Path, hashes: Mapping[str, str]) -> str:
    """What becomes of another config's record in the folder, and of its network; "" without such a record.

    hashes: of this job. With rerun=true a record alone is named after the work, when the new one is known.
    """
    path, last, before = folder / RECORD, checkpoint_of(folder), dict[str, str]()
    if not path.is_file():
        return ""
    with suppress(ValueError):  # a damaged record
        before = read_record(path).hashes
    found = before.get("training", "")
    trains = TRAIN in config.stages
    alike = last.is_file() and (same_work if trains else same_weights)(found, hashes["training"])
    if found and trains and last.is_file() and not alike:
        said = REPLACED.format(name_of_other(path).name, aside_of(last, found).name)
        return f"{OTHER.format(shown(folder))}: {said}"
    if config.rerun:
        return ""
    said = KEPT.format(name_of_other(path).name, ", and its training is kept" if alike else "")
    edited = ", ".join(changed_code(before, hashes))
    first = EDITED.format(shown(folder), edited) if edited else OTHER.format(shown(folder))
    return f"{first}: {said}"
