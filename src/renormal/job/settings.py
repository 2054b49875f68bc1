"""Every setting of a job is checked before its work: its type, its range, its name. Needs no torch."""

from __future__ import annotations

from typing import Any

from omegaconf import DictConfig, OmegaConf

from renormal.report.former_names import TO_TODAY
from renormal.settings.faults import faults_in


class SettingsError(ValueError):
    """Settings that no job can have, in one line each."""

    def __init__(self, lines: list[str]) -> None:
        super().__init__("; ".join(lines))
        self.lines = lines


def check_settings(config: DictConfig, *, resolved: bool = False) -> None:
    """Raise SettingsError. resolved: the config has been checked before, when it still said what refers to what."""
    values: Any = OmegaConf.to_container(config, resolve=True)
    raw: Any = None if resolved else OmegaConf.to_container(config, resolve=False)
    former = [
        f"{key} is now {today}: rename the key in your yaml"
        for key, today in TO_TODAY.keys.items()
        if _has(values, key)
    ]
    if lines := former or faults_in(values, raw):
        raise SettingsError(lines)


def _has(values: Any, place: str) -> bool:
    for part in place.split("."):
        if not isinstance(values, dict) or part not in values:
            return False
        values = values[part]
    return True
