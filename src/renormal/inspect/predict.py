"""The command `renormal-predict`: scores, decisions and maps of photographs, from a finished job."""

from __future__ import annotations

import argparse
import hashlib
import os
import re
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from renormal.console.numbers import decimal, whole
from renormal.console.program import Parser, begin
from renormal.inspect.counting import Counting
from renormal.inspect.inputs import PAGE, STDIN, TABLE, Inputs, Part, inputs_of
from renormal.inspect.joined import check_joinable, join
from renormal.inspect.settled import check_before
from renormal.job.errors import refused
from renormal.report.decide import RATE
from renormal.schema.kinds import LARGE

TINY = 1e-30  # of a score that is not 0, ours: float32 holds it in all digits
MOST = 4 * (os.cpu_count() or 1)  # processes, ours
COPY = "copy the folder to another place and join the copy"
DONE = """exit status: 0 nothing is defective, 1 something is, 2 something could not be read"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Predict, and return 0, 1 or 2. On bad input print one line to stderr and return 2."""
    if arguments is None:
        begin()
    options = parse(arguments)
    try:
        return joined(options.join) if options.join else predicted(options)
    except (ValueError, OSError) as error:
        other = {"other": COPY} if options.join else {}
        print(f"renormal-predict: {refused(error, options.out or options.join, **other)}", file=sys.stderr)
        return 2


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = Parser(prog="renormal-predict", description="Find defects in photographs.", epilog=DONE)
    job = "outputs/<name>/<model>/<category>/<seed> of a finished job, or the folder above several seeds: all of them"
    parser.add_argument("run", type=Path, metavar="JOB", nargs="?", help=job)
    parser.add_argument("images", nargs="*", help="files, folders with all folders in them, globs, or - for stdin")
    parser.add_argument("--out", type=Path, metavar="DIR", help="a folder for the CSV, the JSON lines and the pictures")
    only = "pictures to write beside CSV and JSON lines (default: all; csv: no pictures). May be repeated"
    parser.add_argument("--only", choices=["csv", "overlays", "masks", "maps"], action="append", help=only)
    parser.add_argument("--json", action="store_true", help="print the JSON line of each photograph to stdout")
    column = "a column of the job's table (default: the chosen one, or the best on planted defects)"
    parser.add_argument("--column", help=column)
    rate = f"share of good parts that may be called defective (default: {RATE})"
    parser.add_argument("--false-alarms", type=decimal, default=RATE, metavar="RATE", help=rate)
    parser.add_argument(
        "--threshold", type=decimal, metavar="SCORE", help="a score above it is defective; replaces --false-alarms"
    )
    ignore = "an image of the size of the photographs; where it is white, nothing counts"
    parser.add_argument("--ignore", type=Path, metavar="MASK", help=ignore)
    parser.add_argument("--device", default="auto", help="auto (a GPU if there is one), cpu, cuda, cuda:1, …")
    parser.add_argument("--workers", type=whole, default=1, help="processes on this machine")
    parser.add_argument("--part", type=part_of, default=Part(), metavar="I/N", help="take the I-th of N parts (1 to N)")
    parser.add_argument(
        "--join", type=Path, metavar="DIR", help="only write the CSV and the page of all parts in DIR again"
    )
    parser.add_argument("--watch", metavar="FOLDER", help="take each new photograph in it, until Ctrl-C")
    parser.add_argument("--force", action="store_true", help="predict again, and write over what is there")
    trust = "a package of your own that the job's config names; may be repeated"
    parser.add_argument("--trust", action="append", default=[], metavar="PACKAGE", help=trust)
    options = parser.parse_intermixed_args(arguments)
    alone = options.join is None or options == parser.parse_intermixed_args([f"--join={options.join}"])
    if fault := fault_in(options) if alone else "--join takes a folder and nothing else":
        parser.error(fault)
    return options


def fault_in(options: argparse.Namespace) -> str:
    """What is wrong with the options as a whole; empty if nothing is."""
    if options.join:
        return ""
    if options.run is None or options.out is None:
        return f"{'JOB' if options.run is None else '--out DIR'} is missing"
    if bool(options.images) == bool(options.watch):
        return "give photographs, or --watch FOLDER"
    if not 1 <= options.workers <= MOST:
        return f"--workers {options.workers}: from 1 to {MOST}, four for each core of this machine"
    if options.threshold is not None and not (options.threshold == 0 or TINY <= abs(options.threshold) <= LARGE):
        return f"--threshold {options.threshold}: give 0, or a number that a score can be, from {TINY:g} to {LARGE:g}"
    return ""


def part_of(text: str) -> Part:
    """2/4 → the second of four."""
    found = re.fullmatch(r"([0-9]{1,9})/([0-9]{1,9})", text)
    if found is None or not 1 <= int(found[1]) <= int(found[2]):
        raise argparse.ArgumentTypeError(f"{text} is no part: give 2/4 for the second of four")
    return Part(int(found[1]) - 1, int(found[2]))


def joined(folder: Path) -> int:
    """Write the CSV of a folder of predictions."""
    check_joinable(folder)
    with Counting(None) as counting:
        for state, count in join(folder).items():
            counting.states[state] = count
    print(f"{counting.summary}; {folder / TABLE}; {folder / PAGE}")
    return counting.code


def predicted(options: argparse.Namespace) -> int:
    """Predict what the options name."""
    with ExitStack() as stack:
        source = source_of(options, stack)
        check_before(options, source)
        from renormal.inspect.predicting import Run  # here: --help and a wrong name must not wait for torch

        run = stack.enter_context(Run(options, source))
        if options.watch:
            run.watch()
        else:
            run.once()
    return run.end()


def source_of(options: argparse.Namespace, stack: ExitStack) -> Inputs:
    """The photographs. One on standard input is kept in a file until the end."""
    if options.images != [STDIN]:
        if options.watch and not Path(options.watch).is_dir():
            raise ValueError(f"--watch {options.watch} is no folder: correct it")
        return inputs_of([options.watch] if options.watch else options.images, options.out)
    if sys.stdin.isatty():
        raise ValueError("- reads an image from standard input, which is a terminal: renormal-predict … - < image.png")
    content = sys.stdin.buffer.read()
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
    path = folder / f"stdin-{hashlib.sha256(content).hexdigest()[:16]}.png"
    path.write_bytes(content)
    return Inputs(folder, [path], options.out, nameless=True)
