"""A mask is told from a photograph by its pixels, a folder by its name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFilter

from renormal.data import DataError, folder
from renormal.data.masks import is_mask
from renormal.data.names import role


def soft(size: int) -> Image.Image:
    square = np.zeros((size, size), np.uint8)
    square[size // 4 : size // 2, size // 4 : size // 2] = 255
    return Image.fromarray(square).filter(ImageFilter.GaussianBlur(2))


def bright() -> Image.Image:
    return Image.fromarray(
        np.where(np.arange(30)[:, None] < 20, 255, np.arange(900).reshape(30, 30) % 97).astype(np.uint8)
    )


PIXELS: dict[str, tuple[Callable[[Path], object], bool]] = {
    "a soft JPEG mask": (lambda path: soft(256).save(path.with_suffix(".jpg"), quality=60), True),
    "an indexed mask": (lambda path: soft(256).quantize(2).save(path.with_suffix(".png")), True),
    "a mask of class numbers": (lambda path: Image.fromarray(np.eye(9, dtype=np.uint8) * 3).save(f"{path}.png"), True),
    "a clear mask": (lambda path: Image.new("RGBA", (9, 9), (0, 0, 0, 0)).save(path.with_suffix(".png")), True),
    "a photograph with a white wall on two thirds of it": (lambda path: bright().save(f"{path}.png"), False),
    "a photograph of 16 bit": (
        lambda path: Image.fromarray(np.arange(300, 10_300, dtype=np.uint16).reshape(100, 100)).save(f"{path}.png"),
        False,
    ),
}


@pytest.mark.parametrize("case", PIXELS)
def test_a_mask_has_few_grey_values(case: str, tmp_path: Path) -> None:
    write, expected = PIXELS[case]
    write(tmp_path / "x")
    (path,) = tmp_path.iterdir()
    assert is_mask(path, 10**6) == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("wrong_label", "other"),
        ("mask_shift", "other"),
        ("not_ok", "other"),
        ("no_cap", "other"),
        ("不良品", "other"),
        ("good_and_bad", "doubtful"),
        ("bottle_good", "doubtful"),
        ("val", "unread"),
        ("test_private_mixed", "unread"),
        ("TrainingSet", "train"),
        ("test images", "test"),
        ("Imgs", "images"),
        ("001", "other"),
    ],
)
def test_a_name_says_no_more_than_it_says(name: str, expected: str) -> None:
    assert role(name) == expected


def before_a_wall(path: Path, wall: int) -> None:
    """A photograph with some rows of one value."""
    pixels = np.random.default_rng(wall).integers(0, 200, (30, 40), np.uint8)
    pixels[:wall] = 255
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


def test_photographs_before_a_white_wall_are_no_masks_of_each_other(tmp_path: Path) -> None:
    for index, wall in enumerate((21, 23, 21, 23)):
        before_a_wall(tmp_path / "good" / ("1.png", "1_2.png", "2.png", "2_2.png")[index], wall)
    assert len(folder(tmp_path).items) == 4
    before_a_wall(tmp_path / "good/1.bmp", 23)
    with pytest.raises(DataError, match="has the same name as"):
        folder(tmp_path)
