"""The command `renormal`: compose the config with Hydra, then run one job."""

from __future__ import annotations

import logging
import signal
import sys
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from importlib.metadata import version
from pathlib import Path

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.errors import InstantiationException
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from renormal.console.held_signals import signals_held
from renormal.console.program import (
    at_once_by_signals,
    begin,
    end_by_signals,
    left_to_submitit,
    log_no_secrets,
    said_if_slow,
)
from renormal.data.folder import check_folder
from renormal.data.table import table_name
from renormal.files import CONF as CONF  # exported: who composes a config needs the resolvers below
from renormal.files import shown
from renormal.job.budget import epochs_here
from renormal.job.errors import fault_of_machine, in_one_line
from renormal.job.lock import BusyError
from renormal.job.processes import process_count
from renormal.job.rank import check_numbers, check_process, is_rank_zero
from renormal.job.state import StateFile, forget, had_begun, hold_folder
from renormal.report.former_names import command_line
from renormal.sweep.arguments import as_typed, check_options, options_first, without_hyphens
from renormal.sweep.composing import compose_once
from renormal.sweep.dry_run import OPTION, OVERRIDE
from renormal.sweep.plan import planned_job
from renormal.sweep.refusals import check_text, exit_with, refuse_in_one_line
from renormal.sweep.workers import end_together, ending_alone, of_no_sweep, worker_number

log = logging.getLogger(__name__)

SHOWN = {"--help", "-h", "--hydra-help", "--cfg", "-c", "--info", "-i", "--version"}  # options that print and end
SECOND_NAME = "submitit_slurm"  # of hydra/launcher=slurm, for files of other projects
GROUPS = ("data", "model", "projection", "score", "choose", "trainer", "logger", "budget", "experiment", "sweep")


def basename(path: object) -> str:
    """The folder's own name; "folder" for / and for what is no path, whose key the check of the settings names."""
    return (Path(path).resolve().name if path and isinstance(path, str) else "") or "folder"


OmegaConf.register_new_resolver("basename", basename, replace=True)
OmegaConf.register_new_resolver("table_name", table_name, replace=True)


def multirun_unless(*names: str, _root_: DictConfig) -> str | None:
    """MULTIRUN for a launcher or a sweeper that is not one of the names: it was chosen to start jobs."""
    chosen = {_root_.hydra.runtime.choices[f"hydra/{group}"] for group in ("launcher", "sweeper")}
    return None if chosen <= {*names} else "MULTIRUN"


OmegaConf.register_new_resolver("multirun_unless", multirun_unless, replace=True)
OmegaConf.register_new_resolver("epochs_here", epochs_here, replace=True)
OmegaConf.register_new_resolver("first_rank", lambda name: name if is_rank_zero() else None, replace=True)


def groups(width: int = 100) -> str:
    """The config groups with their choices, for --help."""
    lines = []
    for group in (*GROUPS, "hydra/launcher"):
        names = sorted(path.stem for path in (CONF / group).glob("*.yaml"))
        choices = ", ".join(name for name in names if name != SECOND_NAME)
        lines += textwrap.wrap(f"{group:<14} {choices}", width, initial_indent="  ", subsequent_indent=" " * 17)
    return "\n".join(lines)


OmegaConf.register_new_resolver("groups", groups, replace=True)


def main() -> None:
    """The command `renormal`. Former names of keys in its arguments are replaced by today's."""
    begin()
    of_no_sweep()
    if SHOWN & {argument.partition("=")[0] for argument in sys.argv[1:]}:
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # `| head` ends it without a traceback
    if "--version" in sys.argv[1:]:
        print(f"renormal {version('renormal')}")
        return
    check_text(sys.argv[1:])
    sys.argv[1:], lines = command_line(sys.argv[1:])
    try:
        check_numbers()
        for line in lines if is_rank_zero() else []:
            print(f"renormal: {line}", file=sys.stderr)
        sys.argv[1:] = [OVERRIDE if argument == OPTION else argument for argument in sys.argv[1:]]
        sys.argv[1:] = options_first([as_typed(without_hyphens(argument)) for argument in sys.argv[1:]])
        check_options(sys.argv[1:])
    except ValueError as error:
        exit_with([str(error)])
    refuse_in_one_line()
    compose_once()
    job()


@hydra.main(config_path=str(CONF), config_name="config", version_base="1.3")
def job(config: DictConfig) -> float | None:
    """One job = one (model, category, seed). Returns its objective to the sweeper."""
    folder = Path(config.folder)
    try:
        return work(config, folder)
    except (ValueError, InstantiationException, OSError, MemoryError, RuntimeError) as error:
        if HydraConfig.get().mode == RunMode.MULTIRUN:
            raise  # the other jobs go on, and the sweep names this one at the end
        if isinstance(error, RuntimeError) and not fault_of_machine(error):
            raise
        log.debug("why", exc_info=True)
        failed = isinstance(error, BusyError) or bool(fault_of_machine(error)) or had_begun(folder)
        if is_rank_zero() and not isinstance(error, BusyError) and not fault_of_machine(error):
            forget(folder)
        exit_with([in_one_line(error)], status=1 if failed else 2)
        raise


def work(config: DictConfig, folder: Path) -> float | None:
    """Run the job. Rank 0 holds the folder's lock and records how the job ends; other ranks write nothing."""
    end_by_signals()  # in a worker, too
    log_no_secrets()
    line = worker_number()  # before torch loads: with it comes the device
    if config["continue"] is not None:
        from renormal.inspect.network_settings import network_settings
        from renormal.job.continued import continued_config

        typed = HydraConfig.get().overrides.task
        config = continued_config(config, network_settings(Path(config["continue"])), typed)
    OmegaConf.resolve(config)
    OmegaConf.set_readonly(config, True)
    check_photographs(config)
    check_process(process_count(config))
    epochs = config.trainer.max_epochs if config.minutes is None else -1  # not known yet
    holding = hold_folder(folder, epochs) if is_rank_zero() else nullcontext()
    with ending_alone(), holding as state:
        if is_rank_zero() and HydraConfig.get().mode == RunMode.RUN:
            log.info("%s: starting", shown(folder))  # the libraries take seconds to load
        with (
            said_if_slow("loading PyTorch and Lightning") if is_rank_zero() else nullcontext(),
            ended_while_loading(state),
        ):
            from renormal.job.job import run_job  # not at the top: --help must not wait for torch

        return run_job(config, line=line, report=state.report if state else None, planned=planned_job())


def check_photographs(config: DictConfig) -> None:
    """Refuse a folder that is not there, or has no photographs, before torch loads, which takes seconds."""
    root = OmegaConf.select(config, "data.source.root")
    if OmegaConf.select(config, "data.source._target_") == "renormal.data.folder" and isinstance(root, str | None):
        check_folder(root)


@contextmanager
def ended_while_loading(state: StateFile | None) -> Iterator[None]:
    """A signal in the block ends the job with a line: libraries that an exception cuts off print it or go on.

    At once and without leaving any block, but after the block where submitit decides: it starts the job again.
    """
    ended = "interrupted while the libraries were loading: the same command starts the job"
    if left_to_submitit(signal.SIGTERM):
        with signals_held():
            yield
        return

    def last() -> None:
        if state:
            with suppress(ValueError, OSError):
                state.end("interrupted")
            log.warning(ended)
        end_together()

    with at_once_by_signals(last):
        yield


if __name__ == "__main__":  # imported by name: what is pickled for other processes must not belong to __main__
    from renormal.run import main as renormal

    renormal()
