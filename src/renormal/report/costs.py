"""What a sweep took: the mean time of each stage, and core-hours or GPU-hours over all jobs."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean
from typing import NamedTuple

from renormal.report.record import Record
from renormal.report.table import MODELS, ranked

HOUR = 3600.0


class Cost(NamedTuple):
    """One autoencoder on one kind of device."""

    label: str
    device: str
    jobs: int
    seconds: dict[str, float]  # by stage, the mean over jobs
    hours: dict[str, float]  # by stage, the sum over jobs, of cores or of GPUs
    unit: str

    @property
    def total(self) -> float:
        return sum(self.hours.values())


def costs(records: Sequence[Record]) -> list[Cost]:
    """By model in the table's order, then one line for all where there are several and one kind of device."""
    rows = [
        cost(MODELS.get(model, model), [r for r in records if (r.model, place(r)) == (model, where)])
        for model, where in sorted(
            {(r.model, place(r)) for r in records}, key=lambda job: (ranked(job[0], MODELS), job)
        )
    ]
    alike = len({(row.device, row.unit) for row in rows}) == 1
    return [*rows, cost("all", records)] if len(rows) > 1 and alike else rows


def cost(label: str, records: Sequence[Record]) -> Cost:
    device, unit = place(records[0])
    stages = list(dict.fromkeys(stage for record in records for stage in record.seconds))
    means = {stage: fmean(record.seconds.get(stage, 0.0) for record in records) for stage in stages}
    hours = {
        stage: sum(record.seconds.get(stage, 0.0) * width(record) for record in records) / HOUR for stage in stages
    }
    return Cost(label, device, len(records), means, hours, unit)


def place(record: Record) -> tuple[str, str]:
    """The device's name, and what is paid for on it."""
    return str(record.device.get("name", "")), "core-hours" if on_cpu(record) else "GPU-hours"


def on_cpu(record: Record) -> bool:
    return str(record.device.get("type", "cpu")) == "cpu"


def width(record: Record) -> int:
    """How many cores, or GPUs, a job holds while it runs."""
    devices = int(record.device.get("devices", 1))
    return devices * int(record.device.get("threads", 1)) if on_cpu(record) else devices
