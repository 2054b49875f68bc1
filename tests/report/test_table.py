"""The table: the paper's own numbers give the paper's own rates, and every output prints the same cells."""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from made_up import made_up
from rich.console import Console

from renormal.report.columns import Column, paper_numbers
from renormal.report.paper import paper_models
from renormal.report.record import Record
from renormal.report.render import comma_separated, latex, latex_label, legend, markdown, terminal
from renormal.report.table import DRAWN, Cell, Table, build_table

LOST = "small defects are lost, so its numbers are of another task"
FEWER = f"grid: images of 128 × 128 pixels, the paper's have 512 × 512: {LOST}"
TEXTURES = ("carpet", "grid", "leather", "tile", "wood")


def as_published() -> list[Record]:
    """Sixty records with the numbers of the paper."""
    paper = paper_numbers([Column(model, method) for model in paper_models() for method in ("baseline", "grad")], {})
    records = []
    for model in paper_models():
        for category in dict.fromkeys(category for category, _ in paper):
            metrics = {f"{m}/pixel_auroc": paper[category, Column(model, m)] for m in ("baseline", "grad")}
            kind = "texture" if category in TEXTURES else "object"
            records.append(made_up(model, category, metrics=metrics, kind=kind))
    return records


def aurocs(**values: float) -> dict[str, Any]:
    return {"metrics": {f"{method}/pixel_auroc": value for method, value in values.items()}}


def cell(table: Table, category: str, model: str, method: str) -> Cell:
    row = next(row for row in [*table.rows, table.mean] if row.label == category)
    return row.cells[table.columns.index(Column(model, method))]


def test_the_papers_numbers_give_its_mean_improvement_rate_and_its_layout() -> None:
    table = build_table(list(reversed(as_published())))
    (rate,) = table.rates
    assert round(100 * rate.rate, 2) == 9.52  # Table 1
    assert rate.paper == pytest.approx(rate.rate)
    assert (rate.improved, rate.cells) == (54, 60)  # one tie and five losses
    assert [column.model for column in table.columns[::2]] == paper_models()
    labels = ("carpet", "wood", "bottle", "zipper")
    assert [(table.rows[index].label, table.rows[index].group) for index in (0, 4, 5, 14)] == [
        (label, "Textures" if index < 2 else "Objects") for index, label in enumerate(labels)
    ]
    assert cell(table, "mean", "l2_ae", "grad").delta == 0
    best = [row.cells.index(best[0]) for row in table.rows if len(best := [c for c in row.cells if c.best]) == 1]
    assert best == [3, 1, 5, 5, 5, 3, 5, 1, 7, 3, 7, 2, 5, 3, 1]  # the bold cells of Table 1


SCORES = ("squared_error", "loss_gradient", "loss_gradient_x_error", "kl_gradient", "kl_gradient_x_error")


def table2(**changes: float) -> Record:
    """Grid as appendix A has it: the five scores, then VAE-grad."""
    values = dict(zip((*SCORES, "eq8_adam"), (0.823, 0.635, 0.812, 0.507, 0.790, 0.961), strict=True))
    return made_up(**aurocs(baseline=0.888, **(values | changes)), config={"scores": {name: {} for name in SCORES}})


def test_each_score_is_compared_with_its_own_column_of_table_2() -> None:
    table = build_table([table2()])
    assert [column.method for column in table.columns] == ["baseline", *SCORES, "eq8_adam"]
    assert [found.delta for found in table.rows[0].cells] == [0.0] * 7
    assert [found.best for found in table.rows[0].cells] == [False] * 6 + [True]


def test_a_score_is_no_projection_and_improves_nothing() -> None:
    table = build_table([table2(squared_error=0.9)])
    assert [rate.method for rate in table.rates] == ["eq8_adam"]
    assert cell(table, "grid", "vae", "squared_error").arrow == ""
    assert cell(table, "grid", "vae", "eq8_adam").arrow == "↑"


def test_a_score_that_the_paper_does_not_have_stands_alone() -> None:
    metrics = aurocs(baseline=0.8, kl_gradient=0.6, smooth=0.7)
    runs = [made_up(model, **metrics, config={"scores": {"kl_gradient": {}, "smooth": {}}}) for model in paper_models()]
    table = build_table(runs)
    assert cell(table, "grid", "vae", "kl_gradient").paper == 0.507
    assert cell(table, "grid", "vae", "smooth").paper is None, "not that of a projection"
    assert cell(table, "grid", "gamma_vae", "kl_gradient").paper is None, "Table 2 has one VAE"


