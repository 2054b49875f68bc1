"""A record with all of its parts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from made_up import made_up, strip

from renormal.contracts import CHOSEN
from renormal.report.record import write_record

TRIAL = {"projection": "eq8", "score": "dssim", "settings": {"step_size": 0.1}, "metrics": {"pixel_auroc": 0.9}}
CHOICE = {
    "schema": 1,
    "metric": "pixel_auroc",
    "held_out": True,
    "chosen": TRIAL,
    "reference": TRIAL,
    "baseline": {"dssim": {"pixel_auroc": 0.8}},
    "trials": [TRIAL],
    "model": "vae",
    "category": "tile",
    "seed": 1,
}
CONFIG = {
    "name": "trial",
    "seed": 1,
    "stages": ["train", "choose", "test"],
    "model": {"name": "vae", "label": "VAE", "paper": "vae", "net": {"latent": 100}},
    "data": {"name": "mvtec", "root": "/data/mvtec", "patch_size": 32, "url": "https://me:hidden-in-a-url@host/a"},
    "projections": {"eq8": {"step_size": 0.5, "energy": {"weight": 0.05, "start": None}}},
    "score": {"_target_": "renormal.scores.DSSIM"},
    "scores": {"squared_error": {"_target_": "renormal.scores.SquaredError"}},
    "choose": {"scores": {"dssim": {"_target_": "renormal.scores.DSSIM"}}, "api_key": "hidden-in-a-key"},
    "test": {"crossed": True},
    "logger": {"wandb": {"project": "p", "entity": None, "mode": "offline"}},
}
METRICS = ("baseline/pixel_auroc", "eq8/pixel_auroc", f"{CHOSEN}/pixel_auroc", "squared_error/pixel_auroc")


def full_record(root: Path) -> dict[str, Any]:
    """Decoded, with its pictures below `root`/vae/tile/1."""
    folder = root / "vae" / "tile" / "1"
    panels = [{**strip(folder / "panels", name), "auroc": "0.9", "baseline_limit": "0.5"} for name in "ab"]
    film = {"file": panels[0]["file"], "iterations": [0, 1, 4], "path": panels[0]["path"]}
    repaired = {"file": panels[0]["file"], "columns": ["x0", "pasted", "truth"], "rows": [{"path": "a", "psnr": 20.5}]}
    record = made_up(
        seed=1,
        category="tile",
        metrics=dict.fromkeys((*METRICS, "baseline/squares_psnr_hole"), 0.5),
        undefined={"aupro": "no masks"},
        maps={"eq8": {"limit": 0.5, "threshold": 0.2}},
        projections={"eq8": {"threshold": 24.5, "steps_mean": 31.0, "seconds": None}},
        device={"name": "a CPU", "type": "cpu", "threads": 2, "count": 1, "precision": "32-true"},
        versions={"python": "3.11"},
        hashes={"training": "ab.cdx2", "test": "ef", "data": "01"},
        training={"images": 1000.0, "epochs": None},
        curves={
            "eq8": {"pixel_auroc": [0.5, 0.6, 0.7], "iterations": [0, 1, 2], "steps": [0, 3], "path": film},
            "repaired_squares": repaired,
        },
        choice=CHOICE,
        config=CONFIG,
        panels=panels,
    )
    content: dict[str, Any] = json.loads(write_record(folder, record).read_text(encoding="utf-8"))
    return content
