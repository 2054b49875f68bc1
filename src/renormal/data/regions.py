"""Defects of a mask: counted where they were drawn, then reduced to the working size."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

EIGHT = np.ones((3, 3))  # neighbours of a pixel


def regions_of(mask: NDArray[np.bool_], size: int) -> NDArray[np.int64]:
    """(size, size): 0 normal, k = k-th 8-connected defect of the mask as it is drawn.

    Each pixel takes the number of the nearest drawn one. A defect that has no pixel then gets those that it touches and
    that no other defect has, or else one pixel of a defect that has more. Where there is none, several defects lie in
    one pixel: they count as one. Raises ValueError for more defects than there are pixels.
    """
    from scipy import ndimage  # here: it takes a second to load, and --help must not wait

    labels, count = ndimage.label(mask, structure=EIGHT)
    if count > size * size:
        raise ValueError(f"{count} separate defects, more than {size} × {size} pixels can show")
    reduced: NDArray[np.int32] = labels[np.ix_(*(nearest(side, size) for side in mask.shape))]
    areas = np.bincount(reduced.ravel(), minlength=count + 1)
    if not areas[1:].all():
        _find_places(labels, reduced, areas)
    numbers: NDArray[np.int64] = np.unique(np.append(0, reduced), return_inverse=True)[1]
    return numbers[1:].reshape(size, size)


def nearest(side: int, size: int) -> NDArray[np.int64]:
    """The pixel of `side` pixels under the middle of each of `size`."""
    return ((np.arange(size) + 0.5) * side / size).astype(np.int64)


def _find_places(labels: NDArray[np.int32], reduced: NDArray[np.int32], areas: NDArray[np.int64]) -> None:
    """Give every label without a pixel some pixels of `reduced`. areas: pixels of each label, kept up to date."""
    from scipy import ndimage  # here: it takes a second to load, and --help must not wait

    size = len(reduced)
    for label, box in enumerate(ndimage.find_objects(labels), start=1):
        if areas[label]:
            continue
        drawn = np.nonzero(labels[box] == label)
        rows, columns = (
            (at + part.start) * size // side for at, part, side in zip(drawn, box, labels.shape, strict=True)
        )
        owner = reduced[rows, columns]
        chosen = owner == 0
        if not chosen.any():
            chosen = np.arange(len(owner)) == np.argmax(areas[owner])  # one pixel of the largest
            if areas[owner[chosen][0]] < 2:
                continue
            areas[owner[chosen][0]] -= 1
        reduced[rows[chosen], columns[chosen]] = label
        areas[label] = len(np.unique(rows[chosen] * size + columns[chosen]))
