"""What is taken for something, or left out, is said; black masks, links and MVTec AD's folders."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from data_sets import (
    GOOD,
    SPLIT,
    Build,
    Listed,
    black,
    listed,
    move,
    notes,
    of,
    outlines,
    photographs,
    with_crack,
)
from renormal.data import DataError, folder, mvtec

REMARKS: dict[str, tuple[Callable[[Path], None], list[str]]] = {
    "nothing to say": (of((photographs, SPLIT)), []),
    "good images only": (of((photographs, GOOD)), []),
    "good under another name": (
        of((photographs, ("train/OK/1.png", "test/MT_Free/1.png", "test/crack/1.png"))),
        ["{root}/train/OK and {root}/test/MT_Free: taken as good parts"],
    ),
    "no good test folder": (
        of((photographs, ("train/1.png", "train/2.png", "train/3.png", "test/crack/1.png", "test/part/1.png"))),
        [
            "{root}/test: tested as defects: crack, part; tested as good: 1 training image; "
            "good parts to test on belong into {root}/test/good"
        ],
    ),
    "no folder of tests": (
        of((photographs, (*(f"good/{k:02}.png" for k in range(20)), "part/1.png"))),
        [
            "{root}: tested as defects: part; tested as good: 2 training images; if one of them holds good parts, "
            "move its photographs into {root}/good to train on them; "
            "good parts to test on belong into {root}/test/good, and then the defects into {root}/test"
        ],
    ),
    "names with a word more": (
        of((photographs, (*SPLIT[:2], *(f"test/crack/{name}.png" for name in ("1", "1_depth", "2", "2_depth"))))),
        [
            "2 images are named as the image next to them with _depth ({root}/test/crack/1_depth.png): "
            "each counts as a photograph; move them elsewhere if they are none"
        ],
    ),
    "not read": (
        of(
            (photographs, (*SPLIT, "validation/good/1.png", "validation/good/2.png")),
            (black, ("ground_truth/good/1_mask.png", "test/good/1_mask.png")),
            (notes, ("readme.txt", "a/b/labels.csv", "train/good/1.json", "train/good/2.json", "LICENSE", "x.npy")),
            (notes, (".git/config", "test/good/Thumbs.db", "__MACOSX/1.png", "raw/1.webp", "raw/2.HEIC")),
        ),
        [
            "{root}: not read: 1 × .csv file (a/b/labels.csv), 1 × .heic file (raw/2.HEIC), "
            "2 × .json file (train/good/1.json), 1 × .npy file (x.npy), 1 × .txt file (readme.txt), "
            "1 × .webp file (raw/1.webp), 1 × file without a suffix (LICENSE), "
            "1 × image in ground_truth (ground_truth/good/1_mask.png), 1 × image in test (test/good/1_mask.png), "
            "2 × image in validation (validation/good/1.png)"
        ],
    ),
}


@pytest.mark.parametrize("case", REMARKS)
def test_what_is_taken_for_something_or_left_out_is_said_in_a_line(case: str, tmp_path: Path) -> None:
    build, lines = REMARKS[case]
    build(tmp_path)
    source = folder(tmp_path)
    said = [line for line in (*source.warnings, *source.remarks) if "defective images have no mask" not in line]
    assert said == [line.format(root=tmp_path) for line in lines]


def test_subfolders_that_are_called_defective_are_no_warning(tmp_path: Path) -> None:
    photographs(tmp_path, *GOOD, "defective/1.png")
    assert not folder(tmp_path).warnings
    photographs(tmp_path, "monday/1.png")
    (line,) = folder(tmp_path).warnings
    assert "tested as defects: defective, monday; " in line


def test_good_parts_that_were_tested_as_defects_are_good_once_they_lie_where_the_remark_says(tmp_path: Path) -> None:
    photographs(tmp_path, *GOOD, "part/1.png", "crack/1.png")
    outlines(tmp_path, "masks/crack/1.png")
    assert "good parts to test on belong into" in folder(tmp_path).warnings[0]
    move(tmp_path / "part", tmp_path / "test/good")
    move(tmp_path / "crack", tmp_path / "test/crack")
    source = folder(tmp_path)
    assert listed(source) == ([*GOOD], with_crack(**{"crack: test/crack/1.png": "masks/crack/1.png"}))
    assert not source.remarks + source.warnings


BOTTLE = ("bottle/train/good/1.png", "bottle/test/good/1.png", "bottle/test/broken/1.png")


def bottle(root: Path) -> Listed:
    photographs(root, *BOTTLE)
    outlines(root, "bottle/ground_truth/broken/1_mask.png")
    broken = {"broken: bottle/test/broken/1.png": "bottle/ground_truth/broken/1_mask.png"}
    return [BOTTLE[0]], broken | {f"good: {BOTTLE[1]}": None}


def test_black_masks_of_mvtecs_good_images_are_counted_and_not_used(tmp_path: Path) -> None:
    expected = bottle(tmp_path)
    black(tmp_path, "bottle/ground_truth/good/1_mask.png", "bottle/train/good/1_mask.png")
    notes(tmp_path, "bottle/license.txt")
    source = mvtec(tmp_path, "bottle")
    assert listed(source) == expected
    assert source.remarks == (
        f"{tmp_path}/bottle: not read: 1 × .txt file (license.txt), "
        "1 × image in ground_truth (ground_truth/good/1_mask.png), 1 × image in train (train/good/1_mask.png)",
    )


def test_masks_next_to_mvtecs_images_are_masks(tmp_path: Path) -> None:
    expected = bottle(tmp_path)
    move(tmp_path / "bottle/ground_truth/broken/1_mask.png", tmp_path / "bottle/test/broken/1_label.png")
    source = mvtec(tmp_path, "bottle")
    assert listed(source) == (expected[0], expected[1] | {f"broken: {BOTTLE[2]}": "bottle/test/broken/1_label.png"})


@pytest.mark.parametrize("place", ["mvtec", "data/mvtec"])
def test_mvtec_is_found_one_and_two_folders_deeper(place: str, tmp_path: Path) -> None:
    expected = bottle(tmp_path / "up" / place)
    with pytest.raises(DataError, match=f"give data.root={tmp_path}/up/{place}$"):
        mvtec(tmp_path / "up", "bottle")
    assert listed(mvtec(tmp_path / "up" / place, "bottle")) == expected


def test_mvtecs_good_folder_by_another_name_is_to_be_renamed(tmp_path: Path) -> None:
    expected = bottle(tmp_path)
    move(tmp_path / "bottle/test/good", tmp_path / "bottle/test/OK")
    with pytest.raises(DataError, match=r"test/OK: images under another name than good; move the good "):
        mvtec(tmp_path, "bottle")
    move(tmp_path / "bottle/test/OK", tmp_path / "bottle/test/good")
    assert listed(mvtec(tmp_path, "bottle")) == expected


@pytest.mark.parametrize(
    ("images", "root", "left"),
    [
        (("good/1.png", "good/2.png", "test/crack/3.png"), "good", "test"),
        (("good/1.png", "good/2.png", "crack/3.png"), "good", "crack"),
        (("train/ok/1.png", "train/ok/2.png", "test/ok/3.png", "test/ko/4.png"), "train/ok", "test"),
    ],
)
def test_the_folder_of_good_parts_alone_says_which_images_it_leaves_out(
    images: tuple[str, ...], root: str, left: str, tmp_path: Path
) -> None:
    photographs(tmp_path, *images)
    (line,) = folder(tmp_path / root).remarks
    place = f"the test images in {tmp_path / left} are not read; data.root={tmp_path} reads both"
    assert line == f"{tmp_path / root}: {place}"


@pytest.mark.parametrize("beside", [("new",), ("bad_train", "mixed"), ("crack", "parts"), ("Bauteile",)])
def test_folders_beside_the_good_parts_whose_names_say_nothing_of_a_test_are_no_test(
    beside: tuple[str, ...], tmp_path: Path
) -> None:
    photographs(tmp_path, "Gute Teile/1.png", "Gute Teile/2.png", *(f"{name}/3.png" for name in beside))
    assert folder(tmp_path / "Gute Teile").remarks == ()


def test_several_folders_of_defects_beside_the_good_parts_are_all_read_from_above(tmp_path: Path) -> None:
    photographs(tmp_path, "good/1.png", "good/2.png", "scratches/3.png", "NOK/4.png")
    (line,) = folder(tmp_path / "good").remarks
    assert line.endswith(f"are not read; data.root={tmp_path} reads all")


COUNTED: dict[str, tuple[Build, str]] = {
    "masks for all": (
        of((photographs, (*SPLIT, "test/dent/2.png")), (outlines, ("masks/crack/1.png", "masks/dent/2.png"))),
        "1 training image; test: 1 good, 2 defective with masks (crack 1, dent 1)",
    ),
    "masks for some": (
        of((photographs, (*SPLIT, "test/crack/2.png")), (outlines, ("masks/crack/1.png",))),
        "1 training image; test: 1 good, 2 defective, 1 of them without a mask (crack 2)",
    ),
    "no masks": (of((photographs, SPLIT)), "1 training image; test: 1 good, 1 defective without masks (crack 1)"),
    "no defects": (of((photographs, ("1.png", "2.png", "3.png"))), "2 training images; test: 1 good"),
    "many kinds": (
        of((photographs, ("good/1.png", *(f"test/{k}/1.png" for k in range(10))))),
        "1 training image; test: 0 good, 10 defective without masks "
        "(0 1, 1 1, 2 1, 3 1, 4 1, 5 1, 6 1, 7 1 and 2 more kinds)",
    ),
}


@pytest.mark.parametrize("case", COUNTED)
def test_images_and_masks_are_counted_in_a_line(case: str, tmp_path: Path) -> None:
    build, line = COUNTED[case]
    build(tmp_path)
    assert folder(tmp_path, name="parts").summary == f"parts: {line}"
