"""Records with made-up numbers, for tests only."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from renormal.report.record import Record, write_record

GREYS = (0, 60, 120, 240)  # of x_t; f(x_t) is 255 less that
STEPS = [0, 1, 4, 9]


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


def strip(folder: Path, name: str, *, side: int = 32, value: float = 0.4) -> dict[str, str]:
    """A panel in lit/panels.py's layout: x0 white, f(x0) blue, x_N black, flat maps of `value`, a square defect."""
    colours = ("white", "blue", "black", "grey", "grey", "white")
    greys = [Image.new("L", (side, side), round(255 * value / 0.5))] * 2 + [Image.new("L", (side, side))]
    greys[2].paste(255, (side // 4, side // 4, side // 2, side // 2))
    folder.mkdir(parents=True, exist_ok=True)
    in_a_row([Image.new("RGB", (side, side), colour) for colour in colours]).save(folder / f"{name}.png")
    in_a_row(greys).save(folder / f"{name}-maps.png")
    tiles = "x0 | f(x0) | x_N | map of f(x0) | map of x_N | truth"
    files = {"file": f"{folder.name}/{name}.png", "maps": f"{folder.name}/{name}-maps.png"}
    return {
        **files,
        "tiles": tiles,
        "limit": "0.5",
        "path": f"test/bent/{name}.png",
        "defect": "bent",
        "projection": "eq8",
    }


def in_a_row(pictures: list[Image.Image]) -> Image.Image:
    side = pictures[0].height
    whole = Image.new(pictures[0].mode, (side * len(pictures), side))
    for place, picture in enumerate(pictures):
        whole.paste(picture, (place * side, 0))
    return whole


def filmed(root: Path, side: int = 32) -> Record:
    """A job whose sample `a` was filmed, `b` was not."""
    folder = root / "vae" / "grid" / "0"
    panels = [strip(folder / "panels", name, side=side) for name in "ab"]
    columns = np.repeat(np.stack([GREYS, 255 - np.array(GREYS)]), side, axis=0).repeat(side, axis=1)
    Image.fromarray(columns.astype(np.uint8)).convert("RGB").save(folder / "panels" / "eq8-path.png")
    path = {"file": "panels/eq8-path.png", "iterations": STEPS, "path": panels[0]["path"]}
    return made_up("vae", "grid", panels=panels, folder=folder, curves={"eq8": {"path": path}})


def trial(projection: str, step_size: float, value: float) -> dict[str, Any]:
    settings = {"step_size": step_size, "stop.quantile": 0.0}
    return {"projection": projection, "score": "dssim", "settings": settings, "metrics": {"pixel_auroc": value}}


def chose(category: str, real: tuple[float, float], *values: float, held_out: bool = True) -> Record:
    """values: on planted defects, of the constants (α 0.5) and of α 1, 2, 3."""
    trials = [trial("eq8_adam", 0.5, values[0])]
    trials += [trial("eq8", alpha, value) for alpha, value in enumerate(values[1:], 1)]
    choice = {
        "schema": 1,
        "model": "vae",
        "category": category,
        "seed": 0,
        "held_out": held_out,
        "metric": "pixel_auroc",
        "chosen": max(trials, key=lambda one: one["metrics"]["pixel_auroc"]),
        "reference": trials[0],
        "baseline": {"dssim": {"pixel_auroc": 0.7}, "squared_error": {"pixel_auroc": 0.6}},
        "trials": trials,
    }
    metrics = {"baseline/pixel_auroc": 0.8, "eq8_adam/pixel_auroc": real[0], "chosen/pixel_auroc": real[1]}
    return made_up("vae", category, metrics=metrics, choice=choice)
