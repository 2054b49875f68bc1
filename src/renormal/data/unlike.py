"""Photographs that look unlike the others, and in what."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from renormal.data.thumbnails import Numbers, Thumbnail

FEW = 6  # ours: among fewer photographs none is the odd one
REFERENCES = 1000  # photographs that each one is compared with, at most
NEAREST = 0.1  # of the references: a group of so many is no longer odd
LEAST = 3  # nearest photographs, at least
FAR = 6.0  # ours: deviations of the logarithm from its median; the good images of MVTec AD stay below
UNSURE = 4.0  # ours: among N photographs FAR is larger by this / N, since the deviation is not known well
TOGETHER = 0.5  # ours, of FAR, the mean over all of SPACES: the good images of MVTec AD stay below 0.4
LEAST_SPREAD = {"picture": 0.1, "colour": 0.3, "shades": 0.3, "detail": 0.25, "directions": 0.2}  # ours, logarithms
NORMAL = 1.4826  # median absolute deviation → standard deviation
TURNS = {2: "turned by 180 degrees", 1: "turned by 90 degrees", 3: "turned by 90 degrees"}  # quarter turns → in words
SIDED = 0.3  # ours, a logarithm: the least by which parts that lie alike are nearer to their median than turned ones
STEADY = 0.5  # ours, of that: nine of ten parts are nearer by this, or they do not lie alike
BACK = 0.3  # ours, of that: a turned part is nearer by this, once it is turned back
CLOSE = 1.5  # ours: it then is as near as nine of ten parts, times this
ALIKE = 0.5  # correlation with the mean image: below, the photographs do not show one part in one place
EMPTY = 0.3  # of the usual contrast
MARGIN = 4.0  # grey levels: less is not called darker or brighter
CAST, DARK = 0.06, 0.02  # a logarithm: a weaker cast is none; shades: two dark channels have none
BLURRED, GRAINY = 0.7, 1.4  # of the usual contrast of the finest detail

Describe = Callable[[Thumbnail], Numbers]
SPACES: Mapping[str, Describe] = {  # in what photographs are compared
    "picture": lambda one: one.pixels.astype(np.float32).ravel() / 255,
    "colour": lambda one: one.colour,
    "shades": lambda one: np.sqrt(one.shades),
    "detail": lambda one: one.detail,
    "directions": lambda one: np.sqrt(one.directions),
}
REST = {  # in what a photograph differs, where there is no better name for it
    "picture": "another picture",
    "colour": "other colours",
    "shades": "other shares of bright and dark",
    "detail": "coarser or finer",
    "directions": "edges in other directions",
}


class Odd(NamedTuple):
    """A photograph that looks unlike the others."""

    place: int  # in the list
    reason: str  # in words
    far: float  # above 1, in what it differs most, or in all together


def unlike(photographs: Sequence[Thumbnail]) -> tuple[list[Odd], list[int]]:
    """The odd photographs, the oddest first, and the places of the others, the most typical first.

    In each of SPACES a photograph's mean distance to the tenth of all that is nearest to it is compared with that of
    the others: the logarithm, in robust standard deviations from the median. An odd one lies beyond FAR in one space,
    or beyond TOGETHER in the mean of all, as a few photographs of another part do, which resemble each other. So does
    one that is nearer to the median photograph when it is turned, where the others are not.
    """
    if len(photographs) < FEW:
        return [], list(range(len(photographs)))
    far = compared(photographs)
    turns = turned(np.stack([one.pixels for one in photographs]))
    most = np.maximum(np.max(list(far.values()), axis=0), np.mean(list(far.values()), axis=0) / TOGETHER)
    odd = {int(one) for one in np.flatnonzero(most > 1)} | turns.keys()
    typical = [int(one) for one in np.argsort(sum(far.values()), kind="stable") if one not in odd]
    usual = Usual.of([photographs[one] for one in typical])
    found = []
    for one in odd:
        beyond = [REST[name] for name in far if far[name][one] > 1] or ["differs in every respect"]
        reason = turns.get(one) or usual.reason(photographs[one]) or "; ".join(beyond)
        found.append(Odd(one, reason, float(most[one])))
    return sorted(found, key=lambda one: -one.far), typical


def compared(photographs: Sequence[Thumbnail]) -> dict[str, Numbers]:
    """By space, how far each photograph is from those nearest to it: (N,), above 1 if beyond FAR."""
    found = {}
    for name, describe in SPACES.items():
        logarithm = np.log(to_nearest(np.stack([describe(one) for one in photographs])) + 1e-4)
        middle = np.median(logarithm)
        spread = max(NORMAL * float(np.median(np.abs(logarithm - middle))), LEAST_SPREAD[name])
        found[name] = (logarithm - middle) / (spread * FAR * (1 + UNSURE / len(photographs)))
    return found


def to_nearest(values: Numbers) -> Numbers:
    """(N, D) → (N,): mean distance to the nearest tenth of up to REFERENCES of them, itself apart."""
    count = len(values)
    chosen = _references(count)
    nearest = min(max(LEAST, round(NEAREST * len(chosen))), len(chosen) - 1)
    found = np.empty(count, np.float32)
    for start in range(0, count, REFERENCES):
        part = values[start : start + REFERENCES]
        distance = _distance(part, values[chosen])
        distance[chosen[None] == np.arange(start, start + len(part))[:, None]] = np.inf
        found[start : start + len(part)] = np.partition(distance, nearest - 1, axis=1)[:, :nearest].mean(1)
    return found


def _distance(rows: Numbers, columns: Numbers) -> Numbers:
    squares = (rows**2).sum(1)[:, None] - 2 * rows @ columns.T + (columns**2).sum(1)[None]
    found: Numbers = np.sqrt(np.maximum(squares, 0))
    return found


def turned(pixels: NDArray[np.uint8]) -> dict[int, str]:
    """(N, H, H, 3) → place: how it is turned, of those that are turned where the others lie alike."""
    usual = np.median(pixels[_references(len(pixels))], axis=0).astype(np.float32)
    lies = _from(pixels, usual)
    turns = {turn: _from(np.rot90(pixels, turn, (1, 2)), usual) for turn in TURNS}
    nearest = np.min(list(turns.values()), axis=0)
    found: dict[int, str] = {}
    for turn, words in TURNS.items():
        nearer = np.log(turns[turn] / lies)
        middle, low = np.quantile(nearer, [0.5, 0.1])
        if middle > SIDED and low > STEADY * middle:
            back = (turns[turn] == nearest) & (nearest < CLOSE * np.quantile(lies, 0.9))
            found |= {int(one): words for one in np.flatnonzero(back & (nearer < -BACK * middle))}
    return found


def _from(pixels: NDArray[np.uint8], usual: Numbers) -> Numbers:
    """(N, H, W, 3) → (N,): root mean square distance, and at least a hundredth of a grey level."""
    parts = (pixels[start : start + REFERENCES] - usual for start in range(0, len(pixels), REFERENCES))
    return np.concatenate([np.sqrt((part**2).mean((1, 2, 3))) + 0.01 for part in parts])


def _references(count: int) -> NDArray[np.int64]:
    """Up to REFERENCES places of so many, at equal distances."""
    return np.unique(np.linspace(0, count - 1, min(REFERENCES, count)).astype(np.int64))


class Usual(NamedTuple):
    """What the photographs that are not odd have in common."""

    mean: Numbers  # (D,) mean picture, around 0, of length 1
    alike: Numbers  # (N,) correlation of each with the mean picture
    shades: Numbers  # (N,) mean grey level
    contrast: float
    detail: Numbers  # (BANDS,)
    colour: Numbers  # (3,) mean of each channel
    cast: float  # most of them have a weaker one

    @classmethod
    def of(cls, photographs: Sequence[Thumbnail]) -> Usual:
        """Of the photographs."""
        pictures = np.stack([_unit(one.pixels) for one in photographs])
        colour = np.median([one.colour[:3] for one in photographs], axis=0)
        mean = _unit(pictures.mean(0))
        return cls(
            mean,
            pictures @ mean,
            np.array([_shade(one) for one in photographs]),
            float(np.median([one.colour[3:].mean() for one in photographs])),
            np.median([one.detail for one in photographs], axis=0),
            colour,
            float(np.quantile([_cast(one, colour).max() for one in photographs], 0.98)),
        )

    def reason(self, one: Thumbnail) -> str:
        """Why a photograph looks unlike these, in words; "" for what has no name here."""
        if one.colour[3:].mean() < EMPTY * self.contrast:
            return "nearly empty: almost one shade"
        return "; ".join([*self._shown(one), *self._light(one), *self._colour(one), *self._sharpness(one)])

    def _shown(self, one: Thumbnail) -> list[str]:
        low, middle = np.quantile(self.alike, [0.02, 0.5])
        other = middle > ALIKE and 1 - float(_unit(one.pixels) @ self.mean) > 1.5 * (1 - low)
        return ["shows something else, or lies elsewhere"] if other else []

    def _light(self, one: Thumbnail) -> list[str]:
        low, high = np.quantile(self.shades, [0.02, 0.98])
        margin = max(MARGIN, (high - low) / 4)
        shade = _shade(one)
        if low - margin <= shade <= high + margin:
            return []
        return [f"{'darker' if shade < low else 'brighter'}: mean {shade:.0f} of 255, others {low:.0f} to {high:.0f}"]

    def _colour(self, one: Thumbnail) -> list[str]:
        cast = _cast(one, self.colour)
        return [("redder", "greener", "bluer")[int(cast.argmax())]] if cast.max() > max(CAST, self.cast) else []

    def _sharpness(self, one: Thumbnail) -> list[str]:
        fine = np.exp(one.detail - self.detail)
        if fine[0] < BLURRED and fine[0] < 0.8 * fine[3]:
            return [f"blurred: {fine[0]:.0%} of the fine detail of others"]
        if fine[0] > GRAINY and fine[0] > 1.25 * fine[3]:
            return [f"noisy, or finer: {fine[0]:.1f} times the fine detail of others"]
        return []


def _unit(picture: NDArray[Any]) -> Numbers:
    channels = picture.reshape(-1, 3).astype(np.float32)
    flat = (channels - channels.mean(0)).reshape(-1)
    found: Numbers = flat / max(float(np.linalg.norm(flat)), 1e-6)
    return found


def _cast(one: Thumbnail, usual: Numbers) -> Numbers:
    """(3,): logarithm of how much stronger each channel is than the usual one, against the mean of the three."""
    ratio = np.log((one.colour[:3] + DARK) / (usual + DARK))
    found: Numbers = ratio - ratio.mean()
    return found


def _shade(one: Thumbnail) -> float:
    return float(one.means.mean()) * 255
