"""Every setting of a job is checked before its work: its type, its range, its name. Needs no torch."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib.util import find_spec
from typing import Any

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import InterpolationResolutionError

from renormal.report.former_names import TO_TODAY
from renormal.settings.faults import faults_in, faults_in_raw

UNFOUND = "is not on Python's path"
INSTALLED = frozenset({"renormal", "torch", "hydra", "lightning"})  # whose classes conf/ names


class SettingsError(ValueError):
    """Settings that no job can have, in one line each."""

    def __init__(self, lines: list[str]) -> None:
        super().__init__("; ".join(lines))
        self.lines = lines


def check_settings(config: DictConfig, *, resolved: bool = False) -> None:
    """Raise SettingsError. resolved: the config has been checked before, when it still said what refers to what."""
    raw: Any = OmegaConf.to_container(config, resolve=False)
    try:
        values: Any = raw if resolved else OmegaConf.to_container(config, resolve=True)
    except InterpolationResolutionError as error:
        if lines := faults_in_raw(raw):
            raise SettingsError(lines) from error
        raise
    former = [
        f"{key} is now {today}: rename the key in your yaml"
        for key, today in TO_TODAY.keys.items()
        if _has(values, key)
    ]
    if lines := former or faults_in(values, None if resolved else raw) or list(unfound(values)):
        raise SettingsError(lines)


def unfound(value: Any, place: str = "") -> Iterator[str]:
    """A line for each object whose package Python does not find. Nothing is imported."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        if key in ("_target_", "path") and "_target_" in value and isinstance(item, str):
            package, dot, _ = item.partition(".")
            known = package in INSTALLED or package in sys.modules
            if dot and package.isidentifier() and not known and find_spec(package) is None:
                mend = f"add its folder, PYTHONPATH=/folder/that/holds/{package}"
                yield f"{package} {UNFOUND}, and {place} asks for {item}: {mend}"
        yield from unfound(item, f"{place}.{key}".lstrip("."))


def _has(values: Any, place: str) -> bool:
    for part in place.split("."):
        if not isinstance(values, dict) or part not in values:
            return False
        values = values[part]
    return True
