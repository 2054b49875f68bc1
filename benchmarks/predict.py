"""Photographs a second of renormal-predict, beside a bare loop of the same network on the same tensors.

python -m benchmarks.predict RUN FOLDER [--column eq8] [--repeats 4]
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from renormal.inspect.inputs import Item, inputs_of
from renormal.inspect.photographs import photograph
from renormal.inspect.predictions import FILES
from renormal.inspect.predictor import Predictor, Processes, Task
from renormal.job.environment import make_sums_reproducible


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("run", type=Path, help="the folder of a finished job")
    parser.add_argument("folder", help="of photographs")
    parser.add_argument("--column", help="of the job's table; its own without it")
    parser.add_argument("--repeats", type=int, default=4, help="passes over the photographs")
    options = parser.parse_args()
    make_sums_reproducible()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as out:
        items = list(inputs_of([options.folder], Path(out)))
        for files in (FILES, ()):
            measure(options, items, Path(out), files)


def measure(options: argparse.Namespace, items: list[Item], out: Path, files: tuple[str, ...]) -> None:
    """Print seconds of the clock and of the processor, of each way on all items."""
    given: dict[str, Any] = {"run": options.run, "trust": (), "column": options.column, "rate": 0.05, "threshold": None}
    task = Task(**given, device="cpu", ignore=None, out=out, files=files, threads=1)
    predictor = Predictor(task)
    size = predictor.at_a_time
    chunks = [items[at : at + size] for at in range(0, len(items), size)]
    batches = [torch.cat([photograph(item.path, predictor.frame).image for item in chunk]) for chunk in chunks]
    count, cores = len(items) * options.repeats, sorted(os.sched_getaffinity(0))

    def bare() -> None:
        for batch in batches * options.repeats:
            predictor.inspector.maps(batch)

    os.sched_setaffinity(0, cores[:1])
    bare()  # warm
    loop = seconds(bare)
    said("network alone, 1 core", count, loop, loop)
    said(f"predict {files}, 1 core", count, seconds(lambda: all(predictor.lines(chunks * options.repeats))), loop)
    os.sched_setaffinity(0, cores)
    with Processes(task, 2) as two:
        list(two.lines(chunks))  # both have loaded the job
        said(f"predict {files}, 2 processes", count, seconds(lambda: all(two.lines(chunks * options.repeats))), loop)


def seconds(work: Callable[[], Any]) -> tuple[float, float]:
    """Of the clock, and of the processor of this process."""
    start, used = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - start, time.process_time() - used


def said(name: str, count: int, taken: tuple[float, float], loop: tuple[float, float]) -> None:
    clock, processor = taken
    print(f"{name}: {count / clock:.1f}/s; clock × {clock / loop[0]:.2f}, processor × {processor / loop[1]:.2f}")


if __name__ == "__main__":
    main()
