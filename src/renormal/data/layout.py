"""Which folders of a data set hold the good images to train on, and which hold the test images."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, NamedTuple

from renormal.data.listing import files_in, folders_in, holds_images, images_below
from renormal.data.masks import Photographs, check_black, is_drawn, photographs_in, split
from renormal.data.names import (
    TEST_NAMES,
    TRAIN_NAMES,
    image_names,
    mask_names,
    masks_of,
    role,
    says_defective,
    says_good,
    says_mask,
    words_in,
)
from renormal.data.places import home_of, too_high
from renormal.data.source import GOOD, DataError


class Layout(NamedTuple):
    """The folders of a data set, and what lies in them."""

    train: Path
    training: Photographs
    test: Path | None  # None: the folders of defects lie next to the good images
    tests: dict[Path, Photographs]


def layout_of(home: Path, max_pixels: int) -> Layout:
    """Raises DataError where it is not clear what a folder of images holds."""
    train, test = train_folder(home, max_pixels), _test_folder(home)
    if train == home or role(train.name) == "train":
        training = split(files_in(train), max_pixels)
    else:
        training = photographs_in(train, max_pixels)
    tests = {path: photographs_in(path, max_pixels) for path in _tested(home, test)}
    _check_names(training.images, test or home)
    for path, found in tests.items():
        if defect_of(path) == GOOD or any(says_good(image.stem) for image in found.images):
            _check_names(found.images, test or home)
    _check_good(home, training, tests, max_pixels)
    _check_photographs(training, tests, max_pixels)
    return Layout(train, training, test, tests)


def _check_names(images: list[Path], place: Path) -> None:
    """Raises DataError where some images of one folder, and not all, call themselves defective: NOK_1 next to OK_2."""
    named = [image for image in images if says_defective(image.stem)]
    if named and len(named) < len(images):
        found = f"{named[0]}: defective by its name, among {len(images) - len(named)} images that are not"
        raise DataError(f"{found}; move such images into {place / 'defective'}, or rename it")


def defect_of(path: Path) -> str:
    """What the images of a test folder show."""
    return GOOD if role(path.name) == "good" else path.name


def check_sorted(train: Path, test: Path) -> None:
    """Raises DataError where a folder of training images has another subfolder than good. test: for the others."""
    for path in folders_in(train):
        _check_name(path)
        if role(path.name) not in ("good", "mask", "images") and any(images_below(path)):
            raise DataError(
                f"{path}: training uses good images only; move its images to {test / path.name}, or to {train / GOOD} "
                "if they are good"
            )


def _check_name(path: Path) -> None:
    if role(path.name) == "doubtful":
        for kind, names in (("train", TRAIN_NAMES), ("test", TEST_NAMES)):
            if names & set(words_in(path.name)):
                raise DataError(
                    f"{path}: good parts or a defect? if they are good, move it to {path.parent / kind / GOOD}"
                )
        raise DataError(f"{path}: good parts or a defect? rename it to {GOOD}, or to a name without a word for good")


def _only(home: Path, kind: Literal["train", "test"]) -> Path | None:
    found = folders_in(home, kind)
    if len(found) > 1:
        raise DataError(f"{found[1]}: {found[0].name} has the same meaning; move all into one of the two")
    return found[0] if found else None


def _test_folder(home: Path) -> Path | None:
    test = _only(home, "test")
    return home_of(test) if test else None


def train_folder(home: Path, max_pixels: int) -> Path:
    """The first place that has good images. A second one is an error: it would be left out."""
    train, test = _only(home, "train"), _test_folder(home)
    sorted_in, places = _good_folders(home), [home]
    if train:
        check_sorted(train, test or home)
        sorted_in = [*_good_folders(train), *folders_in(train, "images"), *sorted_in]
        places = [train, home]
    found = [place for place in [*sorted_in, *places] if holds_images(place)]
    if not found:
        raise _no_training_images(home, train, [*sorted_in, *places], max_pixels)
    if len(found) > 1:
        raise DataError(
            f"{found[1]}: has images although {found[0]} holds the training images; move them there to train on them, "
            f"or into {(test or home / 'test') / GOOD} to test on them"
        )
    return found[0]


def _no_training_images(home: Path, train: Path | None, places: list[Path], max_pixels: int) -> DataError:
    if fault := too_high(home):
        return fault
    for place in places:
        if place in (home, train):
            files_in(place)  # raises for images of a kind that cannot be read
        else:
            photographs_in(place, max_pixels)  # and for images in folders deeper
    for path in folders_in(home):
        _check_name(path)
    only = [path for path in folders_in(home, "images", "other") if holds_images(path)]
    other = f", or give data.root={only[0]} if they are there" if len(only) == 1 else ""
    into = train / GOOD if train else home
    return DataError(f"{home}: no training images; put photographs of good parts into {into}{other}")


def _good_folders(home: Path) -> list[Path]:
    return sorted(folders_in(home, "good"), key=lambda path: path.name != GOOD)


def _tested(home: Path, test: Path | None) -> list[Path]:
    if test is None:
        found = folders_in(home, "doubtful", "images", "other")
    else:
        _check_no_others(home, test)
        found = folders_in(test, "good", "doubtful", "train", "test", "images", "other")
    names = {path.name.casefold() for path in folders_in(test or home)} | {GOOD}
    found = [path for path in found if (masks_of(path.name) or "").casefold() not in names]
    for path in found:
        _check_name(path)
        if fault := too_high(path, own=True):
            raise fault
        if test and role(path.name) in ("train", "test"):
            raise DataError(f"{path}: no defect by its name; move it out of {test}, or rename it")
        if role(path.name) == "images" and any(images_below(path)):
            place = test or home / "test"
            raise DataError(f"{path}: good or defective? sort its images into {place / GOOD} and {place / 'defective'}")
    good = [path for path in found if defect_of(path) == GOOD]
    if len(good) > 1:
        raise DataError(f"{good[1]}: good test images, as {good[0]} has; move all into {good[0].parent / GOOD}")
    return found


def _check_no_others(home: Path, test: Path) -> None:
    if loose := sorted(files_in(test), key=lambda path: says_mask(path.stem)):
        raise DataError(
            f"{loose[0]}: good or defective? move it into {test / GOOD} or {test / 'defective'}, its mask with it"
        )
    tested = {path.name.casefold() for path in folders_in(test)}
    for path in folders_in(home, "doubtful", "images", "other"):
        if any(images_below(path)) and (masks_of(path.name) or "").casefold() not in tested:
            raise DataError(
                f"{path}: a folder next to {test}; move it into {test} if it shows a defect, otherwise out of {home}"
            )


def _check_good(home: Path, training: Photographs, tests: dict[Path, Photographs], max_pixels: int) -> None:
    """Raises DataError where the mask of a good image outlines something."""
    good = [training, *(images for path, images in tests.items() if defect_of(path) == GOOD)]
    check_black((mask for images in good for mask in images.masks.values()), max_pixels)
    for path in (path for train in folders_in(home, "train") for path in folders_in(train, "mask")):
        check_black(sorted(images_below(path)), max_pixels)


def _check_photographs(training: Photographs, tests: dict[Path, Photographs], max_pixels: int) -> None:
    """Raises DataError where a folder holds masks under a name that does not say so."""
    names = {path: {name for image in found[0] for name in image_names(image.stem)} for path, found in tests.items()}
    for path, (images, _) in tests.items():
        others = set().union(*(found for other, found in names.items() if other != path))
        some = images[:: max(1, len(images) // 2)]
        if not some or not all(others & set(mask_names(image.stem)) for image in some):
            continue
        if all(is_drawn(image, max_pixels) for image in some) and not is_drawn(training.images[0], max_pixels):
            raise DataError(f"{path}: looks like masks, not like photographs; rename it to {path.parent / 'masks'}")
