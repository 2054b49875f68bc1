"""One file to one array, whatever the camera or the drawing program wrote."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from renormal.data.images import is_grey, read_image, read_mask
from renormal.data.source import DataError

ANY = 10**6  # pixels


def image(path: Path, *, size: int = 8, channels: int = 3, fit: str = "squash") -> NDArray[np.uint8]:
    return read_image(path, size=size, channels=channels, fit=fit, max_pixels=ANY)  # type: ignore[arg-type]


def mask(path: Path, shape: tuple[int, int], *, size: int = 8, fit: str = "squash") -> NDArray[np.bool_]:
    return read_mask(path, size=size, fit=fit, max_pixels=ANY, image_size=shape)  # type: ignore[arg-type]


def palette() -> Image.Image:
    indexed = Image.new("P", (8, 8), 1)
    indexed.putpalette([0, 0, 0, 10, 20, 30])
    return indexed


def half_transparent() -> Image.Image:
    return Image.new("RGBA", (8, 8), (0, 100, 200, 51))  # a fifth of it over white


WIDE = np.full((8, 8), 0xABCD, np.uint16)

FORMATS: dict[str, tuple[str, Callable[[], Image.Image], list[int], bool]] = {
    "8 bit grey png": ("a.png", lambda: Image.new("L", (8, 8), 77), [77] * 3, True),
    "8 bit colour png": ("a.png", lambda: Image.new("RGB", (8, 8), (10, 20, 30)), [10, 20, 30], False),
    "16 bit grey png": ("a.png", lambda: Image.fromarray(WIDE), [0xAB] * 3, True),
    "16 bit grey tif": ("a.tif", lambda: Image.fromarray(WIDE), [0xAB] * 3, True),
    "32 bit holder of 16": ("a.tiff", lambda: Image.fromarray(WIDE.astype(np.int32)), [0xAB] * 3, True),
    "1 bit": ("a.png", lambda: Image.new("1", (8, 8), 1), [255] * 3, True),
    "bmp": ("a.BMP", lambda: Image.new("RGB", (8, 8), (10, 20, 30)), [10, 20, 30], False),
    "jpg": ("a b.JPG", lambda: Image.new("L", (8, 8), 77), [77] * 3, True),
    "palette": ("a.png", palette, [10, 20, 30], False),
    "transparency on white": ("a.png", half_transparent, [204, 224, 244], False),
    "grey with alpha": ("a.png", lambda: Image.new("LA", (8, 8), (77, 255)), [77] * 3, True),
    "print colours": ("a.tif", lambda: Image.new("CMYK", (8, 8), (0, 255, 255, 0)), [255, 0, 0], False),
}


@pytest.mark.parametrize("case", FORMATS)
def test_every_format_gives_the_same_8_bit_pixels(case: str, tmp_path: Path) -> None:
    name, make, expected, grey = FORMATS[case]
    make().save(tmp_path / name)
    pixels = image(tmp_path / name)
    assert pixels.shape == (3, 8, 8)
    assert pixels[:, 4, 4].tolist() == expected
    with Image.open(tmp_path / name) as opened:
        assert is_grey(opened) is grey


def test_16_bit_scaling_undoes_the_widening_of_8_bit(tmp_path: Path) -> None:
    values = np.arange(256, dtype=np.uint16).reshape(16, 16)
    Image.fromarray(values * 257).save(tmp_path / "a.png")
    np.testing.assert_array_equal(image(tmp_path / "a.png", size=16, channels=1)[0], values)


def test_values_beyond_16_bit_are_refused(tmp_path: Path) -> None:
    Image.fromarray(np.full((8, 8), 70_000, np.int32)).save(tmp_path / "a.tif")
    with pytest.raises(DataError, match="70000 exceed 16 bit"):
        image(tmp_path / "a.tif")


def test_reduction_averages_what_sampling_would_alias(tmp_path: Path) -> None:
    stripes = np.zeros((64, 64), np.uint8)
    stripes[:, ::2] = 255
    Image.fromarray(stripes).save(tmp_path / "a.png")
    assert np.abs(image(tmp_path / "a.png", channels=1)[0].astype(float) - 127.5).max() < 8  # sampling: 0 or 255


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_phone_held_sideways_gives_an_upright_image_and_mask(orientation: int, tmp_path: Path) -> None:
    upright = np.zeros((20, 40), np.uint8)
    upright[:10, :20] = 255  # upper left
    undo: dict[int, Callable[[NDArray[np.uint8]], NDArray[np.uint8]]] = {
        1: lambda a: a,
        2: np.fliplr,
        3: lambda a: np.rot90(a, 2),
        4: np.flipud,
        5: np.transpose,
        6: lambda a: np.rot90(a, 1),  # shown after a quarter turn clockwise
        7: lambda a: np.rot90(a, 2).T,
        8: lambda a: np.rot90(a, -1),
    }
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = Image.fromarray(np.ascontiguousarray(undo[orientation](upright)))
    stored.save(tmp_path / "a.png", exif=exif)
    quarter = np.outer(np.arange(8) < 4, np.arange(8) < 4)
    np.testing.assert_array_equal(image(tmp_path / "a.png", channels=1)[0] > 127, quarter)
    np.testing.assert_array_equal(mask(tmp_path / "a.png", (40, 20)), quarter)


@pytest.mark.parametrize(("fit", "left"), [("squash", 0), ("crop", 255)])
def test_an_oblong_image_is_squashed_whole_or_cropped_to_its_centre(fit: str, left: int, tmp_path: Path) -> None:
    oblong = np.zeros((20, 60), np.uint8)
    oblong[:, 20:40] = 255
    Image.fromarray(oblong).save(tmp_path / "a.png")
    assert int(image(tmp_path / "a.png", fit=fit)[0, 4, 0]) == pytest.approx(left, abs=5)  # Lanczos rings a little
    assert mask(tmp_path / "a.png", (60, 20), fit=fit)[4, 0] == bool(left)


def test_a_mask_is_reduced_by_its_nearest_pixel(tmp_path: Path) -> None:
    checks = np.kron(np.eye(8, dtype=np.uint8), np.ones((3, 3), np.uint8)) * 255
    Image.fromarray(checks).save(tmp_path / "m.png")
    np.testing.assert_array_equal(mask(tmp_path / "m.png", (24, 24)), np.eye(8, dtype=bool))


def test_a_defect_too_small_for_the_reduced_mask_keeps_the_pixels_that_it_touches(tmp_path: Path) -> None:
    thin = np.zeros((80, 80), np.uint8)
    thin[71, 30] = 255
    Image.fromarray(thin).save(tmp_path / "m.png")
    assert np.argwhere(mask(tmp_path / "m.png", (80, 80))).tolist() == [[7, 3]]


def test_a_defect_outside_the_centre_square_is_not_cropped_away(tmp_path: Path) -> None:
    edge = np.zeros((20, 60), np.uint8)
    edge[:, :5] = 255
    Image.fromarray(edge).save(tmp_path / "m.png")
    with pytest.raises(DataError, match=r"nothing of it lies in the square .*data\.fit"):
        mask(tmp_path / "m.png", (60, 20), fit="crop")


def drawn_on_glass() -> Image.Image:
    glass = Image.new("RGBA", (8, 8), (255, 255, 255, 0))
    glass.paste((255, 255, 255, 255), (0, 0, 4, 8))
    return glass


def drawn(value: int | tuple[int, int, int], mode: str) -> Image.Image:
    page = Image.new(mode, (8, 8))
    page.paste(value, (0, 0, 4, 8))
    return page


MASKS: dict[str, tuple[str, Callable[[], Image.Image]]] = {
    "white on black": ("m.png", lambda: drawn(255, "L")),
    "class numbers": ("m.png", lambda: drawn(1, "L")),
    "one bit": ("m.bmp", lambda: drawn(1, "1")),
    "red on black": ("m.png", lambda: drawn((255, 0, 0), "RGB")),
    "on a transparent page": ("m.png", drawn_on_glass),
    "jpeg, smeared at the edge": ("m.jpg", lambda: drawn(255, "L")),
    "16 bit": ("m.png", lambda: Image.fromarray(np.asarray(drawn(255, "L")).astype(np.uint16))),
}


@pytest.mark.parametrize("case", MASKS)
def test_a_mask_may_be_drawn_in_any_program(case: str, tmp_path: Path) -> None:
    name, make = MASKS[case]
    make().save(tmp_path / name)
    np.testing.assert_array_equal(mask(tmp_path / name, (8, 8)), np.arange(8)[None].repeat(8, 0) < 4)


def test_a_thin_scratch_next_to_a_block_belongs_to_the_hole(tmp_path: Path) -> None:
    drawn = np.zeros((512, 512), dtype=np.uint8)
    drawn[300:360, 300:360], drawn[:, 97:99] = 255, 255
    Image.fromarray(drawn).save(tmp_path / "mask.png")
    assert not mask(tmp_path / "mask.png", (512, 512), size=64)[:30, 12].any(), "nearest neighbour steps over it"
    hole = read_mask(tmp_path / "mask.png", size=64, fit="squash", max_pixels=ANY, image_size=(512, 512), whole=True)
    assert hole[:, 11:14].all()
    assert hole[36:46, 36:46].all()
    assert not hole[:, 20:30].any()
