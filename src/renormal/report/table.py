"""Tables 1 and 2 from our records: our numbers and the paper's in one structure, which every output format prints."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from statistics import fmean, stdev
from typing import NamedTuple

from renormal.console.text import readable
from renormal.contracts import BASELINE
from renormal.report.cells import Cell, Row, counted, marked
from renormal.report.chance import notes_on_chance
from renormal.report.columns import Column, Paper, crossed, distinct, further_scores, paper_numbers, reference, searches
from renormal.report.mixed import Cells, mixed_cells, notes_on_recipes
from renormal.report.models import label, model_order, paper_names
from renormal.report.origin import Origin, origin_of
from renormal.report.paper import published
from renormal.report.rates import Rate, levels, rates
from renormal.report.record import Record
from renormal.report.regions import comparable
from renormal.report.rounding import notes_on_rounding
from renormal.report.unscored import missing, unscored

PAPER_METRIC = "pixel_auroc"  # the only one in Tables 1 and 2
DRAWN = "drawn under MVTec AD's names, and compared with no number of the paper"
TINY = 1e-9  # a smaller number is no basis of a relative change, ours
SIDES = {"texture": 512, "object": 128}  # pixels, section 4.1
GROUPS = {"texture": "Textures", "object": "Objects"}
LEGEND = (
    "Second line: the paper's number and our difference from it.",
    "↑ ↓ change over f(x₀), ⇑ ⇓ more than 10 %.",
)
SPREAD = "±: standard deviation over seeds."
FEW = "n: seeds of a cell that has fewer than others."


class Table(NamedTuple):
    """What every output format prints."""

    metric: str
    origin: Origin  # above the table
    columns: list[Column]
    rows: list[Row]
    mean: Row
    rates: list[Rate]
    levels: list[str]  # how many cells are as good as the paper's
    notes: list[str]  # what a reader must know before comparing
    recipes: list[str]  # those of the notes that say which numbers are not of one recipe
    mixed: Cells


Numbers = dict[tuple[str, Column], dict[int, float]]  # by seed


def build_table(
    records: Sequence[Record], metric: str = PAPER_METRIC, beside: Sequence[Record] = (), home: str = ""
) -> Table:
    """Categories × (model, method), in the order of the paper; what the paper does not have comes last.

    beside: records of other folders, of other models: they have columns, but rates and levels count those of `home`.
    """
    models_of_home = {record.model for record in records}
    records, notes = distinct([*records, *beside])
    records, on_regions = comparable(records, metric)
    columns, scores = ordered_columns(records, metric), further_scores(records)
    unpublished = {Column(record.model, method) for record in records for method in crossed([record])}
    shown = [column for column in columns if column not in searches(records) | unpublished]
    paper = paper_numbers(shown, paper_names(records), scores) if metric == PAPER_METRIC else {}
    others = foreign(records)
    paper = {place: number for place, number in paper.items() if place[0] not in others}
    numbers, bases = numbers_of(records, columns, metric)
    kinds = {record.category: record.kind for record in records}
    categories, models = ordered_categories(kinds), [column.model for column in columns]
    jobs = sorted(records, key=lambda job: (ranked(job.model, models), categories.index(job.category), job.seed))
    rows = counted([Row(one, group(kinds[one]), cells(one, columns, numbers, bases, paper)) for one in categories])
    mean = Row("mean", "", mean_cells(rows, columns, numbers))
    mixed = mixed_cells(records)
    recipes = notes_on_recipes(mixed, records)
    notes += [*on_regions, *notes_on_rounding(records), *recipes, *partial_means(columns, rows)]
    notes += notes_on_data(records, metric)
    own = [record for record in records if record.model in models_of_home]
    found, reached = counts(columns, rows, own, home)
    notes += notes_on_chance(own, metric, [rate.method for rate in found])
    return Table(metric, origin_of(jobs), columns, rows, mean, found, reached, notes, recipes, mixed)


def group(kind: str) -> str:
    """The heading above the categories of a kind."""
    return GROUPS.get(kind, kind)


def counts(
    columns: list[Column], rows: list[Row], records: Sequence[Record], home: str
) -> tuple[list[Rate], list[str]]:
    """Rates and levels over the columns of these records. They name `home` where other columns would count, too."""
    models = {record.model for record in records}
    own = [index for index, column in enumerate(columns) if column.model in models]
    columns_of_own = [columns[index] for index in own]
    rows_of_own = [row._replace(cells=[row.cells[index] for index in own]) for row in rows]
    further = crossed(records)

    def counted_in(columns: list[Column], rows: list[Row], where: str = "") -> tuple[list[Rate], list[str]]:
        found = rates(columns, rows, {BASELINE, *further}, where)
        methods = [BASELINE, *(rate.method for rate in found)]
        return found, [*levels(columns, rows, methods, where)]

    found = counted_in(columns_of_own, rows_of_own)
    same = found == counted_in(columns, rows)
    return found if same else counted_in(columns_of_own, rows_of_own, f" (of {home} alone)")


def numbers_of(records: Sequence[Record], columns: Sequence[Column], metric: str) -> tuple[Numbers, Numbers]:
    """The number of each cell by seed, and what it is compared with, of the same seeds."""
    numbers: Numbers = {}
    bases: Numbers = {}
    for record in records:
        for column in columns:
            key = f"{column.method}/{metric}"
            if record.model == column.model and key in record.metrics:
                numbers.setdefault((record.category, column), {})[record.seed] = record.metrics[key]
                base = record.metrics.get(f"{reference(record, column.method)}/{metric}")
                if base is not None:
                    bases.setdefault((record.category, column), {})[record.seed] = base
    return numbers, bases


def notes_on_data(records: Sequence[Record], metric: str) -> list[str]:
    """What the test images are, where that is not what a reader expects."""
    unreal = drawn(records) if metric == PAPER_METRIC else {}
    notes = [f"{', '.join(ordered_categories(unreal))}: {DRAWN}"] if unreal else []
    notes += sorted({f"{r.category}: {unscored(r)}" for r in records if not r.metrics})
    notes += sorted({note for r in records if r.metrics for note in missing(r, metric, readable(metric))})
    notes += sorted({f"{r.category}: {r.data['note']}" for r in records if r.data.get("note")})
    others = foreign(records)
    return notes + notes_on_sizes([r for r in records if metric == PAPER_METRIC and r.category not in others])


def notes_on_sizes(records: Sequence[Record]) -> list[str]:
    """A note for each category with fewer pixels than the paper's numbers have."""
    sides = {(r.category, r.data.get("size", 0), SIDES.get(r.kind, 0)) for r in records}
    return [
        f"{category}: images of {size} × {size} pixels, the paper's have {side} × {side}: small defects are lost, so "
        "its numbers are of another task"
        for category, size, side in sorted(sides)
        if 0 < size < side
    ]


