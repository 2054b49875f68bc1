"""One file to one array, whatever the camera or the drawing program wrote."""

from __future__ import annotations

import logging
import struct
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from turned import undone

from renormal.data.folder import folder
from renormal.data.images import header_of, is_grey, read_image
from renormal.data.memory import aspects_of, load_training, own_side
from renormal.data.source import Augmentation, DataError

ANY = 10**6  # pixels


def image(path: Path, *, size: int = 8, channels: int = 3, fit: str = "squash") -> NDArray[np.uint8]:
    return read_image(path, size=size, channels=channels, fit=fit, max_pixels=ANY)  # type: ignore[arg-type]


def palette() -> Image.Image:
    indexed = Image.new("P", (8, 8), 1)
    indexed.putpalette([0, 0, 0, 10, 20, 30])
    return indexed


def table(*, grey: bool = False) -> Image.Image:
    """A thermal camera's table of 256 colours."""
    indexed = Image.new("P", (8, 8), 60)
    indexed.putpalette([value for k in range(256) for value in ((k, k, k) if grey else (k, k // 2, 255 - k))])
    return indexed


def big_endian(values: NDArray[np.uint16]) -> Image.Image:
    return Image.frombytes("I;16B", values.shape[::-1], values.astype(">u2").tobytes())


def luminance() -> Image.Image:
    return Image.new("RGB", (8, 8), (77, 77, 77)).convert("YCbCr")


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
    "palette in bmp": ("a.bmp", table, [60, 30, 195], False),
    "palette in tif": ("a.tif", table, [60, 30, 195], False),
    "grey palette": ("a.png", lambda: table(grey=True), [60] * 3, True),
    "grey palette in bmp": ("a.bmp", lambda: table(grey=True), [60] * 3, True),
    "big-endian 16 bit tif": ("a.tif", lambda: big_endian(WIDE), [0xAB] * 3, True),
    "grey with alpha in tif": ("a.tif", lambda: Image.new("LA", (8, 8), (77, 255)), [77] * 3, True),
    "luminance and chroma": ("a.tif", luminance, [77] * 3, False),
    "colours of CIELab": ("a.tif", lambda: Image.new("LAB", (8, 8), (0, 128, 128)), [0] * 3, False),
    "print colours": ("a.tif", lambda: Image.new("CMYK", (8, 8), (0, 255, 255, 0)), [255, 0, 0], False),
}


@pytest.mark.parametrize("case", FORMATS)
def test_every_format_gives_the_same_8_bit_pixels(case: str, tmp_path: Path) -> None:
    name, make, expected, grey = FORMATS[case]
    make().save(tmp_path / name)
    pixels = image(tmp_path / name)
    assert pixels.shape == (3, 8, 8)
    assert pixels[:, 4, 4].tolist() == pytest.approx(expected, abs=1)  # CIELab is rounded
    with Image.open(tmp_path / name) as opened:
        assert is_grey(opened, tmp_path / name) is grey


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


@pytest.mark.parametrize("how", ["png", "jpg", "tif", "tif packed"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_phone_held_sideways_gives_an_upright_image(orientation: int, how: str, tmp_path: Path) -> None:
    upright = np.zeros((16, 32), np.uint8)
    upright[:8, :16] = 255  # upper left
    exif = Image.Exif()
    exif[0x0112] = orientation
    ending, _, packed = how.partition(" ")
    settings = {"compression": "tiff_lzw"} if packed else {}
    path = tmp_path / f"a.{ending}"
    Image.fromarray(undone(upright, orientation)).save(path, exif=exif, **settings)  # type: ignore[arg-type]
    assert header_of(path, ANY) == ((32, 16), orientation)
    quarter = np.outer(np.arange(8) < 4, np.arange(8) < 4)
    np.testing.assert_array_equal(image(path, channels=1)[0] > 127, quarter)


@pytest.mark.parametrize(("fit", "left"), [("squash", 0), ("crop", 255)])
def test_an_oblong_image_is_squashed_whole_or_cropped_to_its_centre(fit: str, left: int, tmp_path: Path) -> None:
    oblong = np.zeros((20, 60), np.uint8)
    oblong[:, 20:40] = 255
    Image.fromarray(oblong).save(tmp_path / "a.png")
    assert int(image(tmp_path / "a.png", fit=fit)[0, 4, 0]) == pytest.approx(left, abs=5)  # Lanczos rings a little


def written_by_tifffile(path: Path, values: NDArray[Any], **settings: Any) -> None:
    tifffile = pytest.importorskip("tifffile")
    tifffile.imwrite(path, values, **settings)


RARE: dict[str, tuple[NDArray[Any], dict[str, Any], str]] = {
    "64 bit floats": (np.zeros((8, 8)), {}, "begins as a TIFF, but Pillow cannot read this kind"),
    "five bands": (
        np.zeros((8, 8, 5), np.uint8),
        {"photometric": "minisblack", "planarconfig": "contig"},
        "begins as a TIFF, but Pillow cannot read this kind",
    ),
    "32 bit floats": (np.zeros((8, 8), np.float32), {}, "floating point pixels have no agreed range"),
    "white as 0": (np.zeros((8, 8), np.uint16), {"photometric": "miniswhite"}, "a 16 bit TIFF in which white is 0"),
    "negative values": (np.full((8, 8), -5, np.int16), {}, "values from -5 to -5 exceed 16 bit"),
    "two pages": (np.zeros((2, 8, 8), np.uint8), {"photometric": "minisblack"}, "holds more than one picture"),
}


@pytest.mark.parametrize("case", RARE)
def test_a_valid_file_that_is_not_read_is_not_called_damaged(case: str, tmp_path: Path) -> None:
    values, settings, message = RARE[case]
    written_by_tifffile(tmp_path / "a.tif", values, **settings)
    with pytest.raises(DataError, match=message) as caught:
        image(tmp_path / "a.tif")
    assert "damaged" not in str(caught.value)


@pytest.mark.parametrize("ending", ["png", "jpg", "bmp", "tif"])
def test_a_file_that_was_cut_short_is_called_damaged(ending: str, tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    Image.fromarray(noise).save(tmp_path / f"a.{ending}")
    whole = (tmp_path / f"a.{ending}").read_bytes()
    (tmp_path / f"a.{ending}").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match="truncated or damaged image"):
        image(tmp_path / f"a.{ending}")


def bitmap(path: Path, bits: int) -> None:
    """A BMP whose palette is black and white, whatever the bits of a pixel: white on the left."""
    palette = bytes((0, 0, 0, 0, 255, 255, 255, 0))
    row = {1: [0xFF, 0, 0, 0], 4: [0x11] * 4 + [0] * 4, 8: [1] * 8 + [0] * 8}[bits]
    start, data = 54 + len(palette), bytes(row) * 8
    file = b"BM" + struct.pack("<IHHI", start + len(data), 0, 0, start)
    header = struct.pack("<IiiHHIIiiII", 40, 16, 8, 1, bits, 0, len(data), 0, 0, 2, 0)
    path.write_bytes(file + header + palette + data)


@pytest.mark.parametrize("bits", [1, 8])
def test_a_bitmap_with_two_colours_is_read_by_its_bits(bits: int, tmp_path: Path) -> None:
    bitmap(tmp_path / "a.bmp", bits)
    assert image(tmp_path / "a.bmp", size=16)[0, 0].tolist() == [255] * 8 + [0] * 8


def test_a_bitmap_that_pillow_misreads_is_refused(tmp_path: Path) -> None:
    bitmap(tmp_path / "a.bmp", 4)
    with pytest.raises(DataError, match=r"a.bmp: a BMP with a grey palette and 4 bits a pixel, or a compressed one"):
        image(tmp_path / "a.bmp")


@pytest.mark.parametrize(
    ("shape", "fit", "own"),
    [((40, 60), "squash", 40), ((60, 40), "crop", 40), ((64, 64), "squash", 0), ((80, 60), "squash", 0)],
)
def test_photographs_that_are_enlarged_are_named(
    shape: tuple[int, int], fit: str, own: int, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "renormal")
    for k in range(2):
        Image.new("L", shape).save(tmp_path / f"{k}.png")
    load_training(folder(tmp_path, name="nut", fit=fit), size=64, channels=1, bits=0)  # type: ignore[arg-type]
    what = f"nut: 0.png of {shape[0]} × {shape[1]} pixels is enlarged to data.object_size=64: that shows nothing more"
    line = f"{what} and takes longer; data.object_size={own} is the most that it holds"
    assert caplog.messages == ([line] if own else [])


def test_a_network_that_is_trained_further_is_given_no_other_size(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """continue= refuses data.object_size of another value."""
    caplog.set_level(logging.INFO, "renormal")
    for k in range(2):
        Image.new("L", (40, 60)).save(tmp_path / f"{k}.png")
    load_training(folder(tmp_path, name="nut"), size=64, channels=1, bits=0, fixed=True)
    (line,) = caplog.messages
    assert line.startswith("nut: 0.png of 40 × 60 pixels is enlarged to data.object_size=64, as the network of cont")
    assert "data.object_size=40" not in line


def test_the_shapes_of_photographs_are_known_where_a_squashed_part_is_turned(tmp_path: Path) -> None:
    for name, shape, tag in (
        ("0.png", (40, 30), 1),
        ("1.jpg", (40, 30), 6),
        ("2.png", (40, 40), 1),
        ("3.png", (8, 8), 1),
    ):
        exif = Image.Exif()
        exif[0x0112] = tag
        Image.new("L", shape).save(tmp_path / name, exif=exif)
    whole = folder(tmp_path, name="nut", augmentation=Augmentation(rotate=90), holdout=4)
    found = aspects_of(whole)
    assert found is not None
    torch.testing.assert_close(found, torch.tensor([4 / 3, 3 / 4, 1.0]))
    assert aspects_of(replace(whole, fit="crop")) is None
    assert aspects_of(replace(whole, augmentation=Augmentation(mirror_x=True))) is None
    assert aspects_of(replace(whole, train=whole.train[2:])) is None


@pytest.mark.parametrize(
    ("sides", "own"),
    [([300, 280, 290], 256), ([700] * 3, 512), ([100] * 3, 128), ([512, 512, 60], 512), ([383] * 4, 256)],
)
def test_the_side_of_the_photographs_is_a_multiple_of_the_patch(sides: list[int], own: int, tmp_path: Path) -> None:
    for k, side in enumerate(sides):
        Image.new("L", (side + k, side)).save(tmp_path / f"{k}.png")
    assert own_side(folder(tmp_path, name="nut"), 128) == own


def test_the_side_is_that_of_what_is_kept(tmp_path: Path) -> None:
    for k in range(2):
        Image.new("L", (90, 200)).save(tmp_path / f"{k}.png")
    assert own_side(folder(tmp_path, name="nut", fit="crop"), 20) == 80
