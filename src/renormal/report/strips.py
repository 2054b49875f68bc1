"""Read the strips in the folder of a record: files with several pictures of one size."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from PIL import Image

from renormal.report.record import Record


class Film(NamedTuple):
    """The kept iterations of a descent: a strip with x_t above f(x_t), one column per iteration."""

    file: Path
    iterations: list[int]

    def frames(self) -> list[tuple[Image.Image, Image.Image]]:
        """(x_t, f(x_t)) of each iteration. Raises ValueError where the strip has another number of columns or rows."""
        with Image.open(self.file) as strip:
            width, rest = divmod(strip.width, len(self.iterations))
            height, odd = divmod(strip.height, 2)
            if rest or odd:
                raise ValueError(f"{strip.width} × {strip.height} pixels do not hold {len(self.iterations)} iterations")
            corners = [(index * width, index * width + width) for index in range(len(self.iterations))]
            return [
                (strip.crop((left, 0, right, height)), strip.crop((left, height, right, 2 * height)))
                for left, right in corners
            ]


def film_entry(record: Record, method: str) -> Mapping[str, Any]:
    """The record's entry of a projection's film: file, iterations, path of the sample. Empty without a film."""
    return record.curves.get(method, {}).get("path") or {}


def film_of(record: Record, method: str) -> Film | None:
    """The film of a projection. None where the record has none, or its strip was not published."""
    entry = film_entry(record, method)
    if not entry or not (record.folder and (record.folder / entry["file"]).is_file()):
        return None
    return Film(picture_path(record, entry["file"]), entry["iterations"])


def picture_path(record: Record, file: str) -> Path:
    """The path of a picture in the folder of the record. Raises ValueError where it is missing or in another folder."""
    folder = (record.folder or Path()).resolve()
    path = (folder / file).resolve()
    if not path.is_relative_to(folder):
        raise ValueError(f"{file} is not in the folder of the record")
    if not path.is_file():
        raise ValueError(f"{file} is missing")
    return path


def cut(path: Path, names: Sequence[str]) -> dict[str, Image.Image]:
    """Name → picture of a horizontal strip. Raises ValueError where its width is no multiple of their number."""
    with Image.open(path) as strip:
        width, rest = divmod(strip.width, len(names))
        if rest:
            raise ValueError(f"{strip.width} pixels do not hold {' | '.join(names)}")
        boxes = [(index * width, 0, (index + 1) * width, strip.height) for index in range(len(names))]
        return {name: strip.crop(box) for name, box in zip(names, boxes, strict=True)}
