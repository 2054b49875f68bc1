"""One file to one array: decoding, bit depth, palettes, transparency, EXIF orientation, reduction."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile, UnidentifiedImageError

from renormal.data.depth import is_deep, to_8_bit
from renormal.data.source import DataError, Fit

GREY = frozenset({"1", "L", "LA", "La", "I"})  # and the I;16 family
BROKEN = (OSError, SyntaxError, ValueError, EOFError, IndexError, struct.error)  # what Pillow raises on damaged files
SIGNATURES = {b"\x89PNG": "PNG", b"\xff\xd8": "JPEG", b"BM": "BMP", b"II": "TIFF", b"MM": "TIFF"}  # first bytes
FACE = 128 / 178  # of the width of an aligned face: rows 45 to 172, columns 25 to 152 (Dai & Wipf, arXiv 1903.05789)
PHOTOMETRIC = 0x0106  # TIFF tag: 0 where white is 0
ORIENTATION = 0x0112  # EXIF tag: 1 as stored, 5 to 8 with a quarter turn
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


class Header(NamedTuple):
    """What an image says before its pixels are decoded."""

    size: tuple[int, int]  # width and height, once it is turned upright
    orientation: int  # EXIF: how the stored pixels are turned to be upright


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
def opened(path: Path, max_pixels: int) -> Iterator[ImageFile.ImageFile]:
    """Open an image if its header is within the limits; any error becomes one line that names the file."""
    try:
        with path.open("rb") as file:  # given a path, Pillow 13 maps a plain TIFF into memory and turns it wrongly
            image = _recognised(path, file)
            _check_header(path, image, max_pixels)
            yield image
    except PermissionError as error:
        raise DataError(f"{path}: may not be read; give yourself the permission (chmod u+r)") from error
    except FileNotFoundError as error:
        raise DataError(f"{path}: is gone, or links to nothing; copy it again") from error


def _recognised(path: Path, file: BinaryIO) -> ImageFile.ImageFile:
    try:
        return Image.open(file)
    except UnidentifiedImageError as error:
        raise DataError(f"{path}: {_unidentified(file)}") from error
    except BROKEN as error:
        raise DataError(f"{path}: {_damaged(error)}") from error


def _damaged(error: BaseException) -> str:
    if "not available" in str(error):
        return f"this installation of Pillow cannot decode it ({error}); save it again as PNG"
    return f"truncated or damaged image ({error}); copy it again or delete it"


def _unidentified(file: BinaryIO) -> str:
    file.seek(0)
    begin = file.read(4)
    if not begin:
        return "empty file; copy it again or delete it"
    kind = next((kind for signature, kind in SIGNATURES.items() if begin.startswith(signature)), None)
    if kind is None:
        return "not an image in spite of its name; replace or delete it"
    return f"begins as a {kind}, but Pillow cannot read this kind of it; save it again as 8 or 16 bit PNG"


def _check_header(path: Path, image: ImageFile.ImageFile, max_pixels: int) -> None:
    width, height = image.size
    if width * height > max_pixels:
        limit = f"{width} × {height} pixels, more than data.max_pixels={max_pixels}"
        raise DataError(f"{path}: {limit}; raise the limit if the file is to be trusted, or delete it")
    try:
        frames = getattr(image, "n_frames", 1)
    except BROKEN as error:
        raise DataError(f"{path}: {_damaged(error)}") from error
    if frames > 1:
        raise DataError(f"{path}: holds more than one picture; save the one that counts as a single image")
    if image.mode == "F":
        raise DataError(f"{path}: floating point pixels have no agreed range; save it as 8 or 16 bit")
    if image.format == "BMP":
        _check_bmp(path, image)
    if getattr(image, "tag_v2", {}).get(PHOTOMETRIC) == 0 and image.mode.startswith("I"):
        raise DataError(f"{path}: a 16 bit TIFF in which white is 0, which Pillow inverts; save it with black as 0")


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


def _load(image: Image.Image, path: Path) -> None:
    try:
        image.load()
    except BROKEN as error:
        raise DataError(f"{path}: {_damaged(error)}") from error


def converted(image: Image.Image, mode: str, path: Path) -> Image.Image:
    """The image in another mode of Pillow; DataError where Pillow has no such conversion."""
    try:
        return (image.convert("RGB") if image.mode == "LAB" else image).convert(mode)
    except ValueError as error:
        raise DataError(f"{path}: its colours ({image.mode}) cannot be read as {mode}; save it as 8 bit RGB") from error


def header_of(path: Path, max_pixels: int) -> Header:
    """Size and orientation of an image, without its pixels."""
    with opened(path, max_pixels) as image:
        orientation, (width, height) = orientation_of(image, path), image.size
    quarter_turn = orientation >= 5 and image.format != "TIFF"  # Pillow gives the upright size of a TIFF
    return Header((height, width) if quarter_turn else (width, height), orientation)


def orientation_of(image: Image.Image, path: Path) -> int:
    """The EXIF orientation of an image that was not decoded yet: Pillow removes the tag from a TIFF that it turns."""
    if image.format == "PNG":  # its EXIF data may come last
        _load(image, path)
    try:
        orientation = image.getexif().get(ORIENTATION, 1)
    except BROKEN as error:
        raise DataError(f"{path}: its EXIF data cannot be read ({error}); remove them") from error
    return orientation if orientation in TURNS else 1


def upright(image: Image.Image, path: Path) -> Image.Image:
    """The decoded image, turned as its EXIF tag says. Integers of 16 bit come in the machine's byte order."""
    _load(image, path)
    plain = Image.fromarray(np.asarray(image).astype(np.uint16)) if image.mode.startswith("I;16") else image
    return plain if image.format == "TIFF" else turned(plain, orientation_of(image, path))  # Pillow has turned a TIFF


