"""Chosen settings: a projection, a score, and numbers by the place of their key. Reads choice.json."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from renormal import schema
from renormal.files import read_json
from renormal.projection import Descent
from renormal.schema import checked

SCHEMA = 1
FILE = "choice.json"
OWN = "score"  # name of the config's own score if choose.scores does not have it
T = TypeVar("T")


class Choice(NamedTuple):
    """One projection with settings and a score, and its metrics on planted defects."""

    projection: str
    score: str
    settings: dict[str, float]  # "energy.weight" → λ
    metrics: dict[str, float]

    @property
    def words(self) -> str:
        """For a line of the log: projection, settings and score, as in `eq8, energy.weight 0.2, score msgms`."""
        numbers = [f"{place} {value:.3g}" for place, value in self.settings.items()]
        score = "the config's score" if self.score == OWN else f"score {self.score}"
        return ", ".join([self.projection, *numbers, score])

    @property
    def line(self) -> str:
        """Overrides for the command line that give the same settings, with the score of the config."""
        settings = [f"projections.{self.projection}.{place}={value!r}" for place, value in self.settings.items()]
        return " ".join([f"projection=[{self.projection}]", *settings])


NO_NUMBER = "{} is no number, take it out of choose.axes"


def changed(descent: T, settings: Mapping[str, float], name: str) -> T:
    """The descent with other numbers at some places. name: of the projection, for messages."""
    for place, value in settings.items():
        descent = _with(descent, place.split("."), value, f"projections.{name}.{place}")
    return descent


def setting_of(descent: Descent, place: str, name: str) -> float:
    """The number at a place, such as energy.weight."""
    value: Any = descent
    for part in place.split("."):
        value = getattr(value, _part(value, part, f"projections.{name}.{place}"))
    if type(value) not in (int, float):
        raise ValueError(NO_NUMBER.format(f"projections.{name}.{place}"))
    return float(value)


def _with(node: T, path: list[str], value: float, whole: str) -> T:
    head = _part(node, path[0], whole)
    if len(path) == 1 and not _is_number(node, head):
        raise ValueError(NO_NUMBER.format(whole))
    inner = _with(getattr(node, head), path[1:], value, whole) if len(path) > 1 else value
    return replace(node, **{head: inner})  # type: ignore[type-var]


def _is_number(node: Any, head: str) -> bool:
    """Whether a field holds a number, or may hold one and is empty."""
    kind = next(str(item.type) for item in fields(node) if item.name == head)
    return type(getattr(node, head)) in (int, float) or kind in ("float | None", "int | None")


def _part(node: Any, head: str, whole: str) -> str:
    if not is_dataclass(node) or head not in {item.name for item in fields(node)}:
        raise ValueError(f"{whole} does not exist: {type(node).__name__} has no {head}, take it out of choose.axes")
    return head


def read_choice(path: Path, projections: Collection[str], scores: Collection[str]) -> tuple[Choice, dict[str, Any]]:
    """The choice in a file of settings, and the file's whole content: names and numbers, no code."""
    try:
        content = read_json(path)
        checked(schema.Choice, content, path)
    except FileNotFoundError as error:
        raise ValueError(f"choose.settings={path} does not exist") from error
    except ValueError as error:
        raise ValueError(f"{error}: stages=[choose] writes a file of chosen settings") from error
    chosen = Choice(**content["chosen"])
    if chosen.projection not in projections:
        raise ValueError(f"{path} chose {chosen.projection}: add it to projection=[{','.join(projections)}]")
    if chosen.score not in scores:
        raise ValueError(f"{path} chose the score {chosen.score}, choose.scores has {', '.join(scores)}")
    numbers = {place: float(value) for place, value in chosen.settings.items()}
    return chosen._replace(settings=numbers), content