def test_a_narrow_terminal_shows_every_score_whole() -> None:
    console = Console(width=80, record=True, file=io.StringIO())
    for block in terminal(build_table([table2()]), 80):
        console.print(block)
    text = console.export_text()
    assert "…" not in text
    assert all(part in text for score in SCORES for part in score.split("_"))


@pytest.mark.parametrize(
    ("value", "arrow"),
    [(0.9, "⇑"), (0.81, "↑"), (0.8, ""), (0.8001, ""), (0.79, "↓"), (0.7, "⇓")],
)
def test_arrows_double_beyond_ten_percent(value: float, arrow: str) -> None:
    table = build_table([made_up(**aurocs(baseline=0.8, eq8=value))])
    assert cell(table, "grid", "vae", "eq8").arrow == arrow
    assert cell(table, "grid", "vae", "baseline").arrow == ""


def test_seeds_give_mean_and_standard_deviation() -> None:
    runs = [made_up(seed=seed, **aurocs(baseline=0.5, eq8=value)) for seed, value in enumerate((0.6, 0.7, 0.8))]
    found = cell(build_table(runs), "grid", "vae", "eq8")
    assert (found.value, found.std, found.seeds, found.gain) == pytest.approx((0.7, 0.1, 3, 0.4))
    assert found.main == "0.700 ± 0.100 ⇑"


def test_categories_and_models_that_the_paper_does_not_have_come_last_without_its_numbers() -> None:
    runs = [
        made_up("resnet", "screws of mine", kind="folder", **aurocs(baseline=0.9)),
        made_up("vae", "grid", **aurocs(baseline=0.8, eq8_adam=0.7, eq8=0.85)),
    ]
    table = build_table(runs)
    assert [column.model for column in table.columns] == ["vae"] * 3 + ["resnet"]
    assert [column.method for column in table.columns] == ["baseline", "eq8_adam", "eq8", "baseline"]
    assert [(row.group, row.label) for row in table.rows] == [("Textures", "grid"), ("folder", "screws of mine")]
    assert cell(table, "screws of mine", "resnet", "baseline").paper is None
    assert cell(table, "grid", "vae", "eq8_adam").paper == cell(table, "grid", "vae", "eq8").paper == 0.961
    means = [f"{model}: the mean is over 1 of 2 categories" for model in ("VAE", "resnet")]
    assert table.notes == [*means, "grid: <made-up> & small", "screws of mine: <made-up> & small", FEWER]
    assert not any(cell.best for cell in table.mean.cells)  # means over different categories do not compare


def test_a_model_is_labelled_by_its_own_config_in_every_output() -> None:
    table = build_table([made_up("mine", config={"model": {"label": "my β²-VAE"}}), made_up("vae"), made_up("other")])
    assert list(dict.fromkeys(column.label for column in table.columns)) == ["VAE", "my β²-VAE", "other"]
    assert "my β²-VAE<br>eq8_adam" in markdown(table)
    assert r"{my $\beta^2$-VAE}" in latex(table)


@pytest.mark.parametrize(("label", "written"), [("L² AE", "$L^2$ AE"), ("γ-VAE", r"$\gamma$-VAE"), ("a_b", r"a\_b")])
def test_labels_in_latex(label: str, written: str) -> None:
    assert latex_label(label) == written


def test_drawn_images_and_own_photographs_are_compared_with_no_number_of_the_paper() -> None:
    drawn, own = (made_up(config={"data": {"name": name}}, data={"size": 64}) for name in ("rehearsal", "folder"))
    table = build_table([drawn, made_up("vae", "bottle")])
    assert table.notes[0] == f"grid: {DRAWN}"
    found = [cell(table, category, "vae", "baseline").paper for category in ("grid", "bottle", "mean")]
    assert found == [None, 0.902, None]
    for alone in (build_table([drawn]), build_table([own])):
        assert (alone.rates[0].paper, alone.levels) == (None, [])
        assert "paper" not in legend(alone)
        assert not any("pixels" in note for note in alone.notes)
    for real in (build_table([drawn], "aupro"), build_table([made_up(config={"data": {"name": "mvtec"}})])):
        assert not any(DRAWN in note for note in real.notes)


BOTH, GOOD, BAD = ({"test_good": good, "test_defective": bad} for good, bad in ((3, 3), (3, 0), (0, 3)))
NO_MASK, NO_GOOD = "no defective image has a mask", "only defective images were tested"


