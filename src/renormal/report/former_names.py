"""Former names, and the names of today: published records, their digests and published commands stay valid.

A digest is taken of a config under its former names, so that a recipe keeps the digest that it always had. A record and
a command line under former names are read under today's. A rename is one more line in one of these tables.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

KEYS = {  # place in the config → its former place, as deep
    "choose": "calibrate",
    "choose.strategy": "calibrate.search",
}
TARGETS = {  # `_target_` or `path` in the config → its former name
    "renormal.choose.strategies.Grid": "renormal.search.Grid",
    "renormal.choose.strategies.Optuna": "renormal.search.Optuna",
}
ENTRIES = {  # place in the config → entries of that list, each with its former name
    "stages": {"choose": "calibrate"},
    "test.drawn": {"chosen": "calibrated"},
}
FIELDS = {"choice": "calibration"}  # of a record
SECONDS = {"choose": "calibrate"}  # stages in a record's seconds
LABELS = {  # of models, in records written before a config had model.label
    "l2_ae": "L² AE",
    "dsae": "DSAE",
    "vae": "VAE",
    "gamma_vae": "γ-VAE",
    "mean_image": "mean image",
}
CHOSEN = ("chosen", "calibrated")  # columns of the stage `choose`; a record keeps the one that it was written with

GROUPS = {"search": "choose"}  # former config group → today's
CHOICES = {  # former choice of a group → what says the same today; its other keys give way to those that are typed
    "experiment": {
        "calibrate": ["experiment=choose", "name=calibrate"],
        "calibrate_cpu": ["experiment=choose_cpu", "name=calibrate_cpu"],
    },
    "sweep": {
        "calibrate_cpu": ["sweep=categories_cpu", "model=l2_ae,vae"],
        "demo": ["sweep=models", "category=grid,bottle,hazelnut"],
        "latent_cpu": ["sweep=categories_cpu", "model=vae,l2_ae"],
        "rehearsal": ["sweep=[models,categories]"],
        "repair_cpu": ["sweep=categories_cpu"],
        "table1": ["sweep=[models,categories]"],
        "table1_cpu": ["sweep=[models,categories_cpu]"],
        "table2": ["sweep=categories"],
        "table2_cpu": ["sweep=categories_cpu"],
    },
}
OVERRIDE = re.compile(r"(?P<sign>\+\+|\+|~)?(?P<key>[\w./]+)(?:@(?P<package>[\w.]+))?(?P<value>=.*)?", re.DOTALL)


class Names(NamedTuple):
    """One direction of the tables: each name, and the one to put in its place."""

    keys: Mapping[str, str]
    targets: Mapping[str, str]
    entries: Mapping[str, Mapping[str, str]]


def inverse(table: Mapping[str, str]) -> dict[str, str]:
    return {value: key for key, value in table.items()}


TO_FORMER = Names(KEYS, TARGETS, ENTRIES)
TO_TODAY = Names(inverse(KEYS), inverse(TARGETS), {place: inverse(names) for place, names in ENTRIES.items()})
OF_RECORD = TO_TODAY._replace(entries={"stages": TO_TODAY.entries["stages"]})  # its columns keep their names: CHOSEN


def former(value: Any) -> Any:
    """A config, or parts of one by their dotted places, under its former names."""
    return renamed(value, TO_FORMER)


def renewed(content: dict[str, Any]) -> dict[str, Any]:
    """A decoded record.json under today's names. The columns of its numbers keep the names that they were given."""
    fields, stages = inverse(FIELDS), inverse(SECONDS)
    content = {fields.get(key, key): value for key, value in content.items()}
    if isinstance(content.get("seconds"), dict):
        content["seconds"] = {stages.get(key, key): value for key, value in content["seconds"].items()}
    return content | ({"config": renamed(content["config"], OF_RECORD)} if "config" in content else {})


def renamed(value: Any, names: Names, place: str = "") -> Any:
    """A part of a config under other names. place: where it stands, under the names that it has."""
    if isinstance(value, Mapping):
        return {
            last(key, place, names): renamed(item, names, f"{place}.{key}".strip(".")) for key, item in value.items()
        }
    if isinstance(value, list):
        entries = names.entries.get(place, {})
        return [entries.get(item, item) if isinstance(item, str) else renamed(item, names, place) for item in value]
    return names.targets.get(value, value) if isinstance(value, str) else value


def last(key: Any, above: str, names: Names) -> Any:
    """The other name of a key, which may be dotted, that stands below `above`. A key that is a number stays."""
    if not isinstance(key, str):
        return key
    parts = moved(f"{above}.{key}".strip("."), names.keys).split(".")
    return ".".join(parts[-len(key.split(".")) :])


def moved(place: str, keys: Mapping[str, str]) -> str:
    """The other name of a dotted place: "calibrate.search.trials" → "choose.strategy.trials"."""
    head, tail = place, ""
    while head and head not in keys:
        head, _, part = head.rpartition(".")
        tail = f".{part}{tail}"
    return keys[head] + tail if head else place


def command_line(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    """The arguments under today's names, and one line for each that had a former name."""
    typed = {match["key"] for argument in arguments if (match := OVERRIDE.fullmatch(argument))}
    today: list[str] = []
    lines = []
    for argument in arguments:
        first, *further = translated(argument)
        new = [first, *(one for one in further if one.partition("=")[0] not in typed)]
        if new != [argument]:
            lines.append(change(argument, new))
        today += new
    return today, lines


def translated(argument: str) -> list[str]:
    """One argument under today's names. What is no override stays as it is."""
    match = OVERRIDE.fullmatch(argument)
    if match is None or not (match["value"] or match["sign"] == "~"):
        return [argument]
    key, value = match["key"], match["value"] or ""
    if today := CHOICES.get(key, {}).get(value.strip("='\"")):
        return [f"{match['sign'] or ''}{today[0]}", *today[1:]]
    key = GROUPS.get(key, moved(key, TO_TODAY.keys))
    package = f"@{moved(match['package'], TO_TODAY.keys)}" if match["package"] else ""
    value = re.sub(r"(?<=\$\{)[\w.]+", lambda place: moved(place[0], TO_TODAY.keys), value)
    table = {**TO_TODAY.targets, **TO_TODAY.entries.get(key, {})}
    value = re.sub(r"[\w.]+", lambda name: table.get(name[0], name[0]), value)
    return [f"{match['sign'] or ''}{key}{package}{value}"]


def change(argument: str, today: Sequence[str]) -> str:
    """What became of an argument. A value that stays as it was is left out."""
    key, _, value = argument.partition("=")
    new, _, same = " ".join(today).partition("=")
    return f"{key} is now {new}" if value == same else f"{argument} is now {' '.join(today)}"
