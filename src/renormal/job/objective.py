"""The number that a job returns to an optimizer, by the config's key `objective`."""

from __future__ import annotations

import logging

from omegaconf import DictConfig

from renormal.report.record import Record

PLANTED, HELD_OUT = "planted", "held_out"  # those without labels: the larger is better, the smaller is better
TRAIN, CHOOSE, TEST = "train", "choose", "test"
log = logging.getLogger("renormal")


def objective_of(config: DictConfig) -> str | None:
    """The name of the number: `objective`, or else one without labels that this job has."""
    if config.objective is not None:
        return str(config.objective)
    if CHOOSE in config.stages:
        return PLANTED
    return HELD_OUT if config.choose.holdout else None


def check_objective(config: DictConfig) -> None:
    """Raise ValueError for an objective that this job will not have."""
    name = config.objective
    if name is not None and not any(letter.isalpha() for letter in str(name)):
        raise ValueError(f"objective={name}: give the name of a number, such as held_out or pixel_auroc")
    if name == PLANTED and CHOOSE not in config.stages:
        raise ValueError("objective=planted is measured by the stage choose: add it to the stages")
    if name == HELD_OUT and not config.choose.holdout:
        raise ValueError("objective=held_out needs good images kept from training: add choose.holdout=10")
    if name not in (None, PLANTED, HELD_OUT) and set(config.stages) <= {TRAIN, CHOOSE}:
        raise ValueError(
            f"objective={name} is measured by a test: add {TEST} to the stages, or name planted or held_out"
        )


def check_number(config: DictConfig, numbers: list[str]) -> None:
    """Raise ValueError for an objective that is none of the numbers that the job's stages may find."""
    name = config.objective
    if name in (None, PLANTED, HELD_OUT) or any(number.endswith(ending_of(str(name))) for number in numbers):
        return
    nouns = ", ".join(dict.fromkeys(number.partition("/")[2] for number in numbers))
    raise ValueError(
        f"objective={name}: this job has no such number. It has {PLANTED}, {HELD_OUT}, and of each column {nouns}; "
        f"{numbers[0]} names one column, {numbers[0].partition('/')[2]} the best of them"
    )


def ending_of(name: str) -> str:
    """pixel_auroc → /pixel_auroc, with which the names of all columns end; a name with a column stays as it is."""
    return name if "/" in name else f"/{name}"


def number_of(record: Record, name: str | None) -> float | None:
    """The number of that name: planted, held_out, a metric of one column, or the best of all columns of a metric."""
    if name is None:
        return None
    if name == PLANTED:
        return float(record.choice["chosen"]["metrics"][record.choice["metric"]]) if record.choice else None
    if name == HELD_OUT:
        return record.training.get("held_out_loss")
    ending = ending_of(name)
    return max((value for key, value in record.metrics.items() if key.endswith(ending)), default=None)


def returned(config: DictConfig, record: Record | None) -> float | None:
    """What the job returns. None for a named objective that its record does not have; a warning names what it has."""
    if record is None:
        return None
    number = number_of(record, objective_of(config))
    if number is None and config.objective is not None:
        log.warning("objective=%s: this job has no such number, only %s", config.objective, ", ".join(record.metrics))
    return number
