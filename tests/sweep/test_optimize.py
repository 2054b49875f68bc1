"""Optuna over the recipe: trials are jobs, and what they return decides; what cannot be optimized is refused first."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest
from hydra import initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf import OmegaConf

from preloaded import python
from renormal.report.record import read_record
from renormal.run import CONF
from renormal.sweep.optimize import check_optimizer, distribution
from renormal.sweep.overrides import parsed_overrides
from small import SWEPT
from waiting import HANGING

LR = "model.optimizer.lr=tag(log,interval(1e-4,1e-2))"
SAMPLER = "hydra.sweeper.sampler"
OPTUNA = ["hydra/sweeper=optuna", "hydra.sweeper.n_trials=3", "trainer.max_epochs=1", "projection=[]"]


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [python(), "-m", "renormal.run", *SWEPT, *OPTUNA, *arguments]
    return subprocess.run(command, capture_output=True, text=True, cwd=folder, check=False, timeout=HANGING)


def records(folder: Path) -> list[Any]:
    return [read_record(folder / f"outputs/s/{trial}/l2_ae/bottle/0/record.json") for trial in range(3)]


@pytest.mark.parametrize("launcher", [[], ["hydra/launcher=local", "hydra.sweeper.n_jobs=2"]])
def test_the_trial_with_the_least_loss_on_held_out_images_is_named(tmp_path: Path, launcher: list[str]) -> None:
    """And the same command again makes the same trials, whose records are there."""
    end = run(tmp_path, LR, "choose.holdout=3", *launcher)
    assert end.returncode == 0, end.stderr
    losses = [record.training["held_out_loss"] for record in records(tmp_path)]
    rates = [record.config["model"]["optimizer"]["lr"] for record in records(tmp_path)]
    assert len(set(rates)) == 3
    result = OmegaConf.load(tmp_path / "outputs/s/optimization_results.yaml")
    assert result.best_value == min(losses)
    assert result.best_params["model.optimizer.lr"] == rates[losses.index(min(losses))]
    assert "best of 3 trials" in end.stdout
    again = run(tmp_path, LR, "choose.holdout=3", *launcher)
    assert again.returncode == 0, again.stderr
    assert "already ha" in again.stdout
    assert OmegaConf.load(tmp_path / "outputs/s/optimization_results.yaml") == result


def test_a_labelled_metric_is_maximized_where_it_is_named(tmp_path: Path) -> None:
    end = run(tmp_path, "model.net.latent=choice(10,20)", "objective=pixel_auroc")
    assert end.returncode == 0, end.stderr
    best = OmegaConf.load(tmp_path / "outputs/s/optimization_results.yaml").best_value
    assert best == max(record.metrics["baseline/pixel_auroc"] for record in records(tmp_path))


def composed(*overrides: str) -> Any:
    return GlobalHydra.instance().config_loader().load_configuration("config", list(overrides), RunMode.MULTIRUN)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("int(interval(1,8))", "IntDistribution(high=8, log=False, low=1, step=1)"),
        ("tag(log,interval(1e-4,1))", "FloatDistribution(high=1.0, log=True, low=0.0001, step=None)"),
        ("a,b", "CategoricalDistribution(choices=('a', 'b'))"),
        ("range(1,4)", "CategoricalDistribution(choices=('1', '2', '3'))"),
        ("'a, b',[c,d]", "CategoricalDistribution(choices=(\"'a, b'\", '[c,d]'))"),
    ],
)
def test_values_of_hydra_are_distributions_of_optuna(value: str, expected: str) -> None:
    with initialize_config_dir(str(CONF), version_base="1.3"):
        (override,) = parsed_overrides(composed("hydra/sweeper=optuna", f"name={value}"))
    assert str(distribution(override)) == expected


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ([LR], "an optimizer needs a number: add choose.holdout=10"),
        (["choose.holdout=3"], "hydra/sweeper=optuna has no value to choose"),
        ([LR, "objective=planted"], "objective=planted is measured by the stage choose"),
        ([LR, "choose.holdout=3", "hydra/launcher=slurm", "hydra.launcher.wait=false"], "leaves an optimizer without"),
        ([LR, "choose.holdout=3", "hydra/launcher=local", "stages=[train]"], "a training alone writes no record"),
        ([LR, "choose.holdout=3", "trainer.max_epoch=choice(1,2)"], "To append to your config use"),
        ([LR, "choose.holdout=3", "hydra.sweeper._target_=somebody.Else"], "'hydra.sweep.subdir=${hydra.job.num}/"),
        ([LR, f"{SAMPLER}._target_=os.system"], rf"^{SAMPLER}=.*os\.system.*: .*os\.system"),
        ([LR, f"{SAMPLER}._target_=optuna.samplers.TPESamplr"], rf"^{SAMPLER}=.*TPESamplr.*: ImportError: "),
        ([LR, f"{SAMPLER}.seed=x"], rf"^{SAMPLER}=.*x.*: [A-Z][A-Za-z]+Error: "),
        ([LR, f"{SAMPLER}._target_=builtins.dict"], rf"^{SAMPLER}=.* is no sampler of Optuna: take one, such as "),
    ],
)
def test_what_cannot_be_optimized_is_refused_before_the_first_trial(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, overrides: list[str], message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    with initialize_config_dir(str(CONF), version_base="1.3"):
        config = composed("hydra/sweeper=optuna", "hydra.mode=MULTIRUN", *SWEPT, *overrides)
        with pytest.raises((ValueError, HydraException), match=message.replace("$", r"\$")):
            check_optimizer(config, parsed_overrides(config))
