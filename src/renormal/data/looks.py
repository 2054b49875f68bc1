"""How the training photographs look, for those who give others later: whether they are grey, and their shapes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from renormal.data.images import header_of
from renormal.data.source import Item, Source, some
from renormal.data.threads import in_threads
from renormal.functional.grey import LEVELS


def shapes_of(source: Source) -> list[float]:
    """The lowest and the highest width / height of the training photographs, of some of them."""

    def shape(item: Item) -> float:
        width, height = header_of(item.image, source.max_pixels).size
        return width / height

    found = in_threads(shape, some(source.train), f"{source.name}: reading sizes")
    return [min(found), max(found)]


def coloured(pixels: NDArray[np.uint8]) -> bool:
    """Whether the channels of (…, C, H, W) differ."""
    return bool((np.ptp(pixels.astype(np.int16), axis=-3) > LEVELS).any())


def colours_of(images: NDArray[np.uint8]) -> str:
    """ "grey", "colour", or "both" of (N, C, H, W)."""
    found = {coloured(image) for image in images}
    return "both" if len(found) > 1 else "colour" if found == {True} else "grey"
