"""Made-up jobs that decide on new images, for tests only."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from made_up import made_up, write_made_up

from renormal.report.cli import main
from renormal.report.record import Record

SCORES = [0.01 * place for place in range(1, 40)]  # 39: the 38th is the threshold of 5 %


def job(good: dict[str, list[float]], **changes: Any) -> Record:
    """held_out: in the record, unless it is None."""
    kept = changes.pop("held_out", True)
    view = {"mirror": False, "turns": 0}
    parts = {"networks": [{"descents": {}, "scores": {}}], "views": [view], "tiles": 1, "good": good}
    config = changes.pop("config", {}) | {"projections": {"eq8_adam": {}}}
    return made_up(inspection=parts | ({} if kept is None else {"held_out": kept}), config=config, **changes)


def only_good(tmp_path: Path, samples: str | None, **changes: Any) -> str:
    """The page of a job whose test had good photographs alone."""
    tested = {"metrics": {}, "data": {"test_good": 3, "test_defective": 0}}
    path = write_made_up(tmp_path, job({"eq8_adam": SCORES}, **tested, **changes))
    if samples is not None:
        (path.parent / "samples.csv").write_text(samples)
    assert main([str(tmp_path)]) == 0
    return " ".join((tmp_path / "report.html").read_text(encoding="utf-8").split())
