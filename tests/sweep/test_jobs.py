"""The configs that a sweep is checked with are those that its jobs will run with."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from hydra import initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import ConfigCompositionException
from hydra.types import RunMode
from omegaconf import OmegaConf

from renormal.run import CONF
from renormal.sweep.jobs import composed_jobs, folder_of, jobs_of
from renormal.sweep.overrides import count_of, parsed_overrides, too_many


@pytest.mark.parametrize(
    ("overrides", "count", "compositions"),
    [
        (["model=l2_ae,vae", "category=grid,bottle", "seed=1,2"], 8, 2),
        (["experiment=rehearsal", "sweep=[models,categories]", "category=bottle,grid,pill"], 12, 4),
        (["+score@scores.kl_gradient=kl_gradient", "projection=[eq8],[eq5]", "seed=1,2"], 4, 2),
        (["name=run_${model.name}", "model=l2_ae,vae"], 2, 2),
        (["+data.extra=1", "~test.panels", "seed=1,2"], 2, 1),
        (["hydra.job.name=a", "descent={max_steps: 7}", "name='x,y',z"], 2, 1),
        (["hydra/launcher=slurm", "hydra.launcher.mem_gb=2", "seed=1,2"], 2, 1),
    ],
)
def test_every_job_is_composed_as_hydra_would(
    monkeypatch: pytest.MonkeyPatch, overrides: list[str], count: int, compositions: int
) -> None:
    with initialize_config_dir(str(CONF), version_base="1.3"):
        loader = GlobalHydra.instance().config_loader()
        sweep = loader.load_configuration("config", overrides, RunMode.MULTIRUN)
        HydraConfig.instance().set_config(sweep)
        whole, asked = loader.load_sweep_config, []
        monkeypatch.setattr(loader, "load_sweep_config", lambda *given: asked.append(given) or whole(*given))
        jobs = list(composed_jobs(sweep, parsed_overrides(sweep)))
        assert (len(jobs), len(asked)) == (count, compositions)
        for number, (combination, job) in enumerate(jobs):
            expected = whole(sweep, list(combination))
            OmegaConf.set_struct(expected, False)
            expected.hydra.job.num, expected.hydra.job.id = number, str(number)
            assert OmegaConf.to_yaml(job) == OmegaConf.to_yaml(expected)
            assert list(job.hydra.overrides.task) == list(expected.hydra.overrides.task)
            assert job.hydra.job.override_dirname == expected.hydra.job.override_dirname


def test_an_unknown_key_is_named_as_hydra_names_it() -> None:
    with initialize_config_dir(str(CONF), version_base="1.3"):
        sweep = GlobalHydra.instance().config_loader().load_configuration("config", ["seed=1,2"], RunMode.MULTIRUN)
        sweep.hydra.overrides.task = ["trainer.max_epoch=1,2"]
        with pytest.raises(ConfigCompositionException, match=r"To append to your config use \+trainer.max_epoch=1"):
            list(composed_jobs(sweep, parsed_overrides(sweep)))


def test_a_sweep_goes_on_with_no_finished_job() -> None:
    with initialize_config_dir(str(CONF), version_base="1.3"):
        sweep = GlobalHydra.instance().config_loader().load_configuration("config", ["seed=1,2"], RunMode.MULTIRUN)
        sweep.hydra.overrides.task = ["continue=outputs/inspect/segmenting_ae/parts/0", "seed=1,2"]
        with pytest.raises(ValueError, match=r"^continue= is for one job"):
            jobs_of(sweep, parsed_overrides(sweep))


@pytest.mark.parametrize(
    ("given", "key"),
    [
        (["seed=range(0,1000000000)"], "seed"),
        (["seed=shuffle(range(0,1000000000))"], "seed"),
        (["seed=range(0,100000000000000)"], "seed"),
        (["batch_size=range(1,2,0.0)"], "batch_size"),
        (["batch_size=range(1,1e300,0.5)"], "batch_size"),
        (["batch_size=range(1,2,nan)"], "batch_size"),
        (["seed=range(0,200)", "batch_size=range(0,51)"], "seed"),
    ],
)
def test_a_sweep_without_an_end_is_refused_before_it_is_listed(given: list[str], key: str) -> None:
    overrides = OverridesParser.create().parse_overrides(given)
    assert too_many(overrides) == [f"the sweep has more than 10000 jobs: give fewer values of {key}"]


def test_a_sweep_that_ends_is_counted() -> None:
    given = ["seed=range(0,10000)", "batch_size=range(10,0,-3)", "name=a,b,c", "model.speed=range(0,1,0.25)", "x=1"]
    overrides = OverridesParser.create().parse_overrides(given)
    assert [count_of(one) for one in overrides[:-1]] == [10_000, 4, 3, 4]
    assert too_many(overrides[:1] + overrides[-1:]) == []


@pytest.mark.parametrize("launcher", ["basic", "slurm"])
def test_a_package_that_is_not_here_is_named_and_where_it_is_needed(launcher: str) -> None:
    """A node of the cluster may have it; the jobs are checked where the sweep is planned."""
    own = ["model.net._target_=nowhere.Net", f"hydra/launcher={launcher}", "seed=1,2"]
    end = ", on this node, too: jobs are checked before they are submitted" if launcher == "slurm" else ""
    with initialize_config_dir(str(CONF), version_base="1.3"):
        sweep = GlobalHydra.instance().config_loader().load_configuration("config", own, RunMode.MULTIRUN)
        HydraConfig.instance().set_config(sweep)
        with pytest.raises(ValueError, match=rf"^nowhere is not on .* PYTHONPATH=/folder/that/holds/nowhere{end}$"):
            jobs_of(sweep, parsed_overrides(sweep))


@pytest.mark.parametrize("subdir", ["${hydra.job.num}/${seed}", "${hydra:job.num}/${seed}", "${hydra.job.name}${seed}"])
def test_a_jobs_folder_may_be_named_after_what_hydra_knows(subdir: str) -> None:
    places = [f"hydra.sweep.subdir='{subdir}'", "hydra.sweep.dir='${hydra.job.name}/x'", "hydra.job.name=a"]
    with initialize_config_dir(str(CONF), version_base="1.3"):
        loader = GlobalHydra.instance().config_loader()
        sweep = loader.load_configuration("config", ["seed=1,2", *places], RunMode.MULTIRUN)
        HydraConfig.instance().set_config(sweep)
        for number, (_, job) in enumerate(composed_jobs(sweep, parsed_overrides(sweep))):
            HydraConfig.instance().set_config(job)
            wanted = str(job.hydra.sweep.subdir)
            assert folder_of(job) == (wanted, Path("a/x", wanted).absolute())
            assert "hydra" not in job
            assert wanted.endswith(str(number + 1))


def test_who_submits_a_sweep_does_not_load_torch() -> None:
    code = (
        "import sys, renormal.run, renormal.sweep.launchers, renormal.job.fingerprints, hydra_plugins.renormal_plugins;"
        "print(*{'torch', 'lightning', 'torchmetrics', 'kornia'} & sys.modules.keys())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "\n"
