"""The settings of a finished job that belong to its network, for a training that goes on with it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from renormal.files import RECORD
from renormal.inspect.finished import check_record, trained_model
from renormal.inspect.stored import read
from renormal.report.record import read_record

MODEL = ("name", "label", "net", "energy_loss")
SIZES = ("object_size", "texture_size", "patch_size", "object_tiles", "shrink")
MEND = "; if the package is yours"  # begins the mend of a command that has --trust


def network_settings(folder: Path) -> dict[str, Any]:
    """Place in the config → value: of the model, and of how it sees an image.

    The record may be a stranger's: it names classes of renormal alone, and the weights are those of its test. Raises
    ValueError with one line.
    """
    try:
        record = read_record(folder / RECORD)
        check_record(record)
        model, data = record.config["model"], record.config["data"]
        if model.get("module"):
            raise ValueError("its network has several losses, and only one with a single loss is trained further")
        trained_model(folder, record)
        if "energy_loss" in model:
            read(model["energy_loss"], "model.energy_loss")
    except ValueError as error:
        raise ValueError(f"continue={folder}: {str(error).partition(MEND)[0]}") from error
    found = {f"model.{key}": model[key] for key in MODEL if key in model}
    found |= {f"data.{key}": data[key] for key in SIZES if key in data}
    found |= {"data.kind": record.kind, "data.channels": record.data["channels"]}
    found[f"data.{record.kind}_size"] = record.data["size"]  # the config may have null
    found |= {"data.fit": record.data["fit"]} if "fit" in record.data else {}
    return found | ({"data.bits": record.data["bits"]} if record.data.get("bits") else {})
