"""Section 4.1: random crops of textures, rotated and translated objects, on the batch and on its device."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Annotated, TypeAlias

import numpy as np
import torch
import torch.nn.functional as F
from kornia.geometry.transform import get_affine_matrix2d
from torch import Tensor

from renormal.contracts import Images
from renormal.data.source import Augmentation, Kind
from renormal.functional.transfer import sent


def random_crops(images: Tensor, index: Tensor, *, size: int, generator: torch.Generator) -> Tensor:
    """One crop of images[i] for every i in `index`, each place equally likely: (N, C, H, W) → (B, C, size, size)."""
    channels, height, width = images.shape[1:]
    if size > min(height, width):
        raise ValueError(f"crops of {size} pixels do not fit into images of {height} × {width}")
    device, span = images.device, torch.arange(size)
    top = torch.randint(height - size + 1, (len(index), 1), generator=generator)
    left = torch.randint(width - size + 1, (len(index), 1), generator=generator)
    sample = sent(index, device)[:, None, None, None]  # (B,) → (B, 1, 1, 1)
    channel = torch.arange(channels, device=device)[:, None, None]
    row = sent(top + span, device)[:, None, :, None]  # (B, size) → (B, 1, size, 1)
    column = sent(left + span, device)[:, None, None, :]  # (B, size) → (B, 1, 1, size)
    return images[sample, channel, row, column]


def random_affine(
    images: Images, augmentation: Augmentation, *, generator: torch.Generator, aspects: Tensor | None = None
) -> Images:
    """Each image turned, shifted and mirrored on its own; new pixels at the border repeat it.

    aspects: (B,) width / height of the photographs that were squashed to these images; None: as the images.
    """
    if not augmentation.moves:
        return images
    sides = images.shape[-2:]
    matrix = in_proportion(random_matrices(len(images), sides, augmentation, generator=generator), sides, aspects)
    return warped(images, matrix, sides)


def random_affine_crops(
    images: Images,
    augmentation: Augmentation,
    *,
    size: int,
    generator: torch.Generator,
    aspects: Tensor | None = None,
) -> Images:
    """A crop of size × size of each image as `random_affine` moves it, each place equally likely."""
    height, width = images.shape[-2:]
    matrix = random_matrices(len(images), (height, width), augmentation, generator=generator)
    matrix = in_proportion(matrix, (height, width), aspects)
    for row, side in enumerate((width, height)):
        matrix[:, row, 2] -= torch.randint(side - size + 1, (len(images),), generator=generator)
    return warped(images, matrix, (size, size))


def random_matrices(
    count: int, sides: Sequence[int], augmentation: Augmentation, *, generator: torch.Generator
) -> Annotated[Tensor, "(count, 3, 3)"]:
    """Turns, shifts and mirrors within the augmentation, about the centre of images of (height, width)."""
    draws = torch.rand(count, 5, generator=generator)  # on the CPU: the same on every device
    signed = 2 * draws[:, :3] - 1  # [0, 1] → [−1, 1]
    mirrors = torch.tensor([augmentation.mirror_x, augmentation.mirror_y])
    signs = torch.where((draws[:, 3:] < 0.5) & mirrors, -1.0, 1.0)
    along = torch.tensor([sides[1], sides[0]], dtype=torch.float32)  # width, height
    matrix: Tensor = get_affine_matrix2d(
        signed[:, 1:] * augmentation.translate * along,
        ((along - 1) / 2).expand(count, 2),
        signs,
        signed[:, 0] * augmentation.rotate,
    )
    return matrix


def in_proportion(matrix: Tensor, sides: Sequence[int], aspects: Tensor | None) -> Annotated[Tensor, "(B, 3, 3)"]:
    """Turns of squashed images that keep the shape which a part has in the photograph: D⁻¹ M D about the centre.

    D stretches an image of (height, width) to the shape of its photograph, whose width / height is its aspect.
    """
    if aspects is None:
        return matrix
    height, width = sides
    centre = torch.tensor([(width - 1) / 2, (height - 1) / 2])
    stretch = aspects * height / width
    found = matrix.clone()
    found[:, 0, 1] /= stretch
    found[:, 1, 0] *= stretch
    found[:, :2, 2] += (matrix[:, :2, :2] - found[:, :2, :2]) @ centre
    return found


def warped(images: Images, matrix: Tensor, sides: Sequence[int]) -> Images:
    """The images moved by their matrices, of (height, width); new pixels at the border repeat it."""
    height, width = sides
    back = from_pixels(*images.shape[-2:]) @ torch.linalg.inv(matrix.double()) @ torch.linalg.inv(from_pixels(*sides))
    way = sent(back[:, :2].to(images.dtype), images.device)  # a GPU that inverts a matrix makes the host wait
    grid = F.affine_grid(way, [*images.shape[:2], height, width], align_corners=False)
    moved: Images = F.grid_sample(images, grid, padding_mode="border", align_corners=False)
    return moved


def from_pixels(height: int, width: int) -> Annotated[Tensor, "(3, 3)"]:
    """From the numbers of pixels to the coordinates of grid_sample: −1 and 1 at the outer edges."""
    rows = [[2 / width, 0, 1 / width - 1], [0, 2 / height, 1 / height - 1], [0, 0, 1]]
    return torch.tensor(rows, dtype=torch.float64)


# First number of a stream's key: numpy pads keys with zeros, so lengths alone keep none apart.
BATCH, ORDER, PREPARED = 1, 2, 3

TrainingBatch: TypeAlias = Images | tuple[Tensor, ...]  # images, or the parts that a loss is of, one row an image
Prepare: TypeAlias = Callable[[Images, int], tuple[Tensor, ...]]  # (images, seed) → the parts


def stream(*key: int) -> torch.Generator:
    """A generator on the CPU that depends on every number of the key."""
    return torch.Generator().manual_seed(seed_of(*key))


def seed_of(*key: int) -> int:
    """A seed that depends on every number of the key."""
    return int(np.random.SeedSequence(key).generate_state(1, np.uint64)[0])


@dataclass
class TrainingBatches:
    """Training images without end, cut into epochs: batch k of epoch e depends on (seed, e, k) and the rank alone.

    Images are drawn pass by pass, each pass a permutation: no image comes twice before all came once.
    """

    images: Tensor  # (N, C, H, W) uint8, on the device where they fit
    kind: Kind
    batch_size: int  # on each rank
    augmentation: Augmentation
    seed: int
    device: torch.device
    size: int = 128  # side of a texture's crop, section 4.1; objects come at their own size, without object_crops
    smaller: Sequence[Tensor] = ()  # the same images at other sizes: batches take turns, these after `images`
    aspects: Tensor | None = None  # (N,) width / height of the photographs that were squashed to the images
    object_crops: bool = False  # crops of objects, too, which are turned and shifted as a whole
    length: int = 10_000  # images an epoch, over all ranks, section 4.1; a last batch that is not full is left out
    rank: int = 0
    world_size: int = 1
    prepare: Prepare | None = None  # batches are what it makes of the images
    together: int = 1  # batches that are prepared at once
    epoch: int = field(default=0, init=False)
    first: int = field(default=0, init=False)  # batch that the next iteration begins with, once

    @property
    def sampler(self) -> TrainingBatches:
        """Lightning calls `set_epoch` of this at the start of each epoch."""
        return self

    def set_epoch(self, epoch: int) -> None:
        """The next iteration yields the batches of this epoch."""
        self.epoch = epoch

    def __len__(self) -> int:
        """Batches an epoch, on each rank."""
        return max(1, self.length // (self.batch_size * self.world_size))

    def __iter__(self) -> Iterator[TrainingBatch]:
        first, self.first = self.first, 0
        if self.prepare is not None:
            yield from self._prepared(self.prepare, first)
            return
        for k in range(first, len(self)):
            yield self.batch(self.epoch, k)

    def _prepared(self, prepare: Prepare, first: int) -> Iterator[tuple[Tensor, ...]]:
        """The batches from `first` on. What is drawn depends on (seed, epoch, batch, rank), wherever it begins."""
        for start in range(first - first % self.together, len(self), self.together):
            group = [self.batch(self.epoch, k) for k in range(start, min(start + self.together, len(self)))]
            drawn = prepare(torch.cat(group), seed_of(PREPARED, self.seed, self.epoch, start, self.rank))
            parts = zip(*(torch.split(part, self.batch_size) for part in drawn), strict=True)
            yield from list(parts)[max(0, first - start) :]

    def batch(self, epoch: int, k: int) -> Images:
        """Batch k of an epoch, (B, C, size, size) in [0, 1]."""
        generator = stream(BATCH, self.seed, epoch, k, self.rank)
        index, images = self._draw(epoch, k), (self.images, *self.smaller)[k % (1 + len(self.smaller))]
        aspects = None if self.aspects is None else self.aspects[index]
        moves = self.augmentation
        if self.kind == "texture":
            picked = random_crops(images, index, size=self.size, generator=generator)
        elif self.object_crops:
            picked = sent(images[sent(index, images.device)], self.device).float() / 255
            return random_affine_crops(picked, moves, size=self.size, generator=generator, aspects=aspects)
        else:
            picked = images[sent(index, images.device)]
        return random_affine(sent(picked, self.device).float() / 255, moves, generator=generator, aspects=aspects)

    def _draw(self, epoch: int, k: int) -> Tensor:
        """(B,) which images: the batches of all epochs and ranks are consecutive stretches of one endless sequence."""
        count = len(self.images)
        start = ((epoch * len(self) + k) * self.world_size + self.rank) * self.batch_size
        place = torch.arange(start, start + self.batch_size)
        passes = range(start // count, (start + self.batch_size - 1) // count + 1)
        order = [torch.randperm(count, generator=stream(ORDER, self.seed, turn)) for turn in passes]
        return torch.cat(order)[place - passes.start * count]
