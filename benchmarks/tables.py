"""`python -m benchmarks.tables`: prints the tables of README.md, RESULTS.md and docs/results/ anew from their records.

A table stands between `<!-- renormal-report results/table1_cpu -->` and `<!-- /renormal-report -->`: the first line is
the command that prints it. `<!-- records results/curve -->` to `<!-- /records -->` is the line on the records of a
table in words of one's own: images, seeds, machine, command. `<!-- brief results/NAME/MODEL baseline eq8_adam -->` to
`<!-- /brief -->` is that line and a table of these columns alone, with the paper's number in brackets.
`<!-- paper table1 -->` to `<!-- /paper -->` are the paper's numbers alone, `<!-- compared NAME=results/FOLDER … -->` to
`<!-- /compared -->` the means of each folder beside the paper's for the same cells. New records come into results/ by
`renormal-report outputs/NAME --publish results/NAME`.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import shlex
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from statistics import fmean

from tabulate import tabulate

from renormal.contracts import BASELINE
from renormal.report.cells import Cell, Row
from renormal.report.cli import main as report
from renormal.report.former_names import LABELS
from renormal.report.models import in_paper, model_order
from renormal.report.origin import origin_of
from renormal.report.paper import paper_models, published
from renormal.report.record import Record, read_records
from renormal.report.render import markdown_origin, markdown_text
from renormal.report.table import Table, build_table, ordered_categories

ROOT = Path(__file__).parents[1]
PAGES = (
    "README.md",
    "RESULTS.md",
    *sorted(f"docs/results/{path.name}" for path in (ROOT / "docs/results").glob("*.md")),
)
LINE = re.compile(r"(<!-- records (?P<folder>[^\n]*?) -->\n).*?(<!-- /records -->)", re.DOTALL)
BRIEF = re.compile(r"(<!-- brief (?P<arguments>[^\n]*?) -->\n).*?(<!-- /brief -->)", re.DOTALL)
COMPARED = re.compile(r"(<!-- compared (?P<folders>[^\n]*?) -->\n).*?(<!-- /compared -->)", re.DOTALL)
PAPER = re.compile(r"(<!-- paper table1 -->\n).*?(<!-- /paper -->)", re.DOTALL)
BLOCK = re.compile(r"(<!-- renormal-report (?P<arguments>[^\n]*?) -->\n).*?(<!-- /renormal-report -->)", re.DOTALL)


def printed(arguments: str) -> str:
    """What `renormal-report ARGUMENTS` writes into table.md, without its title. Run in the root of the checkout.

    Raises ValueError where the report refuses.
    """
    said = io.StringIO()
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        status = report([*shlex.split(arguments), "--out", folder])
        if status:
            raise ValueError(f"renormal-report {arguments}: {said.getvalue().strip().splitlines()[-1]}")
        return Path(folder, "table.md").read_text(encoding="utf-8").partition("\n\n")[2]


def readable_records(folder: str) -> list[Record]:
    """All records of a folder. Raises ValueError for a folder without one, or with one that cannot be read."""
    records, problems = read_records(Path(folder))
    if problems or not records:
        raise ValueError(*problems[:1] or (f"{folder}: no records",))
    return records


def brief(folder: str, *methods: str) -> str:
    """The line on the records of a folder, and a table of these columns of its one model, the mean left out."""
    table = build_table(readable_records(folder))
    shown = [index for index, column in enumerate(table.columns) if column.method in methods]
    headers = [markdown_text(table.columns[0].label), *(f"`{table.columns[index].method}`" for index in shown)]
    if unknown := set(methods) - {column.method for column in table.columns}:
        raise ValueError(f"{folder}: no column {', '.join(sorted(unknown))}")
    rows = [[row.label, *(brief_cell(row.cells[index]) for index in shown)] for row in table.rows]
    align = ("left", *("right" for _ in shown))
    lines = tabulate(rows, headers, tablefmt="pipe", colalign=align, disable_numparse=True)
    return f"{markdown_origin(table.origin)}\n\n{lines}\n"


def brief_cell(cell: Cell) -> str:
    """Our number, and the paper's in brackets."""
    paper = "" if cell.paper is None else f" ({cell.paper:.3f})"
    return f"{cell.value:.3f}{paper}" if cell.value is not None else "–"


