"""Cost of a sweep: the mean time of each stage, and core-hours or GPU-hours summed over jobs."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean
from typing import NamedTuple

from renormal.report.models import label, model_order
from renormal.report.record import Record

HOUR = 3600.0


class Cost(NamedTuple):
    """The jobs of one autoencoder on one kind of device."""

    label: str
    device: str
    jobs: int
    seconds: dict[str, float]  # by stage, mean over jobs
    hours: dict[str, float]  # by stage, sum over jobs, times the cores or GPUs of each
    unit: str

    @property
    def total(self) -> float:
        return sum(self.hours.values())


def costs(records: Sequence[Record]) -> list[Cost]:
    """One cost per model and device, in the order of the table; then one for all, where all have the same device."""
    jobs: dict[tuple[tuple[int, str], tuple[str, str]], list[Record]] = {}
    for record in records:
        jobs.setdefault((model_order(record.model), device_of(record)), []).append(record)
    rows = [cost(label(same[0]), same) for _, same in sorted(jobs.items())]
    alike = len({(row.device, row.unit) for row in rows}) == 1
    return [*rows, cost("all", records)] if len(rows) > 1 and alike else rows


def cost(name: str, records: Sequence[Record]) -> Cost:
    device, unit = device_of(records[0])
    stages = list(dict.fromkeys(stage for record in records for stage in record.seconds))
    means = {stage: fmean(record.seconds.get(stage, 0.0) for record in records) for stage in stages}
    hours = {
        stage: sum(record.seconds.get(stage, 0.0) * units_held(record) for record in records) / HOUR for stage in stages
    }
    return Cost(name, device, len(records), means, hours, unit)


def device_of(record: Record) -> tuple[str, str]:
    """The device's name, and the unit of its cost."""
    return str(record.device.get("name", "")), "core-hours" if on_cpu(record) else "GPU-hours"


def on_cpu(record: Record) -> bool:
    return str(record.device.get("type", "cpu")) == "cpu"


def units_held(record: Record) -> int:
    """The number of cores, or of GPUs, that the job holds while it runs."""
    devices = int(record.device.get("count", 1))
    return devices * int(record.device.get("threads", 1)) if on_cpu(record) else devices
