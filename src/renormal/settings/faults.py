"""The faults in a config, a line each."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from functools import cache
from typing import Annotated, Any, get_args, get_origin, get_type_hints

from pydantic import TypeAdapter, ValidationError

from renormal.console.text import printable
from renormal.settings.contradictions import contradictions_in
from renormal.settings.hydra import Hydra
from renormal.settings.kinds import SAID, words_of
from renormal.settings.objects import Group, OneOf
from renormal.settings.recipe import Recipe

BIG = 2**63 - 1  # the largest whole number of a tensor
SHOWN = 60  # characters of a value, ours
FIXED = ("null", "false", "true", "false, null", "true, null")  # one choice alone: the description says why
RANGE = re.compile(r"([0-9]{1,18})(?:\.\.\.?|-|:)([0-9]{1,18})")  # 0..4
FEW = 10  # values of a range that are written out, ours
REFERENCE = re.compile(r"\$\{([\w.]+)\}")


def faults_in(config: Mapping[str, Any], raw: Mapping[str, Any] | None = None) -> list[str]:
    """One line for each setting of a job that no job can have.

    raw: the config before it is resolved. What it takes from a setting that is wrong itself has no line, and a key of
    one's own at the top is taken where the config refers to it. Without it every such key is taken: it was checked.
    """
    named = {name.split(".")[0] for name in _references(raw)} if raw is not None else set(config)
    own = {key: value for key, value in config.items() if key in named and key not in settings_of(Recipe)}
    lines = _faults(Recipe, {key: value for key, value in config.items() if key not in own})
    lines |= {place: f"{place}={value}: {_bound(value)}" for place, value in infinite(own)}
    lines = dict(contradictions_in(config)) | lines
    copied = [place for place in lines if any(_any_at_or_below(key, lines) for key in _references(_at(raw, place)))]
    return [line for place, line in lines.items() if place not in copied]


def faults_in_raw(raw: Mapping[str, Any]) -> list[str]:
    """The same of a config that cannot be resolved, where it says what a setting is and not where to find it."""
    return [line for place, line in _faults(Recipe, raw).items() if not any(_references(_at(raw, place)))]


def _any_at_or_below(place: str, places: Iterable[str]) -> bool:
    return any(one == place or one.startswith(f"{place}.") for one in places)


def faults_in_sweep(hydra: Mapping[str, Any]) -> list[str]:
    """The same of hydra.launcher and hydra.sweeper."""
    return list(_faults(Hydra, hydra, "hydra").values())


def _references(raw: Any) -> Iterator[str]:
    """The keys that ${…} in these values names."""
    if isinstance(raw, str):
        yield from REFERENCE.findall(raw)
    items = raw.values() if isinstance(raw, Mapping) else raw if isinstance(raw, list) else ()
    for item in items:
        yield from _references(item)


def _at(raw: Any, place: str) -> Any:
    """The value at a dotted place, or that from which the place takes it."""
    for part in place.split("."):
        if not isinstance(raw, Mapping):
            return raw
        raw = raw.get(part)
    return raw


@cache
def _adapter(schema: Any) -> TypeAdapter[Any]:
    return TypeAdapter(schema)


def _faults(schema: Any, values: Any, above: str = "") -> dict[str, str]:
    """Place → line."""
    lines = {place: f"{place}={shown(value)}: {_bound(value)}" for place, value in infinite(values, above)}
    try:
        _adapter(schema).validate_python(values)
    except ValidationError as error:
        for one in error.errors(include_url=False, include_context=False):
            if one["type"] == "missing" and "_target_" in one["input"]:
                continue  # the class has a default
            place, line = _line(schema, values, one, above)
            if not _any_at_or_below(place, lines):
                lines[place] = line
    return {place: printable(line) for place, line in lines.items()}


def infinite(value: Any, place: str = "") -> Iterator[tuple[str, float]]:
    """The place of every number that is not finite, or that no tensor holds."""
    if (isinstance(value, float) and not math.isfinite(value)) or (type(value) is int and abs(value) > BIG):
        yield place, value
    items = value.items() if isinstance(value, Mapping) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield from infinite(item, f"{place}.{key}".lstrip(".") if isinstance(value, Mapping) else place)


def _bound(value: float) -> str:
    return "must be finite" if isinstance(value, float) else "a whole number must be below 2^63"


def _line(schema: Any, values: Any, error: Any, above: str) -> tuple[str, str]:
    """The place of an error, and its line."""
    parts, annotation, siblings = _found(schema, error["loc"])
    place = ".".join(filter(None, [above, *parts]))
    value: Any = values
    for part in parts:
        value = value.get(part) if isinstance(value, Mapping) else None
    if error["type"] == "invalid_key" or parts[-1:] == ["[key]"]:
        return place, f"{place.removesuffix('.[key]')} does not exist: the names of settings are text"
    if error["type"] == "extra_forbidden":
        close = get_close_matches(parts[-1], siblings, n=1)
        name = ".".join(filter(None, [above, *parts[:-1], *close]))
        return place, f"{place} does not exist" + (f": {name} was meant?" if close else f": {_has(parts, siblings)}")
    if error["type"] == "missing":
        return place, f"{place} is missing: it must be {_words(annotation)}"
    return place, f"{place}={shown(value)}: must be {_words(annotation)}{_each(place, value)}"


def _each(place: str, value: Any) -> str:
    """How a sweep is written, where the value is a range of whole numbers as other programs write it."""
    found = RANGE.fullmatch(value) if isinstance(value, str) else None
    if found is None or not 0 < (last := int(found[2])) - (first := int(found[1])) < BIG:
        return ""
    few = last - first < FEW
    values = ",".join(map(str, range(first, last + 1))) if few else f"range({first},{last + 1})"
    return f"; a job for each: -m {place}={values}" if few else f"; a job for each: -m '{place}={values}'"


def _has(parts: list[str], siblings: list[str]) -> str:
    return f"{'.'.join(parts[:-1]) or 'the recipe'} has {', '.join(siblings) or 'no settings'}"


def _found(schema: Any, location: tuple[str | int, ...]) -> tuple[list[str], Any, list[str]]:
    """The keys that an error's place consists of, the annotation there, and the settings next to it."""
    keys: list[str] = []
    siblings: list[str] = []
    tags: dict[str, type[Group]] = {}
    for part in location:
        if part in tags:
            schema, tags = tags[str(part)], {}
            continue
        role, inner = unwrapped(schema)
        if role is not None:
            tags = role.tags
            if part in tags:
                schema, tags = tags[str(part)], {}
                continue
            if str(part).startswith("<"):
                continue
            keys.append(str(part))  # several by name
            continue
        if isinstance(inner, type) and issubclass(inner, Group):
            settings = settings_of(inner)
            siblings = [name for name in settings if not name.startswith("_")]
            keys.append(str(part))
            schema = settings.get(str(part), _of_others(inner))
        elif get_origin(inner) is dict:
            keys.append(str(part))
            schema = get_args(inner)[1]
        else:
            break
    return keys, schema, siblings


