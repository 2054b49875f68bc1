"""Filling of holes without a network, from scikit-image: the stage inpaint compares networks with it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def biharmonic(image: NDArray[Any], hole: NDArray[Any]) -> NDArray[Any]:
    """The smoothest surface through the known pixels (Damelin & Hoang 2018): (H, W, C) in [0, 1].

    An image without known pixels becomes grey.
    """
    if hole.all():
        return np.full_like(image, 0.5)
    try:
        from skimage.restoration import inpaint_biharmonic
    except ImportError as error:
        raise ValueError(
            "inpaint.classical needs scikit-image: pip install 'renormal[inpaint]', or set inpaint.classical=null"
        ) from error
    result: NDArray[Any] = inpaint_biharmonic(image, hole, channel_axis=-1)
    return result
