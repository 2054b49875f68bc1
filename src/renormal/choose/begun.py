"""choice.part.json: what the stage `choose` has measured so far, for a job that is interrupted."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from renormal import schema
from renormal.choose.measure import Measured
from renormal.choose.trials import Key
from renormal.files import read_json, write_whole
from renormal.schema import checked

PART = "choice.part.json"


def begun(path: Path, facts: Mapping[str, Any]) -> dict[Key, list[Measured]]:
    """What was measured before. Empty if the file is missing or damaged, or belongs to other facts."""
    try:
        content = read_json(path)
        checked(schema.ChoiceBegun, content, path)
    except (FileNotFoundError, ValueError):
        return {}
    if content["facts"] != facts:
        return {}
    return {
        (name, effective, quantiles): [Measured(**result) for result in one["results"]]
        for one in content["measurements"]
        for name, effective, quantiles in [one["key"]]
    }


def keep_begun(path: Path, facts: Mapping[str, Any], measured: Mapping[Key, list[Measured]]) -> None:
    """Write all that was measured, whole or not at all."""
    measurements = [{"key": key, "results": [one._asdict() for one in results]} for key, results in measured.items()]
    write_whole(path, json.dumps({"facts": facts, "measurements": measurements}, ensure_ascii=False))
