"""The MVTec AD layout: what is read, and the one line that bad input gets."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from renormal.data import CATEGORIES, Augmentation, DataError, mvtec
from renormal.data.memory import load_test, load_training


def picture(path: Path, value: int = 90, size: tuple[int, int] = (20, 20)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, (value, value // 2, 10)).save(path)


def outline(path: Path, size: tuple[int, int] = (20, 20)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    mask = np.zeros(size[::-1], np.uint8)
    mask[2:6, 2:6] = 255
    mask[6:8, 6:8] = 255  # touches the first at a corner: one defect
    mask[12:16, 12:16] = 255
    Image.fromarray(mask).save(path)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A tiny bottle: 3 training images, 2 good and 2 broken test images."""
    home = tmp_path / "data" / "bottle"
    for k in range(3):
        picture(home / f"train/good/{k:03}.png", 90 + k)
    for k in range(2):
        picture(home / f"test/good/{k:03}.png")
        picture(home / f"test/broken/{k:03}.png", 200)
        outline(home / f"ground_truth/broken/{k:03}_mask.png")
    (home / "readme.txt").write_text("notes are no images")
    (home / "test/good/Thumbs.db").write_bytes(b"left by a desktop")
    (home / "test/good/.hidden").write_bytes(b"")
    return home.parent


def test_every_file_is_listed_with_its_defect_and_mask(root: Path) -> None:
    source = mvtec(root, "bottle")
    assert [item.image.name for item in source.train] == ["000.png", "001.png", "002.png"]
    assert [(item.defect, item.mask and item.mask.name) for item in source.test] == [
        ("broken", "000_mask.png"),
        ("broken", "001_mask.png"),
        ("good", None),
        ("good", None),
    ]
    assert (source.name, source.kind, source.augmentation) == ("bottle", *CATEGORIES["bottle"])


def test_decoded_images_are_named_relative_to_the_data_root(root: Path) -> None:
    source = mvtec(root, "bottle")
    test = load_test(source, size=10, channels=None)
    assert load_training(source, size=10, channels=None)[:, 0, 5, 5].tolist() == [90, 91, 92]
    assert test.paths == [f"bottle/test/{name}.png" for name in ("broken/000", "broken/001", "good/000", "good/001")]
    assert test.defects == ["broken", "broken", "good", "good"]
    assert [regions.unique().tolist() for regions in test.regions] == [[0, 1, 2], [0, 1, 2], [0], [0]]


def test_a_category_moves_only_as_far_as_it_stays_normal() -> None:
    assert len(CATEGORIES) == 15
    assert [name for name, (kind, _) in CATEGORIES.items() if kind == "texture"] == [
        "carpet",
        "grid",
        "leather",
        "tile",
        "wood",
    ]
    assert all(moves == Augmentation() for kind, moves in CATEGORIES.values() if kind == "texture")
    assert CATEGORIES["transistor"][1].rotate == 0  # a turned one is the defect "misplaced"
    nut = CATEGORIES["metal_nut"][1]
    assert (nut.mirror_x, nut.mirror_y) == (False, False)  # a mirrored one is the defect "flip"
    assert not CATEGORIES["cable"][1].mirror_x  # a mirrored one is the defect "cable_swap"
    assert CATEGORIES["pill"][1].rotate > 0


def load(root: Path) -> None:
    source = mvtec(root, "bottle")
    load_training(source, size=10, channels=None)
    load_test(source, size=10, channels=None)


def cut_short(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-30])


def replaced(path: Path, content: bytes) -> None:
    path.write_bytes(content)


def bomb(path: Path) -> None:
    """Five kilobytes on disk, 225 million pixels in memory."""
    Image.new("1", (15_000, 15_000)).save(path, compress_level=9)


def two_pages(path: Path) -> None:
    page = Image.new("L", (20, 20))
    page.save(path.with_suffix(".tif"), save_all=True, append_images=[page])
    path.unlink()


