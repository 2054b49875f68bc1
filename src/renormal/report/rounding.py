"""Records whose DSSIM was scored with rounding errors larger than what the projection changed."""

from __future__ import annotations

from collections.abc import Sequence

from renormal.report.record import SCORES, Record

LEAST = 1e-2  # of values in [0, 1]; below it the former DSSIM lost the ranking of pixels (benchmarks/rounding.py)
SHOWN = 5  # names in one line
NOTE = (
    "scored when DSSIM and MSGMS had rounding errors of 1e-4, more than a descent changes on networks as good as "
    "these: only f(x₀) is to be trusted (stages=[test] rerun=true scores again)"
)


def notes_on_rounding(records: Sequence[Record]) -> list[str]:
    """A line that names the records whose descents were scored by rounding noise."""
    found = [f"{r.model}/{r.category}/{r.seed}" for r in records if r.data.get("scores") != SCORES and hardly_moves(r)]
    more = f" and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
    return [f"{', '.join(found[:SHOWN])}{more}: {NOTE}"] if found else []


def hardly_moves(record: Record) -> bool:
    """Whether √(T / pixels and channels) is below LEAST for a descent: the error of f on its best training image."""
    side = min(record.data.get("size", 0), record.config.get("data", {}).get("patch_size", record.data.get("size", 0)))
    count = record.data.get("channels", 3) * side**2
    found = [float(one.get("threshold") or 0) for one in record.projections.values()]
    return bool(count) and any(0 < threshold < LEAST**2 * count for threshold in found)
