"""Which mask belongs to which image, by their names; what is a mask and what is a photograph, by their pixels."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from renormal.data.deeper import folder_among_images
from renormal.data.drawn_masks import decoded
from renormal.data.images import load
from renormal.data.listing import files_in, folders_in, images_in
from renormal.data.names import image_names, mask_names, says_mask
from renormal.data.opening import opened, strict_pillow
from renormal.data.source import DataError

# ours: four grey values hold 83 % or more of the pixels of a soft JPEG mask, and up to 68 % of MVTec AD's photographs
FEW, SHARE = 4, 0.75
JPEG_MASK_LEVEL = 127  # ours: a JPEG mask of a good image is not quite black
MARGIN = 0.15  # ours, of a mask's share over that of its image
SMALL = 0.25  # ours, of the largest file of a folder: masks compress better than photographs
SAMPLED = 512  # pixels a side that are counted, evenly spread

Pairs = dict[Path, Path]  # image → its mask


class Photographs(NamedTuple):
    """The photographs of one folder, and the masks that lie there with them."""

    images: list[Path]
    masks: Pairs


class ByName:
    """Images by the names under which a mask may know them."""

    def __init__(self, images: Iterable[Path]) -> None:
        self.best, self.others = defaultdict[str, list[Path]](list), defaultdict[str, list[Path]](list)
        for image in images:
            first, *rest = image_names(image.stem)
            self.best[first].append(image)
            for name in rest:
                self.others[name].append(image)

    def find(self, names: Iterable[str]) -> Path | None:
        """The image of the first name that is known. Raises DataError where two images have it."""
        for name in names:
            found = self.best.get(name) or self.others.get(name) or []
            if len(found) > 1:
                raise DataError(
                    f"{found[1]}: has the same name as {found[0]}, so a mask fits both; sort the masks into folders "
                    "called as those of their images, or rename one image and its mask"
                )
            if found:
                return found[0]
        return None

    def like(self, stem: str) -> Path | None:
        """The image with the longest name that stands in a stem, with no letter or digit next to it."""
        names = sorted({**self.best, **self.others}, key=len, reverse=True)
        found = (name for name in names if re.search(rf"(?<![^\W_]){re.escape(name)}(?![^\W_])", stem.casefold()))
        name = next(found, None)
        return (self.best.get(name) or self.others[name])[0] if name else None


def photographs_in(folder: Path, max_pixels: int) -> Photographs:
    """The images of a folder, without the masks among them and in a folder of masks below it.

    A mask among images has its image's name with a word such as "_mask". Of two files whose names differ in the suffix
    alone, the mask is the one with few grey values.
    """
    homes = folders_in(folder, "mask")
    if deeper := [path for path in folders_in(folder) if path not in homes]:
        raise folder_among_images(deeper[0])
    found = split(files_in(folder), max_pixels)
    for home in homes:
        add(found.masks, pair_masks(found.images, home))
    return found


def split(files: list[Path], max_pixels: int) -> Photographs:
    """The images among the files of one folder, and the masks of these images."""
    pairs, called = Pairs(), _called_masks(files, max_pixels)
    stems = defaultdict[str, list[Path]](list)
    for file in files:
        if file in called:
            add(pairs, {called[file]: file})
        else:
            stems[file.stem.casefold()].append(file)
    for same in stems.values():
        add(pairs, _pair_same_stem(same, max_pixels) if len(same) > 1 else {})
    masks = set(pairs.values())
    images = [file for file in files if file not in masks]
    _check_photographs(images, max_pixels)
    return Photographs(images, pairs)


def _called_masks(files: list[Path], max_pixels: int) -> dict[Path, Path]:
    """Mask → image, for masks that are known by their names."""
    called = [file for file in files if says_mask(file.stem)]
    images = ByName(files if called else [])
    found = {file: images.find(mask_names(file.stem)[1:]) for file in called}
    alone = [file for file, image in found.items() if image is None]
    if alone and is_mask(alone[0], max_pixels):  # it stands for all of them
        image_of(alone[0], ByName(set(files) - set(called)))
    masks = {file: image for file, image in found.items() if image is not None}
    for file, image in masks.items():
        if not is_mask(file, max_pixels):
            raise DataError(f"{file}: called a mask of {image}, but has many grey values; rename it or draw it again")
    return masks


def _check_photographs(files: list[Path], max_pixels: int) -> None:
    """Raises DataError for a mask whose name does not say so. Read are names that begin alike, and small files."""
    sizes = {file: file.lstat().st_size for file in files}
    largest, stems = max(files, key=lambda file: sizes[file], default=None), {file.stem: file for file in files}
    for file in files:
        starts = (file.stem[:end] for end in range(1, len(file.stem)) if not file.stem[end].isalnum())
        image = next((stems[start] for start in starts if start in stems), None)
        like = image and _is_mask_of(image, file, max_pixels)
        small = largest and sizes[file] < SMALL * sizes[largest]
        if like or (small and largest and is_drawn(file, max_pixels) and not is_drawn(largest, max_pixels)):
            raise DataError(
                f"{file}: has few grey values, as a mask has; if it is one, give it the name of its image and _mask, "
                "otherwise move it elsewhere"
            )


def _pair_same_stem(files: list[Path], max_pixels: int) -> Pairs:
    """None where all are photographs."""
    if not any(is_mask(file, max_pixels) for file in files):
        return {}
    first, second = files[:2]
    for image, mask in ((first, second), (second, first)):
        if len(files) == 2 and _is_mask_of(image, mask, max_pixels):
            return {image: mask}
    raise DataError(
        f"{second}: has the same name as {first}; if it is a mask add _mask to its name, otherwise rename it"
    )


def pair_masks(images: list[Path], home: Path) -> Pairs:
    """Image → its mask in `home`: of the image's name, with or without a word such as "_mask".

    The mask may lie in a folder of that name (MVTec LOCO). A mask that outlines no image is an error.
    """
    by_name, pairs = ByName(images), Pairs()
    for mask in files_in(home):
        add(pairs, {image_of(mask, by_name): mask})
    for folder in folders_in(home):
        image, masks = by_name.find(mask_names(folder.name)), images_in(folder)
        if image is None:
            raise DataError(f"{folder}: a folder among masks; move its masks up into {home} or elsewhere")
        if len(masks) > 1:
            raise DataError(f"{folder}: several masks of {image}; merge them into {folder}.png and delete the folder")
        add(pairs, dict.fromkeys([image], *masks) if masks else {})
    return pairs


def image_of(mask: Path, by_name: ByName) -> Path:
    """Raises DataError where there is no such image."""
    if (image := by_name.find(mask_names(mask.stem))) is None:
        like = by_name.like(mask.stem)
        rename = f"rename it to {like.stem}_mask{mask.suffix} if it outlines {like}, " if like else ""
        raise DataError(f"{mask}: a mask without an image; {rename}add the image that it outlines, or delete the mask")
    return image


def add(pairs: Pairs, more: Mapping[Path, Path]) -> None:
    """Adds `more` to `pairs`. Raises DataError where an image gets a second mask."""
    for image, mask in more.items():
        if image in pairs:
            raise DataError(f"{mask}: a second mask for {image}, which has {pairs[image]}; merge them into one")
        pairs[image] = mask


def check_black(masks: Iterable[Path], max_pixels: int) -> None:
    """Raises DataError where the mask of a good image outlines something."""
    for mask in masks:
        if not is_black(mask, max_pixels):
            raise DataError(
                f"{mask}: outlines a defect, but its image counts as good; move both to those of a defect, or delete "
                "the mask if the part is good"
            )


def is_mask(path: Path, max_pixels: int) -> bool:
    """Whether FEW grey values hold SHARE of its pixels."""
    return _share(path, max_pixels) >= SHARE


def _is_mask_of(image: Path, path: Path, max_pixels: int) -> bool:
    """A photograph before a plain backdrop has few grey values, too: a mask has clearly fewer than its image."""
    return is_mask(path, max_pixels) and _share(path, max_pixels) >= _share(image, max_pixels) + MARGIN


def _share(path: Path, max_pixels: int) -> float:
    counts = _counts(path, max_pixels, path.lstat().st_mtime_ns)
    return float(np.sort(counts)[-FEW:].sum() / counts.sum())


def is_drawn(path: Path, max_pixels: int) -> bool:
    """Whether it has at most FEW grey values."""
    return len(_counts(path, max_pixels, path.lstat().st_mtime_ns)) <= FEW


def is_black(path: Path, max_pixels: int) -> bool:
    """Whether nothing is outlined."""
    with strict_pillow():
        values, _, exact = decoded(path, max_pixels)
    return bool(values.max() <= (0 if exact else JPEG_MASK_LEVEL))


@cache  # a sweep asks once for each job
def _counts(path: Path, max_pixels: int, changed: int) -> NDArray[np.int64]:
    """How many pixels each grey value has. changed: when the file was."""
    values = _values(path, max_pixels)
    rows, columns = (max(1, side // SAMPLED) for side in values.shape[:2])
    return np.unique(values[::rows, ::columns], return_counts=True)[1]


def _values(path: Path, max_pixels: int) -> NDArray[Any]:
    """(H, W): grey values as the file has them; black where it is transparent."""
    with strict_pillow(), opened(path, max_pixels) as image:
        load(image, path)
        if image.mode in {"1", "L", "I"} or image.mode.startswith("I;16"):
            return np.asarray(image)
        clear = image.convert("RGBA")
        return np.asarray(Image.alpha_composite(Image.new("RGBA", clear.size, "black"), clear).convert("L"))
