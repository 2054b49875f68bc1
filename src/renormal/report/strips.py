"""The files beside a record: several pictures of one size in each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from PIL import Image

from renormal.report.record import Record


class Film(NamedTuple):
    """A descent on its way: one strip with x_t above f(x_t), a column for each kept iteration."""

    file: Path
    iterations: list[int]

    def frames(self) -> list[tuple[Image.Image, Image.Image]]:
        """(x_t, f(x_t)) of each. Raises ValueError for a strip that does not hold them."""
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


def filmed(record: Record, method: str) -> Mapping[str, Any]:
    """What the record says of the film of a method, nothing where there is none."""
    return record.curves.get(method, {}).get("path") or {}


def film_of(record: Record, method: str) -> Film | None:
    """None where there is no film, or its strip was not published."""
    entry = filmed(record, method)
    if not entry or not (record.folder and (record.folder / entry["file"]).is_file()):
        return None
    return Film(picture_path(record, entry["file"]), entry["iterations"])


def picture_path(record: Record, file: str) -> Path:
    """The picture beside the record. Raises ValueError for one elsewhere."""
    folder = (record.folder or Path()).resolve()
    path = (folder / file).resolve()
    if not path.is_relative_to(folder):
        raise ValueError(f"{file} does not lie beside the record")
    if not path.is_file():
        raise ValueError(f"{file} is missing")
    return path


def cut(path: Path, names: Sequence[str]) -> dict[str, Image.Image]:
    """A strip as its pictures by name. Raises ValueError for a strip that does not hold them."""
    with Image.open(path) as strip:
        width, rest = divmod(strip.width, len(names))
        if rest:
            raise ValueError(f"{strip.width} pixels do not hold {' | '.join(names)}")
        boxes = [(index * width, 0, (index + 1) * width, strip.height) for index in range(len(names))]
        return {name: strip.crop(box) for name, box in zip(names, boxes, strict=True)}
