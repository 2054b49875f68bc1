"""A training that goes on with the network of a finished job: continue=FOLDER."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf, open_dict

from renormal.console.text import counted
from renormal.data import Source
from renormal.data.memory import channels_of
from renormal.files import RECORD
from renormal.job.fingerprints import source_of
from renormal.lit.stage import CHOOSE, TEST
from renormal.report.decide import RATE, decisions, needed
from renormal.report.record import read_record
from renormal.settings.faults import shown

COLOURS = {1: "grey", 3: "in colour"}
WEAKER = (
    "{name}: the threshold comes from {new}, and that of {job} from {before}: {share} of good "
    "parts may be called defective{choice}; if that is too many, train anew on old and new together, without continue="
)


def continued_config(config: DictConfig, settings: Mapping[str, Any], typed: Sequence[str]) -> DictConfig:
    """The config with the settings of the finished job's network: place → value. config: not resolved.

    typed: arguments of the command. Raises ValueError, with one line, where one of them differs from the settings, and
    where the photographs have another number of channels.
    """
    job = Path(config["continue"])
    if job.resolve() == Path(config.folder).resolve():
        raise ValueError(f"continue={job}: the new job has the same folder: add name=...")
    after = deepcopy(config)
    for place, value in settings.items():
        parent, _, key = place.rpartition(".")
        with open_dict(after):
            if parent == "model" or key in OmegaConf.select(after, parent):
                OmegaConf.update(after, place, value, merge=False)
    given = {argument.lstrip("+").partition("=")[0]: argument for argument in typed}
    for place, value in settings.items():
        for key in (key for key in given if is_about(key, place) and differ(config, after, place)):
            raise ValueError(f"{given[key]}: the job {job} has {place}={shown(value)}: leave {key} out")
    channels = settings["data.channels"]
    if "data.channels" not in given and (found := channels_of(source_of(after))) != channels:
        raise ValueError(
            f"{config.data.root}: the photographs are {COLOURS[found]}, and those of {job} were {COLOURS[channels]}: "
            f"convert them, or add data.channels={channels} to read them so"
        )
    return after


def weaker_threshold(config: DictConfig, source: Source) -> list[str]:
    """A line where fewer new photographs are set apart than the job of continue= had, and fewer than RATE needs."""
    job, stages = config.get("continue"), config.stages
    if job is None or TEST not in stages:
        return []
    known = decisions(read_record(Path(job) / RECORD)).values()
    before, now = max((one.good for one in known if one.held_out), default=0), len(source.apart or source.spare)
    if now >= min(before, needed(RATE)):
        return []
    choice = f", and settings are chosen on {counted(len(source.spare), 'photograph')}" if CHOOSE in stages else ""
    share = f"up to {100 / (now + 1):.2g} %" if now else "any number"
    return [
        WEAKER.format(
            name=source.name, new=counted(now, "new photograph"), job=job, before=before, share=share, choice=choice
        )
    ]


def is_about(key: str, place: str) -> bool:
    """Whether an argument with this key sets the place, or a part of it. The group `model` sets its network."""
    return f"{key}.".startswith(f"{place}.") or (key == "model" and place == "model.name")


def differ(before: DictConfig, after: DictConfig, place: str) -> bool:
    one, other = (OmegaConf.select(config, place) for config in (before, after))
    return bool(plain(one) != plain(other))


def plain(value: Any) -> Any:
    return OmegaConf.to_container(value, resolve=True) if OmegaConf.is_config(value) else value
