"""One test image on its way: x_t and f(x_t) at chosen iterations (Figure 8)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from torch import Tensor

from renormal.contracts import EnergyTerms, Images, Projection
from renormal.functional.tiles import blend
from renormal.lit.panels import pixels, write_png
from renormal.projection import Observer


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

    def __len__(self) -> int:
        return self.own.stop - self.own.start


class Filming(NamedTuple):
    """Which image is filmed, at which iterations, and into which folder. stride: of a texture's tiles."""

    path: str
    iterations: Sequence[int]
    folder: Path
    stride: int

    def film(self, paths: Sequence[str], x0: Images) -> Film | None:
        """Of the image, where it is in this batch, whose tiles stand one image after the other in x0."""
        if self.path not in paths:
            return None
        tiles = len(x0) // len(paths)
        return Film(self.iterations, x0, paths.index(self.path) * tiles, tiles)

    def write(self, film: Film, name: str, image: Images) -> dict[str, Any]:
        """Write x_t above f(x_t), a column for each iteration; answer with what the record says of it.

        name: of the projection. image: a batch of whole images, for their size.
        """
        (height, width), file = image.shape[-2:], self.folder / f"{name}-path.png"
        whole = (lambda part: part[0]) if len(film) == 1 else (lambda part: blend(part, height, width, self.stride)[0])
        columns = [np.concatenate([pixels(whole(part)) for part in frames]) for frames in film.frames.values()]
        write_png(file, np.concatenate(columns, axis=1))
        return {"file": f"{file.parent.name}/{file.name}", "iterations": list(film.frames), "path": self.path}


def together(*observers: Observer | None) -> Observer | None:
    """One observer for all of them, None for none: watching costs time."""
    present = [observer for observer in observers if observer is not None]
    if not present:
        return None

    def observe(sample: Tensor, t: Tensor, x: Images, terms: EnergyTerms) -> None:
        for observer in present:
            observer(sample, t, x, terms)

    return observe


def first_anomalous(defects: Sequence[str], paths: Sequence[str]) -> str | None:
    """The image that is filmed: the first that is not good, so that nobody picks it by its result."""
    return next((path for defect, path in zip(defects, paths, strict=True) if defect != "good"), None)
