"""The images of a source in memory, for Lightning: training batches, test batches, normal images for thresholds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import NamedTuple

import lightning as L
import torch
from torch import Tensor
from torch.utils.data import DataLoader

from renormal.contracts import Batch, Images
from renormal.data import Source
from renormal.data.memory import (
    Labelled,
    aspects_of,
    bits_of,
    channels_of,
    load_apart,
    load_spare,
    load_test,
    load_training,
)
from renormal.data.source import Kind
from renormal.data.transforms import TrainingBatch, TrainingBatches
from renormal.functional.tiles import cut, shrunk

AT_ONCE = 16  # images that are made smaller together, ours


class Sizes(NamedTuple):
    """Side lengths in pixels: of a texture, of an object, and of the patches that the model gets.

    object_tiles: an object is seen in patches, too, not as a whole. fixed: by a network that is trained further, so no
    line advises another size.
    """

    texture: int = 512
    object: int = 128
    patch: int = 128
    object_tiles: bool = False
    fixed: bool = False

    def of(self, kind: Kind) -> tuple[int, int]:
        """Side lengths of an image of that kind and of what the model gets of it."""
        whole = self.texture if kind == "texture" else self.object
        return whole, self.patch if kind == "texture" or self.object_tiles else whole


class Decoding(NamedTuple):
    """How files become pixels. None: `channels_of`, `bits_of` and `reading_of` find it in the files."""

    channels: int | None = None  # 1 or 3
    bits: int | None = None  # in use in files of 16 bit
    mask_level: float | None = None  # pixels of a mask above it are defects


class SourceData(L.LightningDataModule):
    """The images of one source, decoded at their first use and kept as uint8.

    epoch_images: images of one epoch. test_images: images of one batch of the test, which are projected together.
    shrink: n of each size at which the network sees an image, 1/n of the side; batches of the training take turns.
    """

    def __init__(
        self,
        source: Source,
        *,
        sizes: Sizes | None = None,
        decoding: Decoding | None = None,
        batch_size: int = 128,
        epoch_images: int = 10_000,
        test_images: int = 16,
        seed: int = 0,
        shrink: Sequence[int] = (1,),
    ) -> None:
        super().__init__()
        self.source, self.seed, self.shrink = source, seed, tuple(shrink)
        sizes = sizes or Sizes()
        (self.size, self.patch_size), self.fixed = sizes.of(source.kind), sizes.fixed
        channels, bits, self.mask_level = decoding or Decoding()
        self.channels = channels if channels is not None else channels_of(source)
        self.bits = bits if bits is not None else bits_of(source)
        self.batch_size, self.epoch_images, self.test_images = batch_size, epoch_images, test_images

    @cached_property
    def training(self) -> Tensor:
        """(N, C, H, W) uint8 of the good images."""
        found = {"channels": self.channels, "bits": self.bits}
        return load_training(self.source, size=self.size, fixed=self.fixed, **found)

    @cached_property
    def aspects(self) -> Tensor | None:
        """(N,) width / height of the photographs of `training`, as `aspects_of` has them."""
        return aspects_of(self.source)

    @cached_property
    def spare(self) -> Tensor:
        """(N, C, H, W) uint8 of the good images that were kept from training; N may be 0."""
        return load_spare(self.source, size=self.size, channels=self.channels, bits=self.bits)

    @cached_property
    def apart(self) -> Tensor:
        """(N, C, H, W) uint8 of the good images of which nothing is chosen; N may be 0."""
        return load_apart(self.source, size=self.size, channels=self.channels, bits=self.bits)

    @cached_property
    def test(self) -> Labelled:
        """The test images and their defects."""
        found = {"channels": self.channels, "bits": self.bits}
        return load_test(self.source, size=self.size, mask_level=self.mask_level, **found)

    def train_dataloader(self) -> TrainingBatches:
        device = self.trainer.strategy.root_device if self.trainer else torch.device("cpu")
        sizes = [self._at(n) for n in self.shrink]
        return TrainingBatches(
            sizes[0].to(device) if _fits(sizes[0], device) else sizes[0],
            smaller=sizes[1:],
            aspects=self.aspects,
            kind=self.source.kind,
            size=self.patch_size,
            object_crops=self.size != self.patch_size,
            batch_size=self.batch_size,
            length=self.epoch_images,
            augmentation=self.source.augmentation,
            seed=self.seed,
            device=device,
            rank=self.trainer.global_rank if self.trainer else 0,
            world_size=self.trainer.world_size if self.trainer else 1,
        )

    def test_dataloader(self) -> DataLoader[Batch]:
        """Each image once: rank r of n ranks has the images r, r + n, r + 2n, …

        A rank without images has one empty batch, since Lightning calls no end of the test where it has no batch.
        """
        rank, world = (self.trainer.global_rank, self.trainer.world_size) if self.trainer else (0, 1)
        own = list(range(rank, len(self.test.images), world))
        batches = [own[start : start + self.test_images] for start in range(0, len(own), self.test_images)]
        return DataLoader(batches or [[]], batch_size=None, collate_fn=self._samples)  # type: ignore[arg-type]

    def _samples(self, index: list[int]) -> Batch:
        return Batch(
            image=self.test.images[index].float() / 255,
            regions=self.test.regions[index],
            defect=[self.test.defects[i] for i in index],
            path=[self.test.paths[i] for i in index],
        )

    def normal_images(self, count: int, shrink: int = 1) -> Iterator[Images]:
        """The training images without augmentation, `count` at a time; textures as tiles that do not overlap.

        shrink: at 1/shrink of the side.
        """
        for part in torch.split(cut(self._at(shrink), self.patch_size, self.patch_size), count):
            yield part.float() / 255

    def _at(self, shrink: int) -> Tensor:
        """The training images at 1/shrink of the side, uint8."""
        if shrink == 1:
            return self.training
        parts = torch.split(self.training, AT_ONCE)
        return torch.cat([shrunk(part, shrink).round().byte() for part in parts])

    def on_after_batch_transfer(self, batch: TrainingBatch | Batch, dataloader_idx: int) -> TrainingBatch | Batch:
        """The images with channels last, which makes convolutions about twice as fast."""
        return batch.contiguous(memory_format=torch.channels_last) if isinstance(batch, Tensor) else batch


def _fits(images: Tensor, device: torch.device) -> bool:
    """Whether the images fit on the device, with half of the free memory left for the model."""
    if device.type != "cuda":
        return True
    return images.nbytes < torch.cuda.mem_get_info(device)[0] / 2
