"""A mask that may mark what is no defect is asked about in one line; a large defect is taken."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from data_sets import refusal
from renormal.data.drawn_masks import Pair, look_at, read_defects, reading_of
from renormal.data.regions import regions_of

SIDE = 96
Grey = NDArray[np.uint8]
ROW, COLUMN = np.mgrid[:SIDE, :SIDE]
PART = np.hypot(COLUMN - 48, ROW - 48) < 36  # a round part in the middle


def bar(k: int) -> NDArray[np.bool_]:
    """A defect of mask k."""
    return (abs(ROW - 40) < 14) & (abs(COLUMN - 35 - 8 * k) < 5)


def white(k: int) -> Grey:
    return (bar(k) * 255).astype(np.uint8)


def soft(k: int) -> Grey:
    return blurred(white(k))


def blurred(grey: Grey) -> Grey:
    return np.asarray(Image.fromarray(grey).filter(ImageFilter.GaussianBlur(1)))


def photograph(k: int) -> Grey:
    return np.random.default_rng(k).integers(20, 240, (SIDE, SIDE)).astype(np.uint8)


def before_white(k: int) -> Grey:
    """A photograph of the part before a white backdrop."""
    return np.where(PART, photograph(k), 255).astype(np.uint8)


def half(k: int) -> Grey:
    return (COLUMN < 60).astype(np.uint8) * 255


def everything(k: int) -> Grey:
    return np.full((SIDE, SIDE), 255, np.uint8)


def inner(part: int, defect: int) -> Callable[[int], Grey]:
    """The part in one value, with a defect in another."""
    return lambda k: np.where(bar(k) & PART, defect, np.where(PART, part, 0)).astype(np.uint8)


def two_greys(k: int) -> Grey:
    """A second defect in a grey of its own, both with soft edges."""
    grey = white(k)
    grey[70:85, 20:80] = 85
    return blurred(grey)


def two_greys_that_touch(k: int) -> Grey:
    return blurred(np.where(bar(k) & (ROW > 40), 110, white(k)).astype(np.uint8))


def a_faint_line(k: int) -> Grey:
    grey = soft(k).copy()
    grey[80, 10:80] = 100
    return grey


def pairs_of(folder: Path, *masks: Grey) -> list[Pair]:
    pairs = [Pair(folder / f"{k}_mask.png", folder / f"{k}.png") for k in range(len(masks))]
    for pair, mask in zip(pairs, masks, strict=True):
        Image.fromarray(mask).save(pair.mask)
        Image.new("L", mask.shape[::-1]).save(pair.image)
    return pairs


def read(pairs: list[Pair], level: float | None = None) -> tuple[list[NDArray[np.bool_]], list[str]]:
    masks = [look_at(pair, 10**6) for pair in pairs]
    reading, lines = reading_of(masks, level)
    return [read_defects(mask, reading, fit="squash", max_pixels=10**6) for mask in masks], lines


ASKED: dict[str, tuple[tuple[Grey, ...], str]] = {
    "one inverted among others": ((white(0), 255 - white(1), white(2)), "1_mask.png: marks 9.% of its image and 100%"),
    "a soft one inverted": ((soft(0), soft(1), 255 - soft(2)), "2_mask.png: marks 9.% of its image and 100%"),
    "inverted within the part": (tuple(map(inner(255, 0), range(3))), "white in all masks, with holes"),
    "a part and a defect": (tuple(map(inner(1, 2), range(3))), "every mask holds the value 1, in [34].% of all pixels"),
    "a grey part": (tuple(map(inner(128, 255), range(3))), "every mask holds the value 128, in [34].% of all pixels"),
    "a photograph among masks": ((white(0), photograph(1), white(2)), "1_mask.png: holds 20, 21, 22, 23, 24, 25, "),
    "one before a backdrop": ((soft(0), before_white(1), soft(2)), "1_mask.png: holds 20, 21, 22, 23, 24, 25, "),
    "two greys": (tuple(map(two_greys, range(3))), "which are no class numbers and no soft edges|would be lost"),
    "two greys that touch": (tuple(map(two_greys_that_touch, range(3))), "no soft edges|would be lost"),
    "a darker mask": ((soft(0), (soft(1) * 0.4).astype(np.uint8), soft(2)), "1_mask.png: an area of value 102 would"),
    "a faint line": ((soft(0), a_faint_line(1), soft(2)), "1_mask.png: an area of value 100 would be lost"),
}


@pytest.mark.parametrize("case", ASKED)
def test_masks_that_may_mark_no_defect_are_asked_about_and_a_level_answers(case: str, tmp_path: Path) -> None:
    masks, message = ASKED[case]
    pairs = pairs_of(tmp_path, *masks)
    line = refusal(lambda: read(pairs))
    assert line is not None
    assert re.search(message, line)
    assert line.endswith("set test.mask_level: pixels above it are defects")
    found, lines = read(pairs, level=1)
    np.testing.assert_array_equal(found, np.array(masks) > 1)
    assert lines == []


@pytest.mark.parametrize("large", [half, everything])
def test_a_defect_of_more_than_half_of_an_image_is_taken_and_asked_about(
    large: Callable[[int], Grey], tmp_path: Path
) -> None:
    masks = white(0), large(1), white(2)
    found, (line,) = read(pairs_of(tmp_path, *masks))
    np.testing.assert_array_equal(found, np.array(masks) > 0)
    assert re.fullmatch(r"is all of that a defect\? 1 masks mark more than half .*1_mask.png \((62|100)%\)", line)


def test_a_part_of_one_place_without_holes_is_a_defect(tmp_path: Path) -> None:
    masks = [np.roll(PART * np.uint8(255), 2 * k, axis=1) for k in range(3)]
    found, lines = read(pairs_of(tmp_path, *masks))
    np.testing.assert_array_equal(found, np.array(masks) > 0)
    assert lines == []


def test_masks_of_0_and_1_and_masks_of_0_and_255_are_read_together(tmp_path: Path) -> None:
    found, lines = read(pairs_of(tmp_path, white(0), white(1) // 255, white(2)))
    np.testing.assert_array_equal(found, [bar(k) for k in range(3)])
    assert lines == []


def test_more_defects_than_an_int16_holds_are_counted() -> None:
    mask = np.zeros((520, 520), np.bool_)
    mask[::2, ::2] = True
    regions = regions_of(mask, 520)
    assert regions.max() == 260 * 260 > 2**16
    assert (np.bincount(regions.ravel())[1:] == 1).all()


def test_more_defects_than_pixels_are_refused() -> None:
    mask = np.zeros((200, 200), np.bool_)
    mask[::2, ::2] = True
    with pytest.raises(ValueError, match="10000 separate defects, more than 32 × 32 pixels can show"):
        regions_of(mask, 32)


GREYS = st.sampled_from([[0, 255], [0, 1], [0, 1, 2], [0, 255, 128], [0, 127, 128, 255], list(range(256))])


@st.composite
def drawn(draw: st.DrawFn) -> Grey:
    values = draw(GREYS)
    shape = draw(st.sampled_from([(8, 8), (1, 9), (9, 1), (1, 1), (16, 12)]))
    fill = st.just(draw(st.sampled_from(values)))
    return draw(arrays(np.uint8, shape, elements=st.sampled_from(values), fill=fill))


@given(masks=st.lists(drawn(), min_size=1, max_size=4))
def test_any_masks_are_read_or_refused_in_one_line(masks: list[Grey], tmp_path: Path) -> None:
    pairs = pairs_of(tmp_path, *masks)
    line = refusal(lambda: read(pairs))
    assert line is None or re.fullmatch(rf"{tmp_path}/\d_mask.png: .+", line), "one line that names a file"


@given(data=st.data())
def test_rectangles_in_two_values_are_read_as_they_are_drawn(data: st.DataObject, tmp_path: Path) -> None:
    truths = []
    for _ in range(data.draw(st.integers(1, 3))):
        truths.append(np.zeros((24, 30), np.bool_))
        top, left = data.draw(st.integers(1, 15)), data.draw(st.integers(1, 15))
        height, width = data.draw(st.integers(1, 8)), data.draw(st.integers(1, 14))
        truths[-1][top : top + height, left : left + width] = True
    value = data.draw(st.integers(1, 255))
    found, lines = read(pairs_of(tmp_path, *((truth * value).astype(np.uint8) for truth in truths)))
    np.testing.assert_array_equal(found, truths)
    assert lines == []
