"""What a record keeps of a test, so that a new photograph gets the same answer: its scores need no good image again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields, replace
from typing import Any

import torch

from renormal.contracts import FittedScore, Score
from renormal.lit.answers import Answers
from renormal.lit.ensemble import Prepared
from renormal.projection import AnyOf, Descent, Settled, Threshold
from renormal.projection.stop import StopCriterion

SHARED = "score of"  # in place of the names of parts, which have no blank


def stored(answers: Answers, good: Mapping[str, Sequence[float]], area: int, *, held_out: bool) -> dict[str, Any]:
    """For the record. good: column → scores of normal images, which the decision on a new image compares with;
    area: pixels of the smallest defect that these scores count. held_out: no network was trained on these images.

    networks: in the order of the checkpoints, the descents by name and the fitted scores by column; columns that share
    a score name the first that has it, as its counts may be a hundred thousand numbers. tiles: scored in one call.
    """
    return {
        "networks": [
            {
                "descents": {name: settings_of(descent) for name, descent in network.descents.items()},
                "scores": states_of(network.scores),
                **({"shrink": network.shrink} if network.shrink > 1 else {}),
            }
            for network in answers.networks
        ],
        "views": [asdict(view) for view in answers.views],
        "tiles": answers.scoring.size,
        "good": {name: list(scores) for name, scores in good.items()},
        "area": area,
        "held_out": held_out,
    }


def states_of(scores: Mapping[str, Score]) -> dict[str, dict[str, Any]]:
    """Column → the state of its fitted score, or {SHARED: the first column with the same one}."""
    first: dict[int, str] = {}
    found: dict[str, dict[str, Any]] = {}
    for column, score in scores.items():
        if isinstance(score, FittedScore):
            known = first.setdefault(id(score), column)
            found[column] = dict(score.state()) if known == column else {SHARED: known}
    return found


def state_at(states: Mapping[str, Mapping[str, Any]], column: str) -> Mapping[str, Any]:
    """What `states_of` has of a column, shared or not. Raises ValueError where it names a column that is not there."""
    whose = states[column].get(SHARED, column)
    if not isinstance(whose, str) or whose not in states:
        raise ValueError(f"the record keeps nothing of {column}: repeat the test with rerun=true")
    return states[whose]


def settings_of(descent: Settled) -> dict[str, Any]:
    """What the device and the normal images have decided of a descent."""
    return {
        "slots": descent.slots,
        "check_every": descent.check_every,
        "precision": descent.precision,
        "threshold": threshold_of(descent.stop),
    }


def threshold_of(stop: StopCriterion) -> float | None:
    """T of the first threshold in it."""
    parts = stop.criteria if isinstance(stop, AnyOf) else (stop,)
    return next((part.value for part in parts if isinstance(part, Threshold)), None)


def settled_again(descent: Descent, settings: Mapping[str, Any]) -> Settled:
    """The descent as the test had it."""
    given = {one.name: getattr(descent, one.name) for one in fields(Descent)}
    again = Settled(**given | {key: settings[key] for key in ("slots", "check_every", "precision")})
    value = settings["threshold"]
    return again if value is None else replace(again, stop=stop_at(again.stop, value))


def stop_at(stop: StopCriterion, value: float) -> StopCriterion:
    """The stop with T = value in each threshold."""
    if isinstance(stop, AnyOf):
        return AnyOf(tuple(stop_at(part, value) for part in stop.criteria))
    return replace(stop, value=value) if isinstance(stop, Threshold) else stop


def prepared_again(
    model: Any, projections: Mapping[str, Descent], scores: Mapping[str, Score], stored: Mapping[str, Any]
) -> Prepared:
    """A network as the test had it. scores: by column. stored: of this network. Raises ValueError where one lacks."""
    missing = [name for name in projections if name not in stored["descents"]]
    missing += [name for name, one in scores.items() if isinstance(one, FittedScore) and name not in stored["scores"]]
    if missing:
        raise ValueError(f"the record keeps nothing of {', '.join(missing)}: repeat the test with rerun=true")
    descents = {name: settled_again(descent, stored["descents"][name]) for name, descent in projections.items()}
    fitted = {
        name: one.restored(state_at(stored["scores"], name)) if isinstance(one, FittedScore) else one
        for name, one in scores.items()
    }
    device = next(model.parameters()).device if any(True for _ in model.parameters()) else torch.device("cpu")
    return Prepared(model, device, descents, fitted, stored.get("shrink", 1))
