"""Somebody's own photographs, in the layouts that people have."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from renormal.data import Augmentation, DataError, Source, folder
from renormal.data.memory import channels_of, load_test, load_training


def photographs(root: Path, *names: str, size: tuple[int, int] = (40, 30)) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", size, (120, 90, 60)).save(root / name)


def outlines(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        mask = np.zeros((30, 40), np.uint8)
        mask[5:20, 5:20] = 255
        Image.fromarray(mask).save(root / name)


def names(source: Source) -> tuple[list[str], list[str], list[str | None]]:
    """Training images, test images as defect/name, masks of the test images."""
    train = [item.image.name for item in source.train]
    test = [f"{item.defect}/{item.image.name}" for item in source.test]
    return train, test, [item.mask and item.mask.name for item in source.test]


LAYOUTS: dict[str, tuple[tuple[str, ...], tuple[str, ...], tuple[list[str], list[str], list[str | None]]]] = {
    "a phone's photographs": (
        ("good/IMG 1.JPG", "good/IMG 2.JPG", "good/IMG 3.JPG", "defective/IMG 4.JPG"),
        (),
        (["IMG 1.JPG", "IMG 2.JPG"], ["good/IMG 3.JPG", "defective/IMG 4.JPG"], [None, None]),
    ),
    "named defects and flat masks": (
        ("good/1.png", "good/2.png", "dent/3.png", "scratch/4.jpg"),
        ("masks/3.png", "masks/4_mask.png"),
        (["1.png"], ["good/2.png", "dent/3.png", "scratch/4.jpg"], [None, "3.png", "4_mask.png"]),
    ),
    "MVTec AD's own": (
        ("train/good/1.png", "train/good/2.png", "test/good/1.png", "test/bent/1.png"),
        ("ground_truth/bent/1_mask.png",),
        (["1.png", "2.png"], ["good/1.png", "bent/1.png"], [None, "1_mask.png"]),
    ),
    "train and test without names in train": (
        ("train/1.png", "train/2.png", "test/good/3.png", "test/bad/4.png"),
        (),
        (["1.png", "2.png"], ["good/3.png", "bad/4.png"], [None, None]),
    ),
    "nothing but good images": (
        ("1.png", "2.png", "3.png"),
        (),
        (["1.png", "2.png"], ["good/3.png"], [None]),
    ),
    "a single training image": (("good/1.png", "bad/2.png"), (), (["1.png"], ["bad/2.png"], [None])),
}


@pytest.mark.parametrize("case", LAYOUTS)
def test_a_layout_is_understood(case: str, tmp_path: Path) -> None:
    images, masks, expected = LAYOUTS[case]
    photographs(tmp_path, *images)
    outlines(tmp_path, *masks)
    assert names(folder(tmp_path)) == expected


def test_every_tenth_good_image_is_kept_from_training(tmp_path: Path) -> None:
    photographs(tmp_path, *(f"good/{k:02}.png" for k in range(1, 26)))
    train, test, _ = names(folder(tmp_path))
    assert test == ["good/10.png", "good/20.png"]
    assert len(train) == 23
    assert not set(train) & {"10.png", "20.png"}


def test_good_test_images_of_ones_own_leave_the_training_images_alone(tmp_path: Path) -> None:
    photographs(tmp_path, *(f"train/{k}.png" for k in range(20)), "test/good/a.png")
    assert len(folder(tmp_path).train) == 20


def test_photographs_without_masks_load_with_unknown_regions(tmp_path: Path) -> None:
    photographs(tmp_path, "good/1.jpg", "good/2.jpg", "bad/3.jpg", "bad/4.jpg")
    outlines(tmp_path, "masks/bad/4.png")
    source = folder(tmp_path, name="bracket", augmentation=Augmentation(rotate=10))
    test = load_test(source, size=16, channels=None)
    assert load_training(source, size=16, channels=None).shape == (1, 3, 16, 16)
    assert [regions.unique().tolist() for regions in test.regions] == [[0], [-1], [0, 1]]
    assert test.paths == ["good/2.jpg", "bad/3.jpg", "bad/4.jpg"]
    assert (source.name, source.augmentation.rotate, channels_of(source)) == ("bracket", 10, 3)


def test_a_category_is_grey_only_when_all_its_images_are(tmp_path: Path) -> None:
    for name in ("good/1.png", "good/2.png", "bad/3.png"):
        photographs(tmp_path, name)
        Image.new("L", (8, 8)).save(tmp_path / name)
    assert channels_of(folder(tmp_path)) == 1
    photographs(tmp_path, "bad/4.png")
    assert channels_of(folder(tmp_path)) == 3


def test_a_folder_is_named_after_itself(tmp_path: Path) -> None:
    photographs(tmp_path / "hinges", "1.png", "2.png")
    assert folder(tmp_path / "hinges").name == "hinges"


def test_good_photographs_are_asked_for_where_the_pages_say_they_belong(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=f"put photographs of good parts into {re.escape(str(tmp_path))}$"):
        folder(tmp_path)
    (tmp_path / "train").mkdir()
    with pytest.raises(DataError, match=r"put photographs of good parts into .*/train/good$"):
        folder(tmp_path)


BAD: dict[str, tuple[Callable[[Path], object], dict[str, object], str]] = {
    "nothing there": (lambda root: None, {}, "no training images; put photographs of good parts into"),
    "only defects": (lambda root: photographs(root, "bad/1.png"), {}, "no training images"),
    "nothing to test": (lambda root: photographs(root, "good/1.png", "good/2.png"), {"holdout": 0}, "nothing to test"),
    "one photograph": (lambda root: photographs(root, "1.png"), {}, "one good photograph, and none to test on: add"),
    "holdout of all": (lambda root: photographs(root, "good/1.png"), {"holdout": 1}, "data.holdout must be 0"),
    "good under another name": (
        lambda root: photographs(root, "good/1.png", "OK/2.png"),
        {},
        "OK: has images although",
    ),
    "good with a capital": (lambda root: photographs(root, "1.png", "Good/2.png"), {}, "Good holds the training"),
    "two training folders": (lambda root: photographs(root, "good/1.png", "train/2.png"), {}, "has images although"),
    "defects to train on": (lambda root: photographs(root, "train/bad/1.png"), {}, "training uses good images only"),
    "unsorted test images": (lambda root: photographs(root, "good/1.png", "test/2.png"), {}, "good or defective?"),
    "defects beside test": (
        lambda root: photographs(root, "good/1.png", "test/bad/2.png", "dent/3.png"),
        {},
        "dent: a folder next to",
    ),
    "iphone's format": (
        lambda root: photographs(root, "good/1.png") or (root / "good/2.HEIC").write_bytes(b"?"),
        {},
        "2.HEIC: not a readable kind of image (bmp, jpeg, jpg, png, tif, tiff); convert it",
    ),
    "mask without image": (
        lambda root: photographs(root, "good/1.png", "bad/2.png") or outlines(root, "masks/3.png"),
        {},
        "3.png: a mask without an image",
    ),
    "mask of a defect that is not there": (
        lambda root: photographs(root, "good/1.png", "bad/2.png") or outlines(root, "masks/dent/2.png"),
        {},
        "masks of a defect that has no folder",
    ),
    "a flat mask that fits twice": (
        lambda root: photographs(root, "good/1.png", "bad/2.png", "dent/2.png") or outlines(root, "masks/2.png"),
        {},
        "has the same name as",
    ),
    "a flat and a sorted mask": (
        lambda root: photographs(root, "good/1.png", "bad/2.png") or outlines(root, "masks/2.png", "masks/bad/2.png"),
        {},
        "a second mask for",
    ),
    "two folders of masks": (
        lambda root: photographs(root, "good/1.png") or outlines(root, "masks/2.png", "ground_truth/2.png"),
        {},
        "masks are in",
    ),
    "no mask where all are required": (
        lambda root: photographs(root, "good/1.png", "bad/2.png"),
        {"masks": "required"},
        "2.png: a defective image without mask; outline it, or set data.masks=optional",
    ),
    "unknown kind": (lambda root: photographs(root, "1.png", "2.png"), {"kind": "thing"}, "data.kind must be one of"),
    "unknown fit": (lambda root: photographs(root, "1.png", "2.png"), {"fit": "pad"}, "data.fit must be one of"),
    "unknown demand": (lambda root: photographs(root, "1.png"), {"masks": "some"}, "data.masks must be one of"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_gets_one_line_that_says_what_to_do(case: str, tmp_path: Path) -> None:
    spoil, settings, line = BAD[case]
    spoil(tmp_path)
    with pytest.raises(DataError) as caught:
        folder(tmp_path, **settings)  # type: ignore[arg-type]
    assert line in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("root", "line"), [(None, r"give data\.root="), ("/no/where", "is not a folder")])
def test_a_folder_must_be_given_and_exist(root: str | None, line: str) -> None:
    with pytest.raises(DataError, match=line):
        folder(root)
