"""MVTec AD (Bergmann et al., CVPR 2019): fifteen categories in one layout on disk."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from renormal.data.download import ARCHIVE_SHA256, ARCHIVE_URL, download_mvtec
from renormal.data.layout import check_sorted
from renormal.data.listing import check_files, folders_in, images_below, images_in, is_folder, no_folder, unread
from renormal.data.masks import add, check_black, pair_masks, photographs_in
from renormal.data.source import GOOD, MAX_PIXELS, Augmentation, DataError, Item, Kind, Source, good_items

DOWNLOAD_ROOT = Path("data/mvtec_ad")  # under the working directory, where no data.root is given
FETCH = "data.download=true data.accept_licence=true"

CROPS_ONLY = Augmentation()  # random crops are a texture's augmentation (section 4.1)
# Section 4.1 rotates and translates the objects without saying how far: the ranges are ours. The rule is that no
# augmented image may show what the category calls a defect.
CATEGORIES: dict[str, tuple[Kind, Augmentation]] = {
    "carpet": ("texture", CROPS_ONLY),
    "grid": ("texture", CROPS_ONLY),  # a turned wire is the defect "bent"
    "leather": ("texture", CROPS_ONLY),
    "tile": ("texture", CROPS_ONLY),
    "wood": ("texture", CROPS_ONLY),  # the grain has a direction
    # a ring, the same from all sides, but its two highlights stay left and right: turned far, the lamp would turn
    "bottle": ("object", Augmentation(rotate=15, translate=0.02, mirror_x=True, mirror_y=True)),
    # three wires whose order counts: a mirror would teach the defect "cable_swap"
    "cable": ("object", Augmentation(rotate=3, translate=0.02)),
    # printed, and lies always the same way
    "capsule": ("object", Augmentation(rotate=3, translate=0.02)),
    # lies as it fell
    "hazelnut": ("object", Augmentation(rotate=180, translate=0.03, mirror_x=True, mirror_y=True)),
    # lies as it fell, but its teeth lean one way: a mirror would teach the defect "flip"
    "metal_nut": ("object", Augmentation(rotate=180, translate=0.03)),
    # may turn a little, but its print reads one way only
    "pill": ("object", Augmentation(rotate=15, translate=0.02)),
    # lies as it fell, but a mirrored thread is left-handed
    "screw": ("object", Augmentation(rotate=180, translate=0.03)),
    # upright, left and right alike
    "toothbrush": ("object", Augmentation(rotate=3, translate=0.02, mirror_x=True)),
    # may not turn: a turned or shifted one is the defect "misplaced"
    "transistor": ("object", Augmentation(translate=0.01)),
    # runs from top to bottom through the whole picture, teeth interlocked one way
    "zipper": ("object", Augmentation(rotate=2, translate=0.02)),
}


def mvtec(
    root: str | Path | None,
    category: str,
    *,
    download: bool = False,
    accept_licence: bool = False,
    url: str = ARCHIVE_URL,
    sha256: str = ARCHIVE_SHA256,
    max_pixels: int = MAX_PIXELS,
) -> Source:
    """The files of one category: train/good, test/<defect>, ground_truth/<defect>/<stem>_mask."""
    if category not in CATEGORIES:
        names = ", ".join(CATEGORIES)
        raise DataError(
            f"category={category} is not in MVTec AD ({names}); your own photographs go through data=folder"
        )
    place = DOWNLOAD_ROOT if root is None and download else root
    if place is None:
        raise DataError(f"MVTec AD has no folder yet: give data.root=/path/to/mvtec_ad, or fetch it with {FETCH}")
    place = Path(place)
    if download and not (place / category).is_dir():
        if os.path.lexists(place / category):
            raise DataError(f"{place / category} is no folder: move it away, the download needs its name")
        download_mvtec(place, accept_licence=accept_licence, url=url, sha256=sha256)
    home = _category_folder(place, category)
    kind, augmentation = CATEGORIES[category]
    train, test = _train(home, max_pixels), _test(home, max_pixels)
    check_files(train, test, max_pixels)
    remarks = tuple(unread(home, (*train, *test)))
    return Source(category, place, kind, augmentation, train, test, max_pixels=max_pixels, remarks=remarks)


def _category_folder(root: Path, category: str) -> Path:
    if not is_folder(root):
        raise DataError(f"{no_folder(root)}: correct it, or fetch MVTec AD with {FETCH}")
    if (root / category).is_dir():
        return root / category
    if (root / "train").is_dir():
        raise DataError(f"data.root={root} is itself a category: give the folder above it, data.root={root.parent}")
    if root.resolve().parent.name == category and (root.parent / "train").is_dir():
        above = root.resolve().parents[1]
        raise DataError(f"data.root={root} is a folder of a category: give the one with all, data.root={above}")
    folders = folders_in(root)
    for deeper in [*folders, *(path for folder in folders for path in folders_in(folder))]:
        if (deeper / category).is_dir():
            raise DataError(f"data.root={root} has no {category}: it lies deeper, give data.root={deeper}")
    names = ", ".join(path.name for path in folders_in(root)) or "no folders"
    raise DataError(f"data.root={root} has no category {category}, it has {names}: correct category= or data.root=")


def _train(home: Path, max_pixels: int) -> tuple[Item, ...]:
    train = home / "train"
    check_sorted(train, home / "test")
    _check_good_by_name(train)
    images, masks = photographs_in(train / GOOD, max_pixels)
    if not images:
        raise DataError(f"{train / GOOD}: no training images; copy the category again")
    check_black(masks.values(), max_pixels)
    return good_items(images)


def _check_good_by_name(folder: Path) -> None:
    for path in folders_in(folder, "good", "images"):
        if path.name != GOOD and any(images_below(path)):
            raise DataError(f"{path}: images under another name than {GOOD}; move the good ones into {folder / GOOD}")


def _test(home: Path, max_pixels: int) -> tuple[Item, ...]:
    defects = {folder.name for folder in folders_in(home / "test")}
    for truth in folders_in(home / "ground_truth"):
        if truth.name == GOOD:
            check_black(images_in(truth), max_pixels)
        elif truth.name not in defects:
            raise DataError(f"{truth}: masks of a defect without {home / 'test' / truth.name}; copy the category again")
    _check_good_by_name(home / "test")
    if GOOD not in defects or len(defects) < 2:
        raise DataError(f"{home / 'test'}: needs good and at least one defect, has {sorted(defects)}; copy it again")
    return tuple(item for defect in sorted(defects) for item in _items(home, defect, max_pixels))


def _items(home: Path, defect: str, max_pixels: int) -> Iterable[Item]:
    images, masks = photographs_in(home / "test" / defect, max_pixels)
    if not images:
        raise DataError(f"{home / 'test' / defect}: no images; copy the category again, or delete the folder")
    if defect == GOOD:
        check_black(masks.values(), max_pixels)
        return good_items(images)
    truth = home / "ground_truth" / defect
    add(masks, pair_masks(images, truth))
    for image in images:
        if image not in masks:
            wanted = truth / f"{image.stem}_mask.png"
            raise DataError(f"{image}: a defective image without its mask {wanted}; copy the category again")
    return [Item(image, masks[image], defect) for image in images]
