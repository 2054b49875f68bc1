"""`renormal-report`: writes the table and the page of a folder of records."""

from __future__ import annotations

import argparse
import errno
import logging
import os
import sys
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from renormal.console.program import Parser, begin
from renormal.console.text import printable
from renormal.files import TargetError, check_target, write_whole

if TYPE_CHECKING:
    from renormal.report.record import Record
    from renormal.report.status import Status
    from renormal.report.table import Table

USUAL = ("pixel_auroc", "image_auroc", "squares_psnr_hole")  # the default metric is the first that a record has


DONE = "exit status: 0 done, 1 a job has failed or a record could not be read, 2 there is nothing to show"
FULL = (errno.ENOSPC, errno.EDQUOT)  # the disk
WRITTEN = ("table.md", "table.csv", "table.tex", "report.html")


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = Parser(prog="renormal-report", description="Table, page and figures from finished jobs.", epilog=DONE)
    parser.add_argument("folder", type=named, help="outputs/<name> or results/<name>")
    parser.add_argument(
        "--metric",
        help="what the table shows: pixel_auroc (the default with masks), aupro, aupimo, f1, recall/<defect>, …",
    )
    parser.add_argument(
        "--with",
        type=named,
        action="append",
        default=[],
        dest="beside",
        metavar="FOLDER",
        help="adds the columns of another folder with records of the same categories, such as outputs/OTHER; a model "
        "that both folders have gets columns of its own, named after that folder",
    )
    parser.add_argument("--figures", action="store_true", help="also write the paper's figures as PNG and PDF")
    parser.add_argument(
        "--publish", type=named, metavar="FOLDER", help="copy the records to this folder, without pictures and paths"
    )
    best = "write to this file the settings that are best over all jobs together (stage choose)"
    parser.add_argument("--one-for-all", type=named, metavar="JSON", help=best)
    parser.add_argument("--wandb", action="store_true", help="also log the table as a wandb run")
    parser.add_argument("--out", type=named, metavar="FOLDER", help="where to write (default: the folder itself)")
    return parser.parse_args(arguments)


def named(text: str) -> Path:
    """The path; an empty argument, as of a variable of the shell that is not set, is not the working directory."""
    if not text.strip():
        raise argparse.ArgumentTypeError("the argument is empty: give the path of a folder or file")
    return Path(text)


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table and the progress of the sweep; write table.{md,csv,tex}, if a metric is defined, and report.html.

    The exit status is 2 where there is nothing to show, 1 for a failed job, an unreadable file or a full disk, else 0.
    """
    if arguments is None:
        begin()
    options = parse(arguments)
    if not os.path.isdir(options.folder):  # noqa: PTH112 of a name that is too long pathlib would raise OSError
        return fail(f"{options.folder}: no such folder")

    from renormal.report.beside import FurtherError
    from renormal.report.record import read_records
    from renormal.report.status import read_status

    records, problems = read_records(options.folder)
    status = read_status(options.folder, records, time.time())
    problems = list(dict.fromkeys([*problems, *status.problems]))
    for problem in problems:
        print(f"unreadable: {printable(problem)}", file=sys.stderr)
    if not records and not status.unfinished:
        return fail(f"{options.folder}: no record.json that can be read; each finished job writes one")
    metrics = sorted({key.partition("/")[2] for record in records for key in record.metrics})
    if options.metric not in (None, *metrics):
        return fail(f"metric {options.metric!r} is in no record; {reason_or_names(options.metric, metrics, records)}")
    options.metric = options.metric or next((name for name in (*USUAL, *metrics) if name in metrics), USUAL[0])
    try:
        if options.publish or options.one_for_all:
            return export(options, records) or int(bool(problems))
        write(options, records, status, problems)
    except OSError as error:
        place = error.filename or options.out or options.folder
        return fail(f"{place}: {error.strerror}: choose another folder", 1 if error.errno in FULL else 2)
    except (TargetError, FurtherError) as error:
        return fail(str(error))
    return int(bool(problems or status.of("failed")))


def reason_or_names(metric: str, metrics: list[str], records: list[Record]) -> str:
    """Why no record has this metric, or the metrics that there are."""
    reasons = sorted({record.undefined[metric] for record in records if metric in record.undefined})
    return "; ".join(reasons) or f"there are {', '.join(metrics) or 'none'}"


def fail(line: str, status: int = 2) -> int:
    print(f"renormal-report: {printable(line)}", file=sys.stderr)
    return status


def export(options: argparse.Namespace, records: list[Record]) -> int:
    """Write what --publish or --one-for-all asks for, in place of table and page. Returns the exit status."""
    from renormal.report.chosen import write_one_for_all
    from renormal.report.record import publish

    if options.publish:
        for record in records:
            print(printable(str(publish(options.publish, record, options.folder))))
        return 0
    try:
        print(printable(write_one_for_all(options.one_for_all, records)))
    except ValueError as error:
        return fail(f"{options.folder}: {error}")
    return 0


def write(options: argparse.Namespace, records: list[Record], status: Status, problems: list[str]) -> None:
    """Write every output file and print its content or its path, the page last."""
    from renormal.report import chosen, render, repairs
    from renormal.report.html import write_page
    from renormal.report.regions import comparable

    out: Path = options.out or options.folder
    for name in WRITTEN:
        check_target(out / name)
    table = table_of(options, records)
    records, _ = comparable(records, options.metric)  # the table has the note
    found = chosen.gains(records, options.metric)
    table = chosen.with_gains(table, found)
    print_table(table, records, status)
    for name, text in (("md", render.markdown), ("csv", render.comma_separated), ("tex", render.latex)):
        if table.columns:
            write_whole(out / f"table.{name}", text(table))
        else:  # no metric is defined: a table of an earlier command would be of other jobs
            (out / f"table.{name}").unlink(missing_ok=True)
    if found:
        write_whole(out / "chosen.md", chosen.markdown(found))
    if repaired := repairs.repairs_table(records):
        print(repaired, end="")
        write_whole(out / "repairs.md", repaired)
    if options.figures:
        from renormal.report.figures import write_figures

        for path in write_figures(out / "figures", records, options.metric):
            print(printable(str(path)))
    if options.wandb:
        from renormal.report.online import log_table

        logging.basicConfig(format="%(message)s", level=logging.INFO)  # prints the address of the run
        log_table(out, records, table)
    page = write_page(out / "report.html", records, table, status, problems, home=options.folder)
    print(printable(str(page)))


def table_of(options: argparse.Namespace, records: list[Record]) -> Table:
    """The table of these records, with those of the folders of --with beside them."""
    from renormal.report.beside import further, short_names
    from renormal.report.table import build_table

    beside = further(options.folder, options.beside, records)
    home = short_names([options.folder, *options.beside])[options.folder.resolve()]
    return build_table(records, options.metric, beside, home)


def print_table(table: Table, records: list[Record], status: Status) -> None:
    """Print the table with its notes, then the progress of an unfinished sweep."""
    from rich.console import Console

    from renormal.report import render

    console = Console()
    say = partial(console.print, highlight=False, markup=False, soft_wrap=True)
    for line in render.above(table):
        say(printable(line))
    blocks = render.terminal(table, console.width) if records else []
    for block in blocks:
        console.print(block)
    legend = [render.legend(table)] if blocks else []
    for line in (*legend, *render.under(table), *(render.progress(status) if status.unfinished else [])):
        say(printable(line))


if __name__ == "__main__":
    sys.exit(main())