def test_images_with_fewer_pixels_than_the_papers_are_a_note() -> None:
    small, whole = ({"size": size} for size in (64, 128))
    records = [made_up("vae", "bottle", kind="object", data=small), made_up("vae", "pill", kind="object", data=whole)]
    said = [note for note in build_table(records).notes if "pixels" in note]
    assert said == [f"bottle: images of 64 × 64 pixels, the paper's have 128 × 128: {LOST}"]
    assert not any("pixels" in note for note in build_table(records, "aupro").notes), "of which the paper has no number"


@pytest.mark.parametrize(
    ("fields", "note"),
    [
        ({"data": GOOD}, "only good images were tested, so there is no AUROC"),
        ({"data": BAD}, "only defective images were tested, so there is no AUROC"),
        (
            {"data": BAD, "undefined": {"f1": NO_MASK, "image_auroc": NO_GOOD}},
            f"{NO_MASK} and {NO_GOOD}, so there is no AUROC",
        ),
        (
            {"data": GOOD, "panels": [{"file": "a.png"}]},
            "only good images were tested, so there is no AUROC: the page shows what the projection changes",
        ),
        ({"config": {"stages": ["train", "choose"]}, "data": BOTH}, "nothing was tested"),
        ({"data": {}}, "its record does not say why, so there is no AUROC"),
    ],
)
def test_a_record_without_scores_is_named_with_the_true_reason(fields: dict[str, Any], note: str) -> None:
    assert build_table([made_up("vae", "hinge", metrics={}, **fields)]).notes == [f"hinge: {note}"]


def test_a_record_with_a_recall_alone_is_named_with_the_reasons() -> None:
    found = made_up(
        "vae",
        "hinge",
        metrics={"eq8/image_recall/cut": 1.0},
        undefined={"pixel_auroc": NO_MASK, "image_auroc": NO_GOOD},
        data={},
    )
    assert f"hinge: no AUROC, {NO_MASK} and {NO_GOOD}" in build_table([found], "image_recall/cut").notes


def test_a_record_without_this_metric_is_named_with_its_reason() -> None:
    """Of an older record the reason is not known."""
    undefined = {"pixel_auroc": "no defective image has a mask"}
    found = made_up("vae", "hinge", metrics={"eq8/image_auroc": 0.8}, undefined=undefined, data={})
    old = made_up("vae", "bolt", metrics={"eq8/image_auroc": 0.8}, data={})
    assert build_table([found, old]).notes == ["hinge: no pixel AUROC, no defective image has a mask"]
    assert build_table([found, old], "image_auroc").notes == []


def test_a_model_may_name_the_one_of_the_paper_that_it_is_compared_with() -> None:
    config = {"model": {"label": "VAE, σ = 1", "paper": "vae"}}
    table = build_table([made_up("vae_unit", "grid", config=config), made_up("vae", "grid")])
    assert cell(table, "grid", "vae_unit", "baseline").paper == cell(table, "grid", "vae", "baseline").paper == 0.888


def test_another_metric_stands_without_the_papers_numbers() -> None:
    table = build_table([made_up()], "aupro")
    assert table.columns == [Column("vae", "eq8_adam")]
    assert cell(table, "grid", "vae", "eq8_adam") == Cell(0.5, None, 1, None, None, best=True)
    assert "paper" not in legend(table)


def test_of_a_repeated_job_the_longest_training_counts_and_the_table_says_so() -> None:
    runs = [made_up(training={"images": images}, **aurocs(baseline=images / 1000)) for images in (300, 900, 100)]
    table = build_table(runs)
    assert cell(table, "grid", "vae", "baseline").value == 0.9
    left_out = "2 records repeat a job with no more training images and are left out of the table"
    assert table.notes == [left_out, "grid: <made-up> & small", FEWER]


def test_every_output_has_every_cell_losing_ones_too() -> None:
    table = build_table([made_up(**aurocs(baseline=0.9, eq8_adam=0.7)), made_up("dsae", **aurocs(baseline=0.85))])
    console = Console(width=70, record=True, file=io.StringIO())
    for block in terminal(table, 70):
        console.print(block)
    for text in (console.export_text(), markdown(table), latex(table), comma_separated(table)):
        for number in ("0.9", "0.7", "0.85"):
            assert number in text
    assert "**0.900**" in markdown(table)
    assert "0.700 ⇓<br>0.961 −0.261" in markdown(table)
    assert r"0.700 $\Downarrow$ {\scriptsize 0.961 $-$0.261}" in latex(table)
    assert r"{\footnotesize Small print: the paper's number and our difference from it. $\uparrow$" in latex(table)
    assert r"over f(x$_0$), $\Uparrow$ $\Downarrow$ more than 10 \%. Bold: the best of each row.}" in latex(table)
    assert r"\multicolumn{2}{c}{VAE}" in latex(table)
    rows = list(csv.DictReader(io.StringIO(comma_separated(table))))
    loss = next(row for row in rows if row["method"] == "eq8_adam" and row["model"] == "vae")
    assert (float(loss["delta"]), float(loss["gain"])) == pytest.approx((-0.261, -2 / 9), abs=1e-5)


