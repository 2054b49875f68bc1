"""Why a record has no number, or lacks one."""

from __future__ import annotations

from renormal.contracts import ONLY_DEFECTIVE, ONLY_GOOD
from renormal.report.record import Record

AUROCS = ("pixel_auroc", "image_auroc")
NO_AUROC = "so there is no AUROC"
SHOWN = "the page shows what the projection changes"


def unscored(record: Record) -> str:
    """Why a record has no number, or lacks one."""
    if "test" not in record.config.get("stages", ["test"]):
        return "nothing was tested"
    good, bad = (record.data.get(key) for key in ("test_good", "test_defective"))
    counted = ONLY_GOOD if bad == 0 else ONLY_DEFECTIVE if good == 0 else "its record does not say why"
    reason = " and ".join(dict.fromkeys(record.undefined.values())) or counted
    return f"{reason}, {NO_AUROC}" + (f": {SHOWN}" if record.panels else "")


def missing(record: Record, metric: str, noun: str) -> list[str]:
    """The reasons why a record with other numbers has no AUROC, or lacks this metric. noun: its name in text."""
    if all(name in record.undefined for name in AUROCS):
        reasons = dict.fromkeys(record.undefined[name] for name in AUROCS)
        return [f"{record.category}: no AUROC, {' and '.join(reasons)}"]
    return [f"{record.category}: no {noun}, {record.undefined[metric]}"] if metric in record.undefined else []
