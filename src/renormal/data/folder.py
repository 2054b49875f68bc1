"""Your own photographs, with or without masks.

Accepted layouts (the first that fits is taken):

    training   train/good/ · train/ · good/ · images directly in the folder
    testing    test/<name>/ · else every other subfolder: defective/, scratch/, dent/, …
    masks      ground_truth/<name>/ or masks/<name>/ · or all of them directly in ground_truth/ or masks/

Where no test folder is called "good", every `holdout`-th good image is kept from training and tested instead.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal, TypeAlias

from renormal.data.listing import files_in, folders_in, images_in, only_good, pair_masks
from renormal.data.source import GOOD, MAX_PIXELS, Augmentation, DataError, Fit, Item, Kind, Source, good_items

Masks: TypeAlias = Literal["optional", "required"]

MASK_FOLDERS = ("ground_truth", "masks")
GOOD_TOO = frozenset({GOOD, "normal", "ok", "pass", "intact"})  # a folder so called is no defect, whatever its case
RESERVED = frozenset({GOOD, "train", "test", *MASK_FOLDERS})


def folder(
    root: str | Path | None,
    *,
    name: str | None = None,  # of the category; null: the folder's own
    kind: Kind = "object",
    augmentation: Augmentation | None = None,  # null: none, since only the owner can say how a part may lie
    masks: Masks = "optional",
    holdout: int = 10,  # ours: every 10th good image
    fit: Fit = "squash",
    max_pixels: int = MAX_PIXELS,
) -> Source:
    """The photographs below `root`; a defective one without a mask has unknown regions, but can be projected."""
    if masks not in ("optional", "required"):
        raise DataError(f"data.masks must be one of optional, required, got {masks!r}")
    place = _existing(root)
    defects = {_defect(path): images_in(path) for path in _test_folders(place)}
    train, held = _split(_good_images(place), 0 if defects.get(GOOD) else holdout)
    good = [*defects.pop(GOOD, []), *held]
    test = (*good_items(good), *_defective(place, defects, masks))
    if not test:
        raise DataError(f"{place}: nothing to test; add defective/ or test/<name>/, or set data.holdout=10")
    label, moves = name or place.resolve().name, augmentation or Augmentation()
    return Source(label, place, kind, moves, good_items(train), test, fit, max_pixels)


def _existing(root: str | Path | None) -> Path:
    if root is None:
        raise DataError("no photographs yet: give data.root=/path/to/photographs with good/ and defective/ in it")
    if not Path(root).is_dir():
        raise DataError(f"data.root={root} is not a folder: correct it")
    return Path(root)


def _good_images(root: Path) -> list[Path]:
    """The training images, from the first place that has some; a second such place is an error, not left out."""
    only_good(root / "train")
    places = (root / "train" / GOOD, root / "train", root / GOOD, root)
    found = {place: images for place in places if (images := files_in(place))}
    if not found:
        raise DataError(f"{root}: no training images; put photographs of good parts into {root / GOOD}")
    if len(found) > 1:
        first, second = list(found)[:2]
        raise DataError(
            f"{second}: has images although {first} holds the training images; move them into one of the two"
        )
    return next(iter(found.values()))


def _test_folders(root: Path) -> list[Path]:
    test = root / "test"
    if not test.is_dir():
        return [path for path in folders_in(root) if path.name not in RESERVED]
    if loose := files_in(test):
        raise DataError(f"{loose[0]}: good or defective? move it into {test / GOOD} or {test / 'defective'}")
    if others := [path for path in folders_in(root) if path.name not in RESERVED]:
        raise DataError(f"{others[0]}: a folder next to {test}; move it into {test}, or elsewhere")
    return folders_in(test)


def _defect(path: Path) -> str:
    if path.name != GOOD and path.name.casefold() in GOOD_TOO:
        raise DataError(f"{path}: sounds like good parts, not like a defect; rename it to {GOOD}")
    return path.name


def _split(good: list[Path], holdout: int) -> tuple[list[Path], list[Path]]:
    """Training and held-out images: every `holdout`-th by name, and at least the last; 0 holds none out."""
    if holdout < 0 or holdout == 1:
        raise DataError(f"data.holdout must be 0 (none) or at least 2, got {holdout}")
    if not holdout or len(good) < 2:
        return good, []
    held = good[holdout - 1 :: holdout] or good[-1:]
    return [image for image in good if image not in held], held


def _defective(root: Path, defects: dict[str, list[Path]], masks: Masks) -> list[Item]:
    pairs = _pair_all(root, defects)
    items = [Item(image, pairs.get(image), defect) for defect, images in defects.items() for image in images]
    for item in items:
        if masks == "required" and item.mask is None:
            raise DataError(f"{item.image}: a defective image without mask; outline it, or set data.masks=optional")
    return items


def _pair_all(root: Path, defects: dict[str, list[Path]]) -> dict[Path, Path]:
    folders = [root / name for name in MASK_FOLDERS if (root / name).is_dir()]
    if len(folders) > 1:
        raise DataError(f"{folders[1]}: masks are in {folders[0]} too; move them into one of the two")
    pairs: dict[Path, Path] = {}
    for home in folders:
        pairs |= pair_masks([image for images in defects.values() for image in images], files_in(home))
        for truth in folders_in(home):
            pairs |= _pair_one(truth, defects, pairs)
    return pairs


def _pair_one(truth: Path, defects: dict[str, list[Path]], known: dict[Path, Path]) -> dict[Path, Path]:
    if truth.name not in defects:
        raise DataError(f"{truth}: masks of a defect that has no folder of images; it needs one called {truth.name}")
    pairs = pair_masks(defects[truth.name], images_in(truth))
    for image in pairs:
        if image in known:
            raise DataError(f"{pairs[image]}: a second mask for {image}, which has {known[image]}; keep one")
    return pairs
