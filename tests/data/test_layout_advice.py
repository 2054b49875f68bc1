"""Each message about a layout leads to the right data when it is obeyed to the letter."""

from __future__ import annotations

from pathlib import Path
from shutil import rmtree

import pytest

from data_sets import (
    SPLIT,
    Advice,
    assert_advice_helps,
    black,
    defects_in_train,
    good_and_ok,
    good_parts_in_train,
    loose_kolektor,
    move,
    move_files,
    of,
    outlines,
    photographs,
    sorted_kolektor,
    with_crack,
)
from renormal.data import DataError, folder


def to_test(root: Path) -> None:
    """Good test images get a folder; the next message moves the defects next to it."""
    move(root / "ok", root / "test/good")
    with pytest.raises(DataError, match=r"ko: a folder next to .*test; move it into .*test if it shows a defect"):
        folder(root)
    move(root / "ko", root / "test/ko")


def sort_by_mask(root: Path) -> None:
    for name, place in (("20", "good"), ("30", "defective")):
        move(root / f"test/{name}.png", root / f"test/{place}/{name}.png")
        move(root / f"test/{name}_GT.png", root / f"test/{place}/{name}_GT.png")


ADVICE: dict[str, Advice] = {
    # what lies on disk; the message; what it asks for; the data set that comes of it
    "good images next to train, to test on": (
        good_and_ok,
        r"ok: has images although .*train/good holds the training images; .* or into .*test/good to test on them",
        to_test,
        (["train/good/1.png"], {"good: test/good/2.png": None, "ko: test/ko/3.png": None}),
    ),
    "good images next to train, to train on": (
        good_and_ok,
        r"ok: has images although .*; move them there to train on them",
        lambda root: move_files(root / "ok", root / "train/good"),
        (["train/good/1.png"], {"good: train/good/2.png": None, "ko: ko/3.png": None}),
    ),
    "defects to train on": (
        defects_in_train,
        r"train/crack: training uses good images only; move its images to .*test/crack",
        lambda root: move_files(root / "train/crack", root / "test/crack"),
        (
            ["train/good/1.png"],
            {"good: test/good/3.png": None, "crack: test/crack/2.png": None, "crack: test/crack/4.png": None},
        ),
    ),
    "good parts under a name of their own": (
        good_parts_in_train,
        r"train/monday: training uses good images only; .* or to .*train/good if they are good",
        lambda root: move_files(root / "train/monday", root / "train/good"),
        (["train/good/1.png"], {"good: test/good/3.png": None, "crack: test/crack/4.png": None}),
    ),
    "a name with a word for good": (
        of((photographs, ("train/good/1.png", "test/bottle_good/1.png", "test/crack/1.png"))),
        r"bottle_good: good parts or a defect\? rename it to good",
        lambda root: move(root / "test/bottle_good", root / "test/good"),
        (["train/good/1.png"], with_crack()),
    ),
    "two good folders to test": (
        of((photographs, ("train/good/1.png", "test/good/1.png", "test/ok/2.png", "test/crack/1.png"))),
        r"test/ok: good test images, as .*test/good has; move all into .*test/good",
        lambda root: move_files(root / "test/ok", root / "test/good"),
        (["train/good/1.png"], with_crack(**{"good: test/good/2.png": None})),
    ),
    "mixed training images": (
        sorted_kolektor,
        r"train/11_GT.png: outlines a defect, but its image counts as good; move both to those of a defect",
        lambda root: [
            move(root / f"train/{name}", root / f"test/defective/{name}") for name in ("11.png", "11_GT.png")
        ],
        (
            ["train/10.png"],
            {
                "good: test/good/20.png": None,
                "defective: test/defective/11.png": "test/defective/11_GT.png",
                "defective: test/defective/30.png": "test/defective/30_GT.png",
            },
        ),
    ),
    "mixed test images": (
        loose_kolektor,
        r"test/20.png: good or defective\? move it into .*test/good or .*test/defective, its mask with it",
        sort_by_mask,
        (
            ["train/10.png"],
            {"good: test/good/20.png": None, "defective: test/defective/30.png": "test/defective/30_GT.png"},
        ),
    ),
    "a folder next to test": (
        of((photographs, (*SPLIT, "dent/2.png"))),
        r"dent: a folder next to .*test; move it into .*test if it shows a defect, otherwise out of",
        lambda root: move(root / "dent", root / "test/dent"),
        (["train/good/1.png"], with_crack(**{"dent: test/dent/2.png": None})),
    ),
    "images a level deeper": (
        of((photographs, ("train/good/1.png", "test/good/1.png", "test/crack/Imgs/1.png"))),
        r"Imgs: a folder among images; move its images up into .*test/crack",
        lambda root: move_files(root / "test/crack/Imgs", root / "test/crack"),
        (["train/good/1.png"], with_crack()),
    ),
    "black images to train on": (
        of((photographs, SPLIT), (black, ("train/good/1b.png",))),
        r"1b.png: has few grey values, as a mask has",
        lambda root: move(root / "train/good/1b.png", root / "train/good/1_mask.png"),
        (["train/good/1.png"], with_crack()),
    ),
    "train and test within good and bad": (
        of((photographs, ("good/train/1.png", "good/test/2.png", "bad/test/3.png"))),
        r"good/test: a folder among images; move it to .*/test/good",
        lambda root: [
            move(root / "good/test", root / "test/good"),
            move(root / "good/train", root / "train/good"),
            move(root / "bad/test", root / "test/bad"),
        ],
        (["train/good/1.png"], {"good: test/good/2.png": None, "bad: test/bad/3.png": None}),
    ),
    "kinds within a defect": (
        of((photographs, (*SPLIT[:2], "test/bad/dent/1.png")), (outlines, ("ground_truth/bad/dent/1.png",))),
        r"dent: a folder among images; move its images up into .*test/bad, or the folder to .*test/dent",
        lambda root: [
            move(root / "test/bad/dent", root / "test/dent"),
            (root / "test/bad").rmdir(),
            move(root / "ground_truth/bad/dent", root / "ground_truth/dent"),
        ],
        (
            ["train/good/1.png"],
            {"good: test/good/1.png": None, "dent: test/dent/1.png": "ground_truth/dent/1.png"},
        ),
    ),
    "several kinds within a defect": (
        of((photographs, (*SPLIT[:2], "test/不良品/crack/1.png", "test/不良品/dent/2.png"))),
        r"test/不良品: sorts its images into folders; move the folders crack and dent up into .*/test$",
        lambda root: move_files(root / "test/不良品", root / "test"),
        (["train/good/1.png"], with_crack(**{"dent: test/dent/2.png": None})),
    ),
    "one part in several folders": (
        of((photographs, ("train/good/depth/1.png", "train/good/rgb/1.png", "test/good/2.png", "test/bad/3.png"))),
        r"train/good: sorts its images into folders; depth and rgb hold images of the same names: if they show the "
        r"same parts, move the images of one folder alone up into .*train/good, and the others elsewhere; else",
        lambda root: [move_files(root / "train/good/rgb", root / "train/good"), rmtree(root / "train/good/depth")],
        (["train/good/1.png"], {"good: test/good/2.png": None, "bad: test/bad/3.png": None}),
    ),
    "one defective part in several folders": (
        of((photographs, ("train/good/1.png", "test/bad/depth/3.png", "test/bad/rgb/3.png"))),
        r"test/bad: sorts its images into folders; move the folders depth and rgb up into .*/test; if they show the "
        r"same parts, the images of one folder alone up into .*test/bad, and the others elsewhere$",
        lambda root: [move_files(root / "test/bad/rgb", root / "test/bad"), rmtree(root / "test/bad/depth")],
        (["train/good/1.png"], {"bad: test/bad/3.png": None}),
    ),
    "defective by the names of files": (
        of((photographs, ("OK_1.png", "OK_2.png", "NOK_3.png", "not_ok_4.png"))),
        r"NOK_3.png: defective by its name, among 2 images that are not; move such images into .*/defective",
        lambda root: [move(root / name, root / "defective" / name) for name in ("NOK_3.png", "not_ok_4.png")],
        (
            ["OK_1.png"],
            {
                "good: OK_2.png": None,
                "defective: defective/NOK_3.png": None,
                "defective: defective/not_ok_4.png": None,
            },
        ),
    ),
    "without a defect, or with one": (
        of((photographs, (*SPLIT, "test/label_free/2.png"))),
        r"label_free: good parts or a defect\? rename it to good, or to a name without a word for good",
        lambda root: move(root / "test/label_free", root / "test/no_label"),
        (["train/good/1.png"], with_crack(**{"no_label: test/no_label/2.png": None})),
    ),
    "both words in one name": (
        of((photographs, ("train/good/1.png", "test_good/1.png"))),
        r"test_good: good parts or a defect\? if they are good, move it to .*/test/good",
        lambda root: move(root / "test_good", root / "test/good"),
        (["train/good/1.png"], {"good: test/good/1.png": None}),
    ),
    "two folders to train on": (
        of((photographs, (*SPLIT, "training/2.png"))),
        r"training: train has the same meaning; move all into one of the two",
        lambda root: move_files(root / "training", root / "train/good"),
        (["train/good/1.png", "train/good/2.png"], with_crack()),
    ),
}


@pytest.mark.parametrize("case", ADVICE)
def test_who_does_what_a_message_says_gets_the_right_data(case: str, tmp_path: Path) -> None:
    assert_advice_helps(ADVICE[case], tmp_path)
