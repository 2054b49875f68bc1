"""Object or texture is found in the photographs: drawn categories, whose kinds are known, and MVTec AD."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from renormal.data import folder
from renormal.data.kind import guess_kind
from renormal.data.rehearsal.categories import TABLE
from renormal.data.rehearsal.write import render_pair
from renormal.data.source import MAX_PIXELS, good_items
from renormal.data.thumbnails import Thumbnail, thumbnails

REAL = os.environ.get("RENORMAL_DATA")


def read(folder: Path, count: int = 30) -> list[Thumbnail]:
    return thumbnails(good_items(sorted(folder.iterdir())[:count]), max_pixels=MAX_PIXELS)


def drawn(folder: Path, category: str, count: int) -> Path:
    for index in range(count):
        pair = render_pair(category, seed=0, split="train", defect="good", index=index, size=128)
        Image.fromarray(pair.image.squeeze()).save(folder / f"{index:03d}.png")
    return folder


@pytest.mark.parametrize("category", TABLE)
def test_the_kind_of_each_drawn_category_is_found_and_sure(category: str, tmp_path: Path) -> None:
    guess = guess_kind(read(drawn(tmp_path, category, 8)))
    assert (guess.kind, guess.sure) == (TABLE[category].kind, True), guess.reason


@pytest.mark.skipif(REAL is None, reason="RENORMAL_DATA names no folder with real data")
@pytest.mark.parametrize("category", ["bottle", "grid", "pill", "toothbrush"])
def test_the_kind_of_each_real_category_is_found_and_sure(category: str) -> None:
    guess = guess_kind(read(Path(str(REAL)) / "mvtec_ad" / category / "train" / "good"))
    assert (guess.kind, guess.sure) == ("texture" if category == "grid" else "object", True), guess.reason


def test_a_part_that_lies_anywhere_is_an_object(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    for index in range(12):
        picture = generator.normal(20, 2, (256, 256)).clip(0, 255)
        top, left = generator.integers(0, 176, 2)
        picture[top : top + 80, left : left + 80] = generator.integers(60, 255, (80, 80))
        Image.fromarray(picture.astype(np.uint8)).save(tmp_path / f"{index}.png")
    guess = guess_kind(read(tmp_path))
    assert (guess.kind, guess.sure) == ("object", True)
    assert "anywhere" in guess.reason


def test_uneven_light_does_not_make_an_object_of_a_texture(tmp_path: Path) -> None:
    x, y = np.meshgrid(np.linspace(-1, 1, 128), np.linspace(-1, 1, 128))
    light = 1 - 0.4 * (x * x + y * y) / 2 + 0.1 * x
    for path in drawn(tmp_path, "carpet", 8).iterdir():
        pixels = np.asarray(Image.open(path)) * light[..., None]
        Image.fromarray(pixels.astype(np.uint8)).save(path)
    assert guess_kind(read(tmp_path)).kind == "texture"


def test_three_photographs_are_too_few_and_taken_as_an_object(tmp_path: Path) -> None:
    guess = guess_kind(read(drawn(tmp_path, "carpet", 3)))
    assert guess == ("object", False, "3 photographs are too few, 4 are needed")


@pytest.mark.parametrize(
    ("category", "kind", "other"), [("carpet", "texture", "object"), ("bottle", "object", "texture")]
)
def test_a_folder_whose_kind_is_not_given_says_what_it_is_taken_as(
    category: str, kind: str, other: str, tmp_path: Path
) -> None:
    source = folder(drawn(tmp_path, category, 8), kind=None)
    assert source.kind == kind
    (line,) = source.remarks
    assert line.startswith(f"{tmp_path}: taken as a{'n' * (kind == 'object')} {kind}: ")
    assert line.endswith(f"; data.kind={other} if it is none")
    assert not folder(tmp_path, kind="object").remarks


def test_photographs_of_few_bits_are_guessed_as_they_will_be_read(tmp_path: Path) -> None:
    """In files of 16 bit their 8 highest bits hold nothing: all places would look alike."""
    for path in drawn(tmp_path, "bottle", 8).iterdir():
        grey = np.asarray(Image.open(path).convert("L")).astype(np.uint16)
        Image.fromarray(grey).save(path)
    assert folder(tmp_path, kind=None).kind == "object"


def test_too_few_photographs_are_named_as_a_doubt(tmp_path: Path) -> None:
    (line,) = folder(drawn(tmp_path, "carpet", 3), kind=None).remarks
    assert "taken as an object, which is not sure: 2 photographs are too few" in line
