"""What Hydra finds by name in this package and nowhere else. Each class hands its work to renormal.sweep."""

from __future__ import annotations

from collections.abc import Sequence

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.config_search_path import ConfigSearchPath
from hydra.core.config_store import ConfigStore
from hydra.core.utils import JobReturn
from hydra.plugins.search_path_plugin import SearchPathPlugin
from hydra_plugins.hydra_joblib_launcher.joblib_launcher import JoblibLauncher
from hydra_plugins.hydra_submitit_launcher.submitit_launcher import BaseSubmititLauncher

Overrides = Sequence[Sequence[str]]


class OwnLaunchers(SearchPathPlugin):
    """Removes schemas of other packages that have names of conf/hydra/launcher: they would refuse keys of ours."""

    def manipulate_search_path(self, search_path: ConfigSearchPath) -> None:
        for name in ("joblib.yaml", "submitit_slurm.yaml"):
            ConfigStore.instance().repo["hydra"]["launcher"].pop(name, None)


class Combinations(BasicSweeper):
    """hydra/sweeper=combinations: Hydra's own sweeper, which need not check the jobs: CheckSweep has done it."""

    def validate_batch_is_legal(self, batch: Overrides) -> None:
        pass


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
