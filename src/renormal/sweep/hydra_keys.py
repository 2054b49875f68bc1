"""Hydra's own settings with which Hydra fails, skips the check of the job, or writes outside of the job's folder."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from hydra._internal.utils import _locate
from hydra.core.plugins import Plugins
from hydra.experimental.callback import Callback
from omegaconf import DictConfig, OmegaConf

from renormal.console.text import is_below, is_printable
from renormal.settings.faults import shown

CHECK = {"_target_": "renormal.sweep.callback.CheckSweep"}
SUBFOLDERS = (None, ".hydra", "${first_rank:.hydra}")
INSIDE = "${hydra.runtime.output_dir}/"  # where each file of a log begins


def wrong_hydra(config: DictConfig) -> list[str]:
    """One line for each such setting."""
    own = "hydra" in config and len(config) > 1  # --hydra-help composes Hydra's part alone
    given: Any = OmegaConf.to_container(config.hydra, resolve=False) if own else {}
    lines = [*_plugins(given), *_callbacks(given.get("callbacks", {"check": CHECK})), *_logs(given)]
    if given.get("job", {}).get("chdir"):
        lines.append("hydra.job.chdir=true: must be null, a job's paths start from the working directory")
    if (subfolder := given.get("output_subdir")) not in SUBFOLDERS:
        lines.append(
            f"hydra.output_subdir={shown(subfolder)}: must be .hydra, in the job's folder, or null for no files"
        )
    verbose = given.get("verbose", False)
    names = verbose if isinstance(verbose, list) else [verbose]
    if not isinstance(verbose, bool) and not all(isinstance(name, str) for name in names):
        lines.append(f"hydra.verbose={shown(verbose)}: must be true, false, or names of loggers such as [renormal]")
    return lines


def _plugins(given: Mapping[str, Any]) -> Iterator[str]:
    known = Plugins.instance().class_name_to_class
    for part in ("launcher", "sweeper"):
        node = given.get(part)
        if part in given and not (isinstance(node, dict) and isinstance(node.get("_target_"), str)):
            yield f"hydra.{part}={shown(node)}: choose one with hydra/{part}="
        elif node and node["_target_"] not in known:
            target = shown(node["_target_"])
            yield f"hydra.{part}._target_={target} is no {part} of Hydra: choose one with hydra/{part}="


def _callbacks(given: Mapping[str, Any]) -> Iterator[str]:
    if given.get("check") not in (CHECK, {**CHECK, "dry_run": True}):
        yield "hydra.callbacks.check checks every job before the first starts: leave it as it is"
    for name in given.keys() - {"check"}:
        target = given[name].get("_target_") if isinstance(given[name], dict) else given[name]
        try:
            fits = issubclass(_locate(target), Callback)
        except Exception:  # of the import, too
            fits = False
        if not fits:
            yield f"hydra.callbacks.{name}: {shown(target)} is no class of hydra.experimental.callback.Callback"


def _logs(given: Mapping[str, Any]) -> Iterator[str]:
    """Of handlers that no class of logging handles, or that write elsewhere."""
    for part in ("job_logging", "hydra_logging"):
        for name, handler in (given.get(part, {}).get("handlers") or {}).items():
            place, node = f"hydra.{part}.handlers.{name}", handler if isinstance(handler, dict) else {}
            kind, file = node.get("class", ""), node.get("filename")
            if not {"class", "()"} & node.keys():
                yield f"{place} has no class: leave hydra/{part}= out"
            elif "()" in node or not str(kind).startswith("logging."):
                yield f"{place}.class={shown(kind)}: must be a class of Python's logging"
            elif file is not None and not _is_inside(file):
                yield f"{place}.filename={shown(file)}: must be a file in the job's folder, as '{INSIDE}run.log'"


def _is_inside(file: Any) -> bool:
    name = str(file).removeprefix(INSIDE)
    return str(file).startswith(INSIDE) and is_below(name) and is_printable(name) and "${" not in name
