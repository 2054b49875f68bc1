"""Your own photographs, with or without masks.

Accepted layouts (the first that fits is taken):

    training   train/good/ · train/ · good/ · images directly in the folder
    testing    test/<name>/ · else every other subfolder: defective/, scratch/, dent/, …
    masks      ground_truth/<name>/ or masks/<name>/ · or all of them directly in ground_truth/ or masks/
               or next to their images, as 000_mask.png, or in a folder of masks there

`names` lists what else is read as good, train, test or masks: ok, 0.normal, MT_Free, 正常, Train, label, GroundTruth, …
Where no test folder is good, every `holdout`-th good image is kept from training and tested instead.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal, TypeAlias

from renormal.data.added_words import added_words
from renormal.data.kind import kind_of
from renormal.data.layout import Layout, defect_of, layout_of, train_folder
from renormal.data.listing import check_files, files_in, is_folder, no_folder, unread
from renormal.data.mask_folders import masks_apart
from renormal.data.masks import add
from renormal.data.names import role, says_defective
from renormal.data.places import check_not_too_low, home_of, left_out
from renormal.data.source import (
    GOOD,
    MAX_PIXELS,
    Augmentation,
    DataError,
    Fit,
    Item,
    Kind,
    Source,
    every_nth,
    good_items,
)

Masks: TypeAlias = Literal["optional", "required"]


def folder(
    root: str | Path | None,
    *,
    name: str | None = None,  # of the category; null: the folder's own
    kind: Kind | None = "object",  # null: guessed
    augmentation: Augmentation | None = None,  # null: none, since only the owner can say how a part may lie
    masks: Masks = "optional",
    holdout: int = 10,  # ours: every 10th good image
    fit: Fit = "squash",
    max_pixels: int = MAX_PIXELS,
) -> Source:
    """The photographs below `root`; a defective one without a mask has unknown regions, but can be projected."""
    if masks not in ("optional", "required"):
        raise DataError(f"data.masks must be one of optional, required, got {masks!r}")
    place = existing(root)
    home = home_of(place)
    layout = layout_of(home, max_pixels)
    good_tests = [image for path, found in layout.tests.items() if defect_of(path) == GOOD for image in found.images]
    train, held = _split(layout.training.images, 0 if good_tests else holdout)
    test = (*good_items([*good_tests, *held]), *_defective(place, home, layout, masks, max_pixels))
    if not test:
        if holdout:
            raise DataError(f"{place}: one good photograph, and none to test on: add photographs of good parts")
        where = f"{layout.test}/<name>/" if layout.test else "defective/ or test/<name>/"
        raise DataError(f"{place}: nothing to test; add {where}, or set data.holdout=10")
    check_files(train_items := good_items(train), test, max_pixels)
    counted = _counted_as_defects(layout, home, len(good_tests), len(held))
    warnings = [] if layout.test or all(says_defective(path.name) for path in layout.tests) else counted
    lines = [*_called_good(layout, home), *([] if warnings else counted)]
    lines += added_words([layout.training.images, *(found.images for found in layout.tests.values())])
    lines += left_out(place) + unread(place, (*train_items, *test)) + _without_masks(test, home)
    if kind is None:
        kind, line = kind_of(train_items, fit=fit, max_pixels=max_pixels)
        lines.insert(0, f"{place}: {line}")
    label, moves = name or place.resolve().name, augmentation or Augmentation()
    files = (train_items, test, fit, max_pixels)
    return Source(label, place, kind, moves, *files, remarks=tuple(lines), warnings=tuple(warnings))


def existing(root: str | Path | None) -> Path:
    """The folder, if there is one."""
    if root is None:
        raise DataError("no photographs yet: give data.root=/path/to/photographs, a folder of good parts")
    if not is_folder(Path(root)):
        raise DataError(f"{no_folder(root)}: correct it")
    check_not_too_low(Path(root))
    return Path(root)


def check_folder(root: str | Path | None, max_pixels: int = MAX_PIXELS) -> None:
    """Raise DataError where no training photograph is there, or a file among them is no image. Reads no pixel."""
    files_in(train_folder(home_of(existing(root)), max_pixels))


def _split(good: list[Path], holdout: int) -> tuple[Sequence[Path], Sequence[Path]]:
    """Training and held-out images: every `holdout`-th by name, and at least the last; 0 holds none out."""
    if holdout < 0 or holdout == 1:
        raise DataError(f"data.holdout must be 0 (none) or at least 2, got {holdout}")
    return every_nth(good, holdout, lambda path: path) if holdout else (good, [])


def _defective(place: Path, home: Path, layout: Layout, masks: Masks, max_pixels: int) -> list[Item]:
    defects = {path: found for path, found in layout.tests.items() if defect_of(path) != GOOD}
    pairs = masks_apart(place, home, layout, max_pixels)
    for found in defects.values():
        add(pairs, found.masks)
    items = [Item(image, pairs.get(image), path.name) for path, found in defects.items() for image in found.images]
    for item in items:
        if masks == "required" and item.mask is None:
            raise DataError(f"{item.image}: a defective image without mask; outline it, or set data.masks=optional")
    return items


def _without_masks(test: Sequence[Item], home: Path) -> list[str]:
    """One line that says what the lack of masks leaves unmeasured, and where the first one would belong."""
    bad = [item for item in test if item.defect != GOOD]
    lacking = [item for item in bad if item.mask is None]
    if not lacking:
        return []
    first, like = lacking[0], next((item for item in bad if item.mask), None)
    own = home / "ground_truth" / first.defect / f"{first.image.stem}_mask.png"
    place = f"as {like.mask} does for {like.image}" if like else f"for {first.image} in {own}"
    some = "the image AUROC is measured, and no metric of pixels"
    alone = some if len(bad) < len(test) else "no metric of pixels is measured"
    effect = "pixel metrics leave them out" if like else alone
    mend = f"draw defects white on black, {place}"
    return [f"{len(lacking)} of {len(bad)} defective images have no mask: {effect}; {mend}"]


def _called_good(layout: Layout, home: Path) -> list[str]:
    """One line that names the folders that count as good under another name."""
    train = [] if layout.train == home else [layout.train]
    good = [path for path in [*train, *layout.tests] if role(path.name) == "good" and path.name != GOOD]
    return [f"{' and '.join(map(str, good))}: taken as good parts"] if good else []


def _counted_as_defects(layout: Layout, home: Path, good: int, held: int) -> list[str]:
    """One line that says which folders count as defects, where none holds good test images."""
    defects = [path.name for path, found in layout.tests.items() if defect_of(path) != GOOD and found.images]
    if good or not defects:
        return []
    held_out = f"{held} training images" if held > 1 else "1 training image" if held else "nothing"
    place = layout.test or home
    mend = f"good parts to test on belong into {(layout.test or home / 'test') / GOOD}"
    if layout.test is None:
        mend += f", and then the defects into {home / 'test'}"
        mend = f"if one of them holds good parts, move its photographs into {layout.train} to train on them; {mend}"
    return [f"{place}: tested as defects: {', '.join(defects)}; tested as good: {held_out}; {mend}"]
