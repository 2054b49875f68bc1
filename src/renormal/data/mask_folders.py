"""Masks in folders of their own: ground_truth/<defect>/, masks/, label/, scratch_mask/."""

from __future__ import annotations

from pathlib import Path

from renormal.data.layout import Layout, defect_of
from renormal.data.listing import files_in, folders_in, images_below
from renormal.data.masks import ByName, Pairs, add, check_black, image_of, is_mask, pair_masks
from renormal.data.names import image_names, mask_names, masks_of, role
from renormal.data.source import GOOD, DataError

USUAL = frozenset({"ground_truth", "masks"})  # a folder of another name, label/, may also show the defects of a label


def masks_apart(root: Path, home: Path, layout: Layout, max_pixels: int) -> Pairs:
    """Defective image → its mask. Masks of good images must be black and are left out."""
    places = dict.fromkeys(path for path in (root, home, layout.test) if path is not None)
    called = [path for place in places for path in folders_in(place, "mask")]
    for path in [path for home in called for path in [home, *folders_in(home)]]:
        files_in(path)  # raises for files of a kind that cannot be read
    homes = [path for path in called if any(images_below(path))]
    if len(homes) > 1:
        raise DataError(f"{homes[1]}: masks are in {homes[0]} too; move them into one of the two")
    pairs = Pairs()
    for path in homes:
        add(pairs, _from_folder(path, layout, max_pixels))
    for path in [path for place in dict.fromkeys([layout.test or home, home]) for path in folders_in(place)]:
        name = masks_of(path.name)
        if name and path not in layout.tests and role(path.name) in ("doubtful", "images", "other"):
            add(pairs, _of_defect(path, name, layout, max_pixels))
    return pairs


def _from_folder(home: Path, layout: Layout, max_pixels: int) -> Pairs:
    first = min(images_below(home))
    if home.name not in USUAL and not is_mask(first, max_pixels):
        raise DataError(f"{first}: no mask, it has many grey values; if {home} holds photographs, rename that folder")
    pairs = _flat(files_in(home), layout, max_pixels)
    for path in folders_in(home):
        add(pairs, _of_defect(path, path.name, layout, max_pixels))
    return pairs


def _flat(masks: list[Path], layout: Layout, max_pixels: int) -> Pairs:
    defective = [image for path, found in layout.tests.items() if defect_of(path) != GOOD for image in found.images]
    good = [image for path, found in layout.tests.items() if defect_of(path) == GOOD for image in found.images]
    good_names = {name for image in [*good, *layout.training.images] for name in image_names(image.stem)}
    by_name, pairs = ByName(defective), Pairs()
    for mask in masks:
        names = mask_names(mask.stem)
        if by_name.find(names) is None and good_names & set(names):
            check_black([mask], max_pixels)
        else:
            add(pairs, {image_of(mask, by_name): mask})
    return pairs


def _of_defect(folder: Path, name: str, layout: Layout, max_pixels: int) -> Pairs:
    defects = {path.name: found.images for path, found in layout.tests.items() if defect_of(path) != GOOD}
    like = [defect for defect in defects if defect.casefold() == name.casefold()]
    if name in defects or len(like) == 1:
        return pair_masks(defects[name if name in defects else like[0]], folder)
    kind = role(name)
    if kind in ("good", "train"):
        check_black(sorted(images_below(folder)), max_pixels)
        return {}
    if kind == "test":
        return _from_folder(folder, layout, max_pixels)
    if kind == "unread" or not any(images_below(folder)):
        return {}
    if inner := [path for path in folders_in(folder) if path.name in defects]:
        raise DataError(f"{inner[0]}: masks of {inner[0].name} in a folder of another name; move it to {folder.parent}")
    known = f"rename it to one of {', '.join(defects)}, or " if defects else ""
    raise DataError(f"{folder}: masks of a defect that has no folder of images; {known}move it elsewhere")
