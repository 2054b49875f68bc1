"""One test image during its descent: x_t and f(x_t) at chosen iterations (Figure 8)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from torch import Tensor

from renormal.contracts import EnergyTerms, Images, Projection
from renormal.functional.tiles import blend
from renormal.lit.captions import write_png
from renormal.lit.panels import grid
from renormal.projection import Observer


class Film:
    """x_t and f(x_t) of one image, whose `count` tiles begin at x0[first]. A stopped tile keeps its last frame."""

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
        """Copy x_N into the frames after a tile has stopped."""
        for age, frames in self.frames.items():
            stopped = result.steps[self.own] < age
            for frame, values in zip(frames, (result.x, result.terms.reconstructed), strict=True):
                frame[stopped] = values[self.own][stopped].to(frame.dtype)


class Filming(NamedTuple):
    """path: of the image that is filmed. iterations: those that are kept. stride: between tiles of a texture."""

    path: str
    iterations: Sequence[int]
    folder: Path
    stride: int

    def film(self, paths: Sequence[str], x0: Images) -> Film | None:
        """The film of the image, None if it is not in this batch. x0: tiles, those of one image after another."""
        if self.path not in paths:
            return None
        tiles = len(x0) // len(paths)
        return Film(self.iterations, x0, paths.index(self.path) * tiles, tiles)

    def write(self, film: Film, name: str, image: Images) -> dict[str, Any]:
        """Write x_t above f(x_t), a column for each iteration, and return the record's entry.

        name: of the projection. image: a batch of whole images, which gives their size.
        """
        (height, width), file = image.shape[-2:], self.folder / f"{name}-path.png"
        rows = zip(*film.frames.values(), strict=True)  # all x_t, all f(x_t)
        pictures = grid([[blend(part, height, width, self.stride)[0] for part in row] for row in rows])
        write_png(file, pictures, [f"x_{t} above f(x_{t})" for t in film.frames])
        return {"file": f"{file.parent.name}/{file.name}", "iterations": list(film.frames), "path": self.path}


def together(*observers: Observer | None) -> Observer | None:
    """One observer that calls all of them; None for none, since observing costs time."""
    present = [observer for observer in observers if observer is not None]
    if not present:
        return None

    def observe(sample: Tensor, t: Tensor, x: Images, terms: EnergyTerms) -> None:
        for observer in present:
            observer(sample, t, x, terms)

    return observe


def first_anomalous(defects: Sequence[str], paths: Sequence[str]) -> str | None:
    """The path of the image that is filmed: the first defective one, not chosen by its result."""
    return next((path for defect, path in zip(defects, paths, strict=True) if defect != "good"), None)
