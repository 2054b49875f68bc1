"""Every setting of a job is checked before its work: its type, its range, its name. Needs no torch."""

from __future__ import annotations

from typing import Any

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import InterpolationResolutionError

from renormal.report.former_names import TO_TODAY
from renormal.settings.faults import faults_in, faults_in_raw


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
    if lines := former or faults_in(values, None if resolved else raw):
        raise SettingsError(lines)


def _has(values: Any, place: str) -> bool:
    for part in place.split("."):
        if not isinstance(values, dict) or part not in values:
            return False
        values = values[part]
    return True
