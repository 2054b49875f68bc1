"""A file of several pictures says below each what it is; the report reads the pictures without that bar."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from renormal.files import CAPTION
from renormal.lit.captions import MARGIN, captioned, write_png
from renormal.lit.panels import captions_of
from renormal.report.strips import cut, read_picture


def noise(height: int, width: int, *channels: int) -> Any:
    return np.random.default_rng(0).integers(0, 256, (height, width, *channels), dtype=np.uint8)


@pytest.mark.parametrize("shape", [(32, 96), (32, 96, 3), (8, 24, 3), (128, 384, 3), (512, 1536)])
def test_the_pictures_stay_as_they_are_and_each_has_text_below_it(shape: tuple[int, ...]) -> None:
    image = noise(*shape)
    whole, bar = captioned(image, ["x0", "map of f(x0)", ""])
    assert (whole[: shape[0]] == image).all()
    assert whole.shape == (shape[0] + bar, *shape[1:])
    third = shape[1] // 3
    dark = [(whole[shape[0] :, part * third : (part + 1) * third] < 100).any() for part in range(3)]
    assert dark == [True, True, False]


@pytest.mark.parametrize("side", [32, 64, 128])
def test_no_text_runs_into_the_next_picture_and_a_long_one_has_several_lines(side: int) -> None:
    short, long = (captioned(noise(side, 2 * side), [text, ""]) for text in ("x0", "a caption of many words " * 4))
    assert long[1] > 2 * short[1]
    for whole, _ in (short, long):
        assert (whole[side:, side - MARGIN :] == 255).all()


def test_every_line_is_whole_where_its_words_fit() -> None:
    """The bar is as high as its text: no letter touches its lower edge."""
    whole, bar = captioned(noise(64, 64), ["one two three four five six seven eight"])
    assert (whole[-MARGIN + 1 :] == 255).all()
    assert (whole[64 : 64 + bar // 2] < 100).any()
    assert (whole[64 + bar // 2 :] < 100).any()


def test_larger_pictures_have_larger_letters() -> None:
    assert captioned(noise(512, 512), ["x0"])[1] > 1.5 * captioned(noise(128, 128), ["x0"])[1]


def test_the_report_reads_the_pictures_alone(tmp_path: Path) -> None:
    image = noise(16, 48, 3)
    write_png(tmp_path / "a.png", image, ["one", "two", "three"])
    with Image.open(tmp_path / "a.png") as file:
        assert file.height > 16
    assert (np.asarray(read_picture(tmp_path / "a.png", "RGB")) == image).all()
    assert (np.asarray(cut(tmp_path / "a.png", ["a", "b", "c"])["b"]) == image[:, 16:32]).all()


@pytest.mark.parametrize("height", ["-1", "16", "99999999999999999999", "x", "1.5"])
def test_a_strangers_bar_of_an_impossible_height_is_named(tmp_path: Path, height: str) -> None:
    info = PngInfo()
    info.add_text(CAPTION, height)
    Image.fromarray(noise(16, 16)).save(tmp_path / "a.png", pnginfo=info)
    with pytest.raises(ValueError, match=r"a\.png: "):
        read_picture(tmp_path / "a.png", "RGB")


def test_a_panel_names_what_its_image_has() -> None:
    nothing, some, unknown = torch.zeros(2, 2), torch.eye(2), torch.full((2, 2), -1)
    last = [captions_of((0.25, 1.0), regions, has_baseline=True)[-1] for regions in (nothing, some, unknown)]
    assert last == ["no defect", "truth: the defect", "no mask"]
    assert captions_of((0.25, 1.0), some, has_baseline=True)[3:5] == ["map of f(x0), 0 to 0.25", "map of x_N, 0 to 1"]
    without = captions_of((0.25, 1.0), some, has_baseline=False)
    assert [text for text in without if "f(x0)" in text] == ["no f(x0)", "no f(x0)"]
