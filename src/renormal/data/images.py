"""One file to one array: decoding, 16 bit, palettes, transparency, EXIF orientation, reduction."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from renormal.data.source import DataError, Fit

GREY = frozenset({"1", "L", "LA", "La", "I"})  # and the I;16 family
BROKEN = (OSError, SyntaxError, ValueError, EOFError, IndexError, struct.error)  # what Pillow raises on damaged files
FACE = 128 / 178  # of the width of an aligned face: rows 45 to 172, columns 25 to 152 (Dai & Wipf, arXiv 1903.05789)
JPEG_MASK_LEVEL = 127  # ours: above it a JPEG mask is a defect, since JPEG smears the edge; elsewhere any value above 0


@contextmanager
def own_pixel_limit() -> Iterator[None]:
    """Switch off Pillow's own limit of 89 megapixels: `opened` has checked the header against data.max_pixels."""
    before = Image.MAX_IMAGE_PIXELS
    Image.MAX_IMAGE_PIXELS = None
    try:
        yield
    finally:
        Image.MAX_IMAGE_PIXELS = before


@contextmanager
def opened(path: Path, max_pixels: int) -> Iterator[Image.Image]:
    """Open an image if its header is within the limits; any error becomes one line that names the file."""
    try:
        if path.stat().st_size == 0:
            raise DataError(f"{path}: empty file; copy it again or delete it")
        with Image.open(path) as image:
            _check_header(path, image, max_pixels)
            yield image
    except DataError:
        raise
    except PermissionError as error:
        raise DataError(f"{path}: may not be read; give yourself the permission (chmod u+r)") from error
    except FileNotFoundError as error:
        raise DataError(f"{path}: is gone, or links to nothing; copy it again") from error
    except UnidentifiedImageError as error:
        raise DataError(f"{path}: not an image, whatever its name says; replace or delete it") from error
    except BROKEN as error:
        raise DataError(f"{path}: truncated or damaged image ({error}); copy it again or delete it") from error


def _check_header(path: Path, image: Image.Image, max_pixels: int) -> None:
    width, height = image.size
    if width * height > max_pixels:
        limit = f"{width} × {height} pixels, more than data.max_pixels={max_pixels}"
        raise DataError(f"{path}: {limit}; raise the limit if the file is to be trusted, or delete it")
    if getattr(image, "n_frames", 1) > 1:
        raise DataError(f"{path}: holds more than one picture; save the one that counts as a single image")
    if image.mode == "F":
        raise DataError(f"{path}: floating point pixels have no agreed range; save it as 8 or 16 bit")


def is_grey(image: Image.Image) -> bool:
    """Whether the header says that there is one channel; a palette is grey when each of its colours is."""
    if image.mode in {"P", "PA"} and image.palette is not None:
        colours = np.frombuffer(image.palette.tobytes(), np.uint8)
        return image.palette.mode == "RGB" and bool((np.ptp(colours.reshape(-1, 3), axis=1) == 0).all())
    return image.mode in GREY or image.mode.startswith("I;16")


def _to_8_bit(image: Image.Image, path: Path) -> Image.Image:
    """16 bit keeps its high byte, as Pillow does for 16 bit colour; everything else passes."""
    if image.mode != "I" and not image.mode.startswith("I;16"):
        return image
    values = np.asarray(image).astype(np.int64)
    if values.min() < 0 or values.max() > 0xFFFF:
        raise DataError(f"{path}: values from {values.min()} to {values.max()} exceed 16 bit; save it as 8 or 16 bit")
    return Image.fromarray((values >> 8).astype(np.uint8))


def _flatten(image: Image.Image, backdrop: str) -> Image.Image:
    """The image over a plain backdrop, where it is transparent."""
    if not image.has_transparency_data:
        return image
    clear = image.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", clear.size, backdrop), clear).convert("RGB")


