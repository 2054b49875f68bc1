"""What Hydra finds by name in this package and nowhere else. Each class hands its work to renormal.sweep."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.config_search_path import ConfigSearchPath
from hydra.core.config_store import ConfigStore
from hydra.core.plugins import Plugins
from hydra.core.utils import JobReturn
from hydra.plugins.search_path_plugin import SearchPathPlugin
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from hydra_plugins.hydra_joblib_launcher.joblib_launcher import JoblibLauncher
from hydra_plugins.hydra_submitit_launcher.submitit_launcher import BaseSubmititLauncher
from omegaconf import DictConfig

Overrides = Sequence[Sequence[str]]


class OwnNames(SearchPathPlugin):
    """Removes schemas of other packages that have names of files in conf/hydra: they would refuse keys of ours."""

    def manipulate_search_path(self, search_path: ConfigSearchPath) -> None:
        for group, name in (("launcher", "joblib"), ("launcher", "submitit_slurm"), ("sweeper", "optuna")):
            ConfigStore.instance().repo["hydra"][group].pop(f"{name}.yaml", None)


class Combinations(BasicSweeper):
    """hydra/sweeper=combinations: Hydra's own sweeper, which need not check the jobs: CheckSweep has done it."""

    def validate_batch_is_legal(self, batch: Overrides) -> None:
        pass


class Optuna(Sweeper):
    """hydra/sweeper=optuna: values chosen by what jobs return. hydra-optuna-sweeper 1.3 needs Optuna below 3."""

    def __init__(self, **settings: Any) -> None:
        self.settings = settings

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        self.config = config
        self.launcher = Plugins.instance().instantiate_launcher(
            hydra_context=hydra_context, task_function=task_function, config=config
        )

    def sweep(self, arguments: list[str]) -> None:
        from renormal.sweep.optimize import optimize

        assert self.config is not None
        optimize(self.launcher, self.config, self.settings)


class Joblib(JoblibLauncher):
    """hydra/launcher=joblib: worker processes of this machine, each for one job after another."""

    def launch(self, job_overrides: Overrides, initial_job_idx: int) -> Sequence[JobReturn]:
        from renormal.sweep.launchers import launch_in_workers

        return launch_in_workers(self, super().launch, job_overrides, initial_job_idx)


class Local(BaseSubmititLauncher):
    """hydra/launcher=local: a process of this machine for each job."""

    _EXECUTOR = "local"

    def launch(self, job_overrides: Overrides, initial_job_idx: int) -> Sequence[JobReturn]:
        from renormal.sweep.launchers import launch_in_processes

        return launch_in_processes(self, job_overrides, initial_job_idx)


class Slurm(BaseSubmititLauncher):
    """hydra/launcher=slurm: a job array."""

    _EXECUTOR = "slurm"

    def launch(self, job_overrides: Overrides, initial_job_idx: int) -> Sequence[JobReturn]:
        from renormal.sweep.launchers import launch_on_slurm

        return launch_on_slurm(self, job_overrides, initial_job_idx)
