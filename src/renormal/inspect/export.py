"""The command `renormal-export`: a finished job as one graph that runs without renormal."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryFile
from typing import BinaryIO

import torch

from renormal.console.numbers import decimal, whole
from renormal.console.program import Parser, begin
from renormal.console.text import counted
from renormal.contracts import BASELINE, Images
from renormal.data.listing import images_below
from renormal.data.opening import strict_pillow
from renormal.files import check_target, whole_file
from renormal.inspect.export_compared import compared
from renormal.inspect.export_files import WRITERS, Run, weights_file
from renormal.inspect.inspector import Inspector
from renormal.inspect.load import load
from renormal.inspect.photographs import photograph
from renormal.inspect.stored import runs
from renormal.inspect.unrolled import OUTPUTS, sloped, traced, unrolled
from renormal.job.errors import WorkError, refused, status_of
from renormal.report.decide import RATE

ENDS = {"onnx": ".onnx", "torch": ".pt2", "safetensors": ".safetensors"}
TOLERANCE = 1e-4  # of f(x0), in [0, 1]
SLOPE = 1e-2  # of the gradient, of its norm: two runtimes may stand on two sides of a kink of a ReLU
IMAGES = 4  # that the graph is checked on, at most


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the file and print how far it is from renormal's own answer. An error is one line; return 1 or 2."""
    if arguments is None:
        begin()
    options = parse(arguments)
    try:
        with runs(f"{options.run}: cannot be exported"):
            for line in export(options):
                print(line, flush=True)
    except (ValueError, OSError) as error:
        print(f"renormal-export: {refused(error, options.out)}", file=sys.stderr)
        return status_of(error)
    return 0


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = Parser(prog="renormal-export", description="Write a finished job as one graph.")
    parser.add_argument(
        "run", type=Path, metavar="JOB", help="outputs/<name>/<model>/<category>/<seed> of a finished job"
    )
    to = "onnx, the default: a graph for ONNX; torch: a program of torch.export; safetensors: the weights alone"
    parser.add_argument("--to", choices=list(ENDS), default="onnx", help=to)
    parser.add_argument("--out", type=Path, help="the file (default: JOB/export.onnx, .pt2 or .safetensors)")
    parser.add_argument("--column", help="a column of the job's table (default: the chosen one)")
    parser.add_argument("--steps", type=whole, help="steps of the projection (default: as in the job)")
    images = "a folder of photographs to compare the graph with renormal on (default: those of the job)"
    parser.add_argument("--images", type=Path, help=images)
    rate = f"share of good parts that may be called defective (default: {RATE})"
    parser.add_argument("--false-alarms", type=decimal, default=RATE, metavar="RATE", help=rate)
    parser.add_argument("--force", action="store_true", help="replace the file if it is there")
    trust = "a package of your own that the job's config names; may be repeated"
    parser.add_argument("--trust", action="append", default=[], metavar="PACKAGE", help=trust)
    return parser.parse_args(arguments)


def export(options: argparse.Namespace) -> Iterator[str]:
    """Lines for the terminal; the file is there when they end. Raises ValueError for what cannot be exported."""
    out = file_of(options)
    if options.steps is not None and options.steps < 0:
        raise ValueError(f"--steps must be 0 or more, got {options.steps}")
    inspector = Inspector(load(options.run, options.trust), column=options.column, rate=options.false_alarms)
    if options.to == "safetensors":
        weights = inspector.job.model.state_dict()
        content = weights_file(weights, facts_of(inspector, steps_of(inspector, None)))
        with new_file(options, out) as file:
            file.write(content)
        yield f"{out}: {len(weights)} tensors"
        return
    steps = steps_of(inspector, options.steps)
    unrolled(inspector, steps)(example(inspector))  # what cannot run is said here: the graphs below take minutes
    images, which = checked_images(inspector, options.images)
    yield f"{inspector.column}: building one gradient as a graph, then {counted(steps, 'step')}"
    yield checked(inspector, steps, options.to, images)
    start = time.perf_counter()
    content, run = graph_file(inspector, steps, options.to)
    yield f"{counted(steps, 'step')} built in {time.perf_counter() - start:.0f} s"
    whole = yield from compared(inspector, run, images, steps)
    with new_file(options, out) as target:
        target.write(content)
    differs = f"the map differs by {whole.map:.2g} at most, the score by {whole.score:.2g}, from torch"
    yield f"after {counted(steps, 'step')} {differs}"
    most = steps_of(inspector, None)
    fewer = f", which takes up to {counted(most, 'step')} where the graph takes {steps}" if steps < most else ""
    yield f"the score differs by {whole.recipe:.2g} at most from that of renormal-predict{fewer}, on {which}"
    yield f"an image takes {whole.graph_seconds:.3f} s, in torch {whole.own_seconds:.3f} s (float32, one at a time)"
    facts = facts_of(inspector, steps)
    limit = f"threshold {float(facts['threshold']):.6g}" if "threshold" in facts else facts["decision"]
    yield f"{out}: {out.stat().st_size / 2**20:.1f} MiB, {limit}"