BAD: dict[str, tuple[Callable[[Path], object], str]] = {
    "no training folder": (
        lambda home: (home / "train").rename(home.parent / "away"),
        "train/good: no training images",
    ),
    "empty training folder": (lambda home: [f.unlink() for f in (home / "train/good").iterdir()], "no training images"),
    "defects to train on": (lambda home: picture(home / "train/broken/1.png"), "train/broken: training uses good"),
    "no test folder": (lambda home: (home / "test").rename(home.parent / "away"), "broken: masks of a defect without"),
    "no good test images": (lambda home: (home / "test/good").rename(home.parent / "away"), "needs good and at least"),
    "empty defect folder": (lambda home: (home / "test/bent").mkdir(), "test/bent: no images"),
    "mask without image": (
        lambda home: (home / "test/broken/001.png").unlink(),
        "001_mask.png: a mask without an image",
    ),
    "mask without folder": (lambda home: outline(home / "ground_truth/bent/1_mask.png"), "bent: masks of a defect"),
    "two masks": (lambda home: outline(home / "ground_truth/broken/000.png"), "a second mask for"),
    "two images of one name": (lambda home: picture(home / "test/broken/000.jpg"), "has the same name as"),
    "no mask": (
        lambda home: (home / "ground_truth/broken/001_mask.png").unlink(),
        "001.png: a defective image without",
    ),
    "mask of another size": (
        lambda home: outline(home / "ground_truth/broken/000_mask.png", (30, 20)),
        "000_mask.png: the mask is 30 × 20, its image 20 × 20",
    ),
    "empty mask": (
        lambda home: Image.new("L", (20, 20)).save(home / "ground_truth/broken/000_mask.png"),
        "000_mask.png: an empty mask",
    ),
    "stray file": (lambda home: (home / "train/good/notes.docx").write_text("?"), "notes.docx: not a readable kind"),
    "folder among images": (lambda home: picture(home / "train/good/more/1.png"), "good/more: a folder among images"),
    "empty image": (lambda home: replaced(home / "train/good/001.png", b""), "001.png: empty file"),
    "truncated image": (lambda home: cut_short(home / "train/good/001.png"), "001.png: truncated or damaged"),
    "not an image": (lambda home: replaced(home / "test/good/001.png", b"hello"), "001.png: not an image"),
    "dangling link": (lambda home: (home / "train/good/x.png").symlink_to("nowhere.png"), "x.png: is gone"),
    "image bomb": (
        lambda home: bomb(home / "train/good/001.png"),
        "001.png: 15000 × 15000 pixels, more than data.max_",
    ),
    "several pages": (lambda home: two_pages(home / "train/good/001.png"), "001.tif: holds more than one picture"),
    "floating point": (
        lambda home: Image.new("F", (20, 20)).save(home / "train/good/x.tif"),
        "x.tif: floating point pixels",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_gets_one_line_that_names_the_file(case: str, root: Path) -> None:
    spoil, line = BAD[case]
    spoil(root / "bottle")
    with pytest.raises(DataError) as caught:
        load(root)
    message = str(caught.value)
    assert line in message
    assert "\n" not in message
    assert ";" in message  # what is wrong; what to do


def test_a_file_without_read_permission_says_so(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = mvtec(root, "bottle")

    def refuse(path: Path, mode: str) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(DataError, match=r"000\.png: may not be read; give yourself the permission"):
        load_training(source, size=10, channels=3)


WRONG_PLACE = {
    "no root": (
        lambda root: None,
        "bottle",
        r"give data\.root=.* with data\.download=true data\.accept_licence=true$",
    ),
    "missing root": (
        lambda root: root / "nowhere",
        "bottle",
        r"nowhere is not a folder: .*accept_licence=true$",
    ),
    "missing category": (lambda root: root, "cable", r"has no category cable, it has bottle"),
    "unknown category": (lambda root: root, "bottel", r"bottel is not in MVTec AD \(carpet, .*zipper\)"),
    "root is the category": (lambda root: root / "bottle", "bottle", r"is itself a category: give the folder above"),
    "root is in the category": (lambda root: root / "bottle/test", "bottle", r"give the one with all, data\.root="),
    "root is one too high": (lambda root: root.parent, "bottle", r"lies deeper, give data\.root="),
    "licence not accepted": (lambda root: root / "new", "bottle", r"CC BY-NC-SA 4\.0"),
}


@pytest.mark.parametrize("case", WRONG_PLACE)
def test_a_wrong_place_names_the_key_to_set(case: str, root: Path) -> None:
    place, category, line = WRONG_PLACE[case]
    with pytest.raises(DataError, match=line):
        mvtec(place(root), category, download=case == "licence not accepted")


def test_pillows_own_limit_is_back_after_loading(root: Path) -> None:
    before = Image.MAX_IMAGE_PIXELS
    load_training(mvtec(root, "bottle"), size=10, channels=None)
    assert before == Image.MAX_IMAGE_PIXELS
