"""The drawn data set: its layout, its exact masks, and what its seed decides."""

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from renormal.data.rehearsal import CATEGORIES, render_pair, write_category
from renormal.data.rehearsal.categories import TABLE

SMALL = {"train": 2, "good": 1, "defective": 1, "texture_size": 64, "object_size": 64}
DEFECTS = [(category, defect) for category in CATEGORIES for defect in TABLE[category].defects]
GREY = {"grid", "screw", "zipper"}
TEXTURES = {"carpet", "grid", "leather", "tile", "wood"}


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def read(path: Path) -> NDArray[np.uint8]:
    with Image.open(path) as image:
        return np.asarray(image)


def test_the_categories_are_those_of_mvtec() -> None:
    assert len(CATEGORIES) == 15
    assert {name for name in CATEGORIES if TABLE[name].kind == "texture"} == TEXTURES
    assert {name for name in CATEGORIES if TABLE[name].grey} == GREY


@pytest.mark.parametrize("category", CATEGORIES)
def test_a_category_has_the_layout_sizes_and_modes_of_mvtec(tmp_path: Path, category: str) -> None:
    folder = write_category(tmp_path, category, **SMALL | {"object_size": 48})
    defects = set(TABLE[category].defects)
    expected = {"rehearsal.json", "train/good/000.png", "train/good/001.png", "test/good/000.png"}
    expected |= {f"test/{defect}/000.png" for defect in defects}
    expected |= {f"ground_truth/{defect}/000_mask.png" for defect in defects}
    assert set(contents(folder)) == expected
    assert len(defects) >= 3
    size = 64 if category in TEXTURES else 48
    for path in folder.rglob("*.png"):
        with Image.open(path) as image:
            assert image.size == (size, size)
            assert image.mode == ("L" if category in GREY or "ground_truth" in path.parts else "RGB")


def test_the_mask_on_disk_is_that_of_the_pair_as_0_and_255(tmp_path: Path) -> None:
    folder = write_category(tmp_path, "hazelnut", seed=3, **SMALL)
    pair = render_pair("hazelnut", seed=3, split="test", defect="crack", index=0, size=64)
    assert np.array_equal(read(folder / "test/crack/000.png"), pair.image)
    assert np.array_equal(read(folder / "ground_truth/crack/000_mask.png"), np.where(pair.mask, 255, 0))


@pytest.mark.parametrize(("category", "defect"), DEFECTS)
def test_a_pixel_is_in_the_mask_exactly_where_the_defect_changed_it(category: str, defect: str) -> None:
    pair = render_pair(category, seed=0, split="test", defect=defect, index=0, size=96)
    changed = np.abs(pair.image.astype(int) - pair.clean).max(-1)
    assert np.array_equal(pair.mask, changed > 0)
    assert changed[pair.mask].min() >= 4
    assert 0.001 <= pair.mask.mean() <= 0.75


@pytest.mark.parametrize("category", CATEGORIES)
def test_good_images_differ_and_have_no_defect(category: str) -> None:
    one, two = (render_pair(category, seed=0, split="train", defect="good", index=i, size=64) for i in range(2))
    assert not one.mask.any()
    assert np.array_equal(one.image, one.clean)
    assert not np.array_equal(one.image, two.image)


def test_the_seed_decides_every_byte(tmp_path: Path) -> None:
    roots = {"first": 1, "again": 1, "other": 2}
    first, again, other = (
        write_category(tmp_path / root, "zipper", seed=seed, **SMALL) for root, seed in roots.items()
    )
    assert contents(first) == contents(again)
    assert all(contents(first)[name] != data for name, data in contents(other).items())


def test_an_image_does_not_depend_on_how_many_are_written(tmp_path: Path) -> None:
    few = contents(write_category(tmp_path / "few", "metal_nut", **SMALL))
    many = contents(write_category(tmp_path / "many", "metal_nut", **SMALL | {"train": 3, "good": 2, "defective": 2}))
    assert len(many) > len(few)
    assert all(many[name] == data for name, data in few.items() if name != "rehearsal.json")


def test_a_complete_folder_is_not_written_again(tmp_path: Path) -> None:
    folder = write_category(tmp_path, "tile", **SMALL)
    (folder / "train/good/000.png").write_bytes(b"mine")
    before = contents(folder)
    assert write_category(tmp_path, "tile", **SMALL | {"object_size": 999}) == folder  # tile is no object
    assert contents(folder) == before


@pytest.mark.parametrize("change", [{"seed": 1}, {"train": 3}, {"defective": 2}, {"texture_size": 32}])
def test_a_folder_with_other_parameters_is_refused_in_one_line(tmp_path: Path, change: dict[str, int]) -> None:
    folder = write_category(tmp_path, "grid", **SMALL)
    with pytest.raises(ValueError, match="delete it or choose another root") as error:
        write_category(tmp_path, "grid", **SMALL | change)
    assert str(folder) in str(error.value)
    assert "\n" not in str(error.value)


def test_a_folder_of_another_version_is_refused(tmp_path: Path) -> None:
    record = write_category(tmp_path, "grid", **SMALL) / "rehearsal.json"
    record.write_text(json.dumps(json.loads(record.read_text()) | {"version": 0}))
    with pytest.raises(ValueError, match="version=0"):
        write_category(tmp_path, "grid", **SMALL)


def test_a_folder_that_was_not_drawn_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "bottle/train/good").mkdir(parents=True)
    with pytest.raises(ValueError, match="was not drawn"):
        write_category(tmp_path, "bottle", **SMALL)
    assert contents(tmp_path) == {}


def test_a_misspelt_category_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="hazelnuts"):
        write_category(tmp_path / "root", "hazelnuts", **SMALL)
    assert not (tmp_path / "root").exists()


def test_writers_that_start_at_once_all_end_with_the_complete_folder(tmp_path: Path) -> None:
    alone = contents(write_category(tmp_path / "alone", "screw", **SMALL))
    with ThreadPoolExecutor(4) as pool:
        jobs = [pool.submit(write_category, tmp_path / "shared", "screw", **SMALL) for _ in range(4)]
        assert {job.result() for job in jobs} == {tmp_path / "shared/screw"}
    assert contents(tmp_path / "shared/screw") == alone
    assert [path.name for path in (tmp_path / "shared").iterdir()] == ["screw"]


def test_a_process_that_is_overtaken_keeps_the_folder_of_the_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def overtaken(draft: Path, target: Path) -> Path:
        monkeypatch.undo()
        write_category(tmp_path, "screw", **SMALL)
        return draft.rename(target)

    monkeypatch.setattr(Path, "rename", overtaken)
    folder = write_category(tmp_path, "screw", **SMALL)
    assert (folder / "rehearsal.json").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["screw"]


def test_an_interrupted_writing_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(draft: Path, target: Path) -> Path:
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "rename", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_category(tmp_path, "screw", **SMALL)
    assert list(tmp_path.iterdir()) == []
