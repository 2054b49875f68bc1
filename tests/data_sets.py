"""Data sets on disk for tests: noisy photographs, outlines, black masks and notes, by their names."""

from __future__ import annotations

import os
import shutil
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from renormal.data import DataError, Source, folder

SIZE = (40, 30)  # width, height
Listed = tuple[list[str], dict[str, str | None]]
Build = Callable[[Path], None]
Advice = tuple[Build, str, Build, Listed]  # draws the data, the message, obeys it, what is then read
GOOD = ("good/1.png", "good/2.png")  # the second is held out
SPLIT = ("train/good/1.png", "test/good/1.png", "test/crack/1.png")


def photographs(root: Path, *names: str) -> None:
    """Grey pictures with noise, each another one."""
    for name in names:
        noise = np.random.default_rng(zlib.crc32(os.fsencode(name))).integers(60, 200, SIZE[::-1], np.uint8)
        _save(root / name, noise)


def outlines(root: Path, *names: str) -> None:
    """Masks of a square."""
    mask = np.zeros(SIZE[::-1], np.uint8)
    mask[5:20, 5:20] = 255
    for name in names:
        _save(root / name, mask)


def black(root: Path, *names: str) -> None:
    """Masks of nothing."""
    for name in names:
        _save(root / name, np.zeros(SIZE[::-1], np.uint8))


