"""A small job, drawn parts of other sizes than the network's, and what a command has written about them."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from renormal.inspect.predict import main


def draw(path: Path, *, seed: int, size: tuple[int, int] = (40, 60), **options: Any) -> Path:
    """A picture of noise with (height, width) pixels."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (*size, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path, **options)
    return path


def parts_in(folder: Path) -> Path:
    """Two photographs of one name in two folders, a JPEG of the same stem, and a note."""
    draw(folder / "a" / "1.png", seed=1)
    draw(folder / "b" / "1.png", seed=2, size=(32, 32))
    draw(folder / "b" / "1.jpg", seed=3, size=(20, 90))
    (folder / "b" / "note.txt").write_text("of the line")
    return folder


def predict(run: Path, *arguments: object) -> int:
    """With the scores of f(x0): the few steps of a small job leave every photograph as it is."""
    column = [] if "--column" in arguments else ["--column", "baseline"]
    return main([str(run), *map(str, arguments), *column])


def pixels_of(path: Path) -> NDArray[Any]:
    with Image.open(path) as image:
        return np.array(image)


def lines_of(out: Path) -> dict[str, dict[str, Any]]:
    """Name → the last JSON line."""
    texts = "".join(path.read_text() for path in sorted(out.glob("predictions*.jsonl")))
    return {line["image"]: line for line in map(json.loads, texts.splitlines())}


def rows_of(out: Path) -> dict[str, dict[str, str]]:
    """Name → row of the CSV."""
    text = (out / "predictions.csv").read_bytes().decode()
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    found = {row["image"]: row for row in rows}
    assert len(found) == len(rows)
    return found
