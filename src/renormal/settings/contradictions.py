"""Settings that are right by themselves and that no job can have together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

ORDERED = (  # the first is at most the second
    ("trainer.min_epochs", "trainer.max_epochs"),
    ("trainer.min_steps", "trainer.max_steps"),
    ("model.scheduler.base_momentum", "model.scheduler.max_momentum"),
)


def contradictions_in(config: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """(place, line) of each. Negative numbers mean without a limit."""
    for lower, upper in ORDERED:
        least, most = value_at(config, lower), value_at(config, upper)
        if isinstance(least, int | float) and isinstance(most, int | float) and least > most >= 0:
            yield lower, f"{lower}={least} is above {upper}={most}: lower the one, or raise the other"


def value_at(config: Any, place: str) -> Any:
    """The value at a dotted place; None where there is none."""
    for part in place.split("."):
        if not isinstance(config, Mapping):
            return None
        config = config.get(part)
    return config
