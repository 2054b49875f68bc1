"""The drawn data set is read by the reader of the real one."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from renormal.data import CATEGORIES, stand_in
from renormal.data.memory import load_test, load_training
from renormal.data.rehearsal import CATEGORIES as DRAWN

FEW = {"train": 3, "good": 2, "defective": 1}


def test_what_can_be_drawn_is_what_mvtec_ad_has() -> None:
    assert set(DRAWN) == set(CATEGORIES)


@pytest.mark.parametrize("category", ["bottle", "grid"])
def test_a_drawn_category_has_a_mask_for_every_defect(category: str, tmp_path: Path) -> None:
    source = stand_in(tmp_path, category, **FEW)
    training = load_training(source, size=64, channels=None)
    test = load_test(source, size=64, channels=None)
    assert (source.name, len(training), test.defects.count("good")) == (category, 3, 2)
    assert (source.kind, source.augmentation) == CATEGORIES[category]
    for defect, regions in zip(test.defects, test.regions, strict=True):
        assert bool(regions.any()) == (defect != "good")


def test_drawing_again_reads_what_is_there(tmp_path: Path) -> None:
    first = load_training(stand_in(tmp_path, "bottle", **FEW), size=32, channels=None)
    written = (tmp_path / "bottle/train/good/000.png").stat().st_mtime_ns
    assert torch.equal(load_training(stand_in(tmp_path, "bottle", **FEW), size=32, channels=None), first)
    assert (tmp_path / "bottle/train/good/000.png").stat().st_mtime_ns == written


def test_a_category_that_cannot_be_drawn_names_those_that_can(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="bottle"):
        stand_in(tmp_path, "teapot")
