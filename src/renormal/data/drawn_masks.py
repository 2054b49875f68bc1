"""Masks: from their files to the defects of upright photographs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from renormal.data.depth import integers
from renormal.data.images import (
    Header,
    converted,
    flattened,
    header_of,
    orientation_of,
    square,
    turned,
    upright,
)
from renormal.data.mask_doubts import BackgroundError, UndecidedError, check_background
from renormal.data.mask_survey import Survey, Values, frame, survey, without_frame
from renormal.data.mask_values import Reading, decide, level_of
from renormal.data.opening import opened
from renormal.data.regions import nearest
from renormal.data.source import DataError, Fit

MEND = "draw all masks in white on black"
LEVEL = "or set test.mask_level: pixels above it are defects"


class Pair(NamedTuple):
    """A mask and the photograph that it belongs to."""

    mask: Path
    image: Path


class Mask(NamedTuple):
    """The mask of a photograph, before it is known how its values are to be read."""

    pair: Pair
    found: Survey
    header: Header
    photograph: Header

    @property
    def loose(self) -> bool:
        """Whether EXIF turns the photograph, and nothing in the mask's file says that it is turned alike."""
        return self.photograph.orientation != 1 == self.header.orientation

    @property
    def on_stored_pixels(self) -> bool | None:
        """Whether it has the size of the stored pixels of a photograph that EXIF turns; None if both sizes fit."""
        size, turn = self.photograph
        stored = size[::-1] if turn >= 5 else size
        return (self.header.size == stored if stored != size else None) if self.loose else False


def look_at(pair: Pair, max_pixels: int) -> Mask:
    """Decode a mask, and read the header of its photograph. Raises DataError for a size that no turn mends."""
    photograph = header_of(pair.image, max_pixels)
    found = header_of(pair.mask, max_pixels).size
    if sorted(found) != sorted(photograph.size):  # before anything is counted: it may have 100 megapixels
        raise _other_size(pair.mask, found, photograph.size)
    values, header, exact = decoded(pair.mask, max_pixels)
    return Mask(pair, survey(pair.mask, values, exact=exact), header, photograph)


def _other_size(path: Path, mask: tuple[int, int], image: tuple[int, int]) -> DataError:
    found, wanted = ("{} × {}".format(*size) for size in (mask, image))
    return DataError(f"{path}: the mask is {found}, its image {wanted}; draw it on the image's own grid")


def decoded(path: Path, max_pixels: int) -> tuple[Values, Header, bool]:
    """The grey values of a mask, upright by its own EXIF tag; its header; whether the file keeps its values exactly.

    The value of a colour is its largest channel, over black where the page is transparent.
    """
    with opened(path, max_pixels) as image:
        exact = image.format != "JPEG" and image.info.get("compression") != "jpeg"
        orientation, plain = orientation_of(image, path), upright(image, path)
        deep = plain.mode.startswith("I")
        values = integers(plain, path) if deep else _grey(plain, path).astype(np.int64)
    return values, Header(plain.size, orientation), exact


def _grey(image: Image.Image, path: Path) -> NDArray[np.uint8]:
    if image.mode in {"P", "PA"} and (numbers := _class_numbers(image)) is not None:
        return numbers
    if image.has_transparency_data:
        colours = np.asarray(flattened(image, "black", path))
        opaque = np.asarray(converted(image, "RGBA", path))[..., 3]
        black_ink = not colours.any() and np.ptp(opaque) > 0  # on a transparent page
        return opaque if black_ink else np.asarray(colours.max(axis=-1))
    if image.mode in {"1", "L"}:
        return np.asarray(image).astype(np.uint8)
    return np.asarray(np.asarray(converted(image, "RGB", path)).max(axis=-1))


def _class_numbers(image: Image.Image) -> NDArray[np.uint8] | None:
    """The indices of a palette whose colours only tell classes apart: some repeat, or none is black. Else None."""
    indices = np.asarray(image if image.mode == "P" else image.getchannel(0))
    colours = np.reshape(image.getpalette("RGB") or [], (-1, 3))
    if image.has_transparency_data or indices.max() >= len(colours):
        return None
    used = colours[np.unique(indices)]
    grey, black = (np.ptp(used, axis=1) == 0).all(), (used == 0).all(axis=1).any()
    defined = colours[: indices.max() + 1]
    repeated = len(np.unique(defined, axis=0)) < len(defined)
    return indices if repeated or not (grey or black) else None


