"""Objects that may lie in any direction are seen in tiles where data.object_tiles is null."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from omegaconf import OmegaConf

from renormal import load
from renormal.data import Augmentation, Source
from renormal.job.fingerprints import fingerprints, source_of
from renormal.job.job import run_job
from renormal.job.tiling import with_tiles
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
