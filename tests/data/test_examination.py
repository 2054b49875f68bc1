"""What is wrong with a folder of photographs is found before the training, and nothing where all is well."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from drawn import SIDE, draw, save, spoilt
from PIL import Image

from renormal.data import DataError, Source, folder, hold_out, mvtec
from renormal.data.examination import examine, table

REAL = os.environ.get("RENORMAL_DATA")
COUNT = 24
LIGHT = 0.1  # share by which the light changes


@pytest.fixture(scope="session")
def transistors(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("drawn")
    draw(root, "transistor", COUNT + 6)
    return root


@pytest.fixture
def parts(tmp_path: Path, transistors: Path) -> Path:
    """Good parts to train on, and six other good ones to test."""
    shutil.copytree(transistors, tmp_path / "train" / "good")
    (tmp_path / "test" / "good").mkdir(parents=True)
    for path in sorted((tmp_path / "train" / "good").iterdir())[COUNT:]:
        path.rename(tmp_path / "test" / "good" / path.name)
    return tmp_path


def lines(root: Path) -> list[str]:
    return list(examine(folder(root, name="parts")).lines)


def test_good_photographs_give_no_line(parts: Path) -> None:
    found = examine(folder(parts))
    assert found.lines == found.odd == found.rows == ()
    assert len(found.typical) == 3


def in_other_light(path: Path, generator: np.random.Generator) -> None:
    """Brighter or darker, and on one side more than on the other."""
    pixels = np.asarray(Image.open(path).convert("RGB"), float)
    across = np.linspace(-1, 1, pixels.shape[1])[:, None] * generator.uniform(-LIGHT, LIGHT)
    Image.fromarray((pixels * (generator.uniform(1 - LIGHT, 1 + LIGHT) + across)).clip(0, 255).astype(np.uint8)).save(
        path
    )


def test_a_few_photographs_of_another_part_are_found_though_they_resemble_each_other(
    parts: Path, tmp_path: Path
) -> None:
    others = draw(tmp_path / "others", "cable", 3)
    for path in others:
        path.rename(parts / "train" / "good" / f"other_{path.name}")
    generator = np.random.default_rng(0)
    for path in sorted((parts / "train" / "good").iterdir()):
        in_other_light(path, generator)
    found = examine(folder(parts, holdout=0)).odd
    assert sorted(item.image.name[:6] for item, _ in found) == ["other_"] * 3


@pytest.mark.parametrize(
    ("how", "reason"),
    [
        ("blurred", "blurred: "),
        ("dark", "darker: mean "),
        ("empty", "nearly empty"),
        ("turned", "turned by 180 degrees"),
        ("noisy", "noisy, or finer: "),
        ("shifted", "shows something else, or lies elsewhere"),
    ],
)
def test_a_spoilt_photograph_is_found_with_its_reason(how: str, reason: str, parts: Path) -> None:
    path = parts / "train" / "good" / "007.png"
    save(path, spoilt(path, how))
    [(item, why)] = examine(folder(parts)).odd
    assert item.image == path
    assert why.startswith(reason)
    [line] = lines(parts)
    assert line.startswith(
        f"parts: 1 of {COUNT + 6} good photographs are unlike the others: train/good/007.png ({reason}"
    )


def test_another_part_among_the_good_ones_is_found(parts: Path) -> None:
    [other] = draw(parts / "other", "toothbrush", 1)
    other.replace(parts / "train" / "good" / "other.png")
    (parts / "other").rmdir()
    found = examine(folder(parts))
    assert [item.image.name for item, _ in found.odd] == ["other.png"]
    assert found.odd[0][1].startswith("shows something else, or lies elsewhere")
    assert table(found).splitlines()[1].startswith("train/good/other.png,unlike the others,")


def test_no_photograph_is_odd_among_five(tmp_path: Path) -> None:
    first, *_ = draw(tmp_path / "good", "transistor", 5)
    save(first, spoilt(first, "dark"))
    assert examine(folder(tmp_path)).odd == ()


@pytest.mark.parametrize("suffix", ["jpg", "png", "small.png"])
def test_a_photograph_that_was_saved_again_is_one_photograph(suffix: str, parts: Path) -> None:
    good = parts / "train" / "good"
    with Image.open(good / "003.png") as image:
        side = SIDE * 3 // 4 if "small" in suffix else SIDE
        again = image.resize((side, side), Image.Resampling.LANCZOS)
    again.save(good / f"again.{suffix}")
    expected = f"parts: the same photograph several times: train/good/003.png (training) = train/good/again.{suffix} "
    assert next(line for line in lines(parts) if "several" in line).startswith(expected)


def test_almost_the_same_photograph_in_training_and_test_is_said(parts: Path) -> None:
    with Image.open(parts / "train" / "good" / "003.png") as image:
        image.save(parts / "test" / "good" / "copy.jpg", quality=90)
    [line] = lines(parts)
    assert line == (
        "parts: almost the same photograph in two places: train/good/003.png (training) = "
        "test/good/copy.jpg (tested as good); the result becomes too good: delete one of each"
    )


@pytest.mark.parametrize("turned", [False, True])
def test_the_same_photograph_in_training_and_test_is_an_error(turned: bool, parts: Path) -> None:
    with Image.open(parts / "train" / "good" / "003.png") as image:
        copy = image.convert("RGB")
    if turned:  # stored lying on its side, with a tag that says so
        exif = Image.Exif()
        exif[0x0112] = 6
        copy.transpose(Image.Transpose.ROTATE_90).save(parts / "test" / "good" / "copy.png", exif=exif)
    else:
        copy.save(parts / "test" / "good" / "copy.png")
    with pytest.raises(DataError, match=r"003.png \(training\) = test/good/copy.png \(tested as good\); such a test"):
        examine(folder(parts))


def test_one_photograph_that_is_tested_as_good_and_as_defective_is_an_error(parts: Path) -> None:
    (parts / "test" / "dent").mkdir()
    shutil.copy(parts / "test" / "good" / f"{COUNT}.png".zfill(7), parts / "test" / "dent" / "0.png")
    with pytest.raises(DataError, match=r"\(tested as good\) = test/dent/0.png \(tested as defective\)"):
        examine(folder(parts))


def test_sizes_that_differ_are_counted_and_shapes_that_are_squashed_named(parts: Path) -> None:
    good = parts / "train" / "good"
    with Image.open(good / "003.png") as image:
        wide = image.resize((SIDE * 2, SIDE))
    wide.save(good / "003.png")
    assert any(
        line.startswith(f"parts: {COUNT + 5} photographs of 128 × 128, 1 of 256 × 128 (003.png): data.fit=squash ")
        and "data.fit=crop" in line
        for line in lines(parts)
    )


def test_photographs_that_are_all_wide_are_said_to_be_squashed(parts: Path) -> None:
    for path in [*(parts / "train" / "good").iterdir(), *(parts / "test" / "good").iterdir()]:
        with Image.open(path) as image:
            wide = image.resize((SIDE * 2, SIDE))
        wide.save(path)
    [line] = lines(parts)
    assert line.startswith("parts: photographs of 256 × 128 become square, their width shrinks 2.00 times as much")
    assert list(examine(folder(parts, fit="crop")).lines) == []


def test_a_network_that_is_trained_further_is_given_no_other_fit_or_kind(parts: Path) -> None:
    """continue= refuses data.fit and data.kind of another value."""
    generator = np.random.default_rng(0)
    good = [*(parts / "train" / "good").iterdir(), *(parts / "test" / "good").iterdir()]
    for other in ((256, 128), (128, 128)):  # all alike, then one of another shape
        for path in good:
            shape = other if path == good[0] else (256, 128)
            Image.fromarray(generator.integers(60, 200, (*shape, 3), dtype=np.uint8)).save(path)
        free, fixed = (examine(folder(parts, kind="object"), fixed=fixed).lines for fixed in (False, True))
        assert len(free) == len(fixed)
        assert any("data.fit=crop" in line for line in free)
        assert any("set data.kind=texture" in line for line in free)
        assert not any("data.fit=crop" in line or "data.kind=texture" in line for line in fixed)
        assert any("train a new one, without continue=" in line for line in fixed)


def test_two_cameras_are_two_groups(parts: Path) -> None:
    for index in range(8):
        path = parts / "train" / "good" / f"{index:03d}.png"
        save(path, np.asarray(Image.open(path).convert("RGB"), float) * 0.6)
    [line] = [line for line in lines(parts) if "brightness" in line]
    assert "the good photographs fall into two groups by brightness: 8 photographs with" in line
    assert "(000.png, …) and 16 photographs with" in line
    rows = [row for row in examine(folder(parts)).rows if row[1] == "the smaller of two groups"]
    assert [row[0] for row in rows if row[2].startswith("brightness")] == [f"train/good/{k:03d}.png" for k in range(8)]


def test_the_same_two_groups_by_several_quantities_are_one_line(parts: Path) -> None:
    """Blue and red parts were two warnings, one for each ratio of two colours."""
    for index in range(8):
        path = parts / "train" / "good" / f"{index:03d}.png"
        save(path, np.asarray(Image.open(path).convert("RGB"), float) * (0.4, 0.7, 1.0))
    [line] = [line for line in lines(parts) if "two groups" in line]
    assert "two groups by brightness and ratio of red to blue and ratio of green to red: 8 photographs with" in line
    assert line.count(" to ") - line.count("ratio of") == 6, "a range for each group and each quantity"


def test_darker_test_photographs_are_said(parts: Path) -> None:
    for path in (parts / "test" / "good").iterdir():
        save(path, np.asarray(Image.open(path).convert("RGB"), float) * 0.6)
    assert any(
        line.startswith("parts: brightness is ") and "in good tested photographs" in line for line in lines(parts)
    )


def test_a_texture_that_is_called_an_object_is_said(tmp_path: Path) -> None:
    draw(tmp_path / "good", "grid", 12)
    [line] = lines(tmp_path)
    assert line.startswith("parts: data.kind=object, but the photographs look like a texture: ")
    assert line.endswith("set data.kind=texture if that is right")


def real(name: str, category: str) -> Source:
    return hold_out(mvtec(Path(str(REAL)) / name, category), 10)


@pytest.mark.skipif(REAL is None, reason="RENORMAL_DATA names no folder with real data")
@pytest.mark.parametrize(
    ("name", "category"), [("mvtec_ad", one) for one in ("bottle", "grid", "pill")] + [("mvtec_ad_512", "bottle")]
)
def test_mvtec_gives_no_line(name: str, category: str) -> None:
    assert examine(real(name, category)).lines == ()


@pytest.mark.skipif(REAL is None, reason="RENORMAL_DATA names no folder with real data")
def test_the_blue_and_the_red_toothbrushes_are_two_groups(tmp_path: Path) -> None:
    [line] = examine(real("mvtec_ad", "toothbrush")).lines
    assert "two groups by ratio of red to blue: 20 photographs" in line
    assert "and 40 photographs" in line
