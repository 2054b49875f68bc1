"""Settings of launchers and sweepers: conf/hydra/launcher, conf/hydra/sweeper."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from annotated_types import Ge, Gt, Le
from pydantic import ConfigDict

from renormal.console.text import is_printable
from renormal.settings.kinds import Amount, Count, Name, Path, Place, Words, refusing
from renormal.settings.objects import Group, Object, OneOf

Jobs = Annotated[int, Ge(-1), Le(1024), refusing(bool), Words("a whole number ≥ 1 and ≤ 1024, or −1")]
Dispatched = Annotated[
    Count | Annotated[str, refusing(re.compile(r"all|([1-9]\d{0,8}(\.\d+)? ?\* ?)?n_jobs").fullmatch)],
    Words("a whole number ≥ 1, all, or a multiple such as 2*n_jobs"),
]
Memory = Annotated[
    Count | Annotated[str, refusing(re.compile(r"[1-9]\d{0,8}([KMGT]B?)?").fullmatch)],
    Words("a whole number ≥ 1 with its unit, such as 4GB"),
]
Minutes = Annotated[int, Ge(1), Le(10**6)]
Command = Annotated[str, refusing(is_printable), Words("a command of one line")]
Option = Name | bool | None  # of sbatch
Storage = Annotated[
    str, refusing(re.compile(r"[a-z][\w+]*://[^\s\0-\x1f]+").fullmatch), Words("a URL such as sqlite:///study.db")
]


class Joblib(Object):
    targets = ("hydra_plugins.renormal_plugins.Joblib",)
    n_jobs: Annotated[
        Jobs | None, "Jobs at a time; null: one for each GPU, without a GPU one for each core; −1: one for each core."
    ]
    verbose: Annotated[Amount, "Lines of joblib's log."]
    pre_dispatch: Annotated[Dispatched, "Jobs handed to the processes; the rest can be stopped."]
    batch_size: Annotated[Count | Literal["auto"], "Jobs that a process receives at once."]
    # Further ones of joblib.Parallel:
    timeout: Annotated[Annotated[float, Gt(0)] | None, "Seconds of one job at most; null: without an end."] = None
    temp_folder: Annotated[Path | None, "Of arrays that processes share; null: joblib's."] = None
    max_nbytes: Annotated[Memory | None, "Arrays above it are shared as files; null: none."] = None
    mmap_mode: Annotated[Literal["r", "r+", "w+", "c", None], "How they are shared."] = None
    backend: Annotated[Literal["loky", None], "Jobs have processes of their own."] = None
    prefer: Annotated[Literal["processes", None], "Jobs have processes of their own."] = None
    require: Annotated[None, "Jobs have processes of their own."] = None
    return_as: Annotated[Literal["list"], "A sweep waits for its jobs."] = "list"


class Local(Object):
    targets = ("hydra_plugins.renormal_plugins.Local",)
    n_jobs: Annotated[
        Jobs | None, "Jobs at a time; null: one for each GPU, without a GPU one for each core; −1: one for each core."
    ]
    submitit_folder: Annotated[Place, "Scripts and logs."]
    timeout_min: Annotated[Minutes, "Minutes after which a job is stopped."]


class Slurm(Object):
    model_config = ConfigDict(extra="allow")  # submitit has further ones
    __pydantic_extra__: dict[str, Annotated[Option | list[Name], "Of submitit."]]
    targets = ("hydra_plugins.renormal_plugins.Slurm",)
    submitit_folder: Annotated[Place, "Scripts and logs; all nodes must see this folder."]
    name: Annotated[Name, "In squeue."]
    partition: Annotated[Name | None, "null: the cluster's default."]
    account: Annotated[Name | None, "null: the cluster's default."]
    qos: Annotated[Name | None, "null: the cluster's default."]
    constraint: Annotated[Name | None, "null: the cluster's default."]
    gres: Annotated[Name | None, "null: the cluster's default."]
    exclude: Annotated[Name | None, "null: the cluster's default."]
    timeout_min: Annotated[Minutes, "Minutes; a job that needs longer is queued again and resumes."]
    signal_delay_s: Annotated[Count, "Seconds before its limit at which a job gets the signal to stop."]
    max_num_timeout: Annotated[Amount, "How often a job may reach its time limit."]
    array_parallelism: Annotated[Count, "Jobs at a time."]
    nodes: Annotated[Count, "Machines of one job."]
    tasks_per_node: Annotated[Count, "One for each device; more only with trainer=ddp."]
    gpus_per_node: Annotated[Amount | None, "null: a job gets none."]
    cpus_per_task: Annotated[Count | None, "Cores of one task; null: the cluster's default."]
    mem_gb: Annotated[Annotated[float, Ge(0)] | None, "Memory of a node, GB; null: the cluster's default."]
    mem_per_cpu: Annotated[Memory | None, "Such as 4GB, in place of mem_gb; null: the cluster's default."]
    modules: Annotated[list[Name] | None, "module load of each, in the job's shell before setup; null: none."]
    setup: Annotated[list[Command] | None, "Commands in the job's shell before it starts; null: none."]
    wait: Annotated[bool, "false: submit and return."]
    additional_parameters: Annotated[dict[str, Option] | None, "Any other option of sbatch; null: none."]


class Combinations(Object):
    targets = ("hydra_plugins.renormal_plugins.Combinations",)
    max_batch_size: Annotated[Count | None, "Jobs that a launcher gets at once; null: all."]
    params: Annotated[dict[str, Any] | None, "Key → values, as on the command line; null: none."]


class Optuna(Object):
    targets = ("hydra_plugins.renormal_plugins.Optuna",)
    direction: Annotated[Literal["maximize", "minimize", None], "null: minimize for objective=held_out alone."]
    n_trials: Annotated[Count, "Jobs in all."]
    n_jobs: Annotated[Count, "Trials at a time."]
    sampler: Annotated[Annotated[Any, OneOf("a sampler", ())] | None, "What proposes values; null: Optuna's."]
    study_name: Annotated[Name | None, "null: Optuna's."]
    storage: Annotated[Storage | None, "sqlite:///study.db keeps the study; null: nothing is kept."]
    params: Annotated[dict[str, Any] | None, "Key → values, as on the command line; null: none."]


class Hydra(Group):
    """How the jobs of a sweep are chosen and started."""

    launcher: Annotated[Any, OneOf("a launcher", (Joblib, Local, Slurm)), "What starts the jobs."]
    sweeper: Annotated[Any, OneOf("a sweeper", (Combinations, Optuna)), "What chooses the jobs."]