def reading_of(masks: Sequence[Mask], level: float | None) -> tuple[Reading, list[str]]:
    """The reading of all masks of a data set, and a line for each thing that was decided.

    level: None finds it. Raises DataError with one line where it cannot be decided.
    """
    surveys = [mask.found for mask in masks]
    try:
        reading, lines = decide(surveys) if level is None else (Reading(level), [])
        if level is not None and surveys:
            check_background([without_frame(one) for one in surveys], level)
    except BackgroundError as error:
        raise DataError(f"{error}; {MEND}") from error
    except UndecidedError as error:
        raise DataError(f"{error}; {MEND}, {LEVEL}") from error
    turns, turned_too = turns_of(masks)
    return reading._replace(turns=turns), [text for text in (*lines, turned_too) if text]


def turns_of(masks: Sequence[Mask]) -> tuple[Mapping[Path, int], str]:
    """The EXIF orientation by which each mask on stored pixels is turned, and a line if there are some.

    Sizes show it where the photograph is not square and its sides swap; the other masks follow those. Raises DataError
    where no size shows it, or where sizes show both.
    """
    loose = [mask for mask in masks if mask.loose]
    seen = {mask.on_stored_pixels for mask in loose} - {None}
    unclear = [mask for mask in loose if mask.on_stored_pixels is None]
    if unclear and len(seen) != 1:
        pair = unclear[0].pair
        reason = f"EXIF turns this photograph, and its mask {pair.mask} fits it turned and as it is stored"
        raise DataError(f"{pair.image}: {reason}; save the photograph upright, without the tag, and its mask alike")
    on_stored = [mask for mask in loose if mask.on_stored_pixels or (mask in unclear and seen == {True})]
    if not on_stored:
        return {}, ""
    count = f"{len(on_stored)} masks have the stored size of a photograph that EXIF turns"
    turns = {mask.pair.mask: mask.photograph.orientation for mask in on_stored}
    return turns, f"{count}: they are turned with it, as {on_stored[0].pair.mask}"


def read_defects(mask: Mask, reading: Reading, *, fit: Fit, max_pixels: int) -> NDArray[np.bool_]:
    """(H, W): where a mask marks defects, in the part of the photograph that is kept. Raises DataError if nowhere."""
    path = mask.pair.mask
    values, _, _ = decoded(path, max_pixels)
    if path in reading.turns:
        whole = Image.fromarray(values.astype(np.int32))
        values = np.asarray(turned(whole, reading.turns[path])).astype(np.int64)
    if values.shape[::-1] != mask.photograph.size:
        raise _other_size(path, mask.header.size, mask.photograph.size)
    inside = np.s_[:, :] if reading.border is None else frame(values).inside
    defects = np.zeros(values.shape, np.bool_)
    defects[inside] = values[inside] > reading.level
    if not defects.any():
        above = f" (its largest value is {values.max()}, a defect is above {reading.level:g})" if values.any() else ""
        mend = "outline what is to be found or filled, or leave the mask out"
        mend = "draw it as bright as the others" if values.any() else mend
        raise DataError(f"{path}: an empty mask{above}; {mend}")
    left, upper, right, lower = square(mask.photograph.size, fit)
    kept = defects[upper:lower, left:right]
    if not kept.any():
        lost = "nothing of it lies in the square that is kept"
        raise DataError(f"{path}: {lost}; squash the image (data.fit, --fit)")
    return kept


def read_hole(pair: Pair, *, size: int, fit: Fit, max_pixels: int) -> NDArray[np.bool_]:
    """(size, size): the hole that one mask marks, with every pixel that it touches and the pixels next to those.

    Reducing an image blurs what is in the hole into them.
    """
    mask = look_at(pair, max_pixels)
    try:
        level, _ = level_of([mask.found])
    except UndecidedError as error:
        raise DataError(f"{error}; draw the hole in white on black") from error
    hole = read_defects(mask, Reading(level, turns=turns_of([mask])[0]), fit=fit, max_pixels=max_pixels)
    reduced: NDArray[np.bool_] = hole[np.ix_(*(nearest(side, size) for side in hole.shape))]
    rows, columns = np.nonzero(hole)
    reduced[rows * size // hole.shape[0], columns * size // hole.shape[1]] = True
    if min(hole.shape) <= size:
        return reduced
    around = np.pad(reduced, 1)
    return np.asarray(np.lib.stride_tricks.sliding_window_view(around, (3, 3)).any(axis=(2, 3)))
