"""Read the strips in the folder of a record: files with several pictures of one size."""

from __future__ import annotations

import struct
import sys
import warnings
import zlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from PIL import Image, UnidentifiedImageError

from renormal.console.text import printable
from renormal.files import CAPTION, regular_file
from renormal.report.record import Record

FORMATS = ("PNG", "WEBP", "JPEG")  # a job writes PNG; Pillow starts another program for some of the others
LARGEST = 64 * 2**20  # bytes of a picture, ours
PIXELS = 80_000_000  # of a picture, ours: Pillow warns from 89 million on
BROKEN = (OSError, SyntaxError, ValueError, TypeError, LookupError, ArithmeticError, struct.error, zlib.error)


class MissingError(ValueError):
    """The picture is not there: a published record has none."""


Pictures = dict[str, Image.Image]  # by name


class Film(NamedTuple):
    """The kept iterations of a descent: a strip with x_t above f(x_t), one column per iteration."""

    file: Path
    iterations: list[int]

    def frames(self) -> list[tuple[Image.Image, Image.Image]]:
        """(x_t, f(x_t)) of each iteration. Raises ValueError where the strip has another number of columns or rows."""
        strip = read_picture(self.file, "RGB")
        width, rest = divmod(strip.width, len(self.iterations))
        height, odd = divmod(strip.height, 2)
        if rest or odd:
            held = f"{strip.width} × {strip.height} pixels do not hold {len(self.iterations)} iterations"
            raise ValueError(f"{self.file}: {held}")
        corners = [(index * width, index * width + width) for index in range(len(self.iterations))]
        return [
            (strip.crop((left, 0, right, height)), strip.crop((left, height, right, 2 * height)))
            for left, right in corners
        ]


def film_entry(record: Record, method: str) -> Mapping[str, Any]:
    """The record's entry of a projection's film: file, iterations, path of the sample. Empty without a film."""
    return record.curves.get(method, {}).get("path") or {}


def film_of(record: Record, method: str) -> Film | None:
    """The film of a projection. None where the record has none, or its strip was not published.

    Raises ValueError where the strip is in another folder.
    """
    entry = film_entry(record, method)
    try:
        return Film(picture_path(record, entry["file"]), entry["iterations"]) if entry and record.folder else None
    except MissingError:
        return None


def unreadable(error: ValueError) -> None:
    """Print a line for a picture that is left out."""
    print(f"unreadable: {printable(str(error))}", file=sys.stderr)


def films_of(record: Record) -> Iterator[tuple[str, Film]]:
    """(projection, film) of each film that can be read; a line on stderr for any other."""
    for method in record.curves:
        try:
            if film := film_of(record, method):
                film.frames()
                yield method, film
        except ValueError as error:
            unreadable(error)


def picture_path(record: Record, file: str) -> Path:
    """The path of a picture in the folder of the record, as `path_in` finds it."""
    return path_in(record.folder or Path(), file)


def path_in(folder: Path, file: str) -> Path:
    """The path of a file in a folder. Raises ValueError where it is in another one, MissingError if it is nowhere."""
    folder = folder.resolve()
    try:
        path = (folder / file).resolve()
        there = path.exists()
    except (OSError, RuntimeError) as error:  # a circle of links, a name that is too long
        raise MissingError(f"{file} cannot be found") from error
    if not path.is_relative_to(folder):
        raise ValueError(f"{folder / file} is not in the folder of the record")
    if not there:
        raise MissingError(f"{file} is missing")
    return path


def read_picture(path: Path, mode: str) -> Image.Image:
    """The picture in a mode of Pillow, as RGB, without its captions.

    Raises ValueError for a file that is no picture or too large.
    """
    try:
        with regular_file(path, LARGEST) as file:
            return _decoded(file, path, mode)
    except FileNotFoundError as error:
        raise MissingError(f"{path} is missing") from error


def _decoded(file: BinaryIO, path: Path, mode: str) -> Image.Image:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(file, formats=FORMATS) as picture:
                if picture.width * picture.height > PIXELS:
                    raise ValueError(f"{picture.width} × {picture.height} pixels, more than {PIXELS}")
                return without_caption(picture).convert(mode)
    except UnidentifiedImageError as error:
        raise ValueError(f"{path}: no picture in {' or '.join(FORMATS)}, or damaged") from error
    except (*BROKEN, Image.DecompressionBombError) as error:
        raise ValueError(f"{path}: {error}") from error


def without_caption(picture: Image.Image) -> Image.Image:
    """The pictures without the bar below them, of which the report has its own text. Older files have none."""
    bar = int(picture.info.get(CAPTION, 0))
    if not 0 <= bar < picture.height:
        raise ValueError(f"{CAPTION} is {bar} of {picture.height} pixels")
    return picture.crop((0, 0, picture.width, picture.height - bar))


def cut(path: Path, names: Sequence[str], mode: str = "RGB") -> dict[str, Image.Image]:
    """Name → picture of a horizontal strip. Raises ValueError where its width is no multiple of their number."""
    strip = read_picture(path, mode)
    width, rest = divmod(strip.width, len(names))
    if rest:
        raise ValueError(f"{path}: {strip.width} pixels do not hold {' | '.join(names)}")
    boxes = [(index * width, 0, (index + 1) * width, strip.height) for index in range(len(names))]
    return {name: strip.crop(box) for name, box in zip(names, boxes, strict=True)}


def cut_panel(panel: Path, tiles: Sequence[str], maps: Path, names: Sequence[str]) -> tuple[Pictures, Pictures]:
    """The colour tiles and the grey maps of a sample. Raises ValueError where they have different sizes."""
    colours, greys = cut(panel, tiles), cut(maps, names, "L")
    if (size := colours[tiles[0]].size) != (other := greys[names[0]].size):
        raise ValueError(f"{maps}: {other[0]} × {other[1]} pixels a map, {size[0]} × {size[1]} a tile of {panel.name}")
    return colours, greys
