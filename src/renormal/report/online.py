"""Log the finished table as one wandb run, in the project of the jobs."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from renormal.boards import wandb_run
from renormal.console.text import readable
from renormal.report.cells import Row
from renormal.report.columns import Column
from renormal.report.record import Record
from renormal.report.render import above, under
from renormal.report.table import Table

PROJECT = "renormal"


def log_table(folder: Path, records: Sequence[Record], table: Table) -> None:
    """Log the table as printed, the table with one row per number, charts, and the means as the run's summary.

    Project, entity and mode are those of the jobs. A second call for the same folder continues the same run.
    """
    settings = settings_of(records)
    name = records[0].name
    identity = hashlib.sha256(f"table\n{folder.resolve()}".encode()).hexdigest()[:16]
    run = wandb_run.begin(folder, name=f"{name}/table", group=name, job_type="table", id=identity, **settings)
    code = 1
    try:
        run.config.update(
            {"name": name, "metric": table.metric, "jobs": len(records), "notes": [*above(table), *under(table)]},
            allow_val_change=True,
        )
        for key in (summary := numbers(table)):
            run.define_metric(key, summary="last")
        run.log(summary)
        run.log(contents(run, table))
        code = 0
    finally:
        wandb_run.end(run, exit_code=code)


def settings_of(records: Sequence[Record]) -> dict[str, Any]:
    """Project, entity and mode of the first job that logged to wandb; PROJECT where none did."""
    found = [record.config.get("logger", {}).get("wandb") for record in records]
    jobs: dict[str, Any] = next((logger for logger in found if logger), {})
    return {"project": PROJECT} | {key: jobs[key] for key in ("project", "entity", "mode") if key in jobs}


def numbers(table: Table) -> dict[str, float]:
    """Name → number: the mean of each column, and the mean improvement rate of each projection."""
    names = (f"table/{column.model}/{column.method}/{table.metric}" for column in table.columns)
    found = {name: cell.value for name, cell in zip(names, table.mean.cells, strict=True) if cell.value is not None}
    return {**found, **{f"table/{rate.method}/improvement": rate.rate for rate in table.rates}}


def contents(run: Any, table: Table) -> dict[str, Any]:
    """Name → table or chart. Each is stored as a file of the run."""
    import wandb

    printed = wandb.Table(
        columns=["category", *map(title, table.columns)],
        data=[[row.label, *(cell.value for cell in row.cells)] for row in (*table.rows, table.mean)],
    )
    cells = wandb.Table(
        columns=["category", "model", "method", "ours", "std", "paper", "delta", "gain"],
        data=[line for row in table.rows for line in lines(table.columns, row)],
    )
    averages = ([title(column), cell.value] for column, cell in zip(table.columns, table.mean.cells, strict=True))
    means = wandb.Table(columns=["column", "mean"], data=list(averages))
    rates = wandb.Table(columns=["projection", "improvement"], data=[[r.method, r.rate] for r in table.rates])
    pairs = [[row[3], row[5], f"{row[0]} {row[1]} {row[2]}"] for row in cells.data if row[5] is not None]
    compared = wandb.Table(columns=["ours", "paper", "cell"], data=pairs)
    metric = readable(table.metric)
    charts = {
        "table/means": wandb.plot.bar(means, "column", "mean", title=f"mean {metric}"),
        "table/improvement": wandb.plot.bar(rates, "projection", "improvement", title="mean improvement rate"),
        "table/paper": wandb.plot.scatter(compared, "paper", "ours", title=f"{metric}: ours against the paper's"),
    }
    kept = {"table/printed": printed, "table/cells": cells}
    for name, own in (*kept.items(), *((f"{name}_table", chart.table) for name, chart in charts.items())):
        wandb_run.keep_in_run(own, run, name)
    return {**kept, **{name: chart for name, chart in charts.items() if chart.table.data}}


def title(column: Column) -> str:
    return f"{column.label} {column.method}"


def lines(columns: Sequence[Column], row: Row) -> list[list[Any]]:
    """One list per number of a category, in the order of the columns of `cells`."""
    return [
        [row.label, column.label, column.method, cell.value, cell.std, cell.paper, cell.delta, cell.gain]
        for column, cell in zip(columns, row.cells, strict=True)
        if cell.value is not None
    ]