def line_on(folder: str) -> str:
    """The line on all records of a folder. Raises ValueError as `readable_records` does."""
    records = readable_records(folder)
    places = ordered_categories({record.category: record.kind for record in records})

    def place(job: Record) -> tuple[tuple[int, str], int, int, float]:
        return model_order(in_paper(job)), places.index(job.category), job.seed, job.training.get("images") or 0.0

    return markdown_origin(origin_of(sorted(records, key=place))) + "\n"


def paper_table() -> str:
    """The paper's Table 1: baseline → projection, and the mean rate of each category, of each model and of all."""
    models, numbers = paper_models(), published()
    headers = ["", *(LABELS[model] for model in models), "rate"]
    pairs = {name: [(row[model], row[f"{model}_grad"]) for model in models] for name, row in numbers.items()}
    rows = [[name, *(f"{low:.3f} → {high:.3f}" for low, high in row), rate(row)] for name, row in pairs.items()]
    columns = list(zip(*pairs.values(), strict=True))
    rows += [["rate", *map(rate, columns), rate([pair for row in pairs.values() for pair in row])]]
    align = ("left", *("right" for _ in headers[1:]))
    return tabulate(rows, headers, tablefmt="pipe", colalign=align, disable_numparse=True) + "\n"


def rate(pairs: Iterable[tuple[float, float]]) -> str:
    """The mean of (projection − baseline) / baseline."""
    return f"{fmean((high - low) / low for low, high in pairs):+.1%}".replace("-", "−").replace("%", " %")


def compared(folders: str) -> str:
    """A row for each folder: how many cells, the means of f(x0) and of eq8_adam, the lowest differences, the rates."""
    methods = (BASELINE, "eq8_adam")
    headers = ["`experiment=`", "cells", *(f"`{method}`" for method in methods), "lowest differences", "rate"]
    rows = []
    for name, _, folder in (one.partition("=") for one in shlex.split(folders)):
        table = build_table(readable_records(folder))
        cells = [[cell for row in table.rows for cell in of_method(table, row, method)] for method in methods]
        means = [f"{fmean(ours for ours, _ in part):.3f}, {fmean(paper for _, paper in part):.3f}" for part in cells]
        lowest = ", ".join(f"{min(round(ours, 3) - paper for ours, paper in part):+.3f}" for part in cells)
        (found,) = (one for one in table.rates if one.method == methods[1])
        rows.append([f"`{name}`", found.cells, *means, lowest, f"{found.rate:+.2%}, {found.paper or 0.0:+.2%}"])
    return tabulate(rows, headers, tablefmt="pipe", disable_numparse=True).replace("-0", "−0") + "\n"


def of_method(table: Table, row: Row, method: str) -> list[tuple[float, float]]:
    """(ours, the paper's) of the cells of a row that have both."""
    found = [cell for column, cell in zip(table.columns, row.cells, strict=True) if column.method == method]
    return [(cell.value, cell.paper) for cell in found if cell.value is not None and cell.paper is not None]


def renewed(text: str) -> str:
    """The page with each of its tables printed anew."""
    text = LINE.sub(lambda found: f"{found[1]}{line_on(found['folder'])}{found[3]}", text)
    text = BRIEF.sub(lambda found: f"{found[1]}{brief(*shlex.split(found['arguments']))}{found[3]}", text)
    text = COMPARED.sub(lambda found: f"{found[1]}{compared(found['folders'])}{found[3]}", text)
    text = PAPER.sub(lambda found: f"{found[1]}{paper_table()}{found[2]}", text)
    return BLOCK.sub(lambda found: f"{found[1]}{printed(found['arguments'])}{found[3]}", text)


def main() -> None:
    os.chdir(ROOT)
    for page in map(Path, PAGES):
        before = page.read_text(encoding="utf-8")
        try:
            after = renewed(before)
        except ValueError as error:
            sys.exit(f"{page}: {error}")
        tables = sum(len(blocks.findall(after)) for blocks in (BLOCK, BRIEF, COMPARED, PAPER))
        page.write_text(after, encoding="utf-8")
        print(f"{page}: {'changed' if after != before else 'as it was'}, {tables} tables")


if __name__ == "__main__":
    main()