def file_of(options: argparse.Namespace) -> Path:
    """The file to write. Raises ValueError or OSError where it cannot be written, before the job is loaded."""
    out: Path = options.out or options.run / f"export{ENDS[options.to]}"
    if out.suffix != ENDS[options.to]:
        raise ValueError(f"--out {out}: a file for --to {options.to} ends in {ENDS[options.to]}")
    if not out.parent.is_dir():
        raise ValueError(f"--out {out}: {out.parent} is no folder")
    check_target(out)
    check_new(options, out)
    try:
        TemporaryFile(dir=out.parent).close()
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(out.parent)) from error
    return out


def check_new(options: argparse.Namespace, out: Path) -> None:
    if os.path.lexists(out) and not options.force:  # a link that leads nowhere is there, too
        raise ValueError(f"{out} is there: add --force to replace it, or choose another with --out")


@contextmanager
def new_file(options: argparse.Namespace, out: Path) -> Iterator[BinaryIO]:
    """As `whole_file`. Raises ValueError for a file that another export has written meanwhile."""
    with whole_file(out) as file:
        check_new(options, out)
        yield file


def checked(inspector: Inspector, steps: int, to: str, images: Sequence[Images]) -> str:
    """A line on how far f(x0) and the gradient at x0 as a graph are from torch. Raises ValueError where that is far.

    Not x1: Adam's first step is the sign of the gradient, and where that is 0 but for rounding, two runtimes step to
    two sides.
    """
    own, names = sloped(inspector), ("reconstruction", "slope")
    _, run = WRITERS[to](traced(own, example(inspector)), example(inspector), {}, names)
    passed = turned = 0.0
    for image in images:
        (f, slope), (known_f, known) = run(image), own(image)
        passed = max(passed, float((f - known_f).abs().max()))
        turned = max(turned, float((slope - known).norm() / known.norm().clamp(min=torch.finfo(known.dtype).tiny)))
    line = f"f(x0) differs by {passed:.2g} at most (limit {TOLERANCE:g})"
    if steps:
        line += f", the gradient by {turned:.2g} of its norm (limit {SLOPE:g})"
    if not (passed <= TOLERANCE and turned <= SLOPE):
        raise WorkError(f"the graph is wrong: {line}")
    return line


def example(inspector: Inspector) -> Images:
    """An image of the graph's size: a ramp, as an image of one value would be constant after a normalization."""
    frame = inspector.frame
    return torch.linspace(0, 1, frame.channels * frame.size**2).view(1, frame.channels, frame.size, frame.size)


def graph_file(inspector: Inspector, steps: int, to: str) -> tuple[bytes, Run]:
    """The content of the file with the graph of so many steps, and what runs it."""
    image = example(inspector)
    return WRITERS[to](traced(unrolled(inspector, steps), image), image, facts_of(inspector, steps), OUTPUTS)


def steps_of(inspector: Inspector, asked: int | None) -> int:
    """Steps of the graph: what was asked, or max_steps of the recipe; 0 for f(x0).

    Raises ValueError for more steps than the recipe has: the descent would end before.
    """
    whose, _ = inspector.ends[inspector.column]
    most = 0 if whose == BASELINE else inspector.answers.networks[0].descents[whose].max_steps
    if asked is not None and asked > most:
        has = f"has at most {counted(most, 'step')}" if most else "is f(x0), without steps"
        raise ValueError(f"--steps {asked}: column {inspector.column} {has}")
    return most if asked is None else asked


def checked_images(inspector: Inspector, folder: Path | None) -> tuple[list[Images], str]:
    """Photographs that the graph is compared on, and what they are. Raises ValueError where the folder has none.

    folder: None takes the folder of the job's data, and noise where that is not here.
    """
    frame = inspector.frame
    place = folder or Path(str(inspector.job.record.config["data"].get("root") or ""))
    found = sorted(images_below(place.expanduser())) if folder or place.name else []
    if folder and not found:
        raise ValueError(f"--images {folder}: no photographs there")
    if not found:
        noise = torch.rand(1, frame.channels, frame.size, frame.size, generator=torch.Generator().manual_seed(0))
        return [noise], "an image of noise, since the job's photographs are not here: name some with --images"
    chosen = found[:: max(1, len(found) // IMAGES)][:IMAGES]
    with strict_pillow():
        return [photograph(path, frame).image for path in chosen], f"{len(chosen)} photographs of {place}"


def facts_of(inspector: Inspector, steps: int) -> dict[str, str]:
    """For the file: how a photograph becomes the input, and how the score is read. Other steps have no threshold."""
    frame, record, decision = inspector.frame, inspector.job.record, inspector.decision
    facts = {
        "category": record.category,
        "column": inspector.column,
        "steps": steps,
        "decision": f"score > threshold is defective: {decision.line}",
        "input": f"(1, {frame.channels}, {frame.size}, {frame.size}) float32 in [0, 1], "
        f"{'grey' if frame.channels == 1 else 'RGB'}, {frame.fit} to the square, Lanczos",
        "size": frame.size,
        "channels": frame.channels,
        "fit": frame.fit,
        "outputs": ", ".join(OUTPUTS),
        "weights": record.hashes.get("weights", ""),
        "renormal": version("renormal"),
    }
    if (own := steps_of(inspector, None)) != steps:
        facts["decision"] = f"no threshold: that of the job was measured after {counted(own, 'step')}, not {steps}"
    else:
        facts["threshold"] = decision.threshold
    return {name: str(value) for name, value in facts.items()}
