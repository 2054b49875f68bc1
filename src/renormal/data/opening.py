"""Which files are opened as images: formats, limits, damage. Every refusal is one line that names the file."""

from __future__ import annotations

import os
import stat
import struct
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from PIL import Image, ImageFile, UnidentifiedImageError

from renormal.data.source import DataError

FORMATS = ("PNG", "JPEG", "BMP", "TIFF", "GIF", "WEBP")  # others would start programs (EPS) or guess by the name (TGA)
BROKEN = (  # what Pillow raises for damaged files, and its warnings: see `strict_pillow`
    *(OSError, SyntaxError, ValueError, EOFError, LookupError, TypeError, AttributeError, AssertionError),
    *(ArithmeticError, MemoryError, RuntimeError, struct.error, zlib.error, UserWarning),
    Image.DecompressionBombError,
)
SIGNATURES = {b"\x89PNG": "PNG", b"\xff\xd8": "JPEG", b"BM": "BMP", b"II": "TIFF", b"MM": "TIFF"}  # first bytes
HARMLESS = (  # warnings of Pillow about pictures that it reads rightly
    "Image appears to be a malformed MPO",
    "Invalid APNG",
    "Palette images with Transparency",
    "Possibly corrupt EXIF MakerNote",
)
LFS = b"version https://git-lfs"  # a pointer in place of the file
PIXEL_BYTES = 16  # ours: no format needs more for a pixel; with more the file is no image
ROWS = 0x0101  # TIFF tag: stored rows, before the image is turned
PHOTOMETRIC, SAMPLE_FORMAT, SIGNED = 0x0106, 0x0153, 2  # TIFF tags: 0 where white is 0; 2 for integers with a sign


@contextmanager
def strict_pillow() -> Iterator[None]:
    """Pillow's warnings are errors, and its own limit of 89 megapixels is off: `opened` checks data.max_pixels.

    Both are settings of the whole process: enter it once around all threads.
    """
    before = Image.MAX_IMAGE_PIXELS
    Image.MAX_IMAGE_PIXELS = None
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("error", category=UserWarning, module=r"PIL\.")
            for message in HARMLESS:
                warnings.filterwarnings("ignore", message)
            yield
    finally:
        Image.MAX_IMAGE_PIXELS = before


def check_file(path: Path, max_pixels: int) -> os.stat_result:
    """Raise DataError for what must not be opened: pipes, devices, links to nothing, empty and endless files."""
    try:
        found = path.stat()
    except FileNotFoundError as error:
        raise DataError(f"{path}: is gone, or links to nothing; copy it again") from error
    except PermissionError as error:
        raise DataError(f"{path}: may not be read; give yourself the permission (chmod u+rx) for its folder") from error
    except OSError as error:
        raise DataError(f"{path}: cannot be opened ({error.strerror}); copy it again or delete it") from error
    if not stat.S_ISREG(found.st_mode):
        raise DataError(f"{path}: no file, but a folder, pipe, socket or device; move it elsewhere")
    if not found.st_size:
        raise DataError(f"{path}: empty file; copy it again or delete it")
    if found.st_size > PIXEL_BYTES * max_pixels:
        raise DataError(f"{path}: {found.st_size} bytes, more than data.max_pixels={max_pixels} can need; delete it")
    if not os.access(path, os.R_OK):
        raise DataError(f"{path}: may not be read; give yourself the permission (chmod u+r)")
    return found


@contextmanager
def opened(path: Path, max_pixels: int) -> Iterator[ImageFile.ImageFile]:
    """Open an image if its header is within the limits; any error becomes one line that names the file."""
    check_file(path, max_pixels)
    try:
        with path.open("rb") as file:  # given a path, Pillow 13 maps a plain TIFF into memory and turns it wrongly
            image = _recognised(path, file)
            _check_header(path, image, max_pixels)
            yield image
    except PermissionError as error:
        raise DataError(f"{path}: may not be read; give yourself the permission (chmod u+r)") from error
    except FileNotFoundError as error:
        raise DataError(f"{path}: is gone, or links to nothing; copy it again") from error


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """What Pillow raises on a damaged file becomes one line that names the file."""
    try:
        yield
    except DataError:
        raise
    except BROKEN as error:
        raise DataError(f"{path}: {_damaged(error)}") from error


