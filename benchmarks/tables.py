"""`python -m benchmarks.tables`: prints the tables of README.md, RESULTS.md and docs/results/ anew from their records.

A table stands between `<!-- renormal-report results/table1_cpu -->` and `<!-- /renormal-report -->`: the first line is
the command that prints it. `<!-- records results/curve -->` to `<!-- /records -->` is the line on the records of a
table in words of one's own: images, seeds, machine, command. New records come into results/ by
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
from pathlib import Path

from renormal.report.cli import main as report
from renormal.report.models import in_paper, model_order
from renormal.report.origin import origin_of
from renormal.report.record import Record, read_records
from renormal.report.render import markdown_origin
from renormal.report.table import ordered_categories

ROOT = Path(__file__).parents[1]
PAGES = (
    "README.md",
    "RESULTS.md",
    *sorted(f"docs/results/{path.name}" for path in (ROOT / "docs/results").glob("*.md")),
)
LINE = re.compile(r"(<!-- records (?P<folder>[^\n]*?) -->\n).*?(<!-- /records -->)", re.DOTALL)
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


def line_on(folder: str) -> str:
    """The line on all records of a folder. Raises ValueError for a folder without one that can be read."""
    records, problems = read_records(Path(folder))
    if problems or not records:
        raise ValueError(*problems[:1] or (f"{folder}: no records",))
    places = ordered_categories({record.category: record.kind for record in records})

    def place(job: Record) -> tuple[tuple[int, str], int, int, float]:
        return model_order(in_paper(job)), places.index(job.category), job.seed, job.training.get("images") or 0.0

    return markdown_origin(origin_of(sorted(records, key=place))) + "\n"


def renewed(text: str) -> str:
    """The page with each of its tables printed anew."""
    text = LINE.sub(lambda found: f"{found[1]}{line_on(found['folder'])}{found[3]}", text)
    return BLOCK.sub(lambda found: f"{found[1]}{printed(found['arguments'])}{found[3]}", text)


def main() -> None:
    os.chdir(ROOT)
    for page in map(Path, PAGES):
        before = page.read_text(encoding="utf-8")
        try:
            after = renewed(before)
        except ValueError as error:
            sys.exit(f"{page}: {error}")
        page.write_text(after, encoding="utf-8")
        print(f"{page}: {'changed' if after != before else 'as it was'}, {len(BLOCK.findall(after))} tables")


if __name__ == "__main__":
    main()