@cache
def _of_others(group: type[Group]) -> Any:
    """The annotation of a group's further settings, if it has one."""
    return next(iter(get_args(get_type_hints(group, include_extras=True).get("__pydantic_extra__"))[1:]), None)


@cache
def settings_of(group: type[Group]) -> dict[str, Any]:
    """Key → its annotation, with its description."""
    hints = get_type_hints(group, include_extras=True)
    return {field.alias or name: hints[name] for name, field in group.model_fields.items()}


def unwrapped(annotation: Any) -> tuple[OneOf | None, Any]:
    """The role of an object, or what the annotation is without its words and without null."""
    while get_origin(annotation) is Annotated or type(None) in get_args(annotation):
        if get_origin(annotation) is Annotated:
            if role := next((one for one in get_args(annotation) if isinstance(one, OneOf)), None):
                return role, Any
            annotation = get_args(annotation)[0]
        else:
            annotation = next(one for one in get_args(annotation) if one is not type(None))
    return None, annotation


def _words(annotation: Any) -> str:
    """What a setting must be; what null means is added from its description."""
    role, _ = unwrapped(annotation)
    text, description = role.noun if role else words_of(annotation), description_of(annotation)
    null, meaning = description.rpartition("null: ")[1:]
    if text in FIXED:
        return f"{text}: {description[:1].lower()}{description[1:].rstrip('.')}"
    return f"{text} ({meaning.rstrip('.')})" if null and text.endswith("null") else text


def description_of(annotation: Any) -> str:
    """The sentence that stands with a setting."""
    return next((one for one in get_args(annotation)[1:] if type(one) is str), "")


def shown(value: Any) -> str:
    """A value as it is typed: null, true, [1, 0]."""
    if isinstance(value, Mapping):
        text = "{" + ", ".join(f"{key}: {shown(item)}" for key, item in value.items()) + "}"
    elif isinstance(value, list):
        text = f"[{','.join(map(shown, value))}]"
    else:
        text = SAID[value] if isinstance(value, bool | None) else str(value)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"
