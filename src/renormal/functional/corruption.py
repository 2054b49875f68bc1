"""Damage drawn on good images, for networks that learn to undo it: batched, on the images' device."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import torch

from renormal.contracts import Images, Mask
from renormal.functional.draws import Draws
from renormal.functional.fills import FILLS, Fill, painted
from renormal.functional.geometry import turned

BLOT, BAND = 0.75, 0.25  # shares of shapes: smooth blots, thin bent scratches; ours


class Corrupted(NamedTuple):
    """image: input of the network. target: what its output should be. cover: share of each pixel that was painted."""

    image: Images
    target: Images
    cover: Mask


class Corrupting(Protocol):
    """Draws damage on good images. generator: on the device of x; None: torch's global one."""

    def __call__(self, x: Images, *, generator: torch.Generator | None = None) -> Corrupted: ...


class Patches(Protocol):
    """What every family of damage is told about its patches."""

    @property
    def patches(self) -> int: ...
    @property
    def sizes(self) -> tuple[float, float]: ...
    @property
    def opacity(self) -> float: ...
    @property
    def noise(self) -> float: ...
    @property
    def clean(self) -> float: ...


def check_patches(one: Patches) -> None:
    """Raise ValueError for a number that no damage can have."""
    if not 0 < one.sizes[0] <= one.sizes[1] <= 1:
        raise ValueError(f"sizes must be two shares of the side that rise, in (0, 1], got {one.sizes}")
    for name, value in (("opacity", one.opacity), ("clean", one.clean), ("noise", one.noise)):
        if not 0 <= value <= 1:
            raise ValueError(f"{name} must lie in [0, 1], got {value}")
    if one.patches < 1:
        raise ValueError(f"patches must be at least 1, got {one.patches}")


@dataclass(frozen=True)
class Corruption:
    """x̃ = (1 − o m) ⊙ x + o m ⊙ p + σ ε: patches p in smooth random shapes m of opacity o, Gaussian noise on top.

    Spatially coherent shapes, textures and opacities as in Bauer et al. (arXiv 2206.11723, 2511.07233); patches of the
    image itself and of others after CutPaste (arXiv 2104.04015) and NSA (arXiv 2109.15222). The drawing is ours.

    patches: at most so many an image; each number from 1 on is equally likely. sizes: smallest and largest patch, as
    shares of the side. opacity: the smallest; the largest is 1. noise: the largest σ; each image draws its own.
    keep_noise: the target has the noise, too, so that only patches are to be removed. clean: share of images without a
    patch. fills: names of FILLS.
    """

    patches: int = 3
    sizes: tuple[float, float] = (0.05, 0.45)
    opacity: float = 0.3
    noise: float = 0.1
    keep_noise: bool = True
    clean: float = 0.1
    fills: tuple[str, ...] = tuple(FILLS)

    def __post_init__(self) -> None:
        object.__setattr__(self, "sizes", tuple(self.sizes))
        object.__setattr__(self, "fills", tuple(self.fills))
        unknown = sorted(set(self.fills) - set(FILLS))
        if unknown or not self.fills:
            raise ValueError(f"fills must name some of {', '.join(FILLS)}, got {', '.join(unknown) or 'none'}")
        check_patches(self)

    def __call__(self, x: Images, *, generator: torch.Generator | None = None) -> Corrupted:
        """Damage each image on its own; only the window of `blurred` and the grain of `textured` are drawn once a call.

        generator: on the device of x; None: torch's global one.
        """
        draw = Draws(x.device, generator)
        count = torch.floor(draw.uniform(len(x)) * self.patches) + 1  # of patches of each image
        count = count * (draw.uniform(len(x)) >= self.clean)
        image, cover = x, torch.zeros_like(x[:, :1])
        for patch in range(self.patches):
            here = (count > patch).float()[:, None, None, None]  # (B,) → (B, 1, 1, 1)
            opacity = self.opacity + (1 - self.opacity) * draw.uniform(len(x), 1, 1, 1)
            shape = shapes(x, self.sizes, draw) * here
            kinds: list[Fill] = [FILLS[name] for name in self.fills]
            image = torch.lerp(image, painted(image, x, shape, kinds, draw), opacity * shape)
            cover = torch.maximum(cover, shape)
        sigma = self.noise * draw.uniform(len(x), 1, 1, 1)
        noise = sigma * draw.normal(*x.shape)
        target = x + noise if self.keep_noise else x
        return Corrupted((image + noise).clamp(0, 1), target.clamp(0, 1), cover)


def shapes(x: Images, sizes: tuple[float, float], draw: Draws) -> Mask:
    """m in [0, 1], (B, 1, H, W): blots with a wavy border, and thin bent scratches."""
    count, height, width = len(x), *x.shape[-2:]
    size = sizes[0] * (sizes[1] / sizes[0]) ** draw.uniform(count, 1, 1)  # as many small as large ones
    angle, stretch = 2 * math.pi * draw.uniform(count, 1, 1), 1 + 2 * draw.uniform(count, 1, 1).square()
    rows = torch.linspace(0, 1, height, device=x.device)[None, :, None] - draw.uniform(count, 1, 1)
    columns = torch.linspace(0, 1, width, device=x.device)[None, None, :] - draw.uniform(count, 1, 1)
    along, across = turned(columns, rows, angle)
    along, across = along / stretch.sqrt(), across * stretch.sqrt()
    radius = 2 * (along.square() + across.square()).sqrt() / size  # 1 at the border of an ellipse
    band = draw.uniform(count, 1, 1) < BAND
    ragged = draw.field(count, 10, height, width)[:, 0]
    blot = (1 - radius - 0.25 * ragged) * size * height / 2  # px inside of the border
    smooth, way = draw.field(count, 4, height, width)[:, 0], draw.uniform(count, 1, 1)
    line = 0.5 + 1.5 * way - (across + 0.04 * smooth).abs() * height  # half a width of 0.5 to 2 px
    line = torch.minimum(line, (2 - radius * size.clamp(min=0.15) / 0.3) * 4)
    softness = 0.5 + 3 * draw.uniform(count, 1, 1).square()
    inside = torch.where(band, line, blot / softness)
    return (0.5 + inside).clamp(0, 1)[:, None]
