"""A budget with two numbers: of processors with bfloat16, and of others. A record of either answers on both."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hydra import compose, initialize_config_dir
from omegaconf import DictConfig, OmegaConf

from renormal.job import budget
from renormal.job.environment import precision_of
from renormal.job.fingerprints import fingerprints, has_record, source_of
from renormal.job.planned import change_since, plan_of
from renormal.report.record import Record, write_record
from renormal.run import CONF

On = Callable[[bool], None]
TWO = ["+budget.l2_ae={bfloat16:4,float32:2}", "trainer.max_epochs='${epochs_here:${budget.l2_ae}}'"]
AUTO = ["trainer.precision=auto", "descent.precision=auto"]


@pytest.fixture
def on(monkeypatch: pytest.MonkeyPatch) -> On:
    """Makes the processor one with bfloat16, or one without."""

    def set_native(native: bool) -> None:
        monkeypatch.setattr(budget, "native_bfloat16", lambda: native)
        monkeypatch.setattr(budget, "has_gpu", lambda: False)
        monkeypatch.setattr("renormal.functional.precision.native_bfloat16", lambda: native)
        monkeypatch.setattr("renormal.job.environment.has_bfloat16", lambda device: native)
        monkeypatch.setattr("renormal.functional.precision.has_bfloat16", lambda device: native)

    return set_native


def hashes(config: DictConfig) -> dict[str, str]:
    return fingerprints(config, source_of(config), precision_of(config))


def write_trained(folder: Path, config: DictConfig, images: int | None = None) -> None:
    """The record of a job that saw so many images; None: all that its config asks for."""
    seen = {"images": config.trainer.max_epochs * config.data.epoch_images if images is None else images}
    content: Any = OmegaConf.to_container(config)
    job = {"name": "s", "model": "l2_ae", "category": "bottle", "kind": "object", "seed": config.seed, "metrics": {}}
    write_record(folder, Record(**job, training=seen, config=content, hashes=hashes(config)))


@pytest.mark.parametrize(("native", "gpu", "epochs"), [(True, False, 64), (False, False, 32), (False, True, 64)])
def test_an_hour_has_half_the_images_without_bfloat16_and_without_a_gpu(
    monkeypatch: pytest.MonkeyPatch, native: bool, gpu: bool, epochs: int
) -> None:
    monkeypatch.setattr(budget, "native_bfloat16", lambda: native)
    monkeypatch.setattr(budget, "has_gpu", lambda: gpu)
    with initialize_config_dir(str(CONF), version_base="1.3"):
        for model in ("l2_ae", "dsae", "vae", "vae_unit", "gamma_vae"):
            assert compose("config", ["experiment=table1_hour", f"model={model}"]).trainer.max_epochs == epochs


@pytest.mark.parametrize("native", [True, False])
@pytest.mark.parametrize("given", [[], AUTO])
def test_a_record_of_one_kind_of_processor_answers_on_the_other(
    tiny: Any, tmp_path: Path, on: On, native: bool, given: list[str]
) -> None:
    on(native)
    write_trained(tmp_path, tiny(*TWO, *given))
    on(not native)
    config = tiny(*TWO, *given)
    assert config.trainer.max_epochs == (2 if native else 4)
    assert has_record(config, tmp_path, hashes(config))
    for other in ("seed=3", "budget.l2_ae={bfloat16:5,float32:3}", "trainer.max_epochs=3", "rerun=true"):
        changed = tiny(*TWO, *given, other)
        assert not has_record(changed, tmp_path, hashes(changed)), other


def test_half_of_the_larger_budget_is_no_record_of_either(tiny: Any, tmp_path: Path, on: On) -> None:
    on(True)
    config = tiny(*TWO)
    write_trained(tmp_path, config, images=config.trainer.max_epochs * config.data.epoch_images // 2)
    assert not has_record(config, tmp_path, hashes(config))
    on(False)
    assert not has_record(tiny(*TWO), tmp_path, hashes(tiny(*TWO)))


def test_a_number_given_by_hand_is_the_budget_on_every_processor(tiny: Any, on: On) -> None:
    for native in (True, False):
        on(native)
        assert tiny(*TWO, "budget.l2_ae=3").trainer.max_epochs == 3


def test_a_job_may_start_on_another_kind_of_processor_than_its_sweep(tiny: Any, on: On) -> None:
    on(False)
    planned = plan_of(tiny(*TWO), source_of(tiny(*TWO)))
    on(True)
    assert change_since(planned, tiny(*TWO), source_of(tiny(*TWO))) is None
    line = str(change_since(planned, tiny(*TWO, "budget.l2_ae={bfloat16:5,float32:2}"), source_of(tiny(*TWO))))
    assert "trainer.max_epochs.bfloat16 was 4 and is 5" in line
