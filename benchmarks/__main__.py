"""`make benchmark`: speeds as ratios to other implementations of the same work. Writes outputs/benchmark.json."""

from __future__ import annotations

import argparse
import json
import platform
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import torch
from rich.console import Console
from rich.table import Table

from benchmarks import trained
from benchmarks.contest import Pace, Rows
from benchmarks.peer_rows import peers
from benchmarks.predict import predictions
from benchmarks.projection_rows import algorithm, projections, slots_work, steps
from benchmarks.scaling import scaling
from benchmarks.start_up import start_up
from benchmarks.training_rows import trainings, whole_job
from renormal.console.numbers import decimal, whole
from renormal.files import write_whole
from renormal.functional.precision import has_bfloat16
from renormal.job.environment import commit, device_name, versions

NO_BFLOAT16 = "rows in bfloat16 are left out: this processor emulates it"
NO_PHOTOGRAPHS = f"peers: left out, {trained.REAL} is no folder: set RENORMAL_DATA to the folder with mvtec_ad/"
NO_ANOMALIB = "anomalib: left out, its torchvision from PyPI is built for CUDA and cannot be imported with a CPU torch"

Answer = tuple[Rows, dict[str, Any]]


class Section(NamedTuple):
    """minutes: what a run takes on two idle cores with AVX-512 and bfloat16."""

    minutes: float
    measure: Callable[[], Answer]


def show(rows: Rows, console: Console) -> None:
    table = Table("figure", "", "value", "target")
    for key, what, value, target in rows:
        table.add_row(key, what, f"{value:.3g}" if value < 100 else f"{value:.0f}", target)
    console.print(table)


def sections_of(options: argparse.Namespace, fast: str) -> dict[str, Section]:
    """Name → section. fast: the fastest precision of this processor."""
    small = options.small

    def pace(minutes: float, *, processor: bool = options.processor) -> Pace:
        return Pace(options.rounds, 60 * minutes * options.minutes / MINUTES, processor=processor)

    if options.job:
        return {"projection": Section(8, lambda: projections(pace(MINUTES), fast, options.job))}
    if options.scaling:
        return {"scaling": Section(6, lambda: scaling(pace(1), fast))}
    return {
        "projection": Section(5.5, lambda: projections(pace(5.5), fast)),
        "slots": Section(0.5, lambda: slots_work(128 if small else 32, fast)),
        "steps": Section(1, lambda: steps(pace(1), 2 if small else 20, fast)),
        "algorithm": Section(1, algorithm),
        "training": Section(5.5, lambda: trainings(pace(1), 32 if small else 320, fast)),
        "job": Section(1, lambda: whole_job(pace(1, processor=False), 64 if small else 1920, fast)),
        "peers": Section(4.5, lambda: peers(pace(0), 64 if small else 4800, 30 if small else 4, fast)),
        "predict": Section(0.5, lambda: predictions(trained.FOLDER, str(trained.ROOT / "grid" / "test"))),
        "start-up": Section(0.5, lambda: start_up(pace(0.5))),
    }


MINUTES = 20  # of all sections; the training before the first takes two more


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--scaling", action="store_true", help="measure by slots, sides and tiles instead")
    parser.add_argument(
        "--job", default="", help="a finished job of model=l2_ae: the projection of its test images alone"
    )
    parser.add_argument("--rounds", type=whole, default=3, help="times that all is measured at most (default: 3)")
    parser.add_argument("--minutes", type=decimal, default=MINUTES, help=f"about what it takes (default: {MINUTES})")
    parser.add_argument("--only", nargs="+", help="names of sections, as they are printed")
    parser.add_argument("--small", action="store_true", help="seconds instead of minutes: numbers mean nothing")
    parser.add_argument("--processor", action="store_true", help="one thread, seconds of the processor: a busy machine")
    options = parser.parse_args()
    console, fast = Console(), "bfloat16" if has_bfloat16(torch.device("cpu")) else "float32"
    sections = sections_of(options, fast)
    if unknown := set(options.only or []) - sections.keys():
        parser.error(f"--only accepts {', '.join(sections)}, not {', '.join(sorted(unknown))}")
    left_out = [NO_ANOMALIB, *([NO_BFLOAT16] if fast == "float32" else [])]
    if "peers" in sections and not trained.REAL.is_dir():
        del sections["peers"]
        left_out.append(NO_PHOTOGRAPHS)
    if not options.job:
        trained.train(640 if options.small else 20_000)
    rows: Rows = []
    details: dict[str, Any] = {}
    for name in [name for name in sections if name in (options.only or sections)]:
        console.print(f"== {name}, about {sections[name].minutes:g} minutes on two idle cores")
        start = time.monotonic()
        own, details[name] = sections[name].measure()
        show(own, console)
        console.print(f"== {name} took {(time.monotonic() - start) / 60:.1f} minutes")
        rows += own
    console.print(*left_out, sep="\n")
    device = {"device": device_name(torch.device("cpu")), "system": platform.platform(), "rounds": options.rounds}
    settings = {"processor_seconds": options.processor, "kernels": torch.backends.cpu.get_cpu_capability()}
    origin = {"machine": device | settings, "versions": versions(), "commit": commit(), "left_out": left_out}
    path = Path("outputs", f"benchmark{'-job' if options.job else '-scaling' if options.scaling else ''}.json")
    values = {key: value for key, _, value, _ in rows}
    write_whole(path, json.dumps(values | origin | {"details": details}, indent=1))
    console.print(path)


if __name__ == "__main__":
    main()