def _recognised(path: Path, file: BinaryIO) -> ImageFile.ImageFile:
    with reading(path):
        try:
            image = Image.open(file, formats=FORMATS)
            if image.format == "PNG" and getattr(image, "n_frames", 1) == 1:
                image.verify()  # the checksums, which decoding passes over
                file.seek(0)
                image = Image.open(file, formats=FORMATS)
        except UnidentifiedImageError as error:
            raise DataError(f"{path}: {_unidentified(file)}") from error
    return image


def _damaged(error: BaseException) -> str:
    why = " ".join(str(error).split()) or type(error).__name__
    if "not available" in why:
        return f"this installation of Pillow cannot decode it ({why}); save it again as PNG"
    if isinstance(error, UserWarning):
        return f"its EXIF data or tags are damaged ({why}); save it again as PNG, upright"
    detail = why.removeprefix("image file is truncated").strip(" ()")  # Pillow's words, which the line has
    return f"truncated or damaged image{detail and f' ({detail})'}; copy it again or delete it"


def _unidentified(file: BinaryIO) -> str:
    file.seek(0)
    begin = file.read(len(LFS))
    if begin == LFS:
        return "a pointer of Git LFS in place of the image; fetch the images with git lfs pull"
    kind = next((kind for signature, kind in SIGNATURES.items() if begin.startswith(signature)), None)
    if kind is None:
        return "not an image in spite of its name, or of a format that is not read; save it as PNG or delete it"
    return f"begins as a {kind}, but Pillow cannot read this kind of it; save it again as 8 or 16 bit PNG"


def _check_header(path: Path, image: ImageFile.ImageFile, max_pixels: int) -> None:
    width, height = image.size
    if width * height > max_pixels:
        limit = f"{width} × {height} pixels, more than data.max_pixels={max_pixels}"
        raise DataError(f"{path}: {limit}; raise the limit if the file is to be trusted, or delete it")
    with reading(path):
        frames = getattr(image, "n_frames", 1)
    if frames > 1:
        raise DataError(f"{path}: holds more than one picture; save the one that counts as a single image")
    if image.mode == "F":
        raise DataError(f"{path}: floating point pixels have no agreed range; save it as 8 or 16 bit")
    if image.mode == "P" and image.palette is None:
        raise DataError(f"{path}: its palette is missing; copy it again or delete it")
    if image.format == "BMP":
        _check_bmp(path, image)
    tags = getattr(image, "tag_v2", {})
    if image.format == "TIFF" and tags[ROWS] > max(tile.extents[3] for tile in image.tile if tile.extents):
        raise DataError(
            f"{path}: truncated or damaged image (some of its rows are missing); copy it again or delete it"
        )
    if tags.get(PHOTOMETRIC) == 0 and image.mode.startswith("I"):
        raise DataError(f"{path}: a 16 bit TIFF in which white is 0, which Pillow inverts; save it with black as 0")
    if image.mode == "L" and SIGNED in tags.get(SAMPLE_FORMAT, ()):
        raise DataError(f"{path}: its 8 bit pixels have a sign, which Pillow misreads; save it without")


def _check_bmp(path: Path, image: ImageFile.ImageFile) -> None:
    """Pillow takes a grey palette for 1 or 8 bits a pixel by its number of colours, whatever the file has.

    8 bits with two colours are read as such here. Raises DataError for the other cases.
    """
    tile = image.tile[0]
    args = tile.args if isinstance(tile.args, tuple) else ()
    rows = {bits: (image.width * bits + 31) // 32 * 4 for bits in (1, 8)}  # bytes of a row
    bits, row = {"1": 1, "L": 8}.get(image.mode), args[1]  # row: of a compressed file, whether a pixel has 4 bits
    if bits is None or row == rows[bits] or (bits == 8 and row is False):
        return
    if row != rows[8]:
        kind = "a BMP with a grey palette and 4 bits a pixel, or a compressed one"
        raise DataError(f"{path}: {kind}, which Pillow misreads; save it as PNG")
    image.tile = [tile._replace(args=("1;8", *args[1:]))]
