"""What is written of one photograph, on its own pixels: overlay, mask, float map, and the boxes of its defects."""

from __future__ import annotations

from pathlib import Path
from typing import TypedDict

import numpy as np
from matplotlib import colormaps
from numpy.typing import NDArray
from PIL import Image

from renormal.data.regions import EIGHT
from renormal.files import whole_file

RED = (230, 30, 40)
LINE, THINNEST = 192, 2  # ours: the outline is 1/192 of the shorter side wide, and at least 2 pixels
ROWS = 512  # at a time, so that a large photograph needs little more memory than its pixels
STRONGEST = 0.4  # opacity of the colours at twice the threshold, ours: the defect stays visible below them
FAST = 1  # compression level of PNG: a higher one takes longer than the network

Pixels = NDArray[np.uint8]


class Defect(TypedDict):
    """The smallest box around an 8-connected part of the mask, and the number of its pixels."""

    x: int
    y: int
    width: int
    height: int
    area: int


def defects_of(mask: NDArray[np.bool_]) -> list[Defect]:
    """The defects of a mask, the largest first."""
    from scipy import ndimage  # here: it takes a second to load, and --help must not wait

    if not mask.any():
        return []
    labels, _ = ndimage.label(mask, structure=EIGHT)
    found = []
    for label, (rows, columns) in enumerate(ndimage.find_objects(labels), start=1):
        area = int((labels[rows, columns] == label).sum())
        width, height = columns.stop - columns.start, rows.stop - rows.start
        found.append(Defect(x=columns.start, y=rows.start, width=width, height=height, area=area))
    return sorted(found, key=lambda one: (-one["area"], one["y"], one["x"]))


def without_small(values: NDArray[np.float32], threshold: float, area: int) -> NDArray[np.float32]:
    """The map, not above the threshold in connected parts that have fewer pixels than a defect: see `scores_from`."""
    from scipy import ndimage  # here: it takes a second to load, and --help must not wait

    labels, _ = ndimage.label(values > threshold, structure=EIGHT)
    small = (np.bincount(labels.ravel()) < area)[labels] & (labels > 0)
    return np.where(small, np.float32(threshold), values)


def overlay(photograph: Pixels, values: NDArray[np.float32], mask: NDArray[np.bool_], threshold: float) -> Pixels:
    """The photograph, (H, W, 3), with the map in colours from half of the threshold on, and a line around each defect.

    The line lies outside of the defect. The photograph is drawn on.
    """
    table = (np.asarray(colormaps["inferno"](range(256)))[:, :3] * 255).astype(np.float32)
    scale = threshold if threshold > 0 else 1.0
    for top in range(0, len(photograph), ROWS):
        rows = slice(top, top + ROWS)
        share = np.clip(values[rows] / scale - 0.5, 0, 1.5) / 1.5
        seen = np.nonzero(share)
        colour, opacity = table[(share[seen] * 255).astype(np.uint8)], STRONGEST * share[seen][:, None]
        block = photograph[rows]
        block[seen] = (block[seen] * (1 - opacity) + colour * opacity).round()
    if mask.any():
        photograph[outline(mask)] = RED
    return photograph


def outline(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The pixels around the defects."""
    from scipy import ndimage  # here: it takes a second to load, and --help must not wait

    width = 2 * max(THINNEST, round(min(mask.shape) / LINE)) + 1
    grown = mask.view(np.uint8)
    for axis in (0, 1):
        grown = ndimage.maximum_filter1d(grown, width, axis=axis, mode="constant")
    found: NDArray[np.bool_] = grown.view(np.bool_) & ~mask
    return found


def write_picture(path: Path, pixels: NDArray[np.generic]) -> None:
    """Write bytes as PNG, or floats as an uncompressed TIFF of 32 bit, whole or not at all."""
    picture = Image.fromarray(pixels)
    with whole_file(path) as file:
        if picture.mode == "F":
            picture.save(file, "TIFF")
        else:
            picture.save(file, "PNG", compress_level=FAST)
