"""What a patch is made of, one function a kind: (images, index, draw) → Mixture, numbers for each patch.

Each uses numbers from 16 on. All kinds are one formula, so that a batch needs no choice among functions a pixel.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple, TypeAlias

import torch
from torch import Tensor

from renormal.contracts import Images
from renormal.functional.chance import Chance


class Mixture(NamedTuple):
    """p = a s + b mean(x) + c + k noise, s the image `other` or x, seen from another place. One number a patch."""

    detail: Tensor  # a
    mean: Tensor  # b
    colour: Tensor  # c, (B, C)
    pattern: Tensor  # k
    other: Tensor  # 1: s is of another good image
    source: Tensor  # (B, 2), where the centre of s comes from, in short sides; NaN: from the patch's own place
    turn: Tensor  # of s, radians
    fold: Tensor  # half the width of the piece of s that is repeated by reflection, in short sides
    bend: Tensor  # how far s is displaced at the centre, in short sides
    solid: Tensor  # 1: the patch is opaque


Material: TypeAlias = Callable[[Images, Tensor, Chance], Mixture]
WHOLE = 10.0  # fold of a piece that is not repeated
FLAT = (0.02, 0.3)  # contrast of a foreign material, ours
SHIFT = (0.03, 0.4)  # of brightness, ours


def plain(images: Images, draw: Chance) -> Mixture:
    """x as it is."""
    none = torch.zeros_like(draw.uniform[:, 0])
    one, place = torch.ones_like(none), torch.full_like(draw.uniform[:, :2], math.nan)
    colour = none[:, None].expand(-1, images.shape[1])
    return Mixture(one, none, colour, none, none, place, none, WHOLE * one, none, none)


def own(images: Images, index: Tensor, draw: Chance) -> Mixture:
    """A stain of a colour that the image has elsewhere; the surface shows through."""
    keep = draw.between(16, 0.0, 1.0)
    colour = colour_at(images, index, anywhere(images, draw)) + 0.05 * (draw.uniform[:, 19, None] - 0.5)
    return plain(images, draw)._replace(detail=keep, mean=-keep, colour=colour, pattern=draw.between(20, 0.0, 0.04))


def near(images: Images, index: Tensor, draw: Chance) -> Mixture:
    """A piece of the same image from elsewhere (CutPaste, arXiv 2104.04015), half of them turned."""
    return plain(images, draw)._replace(
        source=anywhere(images, draw),
        turn=turns(draw),
        colour=jitter(images, draw, 0.1),
        solid=draw.pick(21, 2).float(),
    )


def missing(images: Images, index: Tensor, draw: Chance) -> Mixture:
    """A piece that is gone: the texture at a corner of the image, where most images show the backdrop."""
    height, width = images.shape[-2:]
    side, band = min(height, width), draw.between(16, 0.03, 0.1)
    far = torch.stack([width / side - band, height / side - band], dim=1)
    corner = torch.where(draw.uniform[:, 17:19] < 0.5, band[:, None], far)
    solid = torch.ones_like(band)
    return plain(images, draw)._replace(source=corner, fold=band, colour=jitter(images, draw, 0.04), solid=solid)


def foreign(images: Images, index: Tensor, draw: Chance) -> Mixture:
    """Another material: any colour, and noise of any contrast (DRAEM, arXiv 2108.07610, without photographs)."""
    none = torch.zeros_like(draw.uniform[:, 0])
    grey = draw.uniform[:, 22:23] + 0.3 * draw.between(23, 0, 1)[:, None] * (channels(images, draw) - 0.5)
    return plain(images, draw)._replace(detail=none, colour=grey.clamp(0, 1), pattern=draw.log_between(20, *FLAT))


def other(images: Images, index: Tensor, draw: Chance) -> Mixture:
    """A piece of another good image (NSA, arXiv 2109.15222, without Poisson's equation)."""
    return near(images, index, draw)._replace(other=torch.ones_like(draw.uniform[:, 0]))


def shifted(images: Images, index: Tensor, draw: Chance) -> Mixture:
    """Brighter, darker, or of another tint; a crack of it has low contrast."""
    step = draw.sign(16) * draw.log_between(17, *SHIFT)
    tint = 0.7 * step.abs()[:, None] * (2 * channels(images, draw) - 1)
    gain = draw.between(18, 0.7, 1.2)
    colour = step[:, None] + tint + (1 - gain)[:, None] * images.mean(dim=(2, 3))[index]
    return plain(images, draw)._replace(detail=gain, colour=colour, solid=torch.ones_like(step))


def worn(images: Images, index: Tensor, draw: Chance) -> Mixture:
    """The surface without its fine structure, or with twice of it."""
    keep = torch.where(draw.uniform[:, 17] < 0.75, draw.between(16, 0.0, 0.4), draw.between(16, 1.6, 2.5))
    return plain(images, draw)._replace(detail=keep, mean=1 - keep, solid=torch.ones_like(keep))


def bent(images: Images, index: Tensor, draw: Chance) -> Mixture:
    """The material itself displaced, furthest at the centre."""
    far = draw.log_between(16, 0.03, 0.12)
    return plain(images, draw)._replace(bend=far, solid=torch.ones_like(far))


MATERIALS: dict[str, Material] = {
    kind.__name__: kind for kind in (own, near, missing, foreign, other, shifted, worn, bent)
}


def anywhere(images: Images, draw: Chance) -> Tensor:
    """(B, 2): a place of the image, in short sides. Uses numbers 24 and 25."""
    height, width = images.shape[-2:]
    extent = torch.tensor([width, height], device=images.device) / min(height, width)
    return draw.uniform[:, 24:26] * extent


def colour_at(images: Images, index: Tensor, place: Tensor) -> Tensor:
    """(B, C): the pixel at a place, in short sides, of each image of `index`."""
    height, width = images.shape[-2:]
    column, row = (place * min(height, width)).long().clamp(min=0).unbind(dim=1)
    return images[index, :, row.clamp(max=height - 1), column.clamp(max=width - 1)]


def turns(draw: Chance) -> Tensor:
    """No turn or any, radians, (B,)."""
    return torch.where(draw.uniform[:, 18] < 0.5, 0.0, draw.between(19, -math.pi, math.pi))


def jitter(images: Images, draw: Chance, most: float) -> Tensor:
    """(B, C): a change of brightness."""
    return draw.between(20, -most, most)[:, None].expand(-1, images.shape[1])


def channels(images: Images, draw: Chance) -> Tensor:
    """(B, C): a number in [0, 1) for each channel. Uses numbers 26 to 28."""
    return draw.uniform[:, 26 + torch.arange(images.shape[1], device=images.device) % 3]
