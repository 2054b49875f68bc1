"""The real MVTec AD, where RENORMAL_DATA names the folder that holds mvtec_ad."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from renormal.data import mvtec
from renormal.data.memory import channels_of, load_test, load_training
from renormal.data.transforms import TrainingBatches

ROOT = Path(os.environ.get("RENORMAL_DATA", "")) / "mvtec_ad"
pytestmark = pytest.mark.skipif("RENORMAL_DATA" not in os.environ, reason="RENORMAL_DATA names no folder of real data")

COUNTS = {"grid": (243, 21, 57, 1), "bottle": (209, 20, 63, 3), "toothbrush": (60, 12, 30, 3)}


@pytest.mark.parametrize("category", COUNTS)
def test_every_image_and_mask_of_the_category_is_there(category: str) -> None:
    train, good, defective, channels = COUNTS[category]
    source = mvtec(ROOT, category)
    assert len(source.train) == train
    assert sum(item.mask is None for item in source.test) == good
    assert sum(item.mask is not None for item in source.test) == defective
    assert channels_of(source) == channels


def test_reduced_masks_cover_what_the_full_masks_cover() -> None:
    source = mvtec(ROOT, "bottle")
    test = load_test(source, size=128, channels=None)
    for item, regions in zip(source.test, test.regions, strict=True):
        if item.mask is None:
            assert not regions.any()
        else:
            share = (np.array(Image.open(item.mask)) > 0).mean()
            assert (regions > 0).float().mean().item() == pytest.approx(share, abs=0.003)


DRAWN = [("grid", 512, 169), ("bottle", 128, 68), ("toothbrush", 128, 71)]  # category, side, defects in its files


@pytest.mark.parametrize(("category", "size", "drawn"), DRAWN)
def test_the_defects_of_the_files_are_counted_and_their_pixels_are_the_nearest(
    category: str, size: int, drawn: int
) -> None:
    source = mvtec(ROOT, category)
    test = load_test(source, size=size, channels=None)
    counted = sum(len(set(regions.unique().tolist()) - {0}) for regions in test.regions)
    assert counted == drawn
    added = 0
    for item, regions in zip(source.test, test.regions, strict=True):
        if item.mask is not None:
            whole = np.array(Image.open(item.mask)) > 0
            middle = ((np.arange(size) + 0.5) * len(whole) / size).astype(int)
            nearest = whole[np.ix_(middle, middle)]
            assert (regions.numpy()[nearest] > 0).all()
            added += int((regions > 0).sum()) - int(nearest.sum())
    assert added == (category == "toothbrush"), "one speck lies between the nearest pixels"


def test_augmented_bottles_keep_their_backdrop_and_brightness() -> None:
    source = mvtec(ROOT, "bottle")
    images = load_training(source, size=128, channels=None)
    cpu = torch.device("cpu")
    data = TrainingBatches(images, kind="object", batch_size=64, augmentation=source.augmentation, seed=0, device=cpu)
    batch = data.batch(0, 0)
    assert batch[:, :, [0, 0, -1, -1], [0, -1, 0, -1]].min() > 0.95  # the corners of the lit backdrop
    assert batch.mean().item() == pytest.approx(images.float().mean().item() / 255, abs=0.01)
