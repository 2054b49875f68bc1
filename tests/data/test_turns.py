"""Good parts that lie turned in many ways are named with the key to set, and no others."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from renormal.data import Augmentation, Source, folder, mvtec, stand_in
from renormal.data.examination import examine
from renormal.data.source import good_items
from renormal.data.turns import FEW

COUNT = 20
Move = Callable[[Image.Image, np.random.Generator], Image.Image]


def turned(image: Image.Image, generator: np.random.Generator) -> Image.Image:
    return image.rotate(generator.uniform(-180, 180), Image.Resampling.BICUBIC, fillcolor=image.getpixel((2, 2)))


def tilted(image: Image.Image, generator: np.random.Generator) -> Image.Image:
    return image.rotate(generator.uniform(-15, 15), Image.Resampling.BICUBIC, fillcolor=image.getpixel((2, 2)))


def shifted(image: Image.Image, generator: np.random.Generator) -> Image.Image:
    """At half of its size, anywhere."""
    whole = Image.new("RGB", image.size, image.getpixel((2, 2)))
    half = image.width // 2
    whole.paste(image.resize((half, half)), tuple(generator.integers(0, half, 2).tolist()))
    return whole


def moved(source: Source, root: Path, move: Move) -> Source:
    """The training images of a source, each moved in its own way."""
    generator = np.random.default_rng(0)
    root.mkdir()
    for number, item in enumerate(source.train[:COUNT]):
        image = Image.open(item.image).convert("RGB").resize((256, 256))
        move(image, generator).save(root / f"{number:02d}.png")
    return folder(root, name="parts")


def wide(move: Move) -> Move:
    """Moved, in a photograph of 4 : 3 whose sides repeat the border."""

    def done(image: Image.Image, generator: np.random.Generator) -> Image.Image:
        pixels = np.asarray(move(image, generator))
        return Image.fromarray(np.pad(pixels, ((0, 0), (43, 43), (0, 0)), "edge"))

    return done


def hints(source: Source) -> list[str]:
    return [line for line in examine(source).lines if "turned in many ways" in line]


@pytest.fixture(scope="session")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Source]:
    """Drawn photographs of a category, without its augmentation."""
    root = tmp_path_factory.mktemp("drawn parts")

    def of(category: str) -> Source:
        source = stand_in(root, category, train=COUNT, good=1, defective=1)
        return replace(source, augmentation=Augmentation(), test=source.test[:1])

    return of


@pytest.mark.parametrize("category", ["screw", "metal_nut"])
def test_parts_that_are_drawn_in_all_directions_are_named(drawn: Callable[[str], Source], category: str) -> None:
    (line,) = hints(drawn(category))
    assert line.endswith("if each turned part is good, set data.augmentation.rotate=180")


@pytest.mark.parametrize("category", ["bottle", "cable", "capsule", "pill", "toothbrush", "transistor", "zipper"])
def test_parts_that_lie_alike_are_not(drawn: Callable[[str], Source], category: str) -> None:
    assert hints(drawn(category)) == []


@pytest.mark.parametrize(
    ("move", "named"),
    [(turned, True), (tilted, False), (shifted, False), (wide(turned), True), (wide(tilted), False)],
    ids=["turned", "tilted", "shifted", "wide and turned", "wide and tilted"],
)
def test_what_was_done_to_the_photographs_decides(
    drawn: Callable[[str], Source], tmp_path: Path, move: Move, named: bool
) -> None:
    assert bool(hints(moved(drawn("transistor"), tmp_path / "parts", move))) is named


def test_nothing_is_said_where_the_training_turns_them_where_they_are_a_texture_or_few(
    drawn: Callable[[str], Source],
) -> None:
    screws = drawn("screw")
    assert hints(replace(screws, augmentation=Augmentation(rotate=180))) == []
    assert hints(replace(screws, kind="texture")) == []
    assert hints(replace(screws, train=good_items(item.image for item in screws.train[: FEW - 1]))) == []


@pytest.mark.skipif("RENORMAL_DATA" not in os.environ, reason="RENORMAL_DATA names no folder of real data")
@pytest.mark.parametrize("category", ["bottle", "toothbrush", "pill"])
def test_real_parts_are_named_once_they_are_turned(category: str, tmp_path: Path) -> None:
    root = Path(os.environ["RENORMAL_DATA"]) / "mvtec_ad"
    if not (root / category).is_dir():
        pytest.skip(f"{category} is not in RENORMAL_DATA")
    source = replace(mvtec(root, category), augmentation=Augmentation())
    assert hints(replace(source, test=source.test[:1])) == []
    round_one = category == "bottle"  # turned, it looks the same
    assert bool(hints(moved(source, tmp_path / "parts", turned))) is not round_one
