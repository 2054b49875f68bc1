"""Damage like real damage, for networks that learn to undo it: outlines × materials, in two families."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, NamedTuple, TypeAlias

import torch
import torch.nn.functional as F
from torch import Tensor

from renormal.contracts import Images, Mask
from renormal.functional.chance import CELLS, COARSE, Chance, chance, smooth
from renormal.functional.corruption import Corrupted, check_patches
from renormal.functional.geometry import border
from renormal.functional.materials import MATERIALS, Mixture
from renormal.functional.outlines import OUTLINES, frame, ways

Family: TypeAlias = Literal["first", "second"]
FAMILIES: tuple[Family, Family] = ("first", "second")
SIZES, OPACITY = (0.016, 0.8), 0.1  # smallest and largest patch, shares of the short side; smallest opacity; ours


@dataclass(frozen=True)
class Damage:
    """x̃ = (1 − o m) ⊙ x + o m ⊙ p + σ ε: patches of the pairs of one family, of opacity o, Gaussian noise on top.

    Stains in the part's own colours, missing pieces, thin cracks, warps, grafts, changes of colour, foreign materials.
    No number is read back from the device. Within a batch, outlines and numbers of patches are stratified.

    family: first, second; a network is trained on one, and settings are chosen on the other. patches: at most so many
    an image; each number from 1 on is equally likely. noise: the largest σ; each image draws its own. keep_noise: the
    target has the noise, too. clean: share of images without a patch.
    """

    family: Family = "first"
    patches: int = 3
    sizes: tuple[float, float] = SIZES
    opacity: float = OPACITY
    noise: float = 0.1
    keep_noise: bool = True
    clean: float = 0.1

    def __post_init__(self) -> None:
        object.__setattr__(self, "sizes", tuple(self.sizes))
        if self.family not in FAMILIES:
            raise ValueError(f"family must be one of {', '.join(FAMILIES)}, got {self.family}")
        check_patches(self)

    def __call__(self, x: Images, *, generator: torch.Generator | None = None) -> Corrupted:
        """Damage each image on its own. generator: on the device of x; None: torch's global one."""
        count = len(x)
        own = torch.rand(3, count, device=x.device, generator=generator)
        order = own[0].argsort()  # the first images get the most patches
        image, cover = x[order], torch.zeros_like(x[:, :1])
        good = image.roll(1, 0)
        rank = (torch.arange(count, device=x.device) + own[1]) / count  # uniform, rising, one in each 1 / B
        most = [
            (1 - self.clean) * (1 - patch / self.patches) for patch in range(self.patches)
        ]  # share with more patches
        first = [slice(math.ceil(share * count)) for share in most]
        patches = self.plan(image, torch.cat([torch.arange(count, device=x.device)[rows] for rows in first]), generator)
        for rows, share, patch in zip(first, most, patches.split([rows.stop for rows in first]), strict=True):
            shape = patch.shape * (rank[rows] < share)[:, None, None, None]
            new = patch.paint(image[rows], good[rows])
            image[rows] = torch.lerp(image[rows], new, patch.opacity * shape)
            cover[rows] = torch.maximum(cover[rows], shape)
        noise = self.noise * own[2, :, None, None, None] * torch.randn(x.shape, device=x.device, generator=generator)
        target = x + noise if self.keep_noise else x
        back = order.argsort()
        return Corrupted((image[back] + noise).clamp(0, 1), target.clamp(0, 1), cover[back])

    def plan(self, images: Images, index: Tensor, generator: torch.Generator | None) -> Plan:
        """A patch for each image of `index`. Each outline is drawn for as many rows, which the patches share out."""
        count, kinds, (height, width) = len(index), len(OUTLINES), images.shape[-2:]
        each = -(-count // kinds)
        draw = chance(each * kinds, images.device, generator)
        patch = torch.rand(each * kinds, device=images.device, generator=generator).argsort()  # of each row
        place = Place(centres(images, index[patch % count], draw), draw.log_between(15, *self.sizes))
        at = frame(height, width, *place, draw)
        parts = [slice(k * each, (k + 1) * each) for k in range(kinds)]
        inside = [one(at.rows(part), draw.rows(part)) for one, part in zip(OUTLINES.values(), parts, strict=True)]
        row = patch.argsort()[:count]  # of each patch
        odd = self.family == FAMILIES[1]
        material = 2 * draw.pick(31, len(MATERIALS) // 2)[row] + (row // each + odd) % 2
        own = Place(place.centre[row], place.size[row])
        return planned(images, index, torch.cat(inside)[row], own, material, draw.rows(row), self.opacity)


class Place(NamedTuple):
    """Where patches lie."""

    centre: Tensor  # (B, 2), column and row, in short sides
    size: Tensor  # (B,), diameter in short sides


class Plan(NamedTuple):
    """Patches, ready to be painted: p = a s + b mean(x) + k noise + c, m and o."""

    shape: Mask  # m, (B, 1, H, W)
    opacity: Tensor  # o, (B, 1, 1, 1)
    seen: Tensor  # (B, H, W, 2): where s is taken from, for grid_sample
    other: Tensor  # (B, 1, 1, 1), 1: s is another image
    detail: Tensor  # a, (B, 1, 1, 1)
    mean: Tensor  # b, (B, 1, 1, 1)
    flat: Images  # c + k noise

    def split(self, counts: list[int]) -> list[Plan]:
        """Plans for so many images each."""
        return [Plan(*parts) for parts in zip(*(torch.split(part, counts) for part in self), strict=True)]

    def paint(self, images: Images, others: Images) -> Images:
        """p of each image."""
        piece = torch.where(self.other > 0, others, images)
        piece = F.grid_sample(piece, self.seen, padding_mode="reflection", align_corners=False)
        return torch.addcmul(self.flat, self.mean, local_mean(images)).addcmul_(self.detail, piece).clamp_(0, 1)


def planned(
    images: Images, index: Tensor, inside: Tensor, place: Place, material: Tensor, draw: Chance, opacity: float
) -> Plan:
    """Patches of these materials. index: of each one's image. inside: of its outline. opacity: the smallest."""
    rows, (height, width) = torch.arange(len(index), device=images.device), images.shape[-2:]
    mixtures = [kind(images, index, draw) for kind in MATERIALS.values()]
    mixture = Mixture(*(torch.stack(kinds)[material, rows] for kinds in zip(*mixtures, strict=True)))
    pixel = 1 / min(height, width)
    deepest = inside.amax(dim=(1, 2), keepdim=True).clamp(min=pixel)
    soft = pixel * (deepest / pixel) ** draw.between(14, -0.2, 0.9).clamp(min=0)[:, None, None]
    shape = (0.5 + inside / soft).clamp(0, 1)[:, None]
    solid, other, detail, mean, pattern = (
        part[:, None, None, None]
        for part in (mixture.solid, mixture.other, mixture.detail, mixture.mean, mixture.pattern)
    )
    opaque = torch.maximum(draw.between(7, opacity, 1.0)[:, None, None, None], solid)
    slow, fine = smooth(draw.corner(4, 2 * COARSE), CELLS, CELLS), draw.corner(4, CELLS)
    noise = smooth(torch.lerp(fine, slow, draw.uniform[:, 29, None, None]), height, width)
    flat = torch.addcmul(mixture.colour[..., None, None], pattern, noise[:, None])
    return Plan(shape, opaque, seen_from(mixture, place, inside / deepest, draw), other, detail, mean, flat)


def seen_from(mixture: Mixture, place: Place, deep: Tensor, draw: Chance) -> Tensor:
    """Where each pixel of s is taken from, (B, H, W, 2) for grid_sample. deep: 1 where the patch is deepest."""
    height, width = deep.shape[1:]
    fold, bend = (part[:, None, None] for part in (mixture.fold, mixture.bend))
    x, y = (folded(way, fold) for way in ways(height, width, place.centre))  # (B, 1, W) and (B, H, 1)
    window = deep.clamp(0, 1)
    push = torch.minimum(bend, 0.3 * place.size[:, None, None]) * window.square() * (3 - 2 * window)
    start = torch.where(mixture.source.isnan(), place.centre, mixture.source)
    angle, cos, sin = draw.between(17, 0.0, 2 * math.pi), mixture.turn.cos(), mixture.turn.sin()
    found = []
    for k, (along, across, step) in enumerate(((cos, sin, angle.cos()), (-sin, cos, angle.sin()))):
        scale = 2 * min(height, width) / (width, height)[k]  # short sides → [−1, 1]
        flat = (x * along[:, None, None] + start[:, k, None, None]) * scale - 1 + y * (scale * across)[:, None, None]
        bent = smooth(scale * (step[:, None, None] + 0.5 * draw.corner(2 + k, COARSE)), height, width)
        found.append(torch.addcmul(flat, push, bent))
    return torch.stack(found, dim=-1)


def folded(way: Tensor, half: Tensor) -> Tensor:
    """The way itself up to ± half, reflected there."""
    return half - ((way + half).remainder(4 * half) - 2 * half).abs()


def local_mean(images: Images) -> Images:
    """The mean of squares, a sixteenth of the short side wide, interpolated."""
    height, width = images.shape[-2:]
    coarse = F.avg_pool2d(images, max(1, min(height, width) // 16), ceil_mode=True, count_include_pad=False)
    return smooth(coarse, height, width)


def centres(images: Images, index: Tensor, draw: Chance) -> Tensor:
    """(B, 2), in short sides: of three places the one least like the backdrop in 7 of 10 patches, else the first."""
    height, width = images.shape[-2:]
    place = draw.uniform[:, 8:14].view(-1, 3, 2)
    scale = torch.tensor([width, height], device=images.device)
    column, row = (place * scale).long().unbind(dim=-1)
    colour = images[index[:, None], :, row, column]  # (B, 3, C)
    backdrop = border(images).median(dim=-1).values[index]
    away = (colour - backdrop[:, None]).abs().amax(dim=-1)
    best = torch.where(draw.uniform[:, 30] < 0.7, away.argmax(dim=1), 0)
    return place[torch.arange(len(index), device=images.device), best] * scale / min(height, width)