def _square(size: tuple[int, int], fit: Fit) -> tuple[int, int, int, int]:
    """Left, upper, right, lower of what is kept: everything, the largest centred square, or the face's."""
    width, height = size
    if fit == "squash":
        return 0, 0, width, height
    side = min(size) if fit == "crop" else round(FACE * min(size))
    left, upper = (width - side) // 2, (height - side) // 2
    return left, upper, left + side, upper + side


def read_image(path: Path, *, size: int, channels: int, fit: Fit, max_pixels: int) -> NDArray[np.uint8]:
    """(C, size, size): upright by its EXIF tag, transparency on white, reduced with Lanczos (antialiased)."""
    with opened(path, max_pixels) as image:
        upright = ImageOps.exif_transpose(_to_8_bit(image, path) if image.mode.startswith("I") else image)
        plain = _flatten(upright, "white").convert("L" if channels == 1 else "RGB")
        small = plain.crop(_square(plain.size, fit)).resize((size, size), Image.Resampling.LANCZOS)
    pixels = np.array(small, dtype=np.uint8)
    return pixels[None] if channels == 1 else np.ascontiguousarray(pixels.transpose(2, 0, 1))


def upright_size(path: Path, max_pixels: int) -> tuple[int, int]:
    """Width and height once it is turned upright, from the header alone."""
    with opened(path, max_pixels) as image:
        width, height = image.size
        turned = image.format != "TIFF"  # Pillow turns a TIFF by itself
        quarter_turn = turned and image.getexif().get(0x0112, 1) >= 5  # EXIF orientation 5 to 8
    return (height, width) if quarter_turn else (width, height)


def read_mask(
    path: Path, *, size: int, fit: Fit, max_pixels: int, image_size: tuple[int, int], whole: bool = False
) -> NDArray[np.bool_]:
    """(size, size), reduced by nearest neighbour; a defect that would vanish keeps every pixel that it touches.

    whole: keep every pixel that it touches and the pixels next to those: reducing an image blurs the defect into them.
    """
    with opened(path, max_pixels) as image:
        level = JPEG_MASK_LEVEL if image.format == "JPEG" else 0
        plain = _flatten(ImageOps.exif_transpose(image), "black")
        values = np.array(plain.convert("RGB") if plain.mode == "P" else plain)
    mask = values.max(-1) > level if values.ndim == 3 else values > level
    if mask.shape[::-1] != image_size:
        found, wanted = ("{} × {}".format(*pair) for pair in (mask.shape[::-1], image_size))
        raise DataError(f"{path}: the mask is {found}, its image {wanted}; draw it on the image's own grid")
    if not mask.any():
        raise DataError(f"{path}: an empty mask; outline what is to be found or filled, or leave the mask out")
    left, upper, right, lower = _square(image_size, fit)
    kept = mask[upper:lower, left:right]
    if not kept.any():
        raise DataError(f"{path}: nothing of it lies in the square that is kept; squash the image (data.fit, --fit)")
    return _touched(kept, size) if whole else _reduce_mask(kept, size)


def _touched(mask: NDArray[np.bool_], size: int) -> NDArray[np.bool_]:
    reduced = _reduce_mask(mask, size)
    rows, columns = np.nonzero(mask)
    reduced[rows * size // mask.shape[0], columns * size // mask.shape[1]] = True
    if min(mask.shape) <= size:
        return reduced
    around = np.pad(reduced, 1)
    return np.asarray(np.lib.stride_tricks.sliding_window_view(around, (3, 3)).any(axis=(2, 3)))


def _reduce_mask(mask: NDArray[np.bool_], size: int) -> NDArray[np.bool_]:
    height, width = mask.shape
    middle = np.arange(size) + 0.5
    reduced: NDArray[np.bool_] = mask[np.ix_((middle * height / size).astype(int), (middle * width / size).astype(int))]
    if not reduced.any():
        rows, columns = np.nonzero(mask)
        reduced[rows * size // height, columns * size // width] = True
    return reduced