def turned(image: Image.Image, orientation: int) -> Image.Image:
    """The image turned as an EXIF orientation says."""
    return image.transpose(TURNS[orientation]) if orientation in TURNS else image


def is_grey(image: Image.Image, path: Path) -> bool:
    """Whether the header says that there is one channel; a palette is grey when each of its colours is."""
    if image.mode in {"P", "PA"}:
        _load(image, path)
        colours = np.reshape(image.getpalette("RGB") or [0, 0, 0], (-1, 3))
        return bool((np.ptp(colours, axis=1) == 0).all())
    return image.mode in GREY or image.mode.startswith("I;16")


def flattened(image: Image.Image, backdrop: str, path: Path) -> Image.Image:
    """The image over a plain backdrop, where it is transparent."""
    if not image.has_transparency_data:
        return image
    clear = converted(image, "RGBA", path)
    return Image.alpha_composite(Image.new("RGBA", clear.size, backdrop), clear).convert("RGB")


def square(size: tuple[int, int], fit: Fit) -> tuple[int, int, int, int]:
    """Left, upper, right, lower of what is kept: everything, the largest centred square, or the face's."""
    width, height = size
    if fit == "squash":
        return 0, 0, width, height
    side = min(size) if fit == "crop" else round(FACE * min(size))
    left, upper = (width - side) // 2, (height - side) // 2
    return left, upper, left + side, upper + side


def read_image(path: Path, *, size: int, channels: int, fit: Fit, max_pixels: int, bits: int = 16) -> NDArray[np.uint8]:
    """(C, size, size): upright by its EXIF tag, transparency on white, reduced with Lanczos (antialiased).

    bits: in use in files of 16 bit, see `memory.bits_of`.
    """
    with opened(path, max_pixels) as image:
        deep = is_deep(image)
        plain = upright(image, path)
        if deep:
            plain = to_8_bit(plain, path, bits)
        plain = converted(flattened(plain, "white", path), "L" if channels == 1 else "RGB", path)
        small = plain.crop(square(plain.size, fit)).resize((size, size), Image.Resampling.LANCZOS)
    pixels = np.array(small, dtype=np.uint8)
    return pixels[None] if channels == 1 else np.ascontiguousarray(pixels.transpose(2, 0, 1))
