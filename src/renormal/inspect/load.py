"""Load a finished job: its record, its network and its descents. It needs no data set."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from hydra.errors import InstantiationException
from hydra.utils import instantiate
from omegaconf import OmegaConf

from renormal.files import RECORD
from renormal.job.checkpoint_file import read_checkpoint
from renormal.job.checkpoints import checkpoint_of
from renormal.job.digests import same_weights
from renormal.projection import Descent, Threshold
from renormal.report.record import Record, read_record

GETTERS = ("hydra.utils.get_method", "hydra.utils.get_class")  # they return the object with the name in `path`
BUILT_FROM = ("renormal.models.", "renormal.projection.", "renormal.functional.", "renormal.scores.")


@dataclass(frozen=True)
class FinishedJob:
    """A record, its network in eval mode on the CPU, and its descents by name, each with its T."""

    record: Record
    model: Any
    descents: dict[str, Descent]

    @property
    def size(self) -> int:
        """Side length in pixels of the network's input: of a photograph, or of a patch of a texture."""
        return side_of(self.record)

    @property
    def channels(self) -> int:
        """1 for grey images, 3 for colour."""
        return int(self.record.data["channels"])


def load(folder: Path | str) -> FinishedJob:
    """Load the job of outputs/<name>/<model>/<category>/<seed>.

    Raises ValueError for a folder without a record or a checkpoint, for a checkpoint of another config, and for a
    record whose config names code outside renormal.
    """
    folder = Path(folder)
    record = read_record(folder / RECORD)
    check_record(record)
    return FinishedJob(record, trained_model(folder, record), fitted_descents(record))


def check_record(record: Record) -> None:
    """Raise ValueError if the record lacks a part that is needed, or names code outside renormal."""
    missing = [key for key in ("model", "projections", "data") if key not in record.config]
    missing += [key for key in ("channels", "size") if key not in record.data]
    if record.kind == "texture" and "patch_size" not in record.config.get("data", {}):
        missing.append("data.patch_size")
    if missing:
        raise ValueError(f"the job's record lacks {', '.join(missing)}: repeat the job")
    if alien := next(alien_targets([record.config["model"]["net"], record.config["projections"]]), None):
        raise ValueError(f"the record's config asks for {alien}, which is no part of renormal: it is not run")


def side_of(record: Record) -> int:
    """Side length in pixels of the network's input; the size in a record of a texture is that of the whole image."""
    return int(record.config["data"]["patch_size"] if record.kind == "texture" else record.data["size"])


def alien_targets(node: Any) -> Iterator[str]:
    """The names outside BUILT_FROM that instantiating these nodes would call."""
    if isinstance(node, Mapping):
        called = [str(node[key]) for key in ("_target_", "path") if key in node]
        yield from (name for name in called if name not in GETTERS and not name.startswith(BUILT_FROM))
    children = node.values() if isinstance(node, Mapping) else node if isinstance(node, list) else ()
    for child in children:
        yield from alien_targets(child)


def trained_model(folder: Path, record: Record) -> Any:
    """The network of the record's config in eval mode, with the weights of the last checkpoint."""
    path = checkpoint_of(folder)
    if not path.is_file():
        raise ValueError(f"{path} does not exist: the job was not trained here")
    content = read_checkpoint(path)
    if not same_weights(content["hyper_parameters"]["fingerprint"], record.hashes.get("training", "")):
        raise ValueError(f"{path} was trained with another config than that of {folder / RECORD}: repeat the job")
    weights = {name.removeprefix("model."): value for name, value in content["state_dict"].items()}
    net = OmegaConf.create(record.config).model.net
    try:
        model = instantiate(net, channels=record.data["channels"], size=side_of(record), _convert_="all")
        model.load_state_dict(weights)
    except (InstantiationException, RuntimeError) as error:
        raise ValueError(f"{path} does not fit the model of its record: {str(error).splitlines()[0]}") from error
    return model.eval()


def fitted_descents(record: Record) -> dict[str, Descent]:
    """The projections of the record's config by name. Each stops at the T that the job measured, if there is one."""
    descents: dict[str, Descent] = {}
    for name, node in OmegaConf.create(record.config).projections.items():
        descents[str(name)] = instantiate(node, _convert_="all")
        if (threshold := record.projections.get(str(name), {}).get("threshold")) is not None:
            descents[str(name)] = replace(descents[str(name)], stop=Threshold(value=threshold))
    return descents
