"""Optuna chooses the values of a sweep: each trial is a job, and what the job returns decides the next ones."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import IntervalSweep, Override
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf

from renormal.console.text import printable
from renormal.files import write_whole
from renormal.job.objective import HELD_OUT, check_objective, objective_of
from renormal.settings.faults import shown
from renormal.sweep.arguments import quoted
from renormal.sweep.jobs import composed_jobs, jobs_of
from renormal.sweep.overrides import SHOWN_BY, folder_pattern, parsed_overrides
from renormal.sweep.refusals import exit_with
from renormal.sweep.settings import launcher_of

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

GRIDS = ("Combinations", "BasicSweeper")  # sweepers whose jobs are known before the first one starts
OWN = "hydra_plugins.renormal_plugins.Optuna"
RESULT = "optimization_results.yaml"  # as Hydra's optimizers call it
log = logging.getLogger("renormal")


def optimizes(config: DictConfig) -> bool:
    """Whether the sweeper chooses values by what jobs return."""
    return not str(config.hydra.sweeper["_target_"]).endswith(GRIDS)


def check_optimizer(config: DictConfig, overrides: Iterable[Override]) -> None:
    """Raise ValueError for a recipe whose jobs cannot run, or return no number, or would share a folder."""
    swept = [override.key_or_group for override in overrides if override.is_sweep_override()]
    own = config.hydra.sweeper["_target_"] == OWN
    if own and find_spec("optuna") is None:
        raise ValueError("hydra/sweeper=optuna needs Optuna: pip install 'renormal[optuna]'")
    if not swept and own:
        raise ValueError("hydra/sweeper=optuna has no value to choose: add 'model.optimizer.lr=interval(1e-5,1e-3)'")
    if own:
        check_sampler(config.hydra.sweeper.get("sampler"))
    if not config.hydra.launcher.get("wait", True):
        raise ValueError("hydra.launcher.wait=false leaves an optimizer without numbers: leave it out")
    folder = folder_pattern(config)
    shared = [key for key in swept if f"${{{SHOWN_BY.get(key, key)}}}" not in folder]
    if shared and not own and "job.num}" not in folder:
        mend = f"'hydra.sweep.subdir=${{hydra.job.num}}/{folder}'"
        raise ValueError(f"jobs that differ in {shared[0]} would overwrite each other: add {mend}")
    first = first_trial(overrides)
    ((_, job),) = composed_jobs(config, first)
    check_objective(job)
    if objective_of(job) is None:
        raise ValueError("an optimizer needs a number: add choose.holdout=10, or choose to the stages, or objective=…")
    if set(job.stages) == {"train"} and launcher_of(config.hydra.launcher) != "basic":
        raise ValueError("a training alone writes no record, which this launcher reads: add test to the stages")
    jobs_of(config, first)


def check_sampler(node: DictConfig | None) -> None:
    """Raise ValueError for a sampler that cannot be built, or is none of Optuna's. node: hydra.sweeper.sampler."""
    from optuna.samplers import BaseSampler

    if node is None:
        return
    given = f"hydra.sweeper.sampler={shown(OmegaConf.to_container(node, resolve=True))}"
    try:
        found = instantiate(node)
    except Exception as error:  # whatever a sampler raises, perhaps one of somebody else
        cause = error.__cause__ or error
        raise ValueError(f"{given}: {type(cause).__name__}: {printable(' '.join(str(cause).split()))}") from error
    if not isinstance(found, BaseSampler):
        raise ValueError(f"{given} is no sampler of Optuna: take one, such as optuna.samplers.TPESampler")


def first_trial(overrides: Iterable[Override]) -> list[Override]:
    """The overrides with the first value of each that is swept."""
    parse = OverridesParser.create(config_loader=GlobalHydra.instance().config_loader()).parse_overrides
    lines = []
    for override in overrides:
        value = override.value()
        if isinstance(value, IntervalSweep):
            lines.append(f"{override.get_key_element()}={value.start}")
        elif override.is_sweep_override():
            lines.append(f"{override.get_key_element()}={next(iter(override.sweep_string_iterator()))}")
        else:
            lines.append(str(override.input_line))
    return parse(lines)


def distribution(override: Override) -> BaseDistribution:
    """Optuna's distribution of a swept value: tag(log,interval(a,b)) is searched by its logarithm."""
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    value = override.value()
    if isinstance(value, IntervalSweep):
        log_scale = "log" in value.tags
        start, end = value.start, value.end
        assert start is not None
        assert end is not None
        if isinstance(start, int) and isinstance(end, int):
            return IntDistribution(start, end, log=log_scale)
        return FloatDistribution(float(start), float(end), log=log_scale)
    return CategoricalDistribution(list(override.sweep_string_iterator()))


def optimize(launcher: Any, config: DictConfig, settings: Mapping[str, Any]) -> None:
    """Run the trials, some at a time, and write the best values. A repeated command finds the records of its trials."""
    import optuna

    overrides = parsed_overrides(config)
    fixed = [override for override in overrides if not override.is_sweep_override()]
    space = {one.get_key_element(): distribution(one) for one in overrides if one.is_sweep_override()}
    ((_, job),) = composed_jobs(config, first_trial(overrides))
    name = objective_of(job)
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(
        direction=settings["direction"] or ("minimize" if name == HELD_OUT else "maximize"),
        **{key: settings[key] for key in ("sampler", "storage", "study_name")},
        load_if_exists=True,
    )
    for first in range(0, settings["n_trials"], settings["n_jobs"]):
        count = min(settings["n_jobs"], settings["n_trials"] - first)
        trials = [study.ask(space) for _ in range(count)]
        lines = [[*(str(one.input_line) for one in fixed), *overrides_of(trial, config)] for trial in trials]
        for trial, end in zip(trials, launcher.launch(lines, initial_job_idx=first), strict=True):
            number = end.return_value
            failed = optuna.trial.TrialState.FAIL
            study.tell(trial, number) if number is not None else study.tell(trial, state=failed)
    report(study, str(name), Path(config.hydra.sweep.dir))


def overrides_of(trial: Any, config: DictConfig) -> list[str]:
    """The values of a trial, and its folder: that of the recipe below the trial's number."""
    folder = quoted(f"{trial.number}/{folder_pattern(config)}")
    return [*(f"{key}={value}" for key, value in trial.params.items()), f"hydra.sweep.subdir={folder}"]


def report(study: Any, name: str, folder: Path) -> None:
    """Log the best trial and write its values."""
    import optuna

    done = study.get_trials(deepcopy=False, states=[optuna.trial.TrialState.COMPLETE])
    if not done:
        exit_with([f"no trial returned {name}: see the logs in {folder}"], status=1)
    best = study.best_trial
    values = " ".join(f"{key}={value}" for key, value in best.params.items())
    log.info("best of %d trials: %d with %s %.4g: %s", len(done), best.number, name, best.value, values)
    result = {"name": "optuna", "best_params": dict(best.params), "best_value": best.value}
    write_whole(folder / RESULT, OmegaConf.to_yaml(OmegaConf.create(result)))
