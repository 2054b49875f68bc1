"""The settings that each launcher takes."""

from __future__ import annotations

import inspect
from collections.abc import Collection, Mapping
from typing import Any

from omegaconf import DictConfig, OmegaConf

from renormal.settings.faults import faults_in_sweep

LAUNCHER = "hydra.launcher"
OWN, BASIC = "hydra_plugins.renormal_plugins.", "hydra._internal."  # others check their settings themselves
SLURM = {"submitit_folder", "max_num_timeout", "wait", "modules"}  # those that are not submitit's options of a job
LOCAL = {"submitit_folder", "timeout_min", "n_jobs"}


def launcher_of(launcher: Mapping[str, Any]) -> str:
    """slurm, local, joblib or basic. launcher: hydra.launcher of the config."""
    return str(launcher["_target_"]).rpartition(".")[2].lower().removesuffix("launcher")


def wrong_settings(config: DictConfig) -> list[str]:
    """One line for each setting of launcher and sweeper that does not exist, or has a wrong value."""
    launcher = config.hydra.launcher
    if not str(launcher["_target_"]).startswith((OWN, BASIC)):
        return []
    unknown = [name for name in launcher if name not in {"_target_", *settings_of(launcher)}]
    if unknown:
        return [f"{LAUNCHER}.{unknown[0]} does not exist: {known_settings(launcher, unknown)}"]
    return faults_in_sweep({part: OmegaConf.to_container(config.hydra[part]) for part in ("launcher", "sweeper")})


def known_settings(launcher: Mapping[str, Any], unknown: Collection[Any] = ()) -> str:
    """hydra/launcher=local has n_jobs, submitit_folder, timeout_min."""
    known = sorted({*settings_of(launcher), *map(str, launcher)} - {"_target_", *unknown})
    if not known:
        return "settings belong to a launcher, add hydra/launcher=slurm, local or joblib"
    return f"hydra/launcher={launcher_of(launcher)} has {', '.join(known)}"


def settings_of(launcher: Mapping[str, Any]) -> set[str]:
    """The names of all settings of one of our launchers, those of its yaml and those that + adds."""
    match launcher_of(launcher):
        case "slurm":
            return SLURM | slurm_parameters()
        case "joblib":
            from joblib import Parallel

            return set(inspect.signature(Parallel).parameters) - {"backend_kwargs"}
        case "local":
            return LOCAL
    return set()


def shared_parameters() -> set[str]:
    """submitit's names of what every kind of cluster has."""
    from submitit import AutoExecutor

    return set(AutoExecutor._typed_parameters())


def slurm_parameters() -> set[str]:
    """submitit's names of the options of sbatch. Those with a shared name have that name only."""
    from submitit import SlurmExecutor

    renamed = set(SlurmExecutor._equivalence_dict().values())
    return shared_parameters() | (set(SlurmExecutor._valid_parameters()) - renamed - {"num_gpus"})
