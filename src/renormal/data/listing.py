"""Which files of a folder are images, and which mask belongs to which image. Nothing is left out silently."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

from renormal.data.source import GOOD, DataError

SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff"})
COMPANIONS = frozenset({"thumbs.db", "desktop.ini", "__macosx"})  # written by desktops on their own
NOTES = frozenset({".txt", ".md", ".csv", ".json", ".xml", ".aae"})  # licences, labels, a phone's edit lists
MASK_ENDING = "_mask"  # MVTec AD: 000.png is outlined by 000_mask.png


def _entries(folder: Path) -> list[Path]:
    try:
        entries = sorted(folder.iterdir(), key=lambda path: path.name)
    except PermissionError as error:
        raise DataError(f"{folder}: may not be read; give yourself the permission (chmod u+rx)") from error
    return [path for path in entries if not path.name.startswith(".") and path.name.lower() not in COMPANIONS]


def folders_in(folder: Path) -> list[Path]:
    """The visible subfolders by name; none where the folder does not exist."""
    return [path for path in _entries(folder) if path.is_dir()] if folder.is_dir() else []


def files_in(folder: Path) -> list[Path]:
    """The images of a folder by name; hidden files, desktop leftovers and notes are passed over, others are errors."""
    if not folder.is_dir():
        return []
    files = [path for path in _entries(folder) if not path.is_dir() and path.suffix.lower() not in NOTES]
    for path in files:
        if path.suffix.lower() not in SUFFIXES:
            kinds = ", ".join(sorted(suffix[1:] for suffix in SUFFIXES))
            raise DataError(f"{path}: not a readable kind of image ({kinds}); convert it or move it elsewhere")
    return files


def images_in(folder: Path) -> list[Path]:
    """As `files_in`, for a folder that may hold images only."""
    if deeper := folders_in(folder):
        raise DataError(f"{deeper[0]}: a folder among images; move its images up into {folder} or elsewhere")
    return files_in(folder)


def only_good(train: Path) -> None:
    """Raises DataError where a folder of training images has another subfolder than good."""
    for path in folders_in(train):
        if path.name != GOOD:
            raise DataError(f"{path}: training uses good images only; move it to {train.parent / 'test'}")


def _by_stem(paths: Iterable[Path]) -> dict[str, Path]:
    stems: dict[str, list[Path]] = defaultdict(list)
    for path in paths:
        stems[path.stem.casefold()].append(path)
    for same in stems.values():
        if len(same) > 1:
            raise DataError(f"{same[1]}: has the same name as {same[0]}, so a mask fits both; rename one")
    return {stem: same[0] for stem, same in stems.items()}


def pair_masks(images: list[Path], masks: list[Path]) -> dict[Path, Path]:
    """Image → its mask: the same stem, with or without "_mask". A mask that outlines no image is an error."""
    if not masks:
        return {}
    by_stem = _by_stem(images)
    pairs: dict[Path, Path] = {}
    for mask in masks:
        stem = mask.stem.casefold()
        image = by_stem.get(stem) or by_stem.get(stem.removesuffix(MASK_ENDING))
        if image is None:
            raise DataError(f"{mask}: a mask without an image; add the image that it outlines, or delete the mask")
        if image in pairs:
            raise DataError(f"{mask}: a second mask for {image}, which has {pairs[image]}; keep one")
        pairs[image] = mask
    return pairs