@pytest.mark.parametrize(("width", "blocks"), [(400, 1), (80, 2), (20, 4)])
def test_the_terminal_table_is_split_where_it_does_not_fit(width: int, blocks: int) -> None:
    assert len(terminal(build_table(as_published()), width)) == blocks


def test_a_search_in_z_is_compared_with_no_number_of_the_paper() -> None:
    projections = {"eq8": {"energy": {"weight": 0.05}}, "latent": {"energy": {"weight": 1.0, "start": {}}}}
    record = made_up(**aurocs(baseline=0.8, eq8=0.9, latent=0.85), config={"projections": projections})
    table = build_table([record])
    assert cell(table, "grid", "vae", "eq8").paper == 0.961
    assert cell(table, "grid", "vae", "latent").paper is None
    assert cell(table, "mean", "vae", "latent").paper is None
    assert {rate.method: rate.paper is None for rate in table.rates} == {"eq8": False, "latent": True}
    assert cell(table, "grid", "vae", "latent").gain == pytest.approx(0.0625)  # over the baseline, as every method


def test_a_crossed_column_is_held_to_its_own_score_and_to_no_number_of_the_paper() -> None:
    values = {"baseline": 0.9, "msgms": 0.8, "eq8_adam": 0.95, "eq8_adam_msgms": 0.84}
    config = {"scores": {"msgms": {}}, "projections": {"eq8_adam": {}}, "test": {"crossed": True}}
    table = build_table([made_up("l2_ae", "grid", **aurocs(**values), config=config)])
    assert cell(table, "grid", "l2_ae", "eq8_adam_msgms").gain == pytest.approx(0.05)
    assert cell(table, "grid", "l2_ae", "eq8_adam").gain == pytest.approx(0.05 / 0.9)
    assert cell(table, "grid", "l2_ae", "msgms").gain is None
    papers = [cell(table, "grid", "l2_ae", method).paper is not None for method in values]
    assert papers == [True, False, True, False]
    assert [(rate.method, rate.paper is None) for rate in table.rates] == [("eq8_adam", False)]  # once a projection


def test_what_was_chosen_is_held_to_the_score_that_was_chosen_with_it() -> None:
    """Otherwise the gain of a better score would count as the projection's."""
    scores = {"msgms": {"_target_": "MSGMS"}, "error": {"_target_": "SquaredError"}}
    config = {"score": {"_target_": "DSSIM"}, "scores": scores, "choose": {"scores": {"m": scores["msgms"]}}}
    values = {"baseline": 0.8, "msgms": 0.9, "chosen": 0.91}
    gains = []
    for score in ("m", "score"):
        choice = {"chosen": {"score": score}}
        record = made_up("l2_ae", "grid", **aurocs(**values), config=config, choice=choice)
        gains.append(cell(build_table([record]), "grid", "l2_ae", "chosen").gain)
    assert gains == pytest.approx([0.01 / 0.9, 0.11 / 0.8])


def test_records_of_other_names_that_fall_out_of_the_table_are_named() -> None:
    records = [made_up("l2_ae", "grid", **aurocs(baseline=0.8), name=name) for name in ("rows/whole", "rows/less")]
    table = build_table(records)
    assert (
        "1 records repeat a job under another name and are left out, give their folder alone: rows/whole" in table.notes
    )


def test_a_record_and_its_copy_are_one_job() -> None:
    record = made_up("vae", "grid", **aurocs(baseline=0.9))
    table = build_table([record, replace(record, folder=Path("copy"))])
    assert cell(table, "grid", "vae", "baseline").value == pytest.approx(0.9)
    assert table.notes[0].startswith("1 records repeat a job")


