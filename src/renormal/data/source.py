"""What a data set is before a pixel is read: which files train, which files test, and how its images may be moved."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, NamedTuple, TypeAlias, TypeVar

from renormal.console.text import printable

T = TypeVar("T")
Kind: TypeAlias = Literal["texture", "object"]
Fit: TypeAlias = Literal["squash", "crop", "face"]

GOOD = "good"  # the name of the one class that is trained on; every other name is a defect
NAMED = 8  # kinds of defect that a line names
MOST = 64  # photographs that are read to guess what all of them show, ours
MAX_PIXELS = 100_000_000  # ours: 300 MB decoded; a 100 megapixel camera passes, a decompression bomb does not


class DataError(ValueError):
    """Bad input, in one line: which file, what is wrong with it, what to do."""

    def __init__(self, line: str) -> None:
        super().__init__(printable(line))


class Item(NamedTuple):
    """One photograph on disk."""

    image: Path
    mask: Path | None  # None for a good image, and for a defective one without a mask
    defect: str  # "good", or the name of the defect type
    group: str = ""  # images of one group are never divided between training and the images held out of it


@dataclass(frozen=True)
class Augmentation:
    """How far an object may move and still be normal (section 4.1 rotates and translates; the ranges are ours)."""

    rotate: float = 0.0  # degrees, drawn from ± this
    translate: float = 0.0  # fraction of the side, drawn from ± this, each axis on its own
    mirror_x: bool = False  # left and right may swap
    mirror_y: bool = False  # top and bottom may swap

    def __post_init__(self) -> None:
        if not 0 <= self.rotate <= 180:
            raise ValueError(f"rotate must lie in [0, 180] degrees, got {self.rotate}")
        if not 0 <= self.translate <= 0.5:
            raise ValueError(f"translate must lie in [0, 0.5] of the side, got {self.translate}")

    @property
    def moves(self) -> bool:
        """Whether it changes any image."""
        return self != Augmentation()


@dataclass(frozen=True)
class Source:
    """The files of one category, checked for completeness but not yet decoded."""

    name: str
    root: Path  # sample paths are named relative to it
    kind: Kind
    augmentation: Augmentation
    train: tuple[Item, ...]
    test: tuple[Item, ...]
    fit: Fit = "squash"  # how an image becomes square: all of it, its centre, or the face of an aligned one
    max_pixels: int = MAX_PIXELS  # a larger image is refused before it is decoded
    spare: tuple[Item, ...] = ()  # good images that are neither trained on nor tested: settings are chosen on them
    apart: tuple[Item, ...] = ()  # further ones, of which nothing is chosen: thresholds of images are measured on them
    remarks: tuple[str, ...] = ()  # what its owner should know before work begins, a line each
    warnings: tuple[str, ...] = ()  # of these, what makes the result wrong if it is not meant

    def __post_init__(self) -> None:
        for setting, value, allowed in (
            ("kind", self.kind, ("texture", "object")),
            ("fit", self.fit, ("squash", "crop", "face")),
        ):
            if value not in allowed:
                raise DataError(f"data.{setting} must be one of {', '.join(allowed)}, got {value!r}")
        if not self.train:
            raise DataError(
                f"{self.root}: {self.name} has no training images; training needs photographs of good parts"
            )

    @property
    def items(self) -> tuple[Item, ...]:
        """Everything that will be read."""
        return self.train + self.spare + self.apart + self.test

    @property
    def summary(self) -> str:
        """How many images train and test, and how many of them have a mask, in one line."""
        spare = f" and {len(self.spare)} to choose settings on" if self.spare else ""
        spare += f" and {len(self.apart)} to measure thresholds on" if self.apart else ""
        defects = Counter(item.defect for item in self.test if item.defect != GOOD)
        good, bad = len(self.test) - defects.total(), defects.total()
        masks = sum(item.mask is not None for item in self.test)
        named = f" ({', '.join(f'{defect} {count}' for defect, count in defects.most_common(NAMED))}"
        more = f" and {len(defects) - NAMED} more kinds)" if len(defects) > NAMED else ")"
        lacking = f", {bad - masks} of them without a mask" if masks and masks < bad else ""
        lacking = lacking or (" with masks" if masks else " without masks")
        tested = f"{good} good, {bad} defective{lacking}{named}{more}" if bad else f"{good} good"
        plural = "s" if len(self.train) > 1 else ""
        return f"{self.name}: {len(self.train)} training image{plural}{spare}; test: {tested}"


def good_items(images: Iterable[Path]) -> tuple[Item, ...]:
    """Good images, without masks."""
    return tuple(Item(image, None, GOOD) for image in images)


def some(items: Sequence[T]) -> Sequence[T]:
    """At most MOST of them, from the first on at equal distances."""
    return items[:: max(1, -(-len(items) // MOST))]


def every_nth(
    items: Sequence[T], every: int, group: Callable[[T], Hashable], *, fold: int = 0
) -> tuple[tuple[T, ...], tuple[T, ...]]:
    """The items without every `every`-th group, and those of these groups: at least the last one of several.

    fold: by how many groups to begin earlier, modulo `every`.
    """
    keys = list(map(group, items))
    groups = list(dict.fromkeys(keys))
    held = set(groups[every - 1 - fold % every :: every] or groups[-1:]) if len(groups) > 1 else set()
    parts = [(item, key in held) for item, key in zip(items, keys, strict=True)]
    return tuple(item for item, out in parts if not out), tuple(item for item, out in parts if out)


def hold_out(source: Source, every: int) -> Source:
    """Every so many-th training image, or group of images, becomes a spare one, by name, and at least the last.

    0 keeps them all, and so does a data set with spare images of its own: a remark says it.
    """
    if source.spare and every:
        found = f"choose.holdout={every} holds out nothing more: {len(source.spare)} validation images are there"
        return replace(source, remarks=(*source.remarks, f"{source.name}: {found}"))
    train, spare = _kept_and_held(source, every, "choose.holdout", "to spare")
    return replace(source, train=train, spare=spare or source.spare)


def set_apart(source: Source, every: int, fold: int = 0) -> Source:
    """Every so many-th training image, or group of images, is set apart, by name, and at least the last; 0: none.

    fold: by how many to begin earlier, modulo `every`: jobs with the folds 0 … every − 1 set each image apart once.
    """
    train, apart = _kept_and_held(source, every, "test.holdout", "to set apart", fold)
    return replace(source, train=train, apart=apart)


def _kept_and_held(
    source: Source, every: int, key: str, what: str, fold: int = 0
) -> tuple[tuple[Item, ...], tuple[Item, ...]]:
    if every < 0 or every == 1:
        raise DataError(f"{key} must be 0 (none) or at least 2, got {every}")
    if not every:
        return source.train, ()
    train, held = every_nth(source.train, every, lambda item: item.group or item.image, fold=fold)
    if not held:
        one = "training image" if len(source.train) == 1 else "group of training images"
        mend = f"add photographs of good parts, or set {key}=0"
        raise DataError(f"{source.root}: {source.name} has one {one}, none {what}: {mend}")
    return train, held
