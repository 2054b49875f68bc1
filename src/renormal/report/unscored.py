"""Why a record has no number."""

from __future__ import annotations

from renormal.contracts import ONLY_DEFECTIVE, ONLY_GOOD
from renormal.report.record import Record

SCORES_NOTHING = "so nothing can be scored: the page shows what the projection changes"


def unscored(record: Record) -> str:
    """Why a record has no number."""
    if "test" not in record.config.get("stages", ["test"]):
        return "nothing was tested"
    good, bad = (record.data.get(key) for key in ("test_good", "test_defective"))
    counted = ONLY_GOOD if bad == 0 else ONLY_DEFECTIVE if good == 0 else "its record does not say why"
    reason = " and ".join(dict.fromkeys(record.undefined.values())) or counted
    return f"{reason}, {SCORES_NOTHING if record.panels else 'so nothing can be scored'}"
