"""Settings of launchers and sweepers: conf/hydra/launcher, conf/hydra/sweeper."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from annotated_types import Ge, Le
from pydantic import ConfigDict

from renormal.settings.kinds import Amount, Count, Name, Words, refusing
from renormal.settings.objects import Group, Object, OneOf

Jobs = Annotated[int, Ge(-1), Le(100_000), refusing(bool), Words("a whole number ≥ 1, or −1")]


class Joblib(Object):
    model_config = ConfigDict(extra="allow")  # joblib.Parallel has further ones
    targets = ("hydra_plugins.renormal_plugins.Joblib",)
    n_jobs: Annotated[Jobs | None, "At a time; null: one for each GPU, or for each core without one; −1: each core."]
    verbose: Annotated[Amount, "Lines of joblib's log."]
    pre_dispatch: Annotated[str | int, "Jobs handed to the processes; the rest can be stopped."]
    batch_size: Annotated[Count | Literal["auto"], "Jobs that a process receives at once."]


class Local(Object):
    model_config = ConfigDict(extra="allow")
    targets = ("hydra_plugins.renormal_plugins.Local",)
    n_jobs: Annotated[Jobs | None, "At a time; null: one for each GPU, or for each core without one; −1: each core."]
    submitit_folder: Annotated[str, "Scripts and logs."]
    timeout_min: Annotated[Count, "Minutes after which a job is stopped."]


class Slurm(Object):
    model_config = ConfigDict(extra="allow")  # submitit has further ones
    targets = ("hydra_plugins.renormal_plugins.Slurm",)
    submitit_folder: Annotated[str, "Scripts and logs; all nodes must see this folder."]
    name: Annotated[Name, "In squeue."]
    partition: Annotated[Name | None, "null: the cluster's default."]
    account: Annotated[Name | None, "null: the cluster's default."]
    qos: Annotated[Name | None, "null: the cluster's default."]
    constraint: Annotated[Name | None, "null: the cluster's default."]
    gres: Annotated[Name | None, "null: the cluster's default."]
    exclude: Annotated[Name | None, "null: the cluster's default."]
    timeout_min: Annotated[Count, "Minutes; a job that needs longer is queued again and resumes."]
    signal_delay_s: Annotated[Count, "Seconds before its limit at which a job gets the signal to stop."]
    max_num_timeout: Annotated[Amount, "So often a job may reach its limit."]
    array_parallelism: Annotated[Count, "Jobs at a time."]
    nodes: Annotated[Count, "Machines of one job."]
    tasks_per_node: Annotated[Count, "One for each device; more only with trainer=ddp."]
    gpus_per_node: Annotated[Amount | None, "null: a job gets none."]
    cpus_per_task: Annotated[Count | None, "Cores of one task; null: the cluster's default."]
    mem_gb: Annotated[Annotated[float, Ge(0)] | None, "Memory of a node, GB; null: the cluster's default."]
    mem_per_cpu: Annotated[str | int | None, "Such as 4GB, in place of mem_gb; null: the cluster's default."]
    modules: Annotated[list[Name] | None, "module load of each, in the job's shell before setup; null: none."]
    setup: Annotated[list[str] | None, "Commands in the job's shell before it starts; null: none."]
    wait: Annotated[bool, "false: submit and return."]
    additional_parameters: Annotated[dict[str, Any] | None, "Any other option of sbatch; null: none."]


class Combinations(Object):
    targets = ("hydra_plugins.renormal_plugins.Combinations",)
    max_batch_size: Annotated[Count | None, "Jobs that a launcher gets at once; null: all."]
    params: Annotated[dict[str, Any] | None, "Key → values, as on the command line; null: none."]


class Optuna(Object):
    targets = ("hydra_plugins.renormal_plugins.Optuna",)
    direction: Annotated[Literal["maximize", "minimize", None], "null: minimize for objective=held_out alone."]
    n_trials: Annotated[Count, "Jobs in all."]
    n_jobs: Annotated[Count, "Trials at a time."]
    sampler: Annotated[Any, "An object that proposes values."]
    study_name: Annotated[Name | None, "null: Optuna's."]
    storage: Annotated[str | None, "sqlite:///study.db keeps the study; null: nothing is kept."]
    params: Annotated[dict[str, Any] | None, "Key → values, as on the command line; null: none."]


class Hydra(Group):
    """How the jobs of a sweep are chosen and started."""

    launcher: Annotated[Any, OneOf("a launcher", (Joblib, Local, Slurm)), "What starts the jobs."]
    sweeper: Annotated[Any, OneOf("a sweeper", (Combinations, Optuna)), "What chooses the jobs."]
