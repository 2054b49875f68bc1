"""Settings chosen on planted defects, and what they gain on the real ones over the constants that were configured."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean
from typing import Any, NamedTuple

from tabulate import tabulate

from renormal.files import write_whole
from renormal.report.columns import distinct
from renormal.report.former_names import CHOSEN
from renormal.report.record import Record
from renormal.report.table import MODELS, Table, words

OWN = "score"  # what the stage choose calls the config's own score
SYMBOLS = {"step_size": "α", "energy.weight": "λ", "stop.quantile": "T quantile"}
HEADERS = ("", "model", "chosen", "planted, as configured", "chosen", "f(x₀)", "test, as configured", "chosen", "gain")


class Gain(NamedTuple):
    """One job: on planted defects and on the test set, the first projection as configured and what was chosen."""

    category: str
    model: str
    settings: str  # in words
    projection: str  # that stands for the configured constants
    column: str  # of the chosen settings
    planted: tuple[float, float]
    baseline: float | None  # f(x0) on planted defects, under the better score
    test: tuple[float, float] | None  # None where nothing could be scored
    held_out: bool

    @property
    def difference(self) -> float | None:
        return None if self.test is None else self.test[1] - self.test[0]

    @property
    def row(self) -> list[str]:
        numbers = [*self.planted, self.baseline, *(self.test or (None, None))]
        shown = ["–" if number is None else f"{number:.3f}" for number in numbers]
        return [self.category, self.model, self.settings, *shown, signed(self.difference)]


def gains(records: Sequence[Record], metric: str) -> list[Gain]:
    """One for each record that chose its settings, or was given some."""
    return [gain_of(record, metric) for record in distinct(records)[0] if record.choice]


def gain_of(record: Record, metric: str) -> Gain:
    held = record.choice
    chosen, before, judged = held["chosen"], held["reference"], held["metric"]
    column = next((name for name in CHOSEN if f"{name}/{metric}" in record.metrics), CHOSEN[0])
    keys = f"{before['projection']}/{metric}", f"{column}/{metric}"
    values = [record.metrics[key] for key in keys if key in record.metrics]
    plain = [metrics[judged] for metrics in held["baseline"].values()]
    return Gain(
        category=record.category,
        model=MODELS.get(record.model, record.model),
        settings=in_words(chosen, own_score(record)),
        projection=before["projection"],
        column=column,
        planted=(before["metrics"][judged], chosen["metrics"][judged]),
        baseline=max(plain, default=None),
        test=(values[0], values[1]) if len(values) == len(keys) else None,
        held_out=held["held_out"],
    )


def in_words(chosen: dict[str, Any], own: str = OWN) -> str:
    """eq8, α 0.125, λ 0.2, T quantile 0, dssim. own: what to call the config's own score."""
    numbers = [f"{SYMBOLS.get(place, place)} {value:.3g}" for place, value in chosen["settings"].items()]
    return ", ".join([chosen["projection"], *numbers, own if chosen["score"] == OWN else chosen["score"]])


def own_score(record: Record) -> str:
    """The class of the config's own score, as dssim."""
    target = (record.config.get("score") or {}).get("_target_", OWN)
    return str(target).rpartition(".")[2].lower()


def signed(value: float | None) -> str:
    return "–" if value is None else f"{value:+.3f}".replace("-", "−")


def summary(found: Sequence[Gain], metric: str) -> list[str]:
    """What a reader of the table must know of the column."""
    lines = []
    for name in dict.fromkeys(gain.projection for gain in found):
        scored = [gain for gain in found if gain.projection == name and gain.difference is not None]
        if not scored:
            continue
        real = [gain.difference or 0.0 for gain in scored]
        planted = fmean(gain.planted[1] - gain.planted[0] for gain in scored)
        better = sum(value > 0 for value in real)
        column, cells = scored[0].column, f"{better} of {len(real)} cells"
        count = f"{column}, chosen without labels, is better than {name} as configured in {cells}"
        where = f"(on the planted defects that it was chosen on {signed(planted)})"
        lines.append(f"{count}, mean {words(metric)} {signed(fmean(real))} {where}")
    if leaks := sum(not gain.held_out for gain in found):
        lines.append(f"{leaks} of {len(found)} choices were made on images that the weights may have been trained on")
    return lines


def with_gains(table: Table, found: Sequence[Gain]) -> Table:
    """The table, with a note on what was chosen."""
    return table._replace(notes=[*table.notes, *summary(found, table.metric)])


def markdown(found: Sequence[Gain]) -> str:
    """A pipe table for GitHub: what was chosen, job by job."""
    align = ("left", "left", "left", *("right",) * 6)
    rows = [gain.row for gain in found]
    return tabulate(rows, HEADERS, tablefmt="pipe", colalign=align, disable_numparse=True) + "\n"


def one_for_all(records: Sequence[Record]) -> dict[str, Any]:
    """The settings that do best on the planted defects of all jobs together, as choose.settings takes them.

    Raises ValueError where the jobs did not try the same settings.
    """
    held = [record.choice for record in records if record.choice.get("trials")]
    if not held:
        raise ValueError("no record has chosen its settings: run experiment=choose first")
    if len(metrics := {one["metric"] for one in held}) > 1:
        raise ValueError(f"the jobs were judged by different metrics: {', '.join(sorted(metrics))}")
    (metric,) = metrics
    tables = [{key_of(trial): trial["metrics"][metric] for trial in one["trials"]} for one in held]
    common = [key for key in tables[0] if all(key in table for table in tables)]
    if len(common) < 2:
        raise ValueError("the jobs have tried no settings in common: choose with choose=grid")
    best = max(common, key=lambda key: fmean(table[key] for table in tables))
    constants = fmean(one["reference"]["metrics"][metric] for one in held)
    baseline = fmean(max(metrics[metric] for metrics in one["baseline"].values()) for one in held)
    return {
        "schema": held[0]["schema"],
        "held_out": all(one["held_out"] for one in held),
        "metric": metric,
        "chosen": {**json.loads(best), "metrics": {metric: fmean(table[best] for table in tables)}},
        "reference": {**held[0]["reference"], "metrics": {metric: constants}},
        "baseline": {"mean": {metric: baseline}},
        "jobs": [f"{one['model']}/{one['category']}/{one['seed']}" for one in held],
    }


def key_of(trial: dict[str, Any]) -> str:
    """A trial without what was measured."""
    return json.dumps({key: value for key, value in trial.items() if key != "metrics"}, sort_keys=True)


def write_one_for_all(path: Path, records: Sequence[Record]) -> str:
    """Write the file; what it holds, in a line."""
    content = one_for_all(records)
    write_whole(path, json.dumps(content, indent=1, ensure_ascii=False))
    value = content["chosen"]["metrics"][content["metric"]]
    mean = f"planted {words(content['metric'])} {value:.3f}, mean of {len(content['jobs'])} jobs"
    return f"{path}: {in_words(content['chosen'])}: {mean}"
