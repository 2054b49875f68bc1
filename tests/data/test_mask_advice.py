"""Each message about masks leads to the right data when it is obeyed to the letter."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from data_sets import (
    SPLIT,
    Advice,
    assert_advice_helps,
    move,
    notes,
    of,
    outlines,
    photographs,
    with_crack,
)


def merge(root: Path) -> None:
    truth = root / "ground_truth/crack"
    parts = [np.asarray(Image.open(path)) for path in sorted((truth / "1").iterdir())]
    for path in list((truth / "1").iterdir()):
        path.unlink()
    (truth / "1").rmdir()
    Image.fromarray(np.maximum(*parts)).save(truth / "1.png")


def both_to_crack(root: Path) -> None:
    move(root / "test/good/2.png", root / "test/crack/2.png")
    move(root / "ground_truth/good/2_mask.png", root / "ground_truth/crack/2_mask.png")


ADVICE: dict[str, Advice] = {
    # what lies on disk; the message; what it asks for; the data set that comes of it
    "a mask of a good image": (
        of(
            (photographs, (*SPLIT, "test/good/2.png")),
            (outlines, ("ground_truth/crack/1_mask.png", "ground_truth/good/2_mask.png")),
        ),
        r"good/2_mask.png: outlines a defect, but its image counts as good; move both to those of a defect",
        both_to_crack,
        (
            ["train/good/1.png"],
            {
                "good: test/good/1.png": None,
                "crack: test/crack/1.png": "ground_truth/crack/1_mask.png",
                "crack: test/crack/2.png": "ground_truth/crack/2_mask.png",
            },
        ),
    ),
    "several masks of one image": (
        of((photographs, SPLIT), (outlines, ("ground_truth/crack/1/000.png", "ground_truth/crack/1/001.png"))),
        r"crack/1: several masks of .*test/crack/1.png; merge them into .*ground_truth/crack/1.png and delete",
        merge,
        (["train/good/1.png"], with_crack(**{"crack: test/crack/1.png": "ground_truth/crack/1.png"})),
    ),
    "masks of no defect": (
        of((photographs, SPLIT), (outlines, ("ground_truth/cracks/1.png",))),
        r"cracks: masks of a defect that has no folder of images; rename it to one of crack",
        lambda root: move(root / "ground_truth/cracks", root / "ground_truth/crack"),
        (["train/good/1.png"], with_crack(**{"crack: test/crack/1.png": "ground_truth/crack/1.png"})),
    ),
    "masks under a name that says nothing": (
        of((photographs, SPLIT), (outlines, ("test/Umrisse/1.png",))),
        r"Umrisse: looks like masks, not like photographs; rename it to .*test/masks",
        lambda root: move(root / "test/Umrisse", root / "test/masks"),
        (["train/good/1.png"], with_crack(**{"crack: test/crack/1.png": "test/masks/1.png"})),
    ),
    "photographs under a name for masks": (
        of((photographs, (*SPLIT, "test/label/9.png"))),
        r"label/9.png: no mask, it has many grey values; if .*test/label holds photographs, rename that folder",
        lambda root: move(root / "test/label", root / "test/label torn"),
        (["train/good/1.png"], with_crack(**{"label torn: test/label torn/9.png": None})),
    ),
    "a flat mask that fits two": (
        of((photographs, (*SPLIT, "test/dent/1.png")), (outlines, ("masks/1.png",))),
        r"has the same name as .*; sort the masks into folders called as those of their images",
        lambda root: move(root / "masks/1.png", root / "masks/dent/1.png"),
        (["train/good/1.png"], with_crack(**{"dent: test/dent/1.png": "masks/dent/1.png"})),
    ),
    "two folders of masks": (
        of((photographs, (*SPLIT, "test/crack/2.png")), (outlines, ("masks/1.png", "GT/crack/2.png"))),
        r"masks: masks are in .*GT too; move them into one of the two",
        lambda root: move(root / "masks/1.png", root / "GT/1.png") or (root / "masks").rmdir(),
        (
            ["train/good/1.png"],
            with_crack(**{"crack: test/crack/1.png": "GT/1.png", "crack: test/crack/2.png": "GT/crack/2.png"}),
        ),
    ),
    "one mask or two photographs": (
        of((photographs, SPLIT), (outlines, ("test/crack/2.png", "test/crack/2.bmp"))),
        r"2.png: has the same name as .*2.bmp; if it is a mask add _mask to its name",
        lambda root: move(root / "test/crack/2.png", root / "test/crack/2_mask.png"),
        (["train/good/1.png"], with_crack(**{"crack: test/crack/2.bmp": "test/crack/2_mask.png"})),
    ),
    "a mask under a name that says nothing": (
        of((photographs, SPLIT), (outlines, ("test/crack/1_bin.png",))),
        r"1_bin.png: has few grey values, as a mask has; if it is one, give it the name of its image and _mask",
        lambda root: move(root / "test/crack/1_bin.png", root / "test/crack/1_mask.png"),
        (["train/good/1.png"], with_crack(**{"crack: test/crack/1.png": "test/crack/1_mask.png"})),
    ),
    "a mask under another name than its image": (
        of((photographs, SPLIT), (outlines, ("test/crack/T9.png",))),
        r"T9.png: has few grey values, .* otherwise move it elsewhere",
        lambda root: (root / "test/crack/T9.png").unlink(),
        (["train/good/1.png"], with_crack()),
    ),
    "masks in a format that is not read": (
        of((photographs, SPLIT), (notes, ("masks/crack/1.npy",))),
        r"1.npy: not a readable kind of image .*; convert it",
        lambda root: ((root / "masks/crack/1.npy").unlink(), outlines(root, "masks/crack/1.png")),
        (["train/good/1.png"], with_crack(**{"crack: test/crack/1.png": "masks/crack/1.png"})),
    ),
    "masks of a defect next to test": (
        of(
            (photographs, ("train/good/1.png", "test/good/1.png", "test/crack/1.png")), (outlines, ("gt_cracks/1.png",))
        ),
        r"gt_cracks: a folder next to .*test",
        lambda root: move(root / "gt_cracks", root / "gt_crack"),
        (["train/good/1.png"], with_crack(**{"crack: test/crack/1.png": "gt_crack/1.png"})),
    ),
    "masks of kinds within a defect": (
        of((photographs, SPLIT), (outlines, ("ground_truth/bad/crack/1.png",))),
        r"ground_truth/bad/crack: masks of crack in a folder of another name; move it to .*/ground_truth$",
        lambda root: move(root / "ground_truth/bad/crack", root / "ground_truth/crack"),
        (["train/good/1.png"], with_crack(**{"crack: test/crack/1.png": "ground_truth/crack/1.png"})),
    ),
    "a photograph called a mask": (
        of((photographs, (*SPLIT, "test/crack/1_label.png"))),
        r"1_label.png: called a mask of .*1.png, but has many grey values; rename it",
        lambda root: move(root / "test/crack/1_label.png", root / "test/crack/1 close.png"),
        (["train/good/1.png"], with_crack(**{"crack: test/crack/1 close.png": None})),
    ),
    "a mask under an unknown word": (
        of((photographs, SPLIT), (outlines, ("ground_truth/crack/1_roi.png",))),
        r"1_roi.png: a mask without an image; rename it to 1_mask.png if it outlines .*test/crack/1.png, add the image",
        lambda root: move(root / "ground_truth/crack/1_roi.png", root / "ground_truth/crack/1_mask.png"),
        (["train/good/1.png"], with_crack(**{"crack: test/crack/1.png": "ground_truth/crack/1_mask.png"})),
    ),
    "a mask without its image": (
        of((photographs, SPLIT), (outlines, ("train/good/5_mask.png",))),
        r"5_mask.png: a mask without an image; .* or delete the mask",
        lambda root: (root / "train/good/5_mask.png").unlink(),
        (["train/good/1.png"], with_crack()),
    ),
}


@pytest.mark.parametrize("case", ADVICE)
def test_who_does_what_a_message_about_masks_says_gets_the_right_data(case: str, tmp_path: Path) -> None:
    assert_advice_helps(ADVICE[case], tmp_path)
