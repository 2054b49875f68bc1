"""Drawn good parts on disk, and what may be wrong with a photograph."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image
from scipy.ndimage import gaussian_filter

from renormal.data.rehearsal.write import render_pair

SIDE = 128


def draw(folder: Path, category: str, count: int, first: int = 0) -> list[Path]:
    """Write good parts of a drawn category, and return the files."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for index in range(first, first + count):
        pair = render_pair(category, seed=0, split="train", defect="good", index=index, size=SIDE)
        paths.append(save(folder / f"{index:03d}.png", pair.image.squeeze()))
    return paths


def save(path: Path, pixels: np.ndarray) -> Path:
    """Write pixels from 0 to 255."""
    Image.fromarray(np.asarray(pixels).clip(0, 255).astype(np.uint8)).save(path)
    return path


def spoilt(path: Path, how: str) -> np.ndarray:
    """A photograph that is blurred, dark, empty, turned, noisy or shifted."""
    pixels = np.asarray(Image.open(path).convert("RGB"), float)
    generator = np.random.default_rng(0)
    backdrop = np.median(pixels[:4].reshape(-1, 3), axis=0)
    return {
        "blurred": lambda: gaussian_filter(pixels, (2, 2, 0)),
        "dark": lambda: pixels * 0.5,
        "empty": lambda: backdrop + generator.normal(0, 2, pixels.shape),
        "turned": lambda: pixels[::-1, ::-1],
        "noisy": lambda: pixels + generator.normal(0, 40, pixels.shape),
        "shifted": lambda: np.roll(pixels, SIDE // 3, axis=0),
    }[how]()