def drawn(records: Iterable[Record]) -> dict[str, str]:
    """{category: kind} of the images that a program has drawn."""
    return {record.category: record.kind for record in records if data_name(record) == "rehearsal"}


def foreign(records: Iterable[Record]) -> set[str]:
    """Categories with images that are not MVTec AD's: the paper has no number of them, also where it has their name."""
    return {record.category for record in records if data_name(record) != "mvtec"}


def data_name(record: Record) -> str:
    """The data set: `data.name`. A record without it counts as MVTec AD's."""
    return str(record.config.get("data", {}).get("name", "mvtec"))


def ordered_columns(records: Sequence[Record], metric: str) -> list[Column]:
    """By model, the paper's first. Of each model the baseline first, then the methods as the records list them."""
    labels, names = {record.model: label(record) for record in records}, paper_names(records)
    held = dict.fromkeys((record.model, key) for record in records for key in record.metrics)
    found = dict.fromkeys(key.split("/")[0] for _, key in held if key.endswith(f"/{metric}"))
    methods = sorted(found, key=lambda method: method != BASELINE)  # stable
    return [
        Column(model, method, labels[model])
        for model in sorted(labels, key=lambda model: (model_order(names[model]), model))
        for method in methods
        if (model, f"{method}/{metric}") in held
    ]


def ordered_categories(kinds: dict[str, str]) -> list[str]:
    """Textures, objects, others; within each the paper's order, then by name."""
    return sorted(kinds, key=lambda name: (ranked(kinds[name], GROUPS), ranked(name, published()), name))


def ranked(item: str, order: Iterable[str]) -> int:
    """The place of the item in the order; after the last where it is not there."""
    places = list(order)
    return places.index(item) if item in places else len(places)


def cells(category: str, columns: list[Column], numbers: Numbers, bases: Numbers, paper: Paper) -> list[Cell]:
    """The row of one category. bases: what each number is compared with, by seed; f(x0) is compared with nothing."""
    row = []
    for column in columns:
        place = (category, column)
        found, held = numbers.get(place, {}), bases.get(place, {})
        seeds, base = list(found.values()), fmean(held.values()) if held else None
        own = fmean(found[seed] for seed in held) if held else None  # of the seeds that have both
        gain = None if own is None or base is None or abs(base) < TINY else (own - base) / base
        value = fmean(seeds) if seeds else None
        row.append(Cell(value, stdev(seeds) if len(seeds) > 1 else None, len(seeds), paper.get(place), gain))
    return marked(row)


def mean_cells(rows: list[Row], columns: Sequence[Column], numbers: Numbers) -> list[Cell]:
    """The mean of each column. The paper's stands there only where it has a number for every one of the same cells."""
    means, covered = [], set()
    for index, column in enumerate(columns):
        held = [row for row in rows if row.cells[index].value is not None]
        covered.add(tuple(row.label for row in held))
        by_seed = [numbers[row.label, column] for row in held]
        ours = [fmean(own.values()) for own in by_seed]
        paper = [cell.paper for row in held if (cell := row.cells[index]).paper is not None]
        seeds = by_seed[0].keys() if by_seed and all(own.keys() == by_seed[0].keys() for own in by_seed) else ()
        spread = stdev(fmean(own[seed] for own in by_seed) for seed in seeds) if len(seeds) > 1 else None
        means.append(Cell(fmean(ours), spread, paper=fmean(paper) if len(paper) == len(ours) else None))
    return marked(means) if len(covered) == 1 else means  # no best among means over different categories


def partial_means(columns: list[Column], rows: list[Row]) -> list[str]:
    """A note for each model whose mean leaves categories out."""
    counts = [sum(row.cells[index].value is not None for row in rows) for index in range(len(columns))]
    models = dict.fromkeys((column.label, count) for column, count in zip(columns, counts, strict=True))
    return [
        f"{label}: the mean is over {count} of {len(rows)} categories" for label, count in models if count < len(rows)
    ]
