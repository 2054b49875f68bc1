"""Settings chosen on planted defects: their gain on the test set over the configured constants."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean
from typing import Any, NamedTuple

from tabulate import tabulate

from renormal.console.text import readable
from renormal.files import write_whole
from renormal.report.columns import distinct
from renormal.report.former_names import CHOSEN
from renormal.report.models import label
from renormal.report.origin import OWN, score_name
from renormal.report.record import Record
from renormal.report.render import markdown_text
from renormal.report.table import Table

NONE = "–"  # in place of a number
SYMBOLS = {"step_size": "α", "energy.weight": "λ", "stop.quantile": "T quantile"}
HEADERS = ("", "model", "chosen", "planted, as configured", "chosen", "f(x₀)", "test, as configured", "chosen", "gain")


class Gain(NamedTuple):
    """One job: a metric of the first projection as configured, and of the chosen settings."""

    category: str
    model: str
    settings: str  # the chosen ones, as text
    projection: str  # the configured one
    column: str  # of the table, with the numbers of the chosen settings
    planted: tuple[float, float]  # (configured, chosen) on planted defects
    baseline: float | None  # f(x0) on planted defects, under its best score
    test: tuple[float, float] | None  # (configured, chosen) on the test set; None where nothing could be scored
    metric: str  # of the numbers on planted defects
    held_out: bool  # the defects were planted on images that the training did not use

    @property
    def difference(self) -> float | None:
        return None if self.test is None else self.test[1] - self.test[0]

    @property
    def row(self) -> list[str]:
        numbers = [*self.planted, self.baseline, *(self.test or (None, None))]
        shown = [NONE if number is None else f"{number:.3f}" for number in numbers]
        return [self.category, self.model, self.settings, *shown, signed(self.difference)]


def gains(records: Sequence[Record], metric: str) -> list[Gain]:
    """One for each record whose settings were chosen by its own job or by earlier jobs."""
    return [gain_of(record, metric) for record in distinct(records)[0] if record.choice]


def gain_of(record: Record, metric: str) -> Gain:
    choice = record.choice
    chosen, configured, planted_metric = choice["chosen"], choice["reference"], choice["metric"]
    column = next((name for name in CHOSEN if f"{name}/{metric}" in record.metrics), CHOSEN[0])
    keys = f"{configured['projection']}/{metric}", f"{column}/{metric}"
    values = [record.metrics[key] for key in keys if key in record.metrics]
    baselines = [metrics[planted_metric] for metrics in choice["baseline"].values()]
    return Gain(
        category=record.category,
        model=label(record),
        settings=settings_text(chosen, score_name(record)),
        projection=configured["projection"],
        column=column,
        planted=(configured["metrics"][planted_metric], chosen["metrics"][planted_metric]),
        baseline=max(baselines, default=None),
        test=(values[0], values[1]) if len(values) == len(keys) else None,
        metric=planted_metric,
        held_out=choice["held_out"],
    )


def settings_text(chosen: dict[str, Any], own: str = OWN) -> str:
    """eq8, α 0.125, λ 0.2, T quantile 0, dssim. own: the name to print for the score of the config."""
    numbers = [f"{SYMBOLS.get(place, place)} {value:.3g}" for place, value in chosen["settings"].items()]
    return ", ".join([chosen["projection"], *numbers, own if chosen["score"] == OWN else chosen["score"]])


def filled(found: Sequence[Gain]) -> tuple[list[str], list[list[str]]]:
    """Headers and rows, without the columns in which no job has a number."""
    rows = [gain.row for gain in found]
    kept = [place for place in range(len(HEADERS)) if any(row[place] != NONE for row in rows)]
    return [HEADERS[place] for place in kept], [[row[place] for place in kept] for row in rows]


def signed(value: float | None) -> str:
    """+0.012, −0.012, or – for None."""
    return NONE if value is None else f"{value:+.3f}".replace("-", "−")


def summary(found: Sequence[Gain], metric: str) -> list[str]:
    """The table's notes on chosen settings: one per configured projection, and one where images were not held out."""
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
        lines.append(f"{count}, mean {readable(metric)} {signed(fmean(real))} {where}")
    if leaks := sum(not gain.held_out for gain in found):
        lines.append(f"{leaks} of {len(found)} choices were made on images that the weights may have been trained on")
    return lines


def with_gains(table: Table, found: Sequence[Gain]) -> Table:
    """The table with the notes of `summary` added."""
    return table._replace(notes=[*table.notes, *summary(found, table.metric)])


def markdown(found: Sequence[Gain]) -> str:
    """A Markdown table for GitHub: one row per job."""
    headers, rows = filled(found)
    align = ("left",) * 3 + ("right",) * (len(headers) - 3)
    texts = [[markdown_text(cell) for cell in row] for row in rows]
    return tabulate(texts, headers, tablefmt="pipe", colalign=align, disable_numparse=True) + "\n"


def one_for_all(records: Sequence[Record]) -> dict[str, Any]:
    """The settings with the best mean on the planted defects of all jobs, in the form that choose.settings reads.

    Raises ValueError where no job chose settings, or where the jobs have no common metric or settings.
    """
    choices = [record.choice for record in records if record.choice.get("trials")]
    if not choices:
        raise ValueError("no record holds chosen settings: run experiment=choose first")
    if len(metrics := {choice["metric"] for choice in choices}) > 1:
        raise ValueError(f"the jobs chose by different metrics: {', '.join(sorted(metrics))}")
    (metric,) = metrics
    tables = [{trial_key(trial): trial["metrics"][metric] for trial in choice["trials"]} for choice in choices]
    common = [key for key in tables[0] if all(key in table for table in tables)]
    if len(common) < 2:
        raise ValueError("the jobs tried fewer than two settings in common: run them with choose=grid")
    best = max(common, key=lambda key: fmean(table[key] for table in tables))
    constants = fmean(choice["reference"]["metrics"][metric] for choice in choices)
    baseline = fmean(max(metrics[metric] for metrics in choice["baseline"].values()) for choice in choices)
    return {
        "schema": choices[0]["schema"],
        "held_out": all(choice["held_out"] for choice in choices),
        "metric": metric,
        "chosen": {**json.loads(best), "metrics": {metric: fmean(table[best] for table in tables)}},
        "reference": {**choices[0]["reference"], "metrics": {metric: constants}},
        "baseline": {"mean": {metric: baseline}},
        "jobs": [f"{choice['model']}/{choice['category']}/{choice['seed']}" for choice in choices],
    }


def trial_key(trial: dict[str, Any]) -> str:
    """A trial without its metrics, as JSON: trials of equal settings have equal keys."""
    return json.dumps({key: value for key, value in trial.items() if key != "metrics"}, sort_keys=True)


def write_one_for_all(path: Path, records: Sequence[Record]) -> str:
    """Write the settings of `one_for_all` to `path`. Returns one line about them."""
    content = one_for_all(records)
    write_whole(path, json.dumps(content, indent=1, ensure_ascii=False))
    value = content["chosen"]["metrics"][content["metric"]]
    mean = f"{readable(content['metric'])} of planted defects {value:.3f}, mean of {len(content['jobs'])} jobs"
    return f"{path}: {settings_text(content['chosen'])}: {mean}"