def test_a_gain_is_of_the_seeds_that_have_both() -> None:
    """Of two seeds one chose a score that f(x0) has no column of."""
    config = {"score": {"_target_": "DSSIM"}, "choose": {"scores": {"error": {"_target_": "SquaredError"}}}}
    records = [
        made_up(
            "l2_ae",
            "grid",
            seed,
            **aurocs(baseline=0.9, chosen=value),
            config=config,
            choice={"chosen": {"score": score}},
        )
        for seed, (value, score) in enumerate([(0.92, "score"), (0.8, "error")])
    ]
    found = cell(build_table(records), "grid", "l2_ae", "chosen")
    assert (found.value, found.gain) == (pytest.approx(0.86), pytest.approx(0.02 / 0.9))


def with_seeds(model: str, *values: float, category: str = "grid") -> list[Record]:
    return [made_up(model, category, seed, **aurocs(baseline=0.5, eq8=value)) for seed, value in enumerate(values)]


def test_a_cell_of_fewer_seeds_says_so_in_every_output() -> None:
    table = build_table([*with_seeds("vae", 0.6, 0.7, 0.8), *with_seeds("dsae", 0.6, 0.8), *with_seeds("l2_ae", 0.6)])
    found = {model: cell(table, "grid", model, "eq8").main for model in ("vae", "dsae", "l2_ae")}
    assert found == {"vae": "0.700 ± 0.100 ⇑", "dsae": "0.700 ± 0.141 (n = 2) ⇑", "l2_ae": "0.600 (n = 1) ⇑"}
    assert legend(table).endswith("±: standard deviation over seeds. n: seeds of a cell that has fewer than others.")
    console = Console(width=200, record=True, file=io.StringIO())
    for block in terminal(table, 200):
        console.print(block)
    for text in (console.export_text(), markdown(table)):
        assert text.count("(n = 2)") == text.count("(n = 1)") == 2, "f(x0) and eq8"
    assert r"$\pm$ 0.141 (n = 2) $\Uparrow$" in latex(table)
    assert {row["seeds"] for row in csv.DictReader(io.StringIO(comma_separated(table)))} == {"1", "2", "3"}


def test_one_seed_has_neither_a_deviation_nor_a_count() -> None:
    table = build_table([*with_seeds("vae", 0.6), *with_seeds("dsae", 0.7)])
    assert "±" not in markdown(table)
    assert "n =" not in markdown(table)


def test_the_deviation_of_a_mean_is_that_of_the_means_of_each_seed() -> None:
    """Categories vary together here: 0.5 and 0.7 for both seeds' means."""
    grid, bottle = with_seeds("vae", 0.4, 0.8), with_seeds("vae", 0.6, 0.6, category="bottle")
    found = cell(build_table([*grid, *bottle]), "mean", "vae", "eq8")
    assert (found.value, found.std) == pytest.approx((0.6, 0.2 / 2**0.5))
    assert cell(build_table([*grid, *bottle[:1]]), "mean", "vae", "eq8").std is None, "other seeds in each category"


def test_cells_as_good_as_the_papers_are_counted_as_they_are_printed() -> None:
    """Grid of the paper: L² AE 0.960 → 0.981, VAE 0.888 → 0.961."""
    near = [
        made_up("l2_ae", **aurocs(baseline=0.9496, eq8=0.9806)),
        made_up("vae", **aurocs(baseline=0.8774, eq8=0.96)),
    ]
    assert build_table(near).levels == [
        "baseline: 1 of 2 cells are above the paper's or at most 0.01 below",
        "eq8: 1 of 2 cells are at the paper's or above",
    ]
    assert build_table(as_published()).levels[1] == "grad: 60 of 60 cells are at the paper's or above"
    assert build_table(near, "aupro").levels == []
    assert build_table([made_up("own", "hinge")]).levels == []


def test_a_model_stands_at_the_place_of_the_one_that_it_is_compared_with() -> None:
    config = {"model": {"label": "VAE, σ = 1", "paper": "vae"}}
    models = [made_up(name) for name in ("l2_ae", "gamma_vae", "mean_image")] + [made_up("vae_unit", config=config)]
    labels = dict.fromkeys(column.label for column in build_table(models).columns)
    assert list(labels) == ["L² AE", "VAE, σ = 1", "γ-VAE", "mean image"]


def test_a_cell_that_is_not_there_is_a_dash_above_the_papers_number() -> None:
    table = build_table([made_up("l2_ae", "grid"), made_up("l2_ae", "bottle"), made_up("vae", "grid")])
    assert cell(table, "bottle", "vae", "baseline").main == "–"
    assert "–<br>0.902" in markdown(table)
    assert "VAE: the mean is over 1 of 2 categories" in table.notes
    assert (table.rates[0].cells, table.levels[0].partition(" cells ")[0]) == (3, "baseline: 0 of 3")
