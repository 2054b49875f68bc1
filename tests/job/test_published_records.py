"""Every record in results/ keeps its digests, and the command that is published for it asks for what it holds."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from benchmarks.answering import renewed as renewed_digests
from benchmarks.answering import unlike
from omegaconf import DictConfig, OmegaConf
from PIL import Image

from recipes import recipe
from renormal.data import CATEGORIES, Augmentation, Source
from renormal.job.digests import CONTENTS, same_weights
from renormal.job.fingerprints import answers, cut_short, fingerprints, source_of
from renormal.report.former_names import former, renewed
from renormal.report.record import Record, read_record
from renormal.report.typed import overrides

RESULTS = Path(__file__).parents[2] / "results"
PATHS = sorted(RESULTS.rglob("record.json"))
GIVEN = os.environ.get("RENORMAL_DATA", "")
REAL = {"mvtec": Path(GIVEN) / "mvtec_ad", "celeba": Path(GIVEN) / "celeba"}
PLACES = {"data.root": "x", "checkpoint": "null"}  # paths that a published command leaves open


@pytest.fixture(autouse=True)
def _as_on_the_machines_of_the_records(monkeypatch: pytest.MonkeyPatch) -> None:
    """All of them had bfloat16, which auto then means."""
    monkeypatch.setattr("renormal.functional.precision.has_bfloat16", lambda device: True)


@pytest.fixture(autouse=True)
def _each_choice_of_yamls_is_composed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmarks.answering.composed", recipe)


@pytest.fixture(autouse=True)
def _each_folder_is_listed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmarks.answering.source_of", listed)


@cache
def _listed(given: str) -> Source:
    return source_of(OmegaConf.create(json.loads(given)))


def listed(config: DictConfig) -> Source:
    """What source_of gives, from one listing of the folder for all configs that ask for the same images."""
    asks = {"data": config.data, "continue": config.get("continue"), "choose": {"holdout": config.choose.holdout}}
    asks["test"] = {key: config.test.get(key, 0) for key in ("holdout", "fold")}
    return _listed(json.dumps(OmegaConf.to_container(OmegaConf.create(asks), resolve=True), sort_keys=True))


def folder_of(path: Path) -> str:
    return path.parent.relative_to(RESULTS).as_posix()


def raw_config(path: Path) -> dict[str, Any]:
    config: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))["config"]
    return config


def asked(
    record: Record, root: Path, source: Callable[[DictConfig], Source] = source_of
) -> tuple[DictConfig, dict[str, str]]:
    """The config of a record with its images below `root`, and the digests that it has today."""
    config = OmegaConf.create({"scores": {}, "choose": {"holdout": 0, "settings": None}} | record.config)
    config.data.root = config.data.source.root = str(root)
    return config, fingerprints(config, source(config), record.device["precision"])


def found(record: Record, root: Path) -> dict[str, str]:
    """The digests of today. Most published records are older than the contents of files in a digest."""
    _, hashes = asked(record, root, listed)
    if "data" in record.hashes:
        return hashes | {part: held for part, held in record.hashes.items() if part == "weights"}
    return {part: hashes[part].partition(CONTENTS)[0] for part in ("training", "test")}


def own_training(kinds: set[str]) -> list[Path]:
    """Records of jobs that tested what they had trained, since digests name what they name today."""
    configs = {path: raw_config(path) for path in PATHS}
    own = [path for path, config in configs.items() if not config["checkpoint"] and "descent" in config]
    own = [path for path in own if not packed(path)]
    return [path for path in own if configs[path]["data"]["name"] in kinds]


def packed(path: Path) -> bool:
    """Whether its images came to a lent GPU in one file (benchmarks/packed.py): the same pixels in other files."""
    return read_record(path).device.get("type") == "cuda"


@pytest.mark.parametrize("path", PATHS, ids=folder_of)
def test_a_published_config_has_the_same_former_names_as_before(path: Path) -> None:
    """A record under today's names is read as it is."""
    today, raw = renewed(json.loads(path.read_text(encoding="utf-8")))["config"], raw_config(path)
    assert (today if "choose" in raw else former(today)) == raw


@pytest.mark.skipif(not GIVEN, reason="RENORMAL_DATA names no folder of real data")
@pytest.mark.parametrize("path", own_training({"mvtec", "celeba"}), ids=folder_of)
def test_a_published_record_has_the_digests_of_its_config(path: Path) -> None:
    record = read_record(path)
    assert found(record, REAL[record.config["data"]["name"]]) == record.hashes


def test_a_published_training_has_seen_what_its_config_asks_for() -> None:
    for path in PATHS:
        record = read_record(path)
        assert not cut_short(record, OmegaConf.create(record.config)), path


