"""Which old name is which new one: records and digests of earlier versions stay valid.

A digest is taken of a config under its former names, so that a config has the digest that it always had. A record that
was written under former names is read under today's. A new rename is one more line in one of these tables, and no
record needs to be written again.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

KEYS = {  # place in the config → the former name of its last part
    "choose": "calibrate",
    "choose.strategy": "search",
}
TARGETS = {  # `_target_` or `path` in the config → its former name
    "renormal.choose.strategies.Grid": "renormal.search.Grid",
    "renormal.choose.strategies.Optuna": "renormal.search.Optuna",
}
WORDS = {  # place in the config → words of that list, each with its former name
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
}
CHOSEN = ("chosen", "calibrated")  # columns of the stage `choose`; a record keeps the one that it was written with


def former(value: Any, place: str = "") -> Any:
    """A part of a config under its former names. Keys may be dotted: {"choose.scores": …}."""
    if isinstance(value, Mapping):
        return {former_place(key, place): former(item, f"{place}.{key}".strip(".")) for key, item in value.items()}
    if isinstance(value, list):
        words = WORDS.get(place, {})
        return [words.get(item, item) if isinstance(item, str) else former(item, place) for item in value]
    return TARGETS.get(value, value) if isinstance(value, str) else value


def former_place(key: str, above: str = "") -> str:
    """The former name of a dotted key that stands below `above`: "choose.strategy" → "calibrate.search"."""
    parts = f"{above}.{key}".strip(".").split(".")
    names = [KEYS.get(".".join(parts[: end + 1]), part) for end, part in enumerate(parts)]
    return ".".join(names[len(names) - len(key.split(".")) :])


def renewed(content: dict[str, Any]) -> dict[str, Any]:
    """A decoded record.json under today's names. The columns of its numbers keep the names that they were given."""
    fields = {old: new for new, old in FIELDS.items()}
    content = {fields.get(key, key): value for key, value in content.items()}
    stages = {old: new for new, old in SECONDS.items()}
    if isinstance(content.get("seconds"), dict):
        content["seconds"] = {stages.get(key, key): value for key, value in content["seconds"].items()}
    if isinstance(content.get("config"), dict):
        content["config"] = _renewed(content["config"])
    return content


def _renewed(value: Any, place: str = "") -> Any:
    """The way back of `former`. place: under today's names. What has today's names already stays as it is."""
    if isinstance(value, Mapping):
        below = {KEYS[name]: name for name in KEYS if name.rpartition(".")[0] == place}
        names = {key: below[key].rpartition(".")[2] if key in below else key for key in value}
        return {names[key]: _renewed(item, f"{place}.{names[key]}".strip(".")) for key, item in value.items()}
    if isinstance(value, list):
        words = {old: new for new, old in WORDS.get(place, {}).items()} if place != "test.drawn" else {}
        return [words.get(item, item) if isinstance(item, str) else _renewed(item, place) for item in value]
    targets = {old: new for new, old in TARGETS.items()}
    return targets.get(value, value) if isinstance(value, str) else value
