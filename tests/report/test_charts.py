"""The charts of the page: the page's colours, every seed, nothing where there is nothing."""

from __future__ import annotations

import re

from made_up import made_up

from renormal.report.charts import COLOURS, GRID, INK, MOST, curve_chart, steps_chart
from renormal.report.figures import iteration_figure
from renormal.report.record import Record


def job(seed: int, steps: list[int], model: str = "vae") -> Record:
    return made_up(model, seed=seed, curves={"eq8": {"pixel_auroc": [0.5, 0.75], "steps": steps}})


def heights(chart: str) -> list[float]:
    """The distinct heights of the bars of one histogram, the highest as 1."""
    (bars,) = re.findall(r'<path d="([^"]*)"[^>]*style="fill: var\(--chart-0\)', chart)
    ys = {float(y) for y in re.findall(r"[ML] \S+ (\S+)", bars)}
    bottom = max(ys)
    return sorted(round((bottom - y) / (bottom - min(ys)), 2) for y in ys)


def test_charts_are_drawn_in_the_colours_of_the_page() -> None:
    records = [job(0, [1, 2]), job(0, [1, 2], "dsae")]
    for chart in (curve_chart(records, "pixel_auroc"), steps_chart(records)):
        assert chart is not None
        assert not any(colour in chart for colour in (INK, GRID, *COLOURS))
        assert all(colour in chart for colour in ("currentColor", "var(--line)", "var(--chart-0)", "var(--chart-1)"))


def test_a_histogram_counts_the_samples_of_every_seed() -> None:
    chart = steps_chart([job(0, [0, 1]), job(1, [0, 1, 4, 0])])  # two samples took one update, four took two
    assert chart is not None
    assert heights(chart) == [0, 0.5, 1]


def test_each_seed_is_a_line_and_one_name_stands_for_all() -> None:
    chart = curve_chart([job(seed, [1]) for seed in range(3)], "pixel_auroc")
    assert chart is not None
    assert chart.count("VAE eq8") == 1
    assert len(re.findall(r"stroke: var\(--chart-0\)", chart)) == 3 + 1  # and the legend's


def test_without_curves_there_is_no_chart() -> None:
    assert curve_chart([made_up()], "pixel_auroc") is None
    assert curve_chart([job(0, [1])], "aupro") is None
    assert steps_chart([made_up()]) is None
    assert steps_chart([job(0, [0, 5]), job(1, [0, 0, 5])]) is None  # each makes one number of updates: bars of 1


def test_of_many_projections_the_first_are_drawn_and_the_chart_says_so() -> None:
    names = [f"projection_{number:03}" for number in range(200)]
    record = made_up(curves={name: {"pixel_auroc": [0.5, 0.6], "steps": [0, 2, 1]} for name in names})
    for chart in (curve_chart([record], "pixel_auroc"), steps_chart([record])):
        assert chart is not None
        assert f"the first {MOST} of 200 projections" in chart
        assert [name for name in names if name in chart] == names[:MOST]
    axes = iteration_figure(record).gca()
    assert len([line for line in axes.lines if str(line.get_label()).startswith("projection")]) == MOST
    assert axes.get_title("left").endswith(f", the first {MOST} of 200 projections")
    few = made_up(curves={name: {"pixel_auroc": [0.5, 0.6]} for name in names[:MOST]})
    assert "the first" not in (curve_chart([few], "pixel_auroc") or "")
