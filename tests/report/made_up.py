"""Records with made-up numbers, for tests only."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from PIL import Image

from renormal.report.record import Record, write_record


def made_up(model: str = "vae", category: str = "grid", seed: int = 0, **changes: Any) -> Record:
    values: dict[str, Any] = {
        "name": "trial",
        "kind": "texture",
        "metrics": {"baseline/pixel_auroc": 0.8, "eq8_adam/pixel_auroc": 0.9, "eq8_adam/aupro": 0.5},
        "projections": {"eq8_adam": {"threshold": 24.5, "steps_mean": 31.0, "steps_max": 100, "seconds": None}},
        "seconds": {"train": 60.5},
        "training": {"images": 1000},
        "data": {"size": 128, "note": "<made-up> & small"},
        "config": {"seed": seed, "model": {"latent": 100}},
    }
    return Record(model=model, category=category, seed=seed, **(values | changes))


def write_made_up(root: Path, record: Record) -> Path:
    """Into the layout of outputs/<name>."""
    return write_record(root / record.model / record.category / str(record.seed), record)


def strip(path: Path, tiles: int = 3, side: int = 8) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (tiles * side, side), "teal").save(path)