@pytest.mark.skipif(not GIVEN, reason="RENORMAL_DATA names no folder of real data")
def test_a_published_record_answers_its_recipe_and_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    record = next(read_record(path) for path in own_training({"mvtec"}) if "table1_cpu" in path.parts)
    config, hashes = asked(record, REAL["mvtec"])
    assert answers(record, hashes, config)
    assert not answers(replace(record, training={"images": 400.0}), hashes, config), "a training that was cut short"
    monkeypatch.setitem(CATEGORIES, record.category, ("object", Augmentation(rotate=90)))
    config, hashes = asked(record, REAL["mvtec"])
    assert not answers(record, hashes, config), "objects that are turned otherwise"


def png_bytes() -> int:
    """How small a fixed image gets: another zlib makes other files of the same drawn images."""
    file = BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 9, (64, 64), dtype=np.uint8)).save(file, "PNG")
    return len(file.getvalue())


@pytest.mark.skipif(
    png_bytes() != 2104, reason="this Pillow compresses PNG in another way: sizes of files are digested"
)
def test_a_published_record_of_drawn_images_has_the_digests_of_its_config(tmp_path: Path) -> None:
    paths = own_training({"rehearsal"})
    assert paths
    for path in paths:
        record = read_record(path)
        assert found(record, tmp_path) == record.hashes, path


def test_a_checkpoint_that_was_given_is_one_of_a_published_training() -> None:
    """The digest of the test holds the content of a file that is not published; that of the training is known."""
    records = [read_record(path) for path in PATHS]
    trained = [one for one in records if "train" in one.config["stages"]]
    tested = [one for one in records if one.config["checkpoint"]]
    assert tested
    for one in tested:
        like = [other for other in trained if (other.model, other.category) == (one.model, one.category)]
        assert any(same_weights(other.hashes["training"], one.hashes["training"]) for other in like), one.folder


@pytest.mark.skipif(not GIVEN, reason="RENORMAL_DATA names no folder of real data")
def test_auto_means_what_the_device_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    record = read_record(RESULTS / "table1_cpu" / "l2_ae" / "bottle" / "0" / "record.json")
    config, named = asked(record, REAL["mvtec"])
    for descent in config.projections.values():
        descent.precision = "auto"
    assert fingerprints(config, source_of(config), "bf16-mixed") == named
    monkeypatch.setattr("renormal.functional.precision.has_bfloat16", lambda device: False)
    assert fingerprints(config, source_of(config), "bf16-mixed")["test"] != named["test"]


def published_commands() -> dict[str, list[Path]]:
    """Records by the folder of their table, of those that hold the command that README.md and docs/results/ publish."""
    found: dict[str, list[Path]] = {}
    for path in PATHS:
        if json.loads(path.read_text(encoding="utf-8")).get("command"):
            found.setdefault(folder_of(path).split("/")[0], []).append(path)
    return found


COMMANDS = published_commands()


@pytest.mark.parametrize("folder", COMMANDS)
def test_a_published_command_asks_for_what_its_records_hold(folder: str) -> None:
    records = {}  # one for each command: categories and seeds differ in nothing else
    for record in map(read_record, COMMANDS[folder]):
        records[tuple(item for item in record.command.items() if item[0] not in ("category", "seed"))] = record
    for record in records.values():
        given = dict(record.command)
        given |= {key: value for key, value in PLACES.items() if key in given}
        job = recipe(*overrides(given), "checkpoint=null", "folder=x")
        OmegaConf.resolve(job)
        assert not unlike(record, job), record.folder


@pytest.mark.skipif(not GIVEN, reason="RENORMAL_DATA names no folder of real data")
@pytest.mark.parametrize("path", [path for path in own_training({"mvtec"}) if read_record(path).command], ids=folder_of)
def test_a_published_record_answers_its_command(path: Path) -> None:
    """`python -m benchmarks.answering` gave the first records digests of today."""
    record = read_record(path)
    assert renewed_digests(record, str(REAL["mvtec"])) is record


def test_a_record_of_other_work_is_given_no_digest_of_today() -> None:
    record = next(read_record(path) for path in own_training({"rehearsal"}))
    job = OmegaConf.merge(recipe(), OmegaConf.create(record.config))
    assert not unlike(record, job)
    job.batch_size += 1
    assert unlike(record, job) == [f".batch_size: {job.batch_size} where the record has {job.batch_size - 1}"]


def test_the_tables_of_the_readme_have_their_commands() -> None:
    assert {"table1_cpu", "curve", "table2_cpu", "trivial_cpu", "repair_cpu", "inpaint_cpu"} <= COMMANDS.keys()
