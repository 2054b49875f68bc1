"""16 bit files that use 10, 12 or 14 bits: one scale for the data set, found in the training images."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from renormal.data import DataError, folder, hold_out
from renormal.data.memory import bits_of, load_spare, load_test, load_training

BRIGHT = {8: 200, 10: 1000, 12: 3000, 14: 12_000, 16: 60_000}  # bits → the brightest pixel of the training images
GREY = np.arange(64).reshape(8, 8) / 63  # 0 to 1


def save(path: Path, values: NDArray[np.float64], dtype: type = np.uint16) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(values.round().astype(dtype)).save(path)


def data_set(root: Path, bright: int, *, test: int | None = None, ending: str = "png") -> Path:
    """Two dark training images, the brightest one, a held-out one and a defective one."""
    for name, top in {"good/1": bright / 4, "good/2": bright / 2, "good/3": bright, "good/4": bright}.items():
        save(root / f"{name}.{ending}", GREY * top)
    save(root / f"bad/1.{ending}", GREY * (bright if test is None else test))
    return root


@pytest.mark.parametrize("ending", ["png", "tif"])
@pytest.mark.parametrize("bits", BRIGHT)
def test_all_images_are_scaled_by_the_bits_in_use(bits: int, ending: str, tmp_path: Path) -> None:
    bright = BRIGHT[bits]
    source = folder(data_set(tmp_path, bright, ending=ending), holdout=4)
    assert bits_of(source) == bits
    expected = (GREY * bright).round() // 2 ** (bits - 8)
    training, test = (load(source, size=8, channels=1) for load in (load_training, load_test))
    np.testing.assert_array_equal(training[-1, 0], expected)
    np.testing.assert_array_equal(training[0, 0], (GREY * bright / 4).round() // 2 ** (bits - 8))
    for image in test.images:
        np.testing.assert_array_equal(image[0], expected)


def test_the_scale_is_said_where_it_is_not_the_whole_range(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "renormal")
    bits_of(folder(data_set(tmp_path / "a", 1000), name="bracket"))
    bits_of(folder(data_set(tmp_path / "b", 60_000)))
    assert caplog.messages == ["bracket: 16 bit training images with values up to 1000: all images are read as 10 bits"]


def test_spare_images_have_the_scale_of_the_training_images(tmp_path: Path) -> None:
    source = hold_out(folder(data_set(tmp_path, 3000)), 2)
    np.testing.assert_array_equal(load_spare(source, size=8, channels=1)[0, 0], (GREY * 1500).round() // 16)


def test_8_bit_files_have_no_bits_to_find(tmp_path: Path) -> None:
    for name in ("good/1.png", "good/2.png", "bad/1.png"):
        save(tmp_path / name, GREY * 120, np.uint8)
    source = folder(tmp_path)
    assert bits_of(source) == 0
    np.testing.assert_array_equal(load_training(source, size=8, channels=1)[0, 0], (GREY * 120).round())


def colour(root: Path, bits: int) -> Path:
    """16 bit colour, as tifffile writes it."""
    tifffile = pytest.importorskip("tifffile")
    for name in ("good/1.tif", "good/2.tif", "bad/1.tif"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        tifffile.imwrite(root / name, np.full((8, 8, 3), 2**bits - 1, np.uint16), photometric="rgb")
    return root


def mixed(root: Path) -> Path:
    for name in ("good/1.png", "good/2.png"):
        save(root / name, GREY * 120, np.uint8)
    save(root / "bad/1.png", GREY * 1000)
    return root


BAD: dict[str, tuple[Callable[[Path], Path], str]] = {
    "a brighter test image": (
        lambda root: data_set(root, 1000, test=1100),
        r"bad/1.png: values up to 1100, and the training images use 10 bits \(up to 1023\); "
        "train a network with data.bits=12, or save this image at their scale$",
    ),
    "12 bit in 16 bit colour": (
        lambda root: colour(root, 12),
        ".tif: the images use 12 of their 16 bits; of 16 bit colour Pillow keeps the upper 8 bits only",
    ),
    "a test image of 16 bit alone": (mixed, "bad/1.png: has 16 bit, and the training images have 8; save it as 8 bit"),
}


@pytest.mark.parametrize("case", BAD)
def test_what_has_no_scale_ends_in_one_line(case: str, tmp_path: Path) -> None:
    make, message = BAD[case]
    source = folder(make(tmp_path))
    with pytest.raises(DataError, match=message):
        load_test(source, size=8, channels=1)


def hot(path: Path, *, pixels: int, value: int = 65_535) -> None:
    """Makes the first pixels of a file as bright."""
    values = np.array(Image.open(path))
    values.flat[:pixels] = value
    Image.fromarray(values).save(path)


@pytest.mark.parametrize("path", ["good/1.png", "good/4.png", "bad/1.png"])
def test_a_hot_pixel_changes_no_scale_and_is_named(path: str, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "renormal")
    hot(data_set(tmp_path, 3000) / path, pixels=1)
    source = folder(tmp_path, holdout=4)
    assert bits_of(source) == 12
    (line,) = caplog.messages
    assert f"1 single pixels of 1 images are brighter and count as the brightest, as in {tmp_path / path}" in line
    training, test = (load(source, size=8, channels=1) for load in (load_training, load_test))
    images = np.concatenate([training, test.images])[:, 0].reshape(-1, 64)
    np.testing.assert_array_equal(images[-1, 1:], ((GREY * 3000).round() // 16).flat[1:])
    assert (images == 255).sum() == 1


def test_an_image_of_another_scale_is_named(tmp_path: Path) -> None:
    hot(data_set(tmp_path, 3000) / "good/2.png", pixels=32)
    found = "good/2.png: values up to 65535, and 2 of 3 training images use 12 bits"
    with pytest.raises(DataError, match=found + r" \(up to 4095\); save it at their scale, or set data.bits=16"):
        bits_of(folder(tmp_path, holdout=4))


def test_bits_that_are_given_are_taken(tmp_path: Path) -> None:
    source = folder(data_set(tmp_path, 1000, test=3000))
    found = load_test(source, size=8, channels=1, bits=12)
    np.testing.assert_array_equal(found.images[-1, 0], (GREY * 3000).round() // 16)


def test_16_bit_colour_of_the_whole_range_is_read(tmp_path: Path) -> None:
    assert (load_training(folder(colour(tmp_path, 16)), size=8, channels=3) == 255).all()
