"""Seconds of short commands of `renormal`."""

from __future__ import annotations

import subprocess
import sys
import time
from statistics import median
from typing import Any

from benchmarks.contest import Pace, Rows


def start_up(pace: Pace) -> tuple[Rows, dict[str, Any]]:
    """Seconds of short commands, including the start of the process."""
    job = "name=start_up data.root=outputs/benchmark/small data.train=4 data.good=1 data.defective=1 rerun=true"
    small = (
        "data.epoch_images=4 data.object_size=32 batch_size=4 trainer.max_epochs=1 descent.max_steps=1 progress=false"
    )
    commands = {
        "help_seconds": ["--help"],
        "cfg_seconds": ["--cfg", "job"],
        "smallest_job_seconds": [*job.split(), *small.split(), "threads=1"],
    }
    taken: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(pace.rounds + 1):  # the first round fills the disk cache and is left out
        for name, arguments in commands.items():
            start = time.perf_counter()
            subprocess.run([sys.executable, "-m", "renormal.run", *arguments], check=True, capture_output=True)
            taken[name].append(time.perf_counter() - start)
    targets = {"smallest_job_seconds": ""}
    rows: Rows = [(name, "s", median(times[1:]), targets.get(name, "≤ 1.5")) for name, times in taken.items()]
    return rows, {name: times[1:] for name, times in taken.items()}
