"""The kinds of planted defects: each paints a whole image and returns how far that covers the good one.

(images, others, draw) → (painted, cover): others are good images too, cover is (B, 1, H, W). Numbers 0 to 3 of a draw
belong to its shape.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TypeAlias

import torch
import torch.nn.functional as F
from kornia.filters import gaussian_blur2d
from torch import Tensor

from renormal.contracts import Images
from renormal.data.planted.shapes import Draw, backdrop, blob, box, line, offsets, own_frame

Kind: TypeAlias = Callable[[Images, Images, Draw], tuple[Images, Tensor]]
STRENGTH = (0.20, 0.50)  # how far the colour of a stain lies from what it covers, in levels of [0, 1], ours
TINT = 0.20  # how far each channel may leave that on its own, ours
BLUR = (0.008, 0.03)  # σ in short sides, ours
SHIFT = (0.15, 0.50)  # how far away a pasted patch comes from, in short sides, ours
PUSH = (0.02, 0.05)  # how far the material is bent, in short sides, ours


def mean_under(values: Tensor, cover: Tensor) -> Tensor:
    """Mean of each channel, weighted by how far a pixel is covered, (B, C, 1, 1)."""
    weight = cover / cover.sum(dim=(2, 3), keepdim=True).clamp(min=1e-6)
    return (values * weight).sum(dim=(2, 3), keepdim=True)


def ink(images: Images, cover: Tensor, draw: Draw) -> Tensor:
    """A colour that stands out from what it covers, (B, C, 1, 1). Uses numbers 4 to 9."""
    under = mean_under(images, cover)
    level = under.mean(dim=1, keepdim=True)
    step = draw.between(4, *STRENGTH)[..., None] * draw.sign(5)[..., None]
    step = torch.where((level + step > 1) | (level + step < 0), -step, step)
    tint = (draw.uniform[:, 6:10] * 2 - 1)[:, torch.arange(images.shape[1]) % 4, None, None] * TINT
    return (under + step + (tint if images.shape[1] > 1 else 0)).clamp(0, 1)


def shifted(images: Images, draw: Draw) -> Images:
    """The images moved by a random way, reflected at their borders. Uses numbers 10 and 11."""
    height, width = images.shape[-2:]
    far, angle = draw.between(10, *SHIFT), draw.between(11, 0.0, 2 * math.pi)
    return moved(images, (far * angle.cos()).expand(-1, height, width), (far * angle.sin()).expand(-1, height, width))


def moved(images: Images, right: Tensor, down: Tensor) -> Images:
    """Each pixel from so many short sides away, two (B, H, W)."""
    height, width = images.shape[-2:]
    side = min(height, width)
    x = (torch.arange(width) + 0.5) * (2 / width) - 1 + right * (2 * side / width)
    y = ((torch.arange(height) + 0.5) * (2 / height) - 1)[:, None] + down * (2 * side / height)
    grid = torch.stack([x, y], dim=-1)
    return F.grid_sample(images, grid, mode="bilinear", padding_mode="reflection", align_corners=False)


def scratch(images: Images, others: Images, draw: Draw) -> tuple[Images, Tensor]:
    """A thin bent line, brighter or darker: CutPaste's scar (arXiv 2104.04015), drawn and not cut, ours."""
    cover = line(images, draw)
    return ink(images, cover, draw).expand_as(images), cover


def stain(images: Images, others: Images, draw: Draw) -> tuple[Images, Tensor]:
    """A patch of colour through which the surface shows, with DRAEM's opacity β (arXiv 2108.07610)."""
    cover = blob(images, draw, soft=0.4)
    opacity = draw.between(12, 0.4, 1.0)[..., None]
    return torch.lerp(images, ink(images, cover, draw).expand_as(images), opacity), cover


def foreign(images: Images, others: Images, draw: Draw) -> tuple[Images, Tensor]:
    """Another material: DRAEM's foreign texture inside a smooth random shape, the texture drawn and not photographed,
    ours."""
    cover = blob(images, draw, ragged=0.4, soft=0.15)
    along, across = own_frame(images, draw)
    fine, stretch = draw.between(12, 2.0, 6.0), draw.between(13, 0.3, 1.0)
    pattern = torch.tanh(1.5 * draw.noise(1, fine * along, fine * stretch * across))[:, None]
    strength = draw.between(14, 0.08, 0.25)[..., None]
    return (ink(images, cover, draw) + strength * pattern).clamp(0, 1), cover


def pasted(images: Images, others: Images, draw: Draw) -> tuple[Images, Tensor]:
    """CutPaste (arXiv 2104.04015): a rectangle of the image itself at another place, its brightness jittered."""
    jitter = draw.between(12, -0.1, 0.1)[..., None]
    return (shifted(images, draw) + jitter).clamp(0, 1), box(images, draw)


def grafted(images: Images, others: Images, draw: Draw) -> tuple[Images, Tensor]:
    """NSA (arXiv 2109.15222): a patch of another good image without a visible seam; faded and matched in mean where NSA
    solves Poisson's equation, ours."""
    cover = blob(images, draw, soft=0.5)
    patch = shifted(others, draw)
    return (patch + 0.5 * mean_under(images - patch, cover)).clamp(0, 1), cover


def blurred(images: Images, others: Images, draw: Draw) -> tuple[Images, Tensor]:
    """A patch that has lost its structure, as if worn or smeared, ours."""
    side = min(images.shape[-2:])
    sigma = draw.between(12, *BLUR)[:, 0] * side
    kernel = min(2 * math.ceil(2.5 * BLUR[1] * side) + 1, side - (side + 1) % 2)
    smooth = gaussian_blur2d(images, kernel, sigma.expand(-1, 2), border_type="reflect")
    return smooth, blob(images, draw, soft=0.3)


def missing(images: Images, others: Images, draw: Draw) -> tuple[Images, Tensor]:
    """A piece that is gone: the backdrop shows, ours."""
    return backdrop(images).expand_as(images), blob(images, draw, ragged=0.4, soft=0.08)


def bent(images: Images, others: Images, draw: Draw) -> tuple[Images, Tensor]:
    """The material itself displaced, furthest at the centre; covered is what moved by a pixel or more, ours."""
    x, y = offsets(images, draw)
    far, angle = draw.between(12, *PUSH), draw.between(13, 0.0, 2 * math.pi)
    bell = (1 - (x.square() + y.square()) / (5 * far).square()).clamp(min=0) ** 3 * far
    cover = bell * min(images.shape[-2:]) >= 1
    return moved(images, -bell * angle.cos(), -bell * angle.sin()), cover[:, None].float()
