"""One test image on its way: x_t and f(x_t) at chosen iterations (Figure 8)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from renormal.contracts import EnergyTerms, Images, Projection
from renormal.functional.tiles import blend
from renormal.lit.panels import pixels, write_png

Observe = Callable[[Tensor, Tensor, Images, EnergyTerms], None]


class Film:
    """Frames of the samples `first` … of x0, the tiles of one image. A stopped sample stays in all later frames."""

    def __init__(self, iterations: Sequence[int], x0: Images, first: int, count: int) -> None:
        self.own = slice(first, first + count)
        self.frames = {t: (x0[self.own].clone(), x0[self.own].clone()) for t in sorted(iterations)}

    def observe(self, sample: Tensor, t: Tensor, x: Images, terms: EnergyTerms) -> None:
        """What `project` calls at every evaluation."""
        inside = (sample >= self.own.start) & (sample < self.own.stop)
        for age in self.frames.keys() & set(t[inside].tolist()):
            rows = inside & (t == age)
            for frame, values in zip(self.frames[age], (x, terms.reconstructed), strict=True):
                frame[sample[rows] - self.own.start] = values[rows].to(frame.dtype)

    def hold(self, result: Projection) -> None:
        for age, frames in self.frames.items():
            stopped = result.steps[self.own] < age
            for frame, values in zip(frames, (result.x, result.terms.reconstructed), strict=True):
                frame[stopped] = values[self.own][stopped].to(frame.dtype)

    def write(self, file: Path, *, path: str, height: int, width: int, stride: int) -> dict[str, Any]:
        """Write x_t above f(x_t), a column for each iteration; return what the record says of it."""
        whole = (lambda part: part[0]) if len(self) == 1 else (lambda part: blend(part, height, width, stride)[0])
        columns = [np.concatenate([pixels(whole(part)) for part in frames]) for frames in self.frames.values()]
        write_png(file, np.concatenate(columns, axis=1))
        return {"file": f"{file.parent.name}/{file.name}", "iterations": list(self.frames), "path": path}

    def __len__(self) -> int:
        return self.own.stop - self.own.start


def together(*observers: Observe | None) -> Observe | None:
    """One observer for all of them, None for none: watching costs time."""
    present = [observer for observer in observers if observer is not None]
    if not present:
        return None

    def observe(sample: Tensor, t: Tensor, x: Images, terms: EnergyTerms) -> None:
        for observer in present:
            observer(sample, t, x, terms)

    return observe


def film_of(path: str | None, iterations: Sequence[int], batch: Sequence[str], x0: Images) -> Film | None:
    """Of the filmed image, where it is in this batch, whose tiles stand one image after the other in x0."""
    if path not in batch:
        return None
    tiles = len(x0) // len(batch)
    return Film(iterations, x0, batch.index(path) * tiles, tiles)


def first_anomalous(defects: Sequence[str], paths: Sequence[str]) -> str | None:
    """The image that is filmed: the first that is not good, so that nobody picks it by its result."""
    return next((path for defect, path in zip(defects, paths, strict=True) if defect != "good"), None)