def notes(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("a note")


def move(source: Path, target: Path) -> None:
    """Moves a file or folder to the path `target`; whatever lies in its way is an error."""
    assert not target.exists()
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.move(source, target)


def move_files(source: Path, target: Path) -> None:
    """Moves what lies in one folder into another."""
    for path in list(source.iterdir()):
        move(path, target / path.name)
    source.rmdir()


def listed(source: Source) -> tuple[list[str], dict[str, str | None]]:
    """Training images, and each test image as defect:path with its mask; paths below the root."""

    def below(path: Path) -> str:
        return path.relative_to(source.root).as_posix()

    tests = {f"{item.defect}: {below(item.image)}": item.mask and below(item.mask) for item in source.test}
    return [below(item.image) for item in source.train], tests


def _save(path: Path, pixels: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


def with_crack(**others: str | None) -> dict[str, str | None]:
    return {"good: test/good/1.png": None, "crack: test/crack/1.png": None, **others}


def of(*builders: tuple[Callable[..., None], tuple[str, ...]]) -> Callable[[Path], None]:
    def build(root: Path) -> None:
        for builder, names in builders:
            builder(root, *names)

    return build


def toy(masks: str) -> tuple[Callable[[Path], None], Listed]:
    """good/, crack/, and the masks of crack in a folder or file of the given name."""

    def build(root: Path) -> None:
        photographs(root, *GOOD, "crack/7.png")
        outlines(root, masks)

    return build, (["good/1.png"], {"good: good/2.png": None, "crack: crack/7.png": masks})


def split(good: str, bad: str) -> tuple[Callable[[Path], None], Listed]:
    """train/ and test/ with the given names of folders."""

    def build(root: Path) -> None:
        photographs(root, f"train/{good}/1.png", f"test/{good}/2.png", f"test/{bad}/3.png")

    return build, ([f"train/{good}/1.png"], {f"good: test/{good}/2.png": None, f"{bad}: test/{bad}/3.png": None})


def hazelnut_toy(root: Path) -> None:
    photographs(root, *GOOD, "colour/0.jpg", "crack/0.jpg")
    outlines(root, "mask/colour/0.jpg", "mask/crack/0.jpg")


def btad(root: Path) -> None:
    photographs(root, "train/ok/0.bmp", "test/ok/1.bmp", "test/ko/2.bmp")
    outlines(root, "ground_truth/ko/2.png")


def loco(root: Path) -> None:
    photographs(root, "train/good/0.png", "validation/good/0.png", "test/good/0.png", "test/logical_anomalies/0.png")
    outlines(root, "ground_truth/logical_anomalies/0/000.png")
    notes(root, "defects_config.json")


def ad2(root: Path) -> None:
    photographs(root, "train/good/0_regular.png", "validation/good/1_regular.png", "test_private/2.png")
    photographs(root, "test_private_mixed/3.png", "test_public/good/4_regular.png", "test_public/bad/5_regular.png")
    outlines(root, "test_public/ground_truth/bad/5_regular_mask.png")


def visa(root: Path) -> None:
    photographs(root, "Images/Normal/1.JPG", "Images/Normal/2.JPG", "Images/Anomaly/1.JPG")
    outlines(root, "Masks/Anomaly/1.png")


def magnetic_tiles(root: Path) -> None:
    photographs(root, "MT_Free/a.jpg", "MT_Free/b.jpg", "MT_Blowhole/c.jpg")
    black(root, "MT_Free/a.png", "MT_Free/b.png")
    outlines(root, "MT_Blowhole/c.png")


def kolektor(root: Path) -> None:
    """KolektorSDD2 once its images are sorted: each with its mask next to it, black for a good one."""
    photographs(root, "train/10.png", "test/good/20.png", "test/defective/30.png")
    black(root, "train/10_GT.png", "test/good/20_GT.png")
    outlines(root, "test/defective/30_GT.png")


def labels_of_everything(root: Path) -> None:
    photographs(root, "Train/good/1.png", "Test/good/2.png", "Test/dent/3.png")
    black(root, "labels/good/1.png", "labels/good/2.png")
    outlines(root, "labels/dent/3.png")


def flat_with_black(root: Path) -> None:
    photographs(root, *GOOD, "crack/7.png")
    black(root, "masks/1.png", "masks/2_mask.png")
    outlines(root, "masks/7.png")


def folders_side_by_side(root: Path) -> None:
    photographs(root, *GOOD, "crack/7.png")
    outlines(root, "crack_masks/7.png")
    black(root, "good_mask/1.png")


def german(root: Path) -> None:
    photographs(root, "gut/1.png", "gut/2.png", "Kratzer/3.png")
    outlines(root, "Masken/Kratzer/3.png")


def numbered_names(root: Path) -> None:
    photographs(root, "good/image_1.png", "good/image_2.png", "crack/image_7.png", "crack/8_img.png")
    outlines(root, "masks/mask_7.png", "masks/8_label.png")


def photographs_of_labels(root: Path) -> None:
    """Names that contain a word for masks, and files that are photographs."""
    photographs(root, "good/label_1.png", "good/label_2.png", "wrong_label/label_1.png", "wrong_label/2.png")
    photographs(root, "good/3.jpg", "good/3.png")


def good_and_ok(root: Path) -> None:
    photographs(root, "train/good/1.png", "ok/2.png", "ko/3.png")


def defects_in_train(root: Path) -> None:
    photographs(root, "train/good/1.png", "train/crack/2.png", "test/good/3.png", "test/crack/4.png")


def good_parts_in_train(root: Path) -> None:
    photographs(root, "train/monday/1.png", "test/good/3.png", "test/crack/4.png")


def sorted_kolektor(root: Path) -> None:
    """As published: good and defective images mixed, told apart by their masks alone."""
    photographs(root, "train/10.png", "train/11.png", "test/good/20.png", "test/defective/30.png")
    black(root, "train/10_GT.png", "test/good/20_GT.png")
    outlines(root, "train/11_GT.png", "test/defective/30_GT.png")


def loose_kolektor(root: Path) -> None:
    photographs(root, "train/10.png", "test/20.png", "test/30.png")
    black(root, "train/10_GT.png", "test/20_GT.png")
    outlines(root, "test/30_GT.png")


def refusal(work: Callable[[], object]) -> str | None:
    """The message of a DataError; None where there is none."""
    try:
        work()
    except DataError as error:
        return str(error)
    return None


def assert_advice_helps(advice: Advice, root: Path) -> None:
    """The message is one line, and who does what it says gets the right data."""
    build, line, obey, expected = advice
    build(root)
    with pytest.raises(DataError, match=line) as caught:
        folder(root)
    assert "\n" not in str(caught.value)
    obey(root)
    assert listed(folder(root)) == expected
