"""Object or texture, from the photographs alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from renormal.data.source import Fit, Item, Kind, Source
from renormal.data.thumbnails import BLOCKS, Numbers, Thumbnail, some_thumbnails

NOUN = {"object": "an object", "texture": "a texture"}
FEW = 4  # ours: with fewer photographs the places of two parts and of two textures look alike
# at most the first in a texture, at least the second in an object: ours, between the objects and the textures of
# MVTec AD, CelebA, scikit-image and the drawn categories
SHADE = (0.10, 0.17)  # of the contrast: how much the places differ in all photographs together
PLACED = (0.15, 0.25)  # of a natural logarithm: the same of the detail
WITHIN = (0.25, 0.45)  # of a natural logarithm: how much the places of one photograph differ in detail


class Guess(NamedTuple):
    """What the photographs look like."""

    kind: Kind
    sure: bool
    reason: str  # in words, with the numbers


def guess_kind(photographs: Sequence[Thumbnail]) -> Guess:
    """Texture if all places of the frame look alike, in shade and in detail. Otherwise object.

    An object has a place: averaged over all photographs, some blocks are darker or more detailed than others. If it
    may lie anywhere, they differ in each photograph. In a texture they do not, apart from uneven light, which a
    quadratic function of the place takes away.
    Where this is not clear, or with fewer than FEW photographs, the answer is object and not sure.
    """
    if len(photographs) < FEW:
        return Guess("object", False, f"{len(photographs)} photographs are too few, {FEW} are needed")
    contrast = float(np.median([np.linalg.norm(one.colour[3:]) / np.sqrt(3) for one in photographs]))
    shade = placed(np.stack([one.means for one in photographs])) / max(contrast, 1 / 255)
    detail = placed(np.stack([one.contrasts for one in photographs]))
    within = float(np.median([level(one.contrasts).std() for one in photographs]))
    numbers = f"shade of the places {shade:.2f}, their detail {detail:.2f}, detail within one photograph {within:.2f}"
    if shade <= SHADE[0] and detail <= PLACED[0] and within <= WITHIN[0]:
        return Guess("texture", True, f"all places of the frame look alike ({numbers})")
    if shade >= SHADE[1] or detail >= PLACED[1]:
        return Guess("object", True, f"all photographs are darker or more detailed in the same places ({numbers})")
    if within >= WITHIN[1]:
        return Guess("object", True, f"parts lie anywhere before a plainer background ({numbers})")
    return Guess("object", False, f"between an object and a texture ({numbers})")


def kind_of(items: Sequence[Item], *, fit: Fit, max_pixels: int) -> tuple[Kind, str]:
    """What these training images are taken for, from at most MOST of them, and the line that says so, with the mend."""
    guess = guess_kind(some_thumbnails(items, fit=fit, max_pixels=max_pixels, title="object or texture"))
    other = "texture" if guess.kind == "object" else "object"
    doubt = "" if guess.sure else ", which is not sure"
    return guess.kind, f"taken as {NOUN[guess.kind]}{doubt}: {guess.reason}; data.kind={other} if it is none"


def other_kind(source: Source, guess: Guess, *, fixed: bool = False) -> tuple[str, ...]:
    """The line that asks about the kind, where the photographs clearly look like the other one.

    fixed: the network is trained further, so its kind cannot be changed.
    """
    if not guess.sure or guess.kind == source.kind:
        return ()
    seen = f"the photographs look like {NOUN[guess.kind]}: {guess.reason}"
    mend = f"set data.kind={guess.kind} if that is right"
    if fixed:
        mend = "the network of continue= has seen other ones: train a new one, without continue=, if these are meant"
    return (f"{source.name}: data.kind={source.kind}, but {seen}; {mend}",)


def placed(values: Numbers) -> float:
    """Standard deviation over the blocks of what all photographs have in common there, without uneven light.

    values: (N, BLOCKS, BLOCKS). What N photographs have in common by chance is subtracted.
    """
    count = len(values)
    flat = np.stack([level(one) for one in values]).reshape(count, -1)
    common = flat.mean(0).var()
    chance = flat.var(0, ddof=1).mean() / count
    return float(np.sqrt(max(common - chance, 0.0)))


def level(values: Numbers) -> Numbers:
    """The blocks without their best quadratic function of the place."""
    axis = np.linspace(-1, 1, BLOCKS)
    x, y = (part.ravel() for part in np.meshgrid(axis, axis))
    terms = np.stack([np.ones_like(x), x, y, x * x, x * y, y * y], axis=1)
    fitted = terms @ np.linalg.lstsq(terms, values.ravel(), rcond=None)[0]
    left: Numbers = (values.ravel() - fitted).reshape(values.shape).astype(np.float32)
    return left
