"""Hydra's sweeper and launchers with what a sweep of hours needs: only what has no record is launched, and one end is
not all."""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Sequence
from typing import Any

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.config_search_path import ConfigSearchPath
from hydra.core.config_store import ConfigStore
from hydra.core.singleton import Singleton
from hydra.core.utils import JobReturn
from hydra.plugins.search_path_plugin import SearchPathPlugin
from hydra.types import HydraContext
from hydra_plugins.hydra_joblib_launcher.joblib_launcher import JoblibLauncher
from hydra_plugins.hydra_submitit_launcher.submitit_launcher import BaseSubmititLauncher

log = logging.getLogger(__name__)
ROUNDS = 3  # of joblib after a worker was killed, ours
Overrides = Sequence[Sequence[str]]


def numbered(context: HydraContext, overrides: Overrides, first: int) -> list[tuple[int, list[str]]]:
    """The jobs that have no record of their config yet."""
    from renormal.sweep.callback import planned

    jobs = planned(context)
    left = [
        (first + index, list(job))
        for index, job in enumerate(overrides)
        if tuple(job) not in jobs or not jobs[tuple(job)].answered
    ]
    if len(left) < len(overrides):
        log.info("%d of %d jobs already have the record of their config", len(overrides) - len(left), len(overrides))
    return left


class OwnJoblib(SearchPathPlugin):
    """Hydra would hold conf/hydra/launcher/joblib.yaml to the schema of the plugin that first had the name."""

    def manipulate_search_path(self, search_path: ConfigSearchPath) -> None:
        ConfigStore.instance().repo["hydra"]["launcher"].pop("joblib.yaml", None)


class Combinations(BasicSweeper):
    """Hydra's own sweeper, which composes no job a second time: the sweep's callback has composed each of them."""

    def validate_batch_is_legal(self, batch: Overrides) -> None:
        pass


class Joblib(JoblibLauncher):
    """Worker processes that take one job after another. A killed worker takes its neighbours along: they go on."""

    def launch(self, job_overrides: Overrides, initial_job_idx: int) -> Sequence[JobReturn]:
        from joblib.externals.loky.process_executor import TerminatedWorkerError

        from renormal.sweep.callback import planned
        from renormal.sweep.plan import complaint
        from renormal.sweep.workers import side_by_side

        left = [job for _, job in numbered(self.hydra_context, job_overrides, initial_job_idx)]
        with side_by_side(self.joblib["n_jobs"]) as self.joblib["n_jobs"]:
            for _ in range(ROUNDS):
                if not left:
                    break
                try:
                    done: Sequence[JobReturn] = super().launch(left, initial_job_idx)
                    return done
                except TerminatedWorkerError:
                    log.warning("a worker was killed: what is unfinished goes on from its last epoch")
                jobs = planned(self.hydra_context)
                left = [job for job in left if tuple(job) not in jobs or complaint(jobs[tuple(job)])]
        return []


class Local(BaseSubmititLauncher):
    """A process for each job, so that none can harm another, by submitit's local executor."""

    _EXECUTOR = "local"

    def launch(self, job_overrides: Overrides, initial_job_idx: int) -> Sequence[JobReturn]:
        import submitit

        from renormal.sweep.workers import side_by_side

        left = deque(numbered(self.hydra_context, job_overrides, initial_job_idx))
        executor = submitit.LocalExecutor(folder=self.params["submitit_folder"])
        executor.update_parameters(timeout_min=self.params["timeout_min"])
        running: list[submitit.Job[Any]] = []
        with side_by_side(self.params["n_jobs"]) as count:
            try:
                while left or running:
                    running = [job for job in running if not job.done()]
                    while left and len(running) < count:
                        running.append(executor.submit(self, *job_arguments(*left.popleft())))
                    time.sleep(0.2)
            finally:
                for job in running:
                    job.cancel()
        return []


class Slurm(BaseSubmititLauncher):
    """One job array, watched until no job of it is left."""

    _EXECUTOR = "slurm"

    def launch(self, job_overrides: Overrides, initial_job_idx: int) -> Sequence[JobReturn]:
        from renormal.sweep.callback import planned
        from renormal.sweep.slurm import executor, watch

        left = numbered(self.hydra_context, job_overrides, initial_job_idx)
        if not left:
            return []
        jobs = executor(self.params).map_array(self, *zip(*(job_arguments(*job) for job in left), strict=True))
        log.info("%d jobs submitted: SLURM job %s", len(jobs), jobs[0].job_id.split("_")[0])
        folders = planned(self.hydra_context)
        watch(dict(zip(jobs, (folders.get(tuple(job)) for _, job in left), strict=True)))
        return []


def job_arguments(number: int, overrides: list[str]) -> tuple[Any, ...]:
    """What BaseSubmititLauncher takes when it runs as a job."""
    return overrides, "hydra.sweep.dir", number, f"job_id_for_{number}", Singleton.get_state()
