"""A folder that is used for another config: the former record and weights stay, and the former command finds them."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import renormal.job.other_config as other_config
from renormal.inspect.load import load
from renormal.job.job import run_job
from renormal.lit.module import AutoencoderModule
from renormal.report.record import read_record, read_records

CHEAP = "data.epoch_images=4"


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """One entry for each batch of training."""
    found: list[int] = []
    begin = AutoencoderModule.on_train_batch_start
    monkeypatch.setattr(
        AutoencoderModule, "on_train_batch_start", lambda *given: (found.append(given[2]), begin(*given))[1]
    )
    return found


def weights_in(path: Path) -> dict[str, torch.Tensor]:
    found: dict[str, torch.Tensor] = torch.load(path, weights_only=True)["state_dict"]
    return found


def test_the_former_record_and_weights_stay_and_the_line_names_the_record(
    tiny: Any, caplog: pytest.LogCaptureFixture
) -> None:
    run_job(tiny())
    folder = Path(tiny().folder)
    text, weights = (folder / "record.json").read_bytes(), weights_in(folder / "checkpoints" / "last.ckpt")
    run_job(tiny(CHEAP))
    (kept,) = folder.glob("other-*.json")
    assert kept.read_bytes() == text
    (aside,) = (folder / "checkpoints").glob("other-*.ckpt")
    assert f"kept as {kept.name} and checkpoints/{aside.name}; name=... keeps both in use" in caplog.text
    assert all(torch.equal(value, weights[name]) for name, value in weights_in(aside).items())
    (found,), problems = read_records(folder)
    assert found.config["data"]["epoch_images"] == 4, "no report reads the former one"
    assert not problems


def test_the_former_command_takes_its_weights_back(
    tiny: Any, steps: list[int], caplog: pytest.LogCaptureFixture
) -> None:
    """Again and again: nothing piles up, and the test gives the same numbers."""
    caplog.set_level(logging.INFO, "renormal")
    folder = Path(tiny().folder)
    configs, firsts = (tiny(), tiny(CHEAP)), []
    for config in configs:
        run_job(config)
        firsts.append(read_record(folder / "record.json"))
    assert firsts[0].hashes["weights"] != firsts[1].hashes["weights"]
    steps.clear()
    for config, first in zip(configs * 2, firsts * 2, strict=True):
        run_job(config)
        again = read_record(folder / "record.json")
        assert (again.metrics, again.hashes, again.training) == (first.metrics, first.hashes, first.training)
    assert not steps, "nothing was trained"
    assert caplog.text.count("taken back") == 4
    assert caplog.text.count("training starts from the beginning") == 1
    assert len([*folder.glob("other-*.json")]) == 2
    assert len([*(folder / "checkpoints").glob("*.ckpt")]) == 2


def test_a_photograph_more_replaces_the_network_and_that_is_said_before_the_training(
    tiny: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    said: list[bool] = []
    begin = AutoencoderModule.on_train_batch_start
    monkeypatch.setattr(
        AutoencoderModule,
        "on_train_batch_start",
        lambda *given: (said.append("replaces the network" in caplog.text), begin(*given))[1],
    )
    for photographs in (6, 7):
        write_images(tmp_path / "parts", photographs)
        run_job(tiny("data=folder", f"data.root={tmp_path / 'parts'}"))
    assert set(said[: len(said) // 2]) == {False}
    assert set(said[len(said) // 2 :]) == {True}


def write_images(folder: Path, count: int) -> None:
    folder.mkdir(exist_ok=True)
    for number in range(count):
        noise = np.random.default_rng(number).integers(0, 256, (32, 32, 3), dtype=np.uint8)
        Image.fromarray(noise).save(folder / f"{number}.png")


def test_the_former_command_takes_its_weights_back_from_a_training_that_did_not_end(
    tiny: Any, steps: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The record was not replaced, so the job is done: nothing is trained or tested."""
    run_job(tiny())
    folder = Path(tiny().folder)
    trained_on = (folder / "trained_on.sha256").read_text()
    other = tiny(CHEAP, "test.holdout=3")
    with monkeypatch.context() as patch:
        patch.setattr("renormal.job.job.write_samples", ended)
        with pytest.raises(KeyboardInterrupt):
            run_job(other)
    assert (folder / "trained_on.sha256").read_text() != trained_on
    with pytest.raises(ValueError, match="was trained with another config"):
        load(folder)
    steps.clear()
    run_job(tiny())
    assert load(folder).record.config["data"]["epoch_images"] != 4
    assert (folder / "trained_on.sha256").read_text() == trained_on
    run_job(other)
    assert not steps, "nor is the other training lost"


def ended(*_: object) -> None:
    raise KeyboardInterrupt


def test_rerun_keeps_the_work_of_another_config_and_replaces_its_own(
    tiny: Any, steps: list[int], caplog: pytest.LogCaptureFixture
) -> None:
    run_job(tiny())
    folder = Path(tiny().folder)
    text = (folder / "record.json").read_bytes()
    run_job(tiny("rerun=true"))
    assert not [*folder.rglob("other-*")]
    text = (folder / "record.json").read_bytes()
    run_job(tiny(CHEAP, "rerun=true"))
    (kept,) = folder.glob("other-*.json")
    assert kept.read_bytes() == text
    assert f"held the record of another config: kept as {kept.name}" in caplog.text
    steps.clear()
    run_job(tiny())
    assert not steps


def test_a_damaged_record_is_kept_too(tiny: Any) -> None:
    """It may be whole, and of a newer version."""
    folder = Path(tiny().folder)
    folder.mkdir()
    (folder / "record.json").write_text('{"schema": 2, "of": "tomorrow"}')
    run_job(tiny())
    (kept,) = folder.glob("other-*.json")
    assert kept.read_text() == '{"schema": 2, "of": "tomorrow"}'
    assert read_record(folder / "record.json").metrics


def test_a_record_that_cannot_be_written_leaves_the_former_one(tiny: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    run_job(tiny())
    folder = Path(tiny().folder)
    text = (folder / "record.json").read_bytes()

    def full(*_: object) -> None:
        raise OSError("No space left on device")

    monkeypatch.setattr(other_config, "write_record", full)
    with pytest.raises(OSError, match="No space"):
        run_job(tiny(CHEAP))
    assert (folder / "record.json").read_bytes() == text
    assert not [*folder.glob("other-*.json")]


def test_a_checkpoint_that_was_kept_before_is_not_replaced(tmp_path: Path) -> None:
    """The name has a part of the digest alone: the same recipe with other images has it, too."""
    paths = []
    for text in ("one", "two", "three"):
        (tmp_path / "last.ckpt").write_text(text)
        paths.append(other_config.put_aside(tmp_path / "last.ckpt", "0123456789"))
    assert [path.name for path in paths] == ["other-01234567.ckpt", "other-01234567-2.ckpt", "other-01234567-3.ckpt"]
    assert [path.read_text() for path in paths] == ["one", "two", "three"]


def test_a_damaged_checkpoint_that_was_kept_is_not_taken_back(tiny: Any, steps: list[int]) -> None:
    run_job(tiny())
    run_job(tiny(CHEAP))
    (aside,) = (Path(tiny().folder) / "checkpoints").glob("other-*.ckpt")
    aside.write_bytes(aside.read_bytes()[:1000])
    steps.clear()
    run_job(tiny())
    assert steps
