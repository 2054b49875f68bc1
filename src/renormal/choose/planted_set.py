"""A test set without labels: images with planted defects, and good images."""

from __future__ import annotations

import math
from pathlib import Path

import torch
from torch import Tensor

from renormal.contracts import Batch, Regions
from renormal.data.planted import plant
from renormal.functional.damage import Family
from renormal.lit.captions import write_png
from renormal.lit.datamodule import SourceData
from renormal.lit.panels import pixels

CAPTION = "defects planted on good images, each without and with its outline"


def planted_set(
    data: SourceData, *, defects: int, seed: int, pieces: bool = True, family: Family | None = None
) -> Batch:
    """`defects` planted on the spare images, or on the training images if none are spare; and half as many good ones.

    If there are fewer good images, all of them are taken. pieces: where the network sees tiles, an image is cut to
    2 × 2 of them around each defect, at the smallest size at which it sees the image; that costs much less than the
    whole image. A map that is made of the whole image, not of tiles, needs all of it. family: see `plant`.
    """
    good = data.spare if data.source.spare else data.training
    planted = plant(good, range(defects), seed=seed, family=family)
    plain = good[:: max(1, 2 * len(good) // defects)]
    images = torch.cat([planted.images, plain])
    regions = torch.cat([planted.regions, planted.regions.new_zeros(len(plain), *plain.shape[-2:])])
    if pieces and data.size != data.patch_size:
        images, regions = _pieces(images, regions, min(data.size, 2 * data.patch_size * math.lcm(*data.shrink)))
    paths = [*planted.paths, *(f"good/{row:04d}" for row in range(len(plain)))]
    return Batch(images.float() / 255, regions, [*planted.defects, *["good"] * len(plain)], paths)


def write_sheet(path: Path, samples: Batch, *, count: int = 24, across: int = 4) -> Path:
    """Write a picture of the first defects, each without and with its outline in red, for a person to check."""
    planted = [row for row, defect in enumerate(samples.defect) if defect != "good"][:count]
    images = samples.image[planted].expand(-1, 3, -1, -1)
    inside = (samples.regions[planted] > 0).float()[:, None]
    edge = (torch.nn.functional.max_pool2d(inside, 3, stride=1, padding=1) - inside).expand(-1, 3, -1, -1) > 0
    red = torch.tensor([1.0, 0.0, 0.0])[:, None, None].expand_as(images)
    pairs = torch.cat([images, torch.where(edge, red, images)], dim=-1)  # (B, 3, H, W) → (B, 3, H, 2 W)
    rows = [torch.cat(list(part), dim=-1) for part in torch.split(pairs, across)]
    whole = torch.cat([torch.nn.functional.pad(row, (0, rows[0].shape[-1] - row.shape[-1])) for row in rows], dim=-2)
    write_png(path, pixels(whole), [CAPTION])
    return path


def _pieces(images: Tensor, regions: Regions, side: int) -> tuple[Tensor, Regions]:
    """A square around the middle of each image's defects, or around the middle of an image without defects."""
    parts = []
    for image, region in zip(images, regions, strict=True):
        place = (region > 0).nonzero() if (region > 0).any() else torch.ones_like(region).nonzero()
        top, left = (
            min(max(0, int(middle) - side // 2), length - side)
            for middle, length in zip(place.float().mean(dim=0), region.shape, strict=True)
        )
        window = slice(top, top + side), slice(left, left + side)
        parts.append((image[:, *window], region[window]))
    return torch.stack([image for image, _ in parts]), torch.stack([region for _, region in parts])
