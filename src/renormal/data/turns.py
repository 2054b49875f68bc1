"""Whether good parts lie turned in many ways, measured on the photographs alone."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from renormal.data.kind import Guess, guess_kind
from renormal.data.source import Fit, Item, Source, some
from renormal.data.thumbnails import SMALL, Numbers, Thumbnail, some_thumbnails

FEW = 6  # photographs: fewer are not compared
ROUNDING = 0.5  # grey levels
MOST = 40  # photographs that are compared with each other, ours
STEP = 15  # degrees between two turns
FAR = 22  # degrees: a smaller turn is no other way to lie
NEARER = 0.4  # ours, a logarithm: by so much a turn must bring two photographs closer than any shift does
SHARE = 0.4  # ours, of the pairs: MVTec AD's bottle, pill, toothbrush and CelebA have 0.00, turned pills 0.8


class Look(NamedTuple):
    """What some of the training photographs show: `share_turned` of them, and their kind."""

    turned: float
    guess: Guess


def look_at(source: Source) -> Look:
    """Some of the training photographs. They are read once, until a file changes."""
    items = tuple(some(source.train))
    written = tuple(item.image.stat().st_mtime_ns for item in items)
    return _look_at(items, written, source.fit, source.max_pixels)


@lru_cache(maxsize=256)
def _look_at(items: Sequence[Item], written: tuple[int, ...], fit: Fit, max_pixels: int) -> Look:
    found = some_thumbnails(items, fit=fit, max_pixels=max_pixels, title="how the parts lie")
    return Look(share_turned(found, fit), guess_kind(found))


def share_turned(photographs: Sequence[Thumbnail], fit: Fit) -> float:
    """The share of pairs in which one photograph, turned by more than FAR, is much closer to the other.

    A part keeps its shape when it is turned, but not in a squashed image. So of squashed ones the centre is compared.

    d = the root of the summed squares. Counted is min over turns of d, within the disc that they keep, <
    exp(−NEARER) · min over shifts of d: a part that lies elsewhere is not turned. 0 for fewer than FEW photographs.
    """
    if len(photographs) < FEW:
        return 0.0
    chosen = np.unique(np.linspace(0, len(photographs) - 1, min(MOST, len(photographs))).astype(int))
    pixels = np.stack([unsquashed(photographs[one], fit) for one in chosen])
    angles = np.arange(0, 360, STEP)
    turns = np.stack([distances(disc(turned(pixels, int(angle))), disc(pixels)) for angle in angles])
    angle = angles[turns.argmin(0)]
    far = np.minimum(angle, 360 - angle) > FAR
    closer = np.log(shifted(pixels) / turns.min(0)) > NEARER
    return float((far & closer)[~np.eye(len(pixels), dtype=bool)].mean())


def unsquashed(photograph: Thumbnail, fit: Fit) -> NDArray[np.uint8]:
    """(S, S, 3): the largest centred square of the photograph, at its true shape."""
    width, height = photograph.size
    if fit != "squash" or width == height:
        return photograph.pixels
    across, down = (SMALL * min(width, height) / side for side in photograph.size)  # px of the thumbnail
    box = ((SMALL - across) / 2, (SMALL - down) / 2, (SMALL + across) / 2, (SMALL + down) / 2)
    centre = Image.fromarray(photograph.pixels).resize((SMALL, SMALL), Image.Resampling.BILINEAR, box=box)
    return np.asarray(centre)


def turned(pixels: NDArray[np.uint8], angle: int) -> NDArray[np.uint8]:
    """(N, S, S, 3), each turned around its centre."""
    pictures = (Image.fromarray(one).rotate(angle, Image.Resampling.BILINEAR) for one in pixels)
    return np.stack([np.asarray(one) for one in pictures])


def disc(pixels: NDArray[np.uint8]) -> Numbers:
    """(N, S, S, 3) → (N, D): what a turn keeps."""
    rows, columns = np.mgrid[:SMALL, :SMALL] - (SMALL - 1) / 2
    found: Numbers = pixels[:, np.hypot(rows, columns) <= SMALL / 2].reshape(len(pixels), -1).astype(np.float64)
    return found


def distances(moved: Numbers, plain: Numbers) -> Numbers:
    """(N, N), and at least half a grey level in each pixel, which is rounding."""
    squares = (moved**2).sum(1)[:, None] - 2 * moved @ plain.T + (plain**2).sum(1)
    return at_least(squares)


def shifted(pixels: NDArray[np.uint8]) -> Numbers:
    """(N, N): the distance of each two photographs under the best of all shifts, around the border."""
    waves = np.fft.rfft2(pixels.astype(np.float64), axes=(1, 2))
    products = (np.einsum("ijc,nijc->nij", one, waves.conj()) for one in waves)
    nearest = np.stack([np.fft.irfft2(one, (SMALL, SMALL), axes=(1, 2)).max((1, 2)) for one in products])
    own = (pixels.astype(np.float64) ** 2).sum((1, 2, 3))
    return at_least(own[:, None] - 2 * nearest + own)


def at_least(squares: Numbers) -> Numbers:
    found: Numbers = np.sqrt(np.maximum(squares, SMALL**2 * 3 * ROUNDING**2))
    return found
