"""How a job decides on a new image, for the page: threshold, what it promises, and the good images it is taken from."""

from __future__ import annotations

from typing import NamedTuple

from matplotlib import rc_context
from matplotlib.figure import Figure

from renormal.report.charts import COLOURS, SIZE, STYLE, inline
from renormal.report.decide import Decision, decisions, default_column
from renormal.report.record import Record


class Decided(NamedTuple):
    """column: the one that renormal-predict takes. every: the decision of each column."""

    column: str
    own: Decision
    every: dict[str, Decision]
    chart: str


def decided(record: Record) -> Decided | None:
    """The decision at 5 % false alarms; None where the record has no scores of good images."""
    every = decisions(record)
    if not every:
        return None
    column = default_column(record, list(every))
    if column not in every:
        return None
    return Decided(column, every[column], every, chart(every[column], f"{record.category} {column}"))


def chart(decision: Decision, name: str) -> str:
    """A line for the score of each good image, and one for the threshold."""
    with rc_context(STYLE):
        figure = Figure(figsize=(SIZE[0], 1.05), layout="constrained")
        axes = figure.add_subplot(xlabel="score of a good image", yticks=[], ylim=(0, 1.6))
        axes.vlines(decision.scores, 0, 0.8, color=COLOURS[0], linewidth=1)
        axes.axvline(decision.threshold, color=COLOURS[1], linewidth=1.6)
        high = decision.threshold > (min(decision.scores) + max(decision.scores)) / 2
        side = {"ha": "right", "text": "threshold  "} if high else {"ha": "left", "text": "  threshold"}
        axes.text(decision.threshold, 1.5, side["text"], ha=side["ha"], va="top", fontsize=8)
        axes.margins(x=0.04)
        axes.locator_params(axis="x", nbins=5)  # labels such as 0.001825 would touch each other
        title = f"Scores of {decision.good} good images and the threshold, {name}"
        return inline(figure, title)
