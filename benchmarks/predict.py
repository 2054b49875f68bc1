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

from benchmarks.contest import Rows
from renormal.console.numbers import whole
from renormal.inspect.inputs import inputs_of
from renormal.inspect.photographs import photograph
from renormal.inspect.predictions import FILES
from renormal.inspect.predictor import Predictor, Processes, Task
from renormal.job.environment import make_sums_reproducible


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("run", type=Path, help="the folder of a finished job")
    parser.add_argument("folder", help="of photographs")
    parser.add_argument("--column", help="of the job's table; its own without it")
    parser.add_argument("--repeats", type=whole, default=4, help="passes over the photographs")
    options = parser.parse_args()
    make_sums_reproducible()
    with tempfile.TemporaryDirectory() as out:
        for files in (FILES, ()):
            task = task_of(options.run, options.column, Path(out), files)
            measure(task, options.folder, options.repeats)


def predictions(run: Path, folder: str) -> tuple[Rows, dict[str, Any]]:
    """Seconds of the processor on one core, reading and writing included, over those of the network alone."""
    rows: Rows = []
    with tempfile.TemporaryDirectory() as out:
        for column, name in (("eq8_adam", "predict"), ("baseline", "predict_without_projection")):
            for files, suffix in (((), ""), (FILES, "_with_pictures")):
                ratio = measure(task_of(run, column, Path(out), files), folder, 1, processes=False)
                rows.append((f"{name}{suffix}_vs_network", "grid, on one core", ratio, "≤ 1.1"))
    return rows, {}


def task_of(run: Path, column: str | None, out: Path, files: tuple[str, ...]) -> Task:
    given: dict[str, Any] = {"run": run, "trust": (), "column": column, "rate": 0.05, "threshold": None}
    return Task(**given, device="cpu", ignore=None, out=out, files=files, threads=1)


def measure(task: Task, folder: str, repeats: int, *, processes: bool = True) -> float:
    """Print seconds of the clock and of the processor, of each way on all photographs.

    Returns the seconds of the processor over those of the network alone, on one core.
    """
    predictor = Predictor(task)
    items = list(inputs_of([folder], task.out))
    size = predictor.at_a_time
    chunks = [items[at : at + size] for at in range(0, len(items), size)]
    batches = [torch.cat([photograph(item.path, predictor.frame).image for item in chunk]) for chunk in chunks]
    count, cores = len(items) * repeats, sorted(os.sched_getaffinity(0))

    def bare() -> None:
        for batch in batches * repeats:
            predictor.inspector.each(batch)

    os.sched_setaffinity(0, cores[:1])
    bare()  # warm
    loop = seconds(bare)
    said("network alone, 1 core", count, loop, loop)
    whole = seconds(lambda: all(predictor.lines(chunks * repeats)))
    said(f"predict {task.files}, 1 core", count, whole, loop)
    os.sched_setaffinity(0, cores)
    if processes:
        with Processes(task, 2) as two:
            list(two.lines(chunks))  # both have loaded the job
            both = seconds(lambda: all(two.lines(chunks * repeats)))
            said(f"predict {task.files}, 2 processes", count, both, loop)
    return whole[1] / loop[1]


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
