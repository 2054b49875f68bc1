"""A data set without masks is used; one line says what is not measured, and it leads to masks that are found."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from data_sets import outlines, photographs
from renormal.data import folder

ADVICE = re.compile(r"(\d+) of (\d+) defective images have no mask: .*, (?:for (.+) in (.+)|as (.+) does for (.+))$")
LAYOUTS = {
    "split": ("train/good/1.png", "train/good/2.png", "test/good/1.png", "test/dent/1.png", "test/cut/1.png"),
    "side by side": ("good/1.png", "good/2.png", "dent/3.png", "dent/4.png", "cut/3.png"),
    "one kind": ("good/1.png", "good/2.png", "defective/3.png", "defective/4.png"),
    "another language": ("OK/1.png", "OK/2.png", "Kratzer/3.png"),
    "train and validation": ("train/1.png", "train/2.png", "test/good/1.png", "test/bad/1.png", "test/bad/2.png"),
}


def advice(root: Path) -> re.Match[str] | None:
    """The only line of its kind."""
    found = [match for line in folder(root).remarks if (match := ADVICE.fullmatch(line))]
    assert len(found) < 2
    return found[0] if found else None


@pytest.mark.parametrize("layout", LAYOUTS)
def test_who_draws_the_masks_that_the_line_asks_for_gets_all_of_them_read(layout: str, tmp_path: Path) -> None:
    photographs(tmp_path, *LAYOUTS[layout])
    defective = [item for item in folder(tmp_path).test if item.defect != "good"]
    for done in range(len(defective)):
        found = advice(tmp_path)
        assert found is not None
        assert found.groups()[:2] == (str(len(defective) - done), str(len(defective)))
        lacking = next(item for item in folder(tmp_path).test if item.defect != "good" and item.mask is None)
        mask = tmp_path / "ground_truth" / lacking.defect / f"{lacking.image.stem}_mask.png"
        if not done:
            assert found.groups()[2:4] == (str(lacking.image), str(mask))
        outlines(tmp_path, str(mask.relative_to(tmp_path)))
    assert advice(tmp_path) is None
    assert all(item.mask for item in folder(tmp_path).test if item.defect != "good")


def test_where_some_have_masks_one_of_them_is_the_example(tmp_path: Path) -> None:
    photographs(tmp_path, "good/1.png", "good/2.png", "dent/3.png", "dent/4.png")
    outlines(tmp_path, "masks/3.png")
    found = advice(tmp_path)
    assert found is not None
    assert found.groups()[4:] == (str(tmp_path / "masks/3.png"), str(tmp_path / "dent/3.png"))
    outlines(tmp_path, "masks/4.png")
    assert advice(tmp_path) is None


def test_a_data_set_without_defects_needs_no_mask(tmp_path: Path) -> None:
    photographs(tmp_path, *(f"good/{number}.png" for number in range(4)))
    assert advice(tmp_path) is None


@pytest.mark.parametrize(
    ("holdout", "measured"),
    [(2, "the image AUROC is measured, and no metric of pixels"), (0, "no metric of pixels is measured")],
)
def test_the_line_promises_an_image_auroc_only_where_good_images_are_tested(
    holdout: int, measured: str, tmp_path: Path
) -> None:
    photographs(tmp_path, "train/good/1.png", "train/good/2.png", "test/dent/1.png")
    line = next(line for line in folder(tmp_path, holdout=holdout).remarks if ADVICE.fullmatch(line))
    assert f"have no mask: {measured}; draw" in line
