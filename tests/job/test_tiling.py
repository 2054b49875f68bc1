"""Objects that may lie in any direction are seen in tiles where data.object_tiles is null."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from omegaconf import OmegaConf
from PIL import Image, ImageDraw

from renormal import load
from renormal.data import Augmentation, Source
from renormal.job import tiling
from renormal.job.fingerprints import fingerprints, source_of
from renormal.job.job import run_job
from renormal.job.tiling import with_directions, with_tiles
from renormal.report.record import read_record

NULL = "data.object_tiles=null"


@pytest.fixture
def source(tiny: Any) -> Source:
    return source_of(tiny("category=screw"))


@pytest.mark.parametrize(
    ("kind", "rotate", "typed", "seen"),
    [
        ("object", 180.0, [NULL], (True, 64)),
        ("object", 90.0, [NULL], (True, 64)),
        ("object", 89.0, [NULL], (False, 32)),
        ("object", 0.0, [NULL], (False, 32)),
        ("texture", 180.0, [NULL], (False, 32)),
        ("object", 180.0, [NULL, "data.object_size=48"], (True, 48)),
        ("object", 180.0, [NULL, "data.object_size=null"], (True, None)),
        ("object", 180.0, [NULL, "data.texture_size=null"], (True, None)),
        ("object", 180.0, ["data.object_tiles=false"], (False, 32)),
        ("object", 0.0, ["data.object_tiles=true"], (True, 32)),
    ],
)
def test_the_kind_and_the_turn_decide(
    tiny: Any, source: Source, kind: Any, rotate: float, typed: list[str], seen: tuple[bool, int | None]
) -> None:
    config = tiny("category=screw", *typed)
    before = OmegaConf.to_container(config)
    found, lines = with_tiles(config, replace(source, kind=kind, augmentation=Augmentation(rotate=rotate)))
    assert (found.data.object_tiles, found.data.object_size) == seen
    assert OmegaConf.to_container(config) == before
    assert OmegaConf.is_readonly(found) == OmegaConf.is_readonly(config)
    assert len(lines) == (NULL in typed and seen[0])
    assert all(line.startswith(f"screw: a good part may lie in any direction (rotate={rotate:g})") for line in lines)


@pytest.mark.parametrize(("category", "whole"), [("bottle", True), ("grid", True), ("screw", False)])
def test_null_has_the_digests_of_what_it_means(tiny: Any, category: str, whole: bool) -> None:
    null, false = (tiny(f"category={category}", typed) for typed in (NULL, "data.object_tiles=false"))
    source = source_of(null)
    digests = [fingerprints(with_tiles(config, source)[0], source, "32-true") for config in (null, false)]
    assert (digests[0] == digests[1]) is whole


def test_a_job_says_so_and_its_record_and_network_know_it(tiny: Any, caplog: pytest.LogCaptureFixture) -> None:
    config = tiny("category=screw", NULL, "projection=[eq8]", "test.average=pixels")
    with caplog.at_level("INFO", "renormal"):
        run_job(config)
    assert [
        line for line in caplog.messages if "data.object_tiles=false shows it to the network as a whole, at 32" in line
    ]
    folder = Path(config.folder)
    record = read_record(folder / "record.json")
    assert record.data["size"] == record.config["data"]["object_size"] == 64
    assert record.config["data"]["object_tiles"] is True
    assert load(folder).size == 32
    caplog.clear()
    with caplog.at_level("INFO", "renormal"):
        run_job(config)
    assert any("already" in line or "done" in line for line in caplog.messages), caplog.messages


def photographs(root: Path, *, turned: bool) -> Path:
    """A folder of twelve good parts, which lie alike or in all directions, and a defective one."""
    generator = np.random.default_rng(0)
    for place in [f"good/{number}" for number in range(12)] + ["defective/0"]:
        picture = Image.new("L", (96, 96), 30)
        draw = ImageDraw.Draw(picture)
        draw.rectangle((25, 42, 75, 54), fill=220)
        draw.rectangle((60, 28, 75, 68), fill=140)
        angle = generator.uniform(0, 360) if turned else generator.uniform(-4, 4)
        path = root / f"{place}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        picture.rotate(angle, Image.Resampling.BILINEAR, fillcolor=30).save(path)
    return root


def folder_of(tiny: Any, root: Path, *typed: str) -> Any:
    return tiny("data=folder", f"data.root={root}", "data.category=parts", "projection=[eq8]", *typed)


@pytest.mark.parametrize("turned", [True, False])
def test_the_photographs_of_a_folder_show_whether_parts_turn(tiny: Any, tmp_path: Path, turned: bool) -> None:
    config = folder_of(tiny, photographs(tmp_path / "parts", turned=turned), NULL)
    before = OmegaConf.to_container(config)
    source = source_of(config)
    found, seen, lines = with_directions(config, source)
    assert OmegaConf.to_container(config) == before
    assert found.data.object_tiles is turned
    assert found.data.augmentation.rotate == found.data.source.augmentation.rotate == (180 if turned else 0)
    assert seen.augmentation == Augmentation(rotate=180 if turned else 0)
    assert len(lines) == (2 if turned else 0)
    if turned:
        assert lines[0].startswith("parts: the good parts lie in many directions: ")
        typed = folder_of(tiny, tmp_path / "parts", NULL, "data.augmentation.rotate=180")
        digests = [fingerprints(found, seen, "32-true")]
        digests += [fingerprints(with_tiles(typed, source_of(typed))[0], source_of(typed), "32-true")]
        assert digests[0] == digests[1], "what is found is what might have been typed"


@pytest.mark.parametrize(
    "typed", [[], ["data.object_tiles=false"], ["data.object_tiles=true"], [NULL, "data.augmentation.rotate=15"]]
)
def test_what_is_typed_decides_and_nothing_is_read(
    tiny: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, typed: list[str]
) -> None:
    monkeypatch.setattr(tiling, "look_at", lambda source: pytest.fail("photographs were read"))
    config = folder_of(tiny, photographs(tmp_path / "parts", turned=True), *typed)
    source = source_of(config)
    found, seen, lines = with_directions(config, source)
    assert found.data.augmentation.rotate == config.data.augmentation.rotate
    assert seen is source
    assert lines == ()


def test_a_texture_that_is_called_an_object_is_asked_about(tiny: Any, tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    for number in range(8):
        path = tmp_path / "parts" / "good" / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(generator.integers(60, 200, (96, 96), dtype=np.uint8)).save(path)
    for typed, asked in ((NULL, True), (f"{NULL} data.examine=true", False), (f"{NULL} data.kind=texture", False)):
        config = folder_of(tiny, tmp_path / "parts", *typed.split())
        found, _, lines = with_directions(config, source_of(config))
        assert found.data.object_tiles is False
        assert [line.endswith("set data.kind=texture if that is right") for line in lines] == [True] * asked


def test_a_network_of_turned_parts_that_is_trained_further_sees_them_turned(tiny: Any, tmp_path: Path) -> None:
    config = folder_of(
        tiny, photographs(tmp_path / "parts", turned=True), "data.object_tiles=true", "continue=outputs/x"
    )
    source = source_of(folder_of(tiny, tmp_path / "parts"))
    found, _, lines = with_directions(config, source)
    assert found.data.augmentation.rotate == 180
    assert lines[0].endswith("; data.augmentation.rotate=1 if a turned part is a defect"), (
        "object_tiles is the network's"
    )
    typed = ["data.object_tiles=true", "continue=outputs/x", "data.augmentation.rotate=1"]
    config = folder_of(tiny, tmp_path / "parts", *typed)
    found, _, lines = with_directions(config, source_of(config))
    assert (found.data.augmentation.rotate, lines) == (1, ())


def test_photographs_are_read_once_until_one_changes(
    tiny: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = []
    monkeypatch.setattr("renormal.data.turns.some_thumbnails", lambda items, **_: read.append(len(items)) or [])
    config = folder_of(tiny, photographs(tmp_path / "parts", turned=True), NULL)
    source = source_of(config)
    for _ in range(2):
        with_directions(config, source)
    assert read == [len(source.train)]
    Image.new("L", (96, 96)).save(source.train[0].image)
    with_directions(config, source)
    assert len(read) == 2


def test_a_job_of_turned_photographs_says_so_and_its_record_answers_the_same_command(
    tiny: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    config = folder_of(tiny, photographs(tmp_path / "parts", turned=True), NULL, "test.average=pixels")
    with caplog.at_level("INFO", "renormal"):
        run_job(config)
    assert [line for line in caplog.messages if "so training turns them (data.augmentation.rotate=180)" in line]
    record = read_record(Path(config.folder) / "record.json")
    assert record.config["data"]["augmentation"]["rotate"] == 180
    written = (Path(config.folder) / "record.json").stat().st_mtime_ns
    run_job(config)
    assert (Path(config.folder) / "record.json").stat().st_mtime_ns == written, "done already"
