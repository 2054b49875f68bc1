"""A finished job read back, your own or a stranger's: record, network and descents. It needs no data set."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, get_args

import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from renormal.data.depth import FULL
from renormal.data.source import Fit
from renormal.files import RECORD
from renormal.inspect.stored import build, check_trust, one_line, read
from renormal.job.checkpoint_file import around, fitted, read_checkpoint
from renormal.job.checkpoints import check_recorded, checkpoint_of
from renormal.job.digests import same_weights
from renormal.projection import Descent, Threshold
from renormal.report.record import Record

SIDE = 8192  # px, ours: of the largest image that a stored run may ask for


class Undrawn(TorchFunctionMode):
    """Inside, no weight is drawn. On the device meta, which has no memory, torch would load 800 modules to do so."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name, kwargs = getattr(func, "__name__", ""), kwargs or {}
        first = args[0] if args else kwargs.get("tensor")
        in_place = name.endswith("_") and not name.startswith("_") and isinstance(first, torch.Tensor)
        return first if in_place else func(*args, **kwargs)


@dataclass(frozen=True)
class Finished:
    """A record, its network in eval mode on the CPU, and its descents by name, each with its T.

    folder: of the record. trust: names of the user's own packages that its config may use.
    """

    record: Record
    model: Any
    descents: dict[str, Descent]
    folder: Path
    trust: tuple[str, ...] = ()

    @property
    def offered(self) -> dict[str, Descent]:
        """Name → projection that the stage choose could choose and that is no column of its own."""
        nodes = (self.record.config.get("choose") or {}).get("projections") or {}
        return {name: descent_of(node, f"choose.projections.{name}", self.trust) for name, node in nodes.items()}

    @property
    def size(self) -> int:
        """Side length in pixels of the network's input: of a photograph, or of a patch of a texture."""
        return int(side_of(self.record))

    @property
    def channels(self) -> int:
        """1 for grey images, 3 for colour."""
        return int(self.record.data["channels"])


def check_record(record: Record) -> None:
    """Raise ValueError if the record lacks a part that is needed, or has it of another kind."""
    missing = [key for key in ("model", "projections", "data") if key not in record.config]
    missing += [key for key in ("channels", "size") if key not in record.data]
    if in_tiles(record) and "patch_size" not in record.config.get("data", {}):
        missing.append("data.patch_size")
    if missing:
        raise ValueError(f"the job's record lacks {', '.join(missing)}: repeat the job")
    data, wrong = record.data, list[str]()
    wrong += [] if data["channels"] in (1, 3) else ["data.channels"]
    wrong += [] if is_whole(data["size"], 1, SIDE) and is_whole(side_of(record), 1, SIDE) else ["data.size"]
    wrong += [] if data.get("fit", "squash") in get_args(Fit) else ["data.fit"]
    wrong += [] if is_whole(data.get("bits", FULL), 0, FULL) else ["data.bits"]
    if wrong:
        raise ValueError(f"the job's record has a value in {wrong[0]} that no job writes: repeat the job")


def is_whole(value: Any, least: int, most: int) -> bool:
    return type(value) is int and least <= value <= most


def side_of(record: Record) -> Any:
    """Side length in pixels of the network's input; the size in a record is that of the whole image."""
    return record.config["data"]["patch_size"] if in_tiles(record) else record.data["size"]


def in_tiles(record: Record) -> bool:
    """Whether the network sees tiles of an image."""
    return record.kind == "texture" or bool(record.config.get("data", {}).get("object_tiles"))


def trained_model(folder: Path, record: Record, trust: Sequence[str] = (), other: Path | None = None) -> Any:
    """The network of the record's config in eval mode, with the weights of the last checkpoint, or of another one.

    It is first built without memory: its sizes are a stranger's, and must be those of the weights.
    """
    path = other or weights_of(folder, record)
    if not path.exists():
        raise ValueError(f"{path} does not exist: the job was not trained here")
    content = read_checkpoint(path)
    found: str = content["hyper_parameters"]["fingerprint"]
    if not other and not same_weights(found, record.hashes.get("training", "")):
        raise ValueError(f"{path} was trained with another config than that of {folder / RECORD}: repeat the job")
    read(record.config["model"].get("net"), "model.net", check_trust(trust))  # a name to trust is no fault of the file
    if not trust:
        with torch.device("meta"), Undrawn(), one_line(f"{path} does not fit the model of its record"):
            fitted(content, network(record))
    model = network(record, trust)
    with one_line(f"{path} does not fit the model of its record"):
        weights, _ = fitted(content, model)
        model.load_state_dict(weights)
    check_recorded(around(weights, found), path, record)
    return model.eval()


def weights_of(folder: Path, record: Record) -> Path:
    """The last checkpoint of the job, or the first one that its test was given."""
    given = record.config.get("checkpoint") or []
    first = given if isinstance(given, str) else next(iter(given), None)
    return Path(first) if first and not checkpoint_of(folder).exists() else checkpoint_of(folder)


def network(record: Record, trust: Sequence[str] = ()) -> Any:
    """The network of the record's config, without its weights."""
    size, channels = side_of(record), record.data["channels"]
    model = build(record.config["model"].get("net"), "model.net", trust, channels=channels, size=size)
    if not isinstance(model, nn.Module):
        raise ValueError(f"model.net of the record's config is no network but a {type(model).__name__}")
    return model


def fitted_descents(record: Record, trust: Sequence[str] = ()) -> dict[str, Descent]:
    """The projections of the record's config by name. Each stops at the T that the job measured, if there is one."""
    descents: dict[str, Descent] = {}
    for name, node in record.config["projections"].items():
        descent = descent_of(node, f"projections.{name}", trust)
        threshold = record.projections.get(name, {}).get("threshold")
        descents[name] = descent if threshold is None else replace(descent, stop=Threshold(value=threshold))
    return descents


def descent_of(node: Any, place: str, trust: Sequence[str]) -> Descent:
    """The descent of a node. place: of the node in the config."""
    descent = build(node, place, trust)
    if not isinstance(descent, Descent):
        raise ValueError(f"{place} of the record's config is no descent")
    return descent
