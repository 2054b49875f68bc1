"""What was typed for a job: overrides by their keys, without passwords and without paths of a machine."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from renormal.console.text import HIDDEN, is_secret, without_secrets

PLACES = ("data.root", "checkpoint", "choose.settings", "folder")  # keys of paths


def typed(overrides: Iterable[str]) -> dict[str, str]:
    """Overrides of a command line by their keys, for a record: … for passwords and tokens. `~key` has no value."""
    pairs = (override.partition("=")[::2] for override in overrides)
    return {key: HIDDEN if value and holds_secret(key, value) else without_secrets(value) for key, value in pairs}


def overrides(command: Mapping[str, str]) -> list[str]:
    """The overrides that `typed` was given; `~key=` as `~key`."""
    return [f"{key}={value}" if value or not key.startswith("~") else key for key, value in command.items()]


def holds_secret(key: str, value: str) -> bool:
    """Whether the key, or one in a value such as {api_key: …}, is that of a secret."""
    inside = re.findall(r"[\w-]+", value) if "{" in value else []
    return any(is_secret(word) for word in (key.lstrip("+~").rpartition(".")[2], *inside))


def without_paths(command: Mapping[str, str]) -> dict[str, str]:
    """The same; … for each path."""
    return {
        key: HIDDEN if value and (key.lstrip("+") in PLACES or "/" in value or "~" in value) else value
        for key, value in command.items()
    }
