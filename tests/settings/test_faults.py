"""Values that no job can have are one line each: the key, the value, what it must be. All others are taken."""

from __future__ import annotations

import copy
import inspect
import math
import re
import subprocess
import sys
from functools import cache
from typing import Any, get_args

import lightning as L
import pytest
from lightning.pytorch.strategies import StrategyRegistry
from omegaconf import OmegaConf

from conf_cases import names
from recipes import recipe as composed
from renormal.choose.measure import MEAN
from renormal.data.depth import DEPTHS
from renormal.functional.fills import FILLS
from renormal.job.settings import SettingsError, check_settings
from renormal.lit.stage import STAGES
from renormal.metrics import METRICS
from renormal.projection.precision import PRECISIONS
from renormal.settings import model, projection, trainer
from renormal.settings import recipe as job
from renormal.settings.faults import faults_in, settings_of


@cache
def resolved(*overrides: str) -> Any:
    return OmegaConf.to_container(composed("folder=x", *overrides), resolve=True)


def with_value(place: str, value: Any, *overrides: str) -> list[str]:
    """The faults of a recipe with this value at a place, which is made if it is missing."""
    config = copy.deepcopy(resolved(*overrides))
    node = config
    *above, last = place.split(".")
    for part in above:
        node = node.setdefault(part, {})
    node[last] = value
    return faults_in(config)


NAN, INF = math.nan, math.inf
STRATEGY = (
    "auto, ddp, ddp_find_unused_parameters_false or …_true, or an object: its switches are true or false, "
    "its timeout has a `_target_` and numbers > 0 and ≤ 1000000, or null"
)
CLAMP = "two numbers ≤ 0 and ≥ 1: images lie in [0, 1], or null (nothing, as for a search in z)"
A_NAME = "a name, not a path: printable, without . or .. as a part, without / at its ends"
DOTTED = "a dotted name such as package.module.name"
DDP = {"_target_": "lightning.pytorch.strategies.DDPStrategy"}
REFUSED: list[tuple[str, Any, str]] = [
    ("batch_size", "abc", "a whole number ≥ 1 and ≤ 65536"),
    ("batch_size", 1.5, "a whole number ≥ 1 and ≤ 65536"),
    ("batch_size", True, "a whole number ≥ 1 and ≤ 65536"),
    ("batch_size", "3", "a whole number ≥ 1 and ≤ 65536"),
    ("batch_size", 1_000_000, "a whole number ≥ 1 and ≤ 65536"),
    ("batch_size", None, "a whole number ≥ 1 and ≤ 65536"),
    ("seed", -1, "a whole number ≥ 0 and < 4294967296"),
    ("threads", 100_000, "a whole number ≥ 1 and ≤ 1024, or null (all cores)"),
    ("threads", 0, "a whole number ≥ 1 and ≤ 1024, or null (all cores)"),
    ("rerun", "yes_please", "true or false"),
    ("stages", "train", "a list, as [a,b], of train, choose, test, inpaint, sample, at least 1 of them"),
    ("stages", ["trian"], "a list, as [a,b], of train, choose, test, inpaint, sample, at least 1 of them"),
    ("stages", [], "a list, as [a,b], of train, choose, test, inpaint, sample, at least 1 of them"),
    ("name", "", A_NAME),
    ("name", "a\nb", A_NAME),
    ("category", None, A_NAME),
    ("name", "a/../b", A_NAME),
    ("name", "/a", A_NAME),
    ("name", "a//b", A_NAME),
    ("model.name", "a/.", A_NAME),
    ("data.category", "~/a", A_NAME),
    ("data.channels", 2, "1, 3, or null (as in the files)"),
    ("data.channels", True, "1, 3, or null (as in the files)"),
    ("data.train", 0, "a whole number ≥ 1 and ≤ 100000"),
    ("data.epoch_images", 0, "a whole number ≥ 1"),
    ("model.net.latent", 0, "a whole number ≥ 1 and ≤ 65536"),
    ("model.optimizer.lr", 0.0, "a number > 0 and ≤ 100"),
    ("model.optimizer.lr", 1e30, "a number > 0 and ≤ 100"),
    ("model.optimizer.betas", [0.9, 1], "two numbers ≥ 0 and < 1"),
    ("model.optimizer.betas", [0.9, 2], "two numbers ≥ 0 and < 1"),
    ("model.optimizer.betas", [-1, 0.9], "two numbers ≥ 0 and < 1"),
    ("model.optimizer.betas", [0.9], "two numbers ≥ 0 and < 1"),
    ("model.energy_loss", "dssim", "a function"),
    *(("projections.eq8.clamp", pair, CLAMP) for pair in ([1, 0], [1, 2], [0.2, 1], [0, 0.9], [0, 1e30])),
    ("projections.eq8.step_size", 1e30, "a number > 0 and ≤ 10000"),
    ("projections.eq8.stop.quantile", 1.5, "a number ≥ 0 and ≤ 1"),
    ("projections.eq8_adam.direction.epsilon", 1e-300, "a number ≥ 1e-30 and ≤ 10"),
    ("projections.eq8_adam.direction.beta1", 1, "a number ≥ 0 and < 1"),
    ("projections.eq8.energy.weight", -1, "a number ≥ 0 and ≤ 1000000"),
    ("projections.mine", {"step_size": 1}, "a descent: add it to projection=[...] to change its settings"),
    ("scores.kl", {"sigma": 3}, "a score: add it with '+score@scores.<name>=...' first"),
    ("score.window", 12, "an odd whole number ≥ 3"),
    ("score.smooth.mean", 4, "0 or an odd whole number"),
    ("descent.slots", 0, "a whole number ≥ 1 and ≤ 65536, or null (16 on a CPU, as many as pay on a GPU)"),
    ("test.average", "tiles", "maps, pixels"),
    ("test.limit", 0, "a number > 0, or null (each column has its own)"),
    ("test.limit", "high", "a number > 0, or null (each column has its own)"),
    ("test.normal_images", -1, "a whole number ≥ 0"),
    ("test.false_alarms", 1, "a number > 0 and < 1"),
    ("test.aupro_limits", [0.3, 1.5], "a list, as [a,b], of a number > 0 and < 1"),
    ("test.drawn", "eq8", "a list, as [a,b], of printable text, or null (all)"),
    ("choose.metric", "auc", "pixel_auroc, average_precision, aupro, best_f1, image_auroc, mean_of_three"),
    ("choose.holdout", 1, "0 or a whole number ≥ 2"),
    ("choose.axes.step_size", [], "a list of numbers, at least one"),
    ("choose.axes.step_size", 0.5, "a list of numbers, at least one"),
    ("dashboard.every", 0, "a whole number ≥ 1"),
    ("inpaint.images", 0, "a whole number ≥ 1"),
    ("inpaint.holes", {}, "names, each with any value, at least 1 of them"),
    ("trainer.max_epochs", 0, "a whole number ≥ 1, or −1 with max_steps, or null (max_steps ends it)"),
    ("trainer.gradient_clip_val", -1, "a number ≥ 0, or null (no clipping)"),
    ("trainer.limit_train_batches", 0, "a whole number ≥ 1, or a share such as 0.5 up to 1.0, or null (all)"),
    ("trainer.limit_train_batches", 1.5, "a whole number ≥ 1, or a share such as 0.5 up to 1.0, or null (all)"),
    ("trainer.devices", "auto", "a whole number ≥ 1 and ≤ 1024, or a list of GPUs"),
    ("trainer.devices", 0, "a whole number ≥ 1 and ≤ 1024, or a list of GPUs"),
    ("trainer.overfit_batches", 1.5, "a whole number ≥ 0, or a share up to 1.0, or null (no)"),
    (
        "trainer.max_time",
        "soon",
        "days, hours, minutes and seconds such as 00:12:00:00, or {hours: 12}, or null (none)",
    ),
    ("trainer.strategy", {**DDP, "timeout": {"_target_": "datetime.timedelta", "hours": -1}}, STRATEGY),
    ("trainer.strategy", {**DDP, "timeout": {"_target_": "datetime.timedelta", "hours": 1e30}}, STRATEGY),
    ("trainer.strategy", {**DDP, "timeout": {"_target_": "datetime.timedelta", "hours": "x"}}, STRATEGY),
    ("trainer.strategy", {**DDP, "timeout": None}, STRATEGY),
    ("trainer.strategy", {**DDP, "static_graph": "x"}, STRATEGY),
    ("trainer.strategy", "x", STRATEGY),
    ("model.net._target_", "x", DOTTED),
    ("model.energy_loss.path", "x", DOTTED),
    ("score._target_", "os..system", DOTTED),
    ("logger.csv._target_", "", DOTTED),
    ("trainer.callbacks", [], "null: a job has its own; dashboard= and logger= change what is shown"),
    ("trainer.barebones", True, "false, null: a job needs its checkpoint and its callbacks"),
    ("logger.csv", 3, "a logger: choose with logger="),
]


@pytest.mark.parametrize(("place", "value", "words"), REFUSED, ids=[f"{one[0]}={one[1]}" for one in REFUSED])
def test_a_value_that_no_job_can_have_is_one_line(place: str, value: Any, words: str) -> None:
    (line,) = with_value(place, value)
    assert line.startswith(f"{place}=")
    assert line.endswith(f": must be {words}")


@pytest.mark.parametrize("value", [NAN, INF, -INF])
@pytest.mark.parametrize(
    "place",
    [
        "batch_size",
        "test.limit",
        "projections.eq8.stop.value",
        "score.sigma",
        "data.notes.bottle",
        "trainer.gradient_clip_val",
        "model.optimizer.lr",
        "name",
    ],
)
def test_what_is_not_finite_is_refused_anywhere(place: str, value: float) -> None:
    (line,) = with_value(place, value)
    assert line == f"{place}={value}: must be finite"


def test_what_is_not_finite_is_refused_in_an_object_of_ones_own() -> None:
    own = {"_target_": "own.Score", "deep": {"list": [1, NAN]}, "any": "value"}
    assert with_value("score", own) == ["score.deep.list=nan: must be finite"]


TAKEN: list[tuple[str, Any]] = [
    ("projections.eq8.clamp", [-0.5, 1]),
    *(("trainer.strategy", name) for name in trainer.STRATEGIES),
    ("name", 7),
    ("threads", None),
    ("test.limit", 1),
    ("checkpoint", ["a.ckpt", "b.ckpt"]),
    ("trainer.precision", 16),
    ("trainer.deterministic", "warn"),
    ("trainer.devices", [0, 2]),
    ("trainer.gradient_clip_val", 250.5),
    ("trainer.limit_train_batches", 3),
    ("trainer.strategy", {"_target_": "lightning.pytorch.strategies.DDPStrategy"}),
    ("model.optimizer", {"_target_": "torch.optim.SGD", "lr": 1, "momentum": 0.9}),
    ("model.optimizer", {"_target_": "own.Optimizer", "lr": 1, "anything": "goes"}),
    ("projections.mine", {"_target_": "own.Descent", "power": 2}),
    ("projections.eq8.energy", {"_target_": "own.Energy"}),
    ("scores.mine", {"_target_": "renormal.scores.DSSIM", "window": 7}),
    ("budget.vae", 3),
]


@pytest.mark.parametrize(("place", "value"), TAKEN, ids=[f"{one[0]}={one[1]}" for one in TAKEN])
def test_what_somebody_uses_is_taken(place: str, value: Any) -> None:
    assert with_value(place, value) == []


@pytest.mark.parametrize(
    ("place", "line"),
    [
        ("trainer.max_epoch", "trainer.max_epoch does not exist: trainer.max_epochs was meant?"),
        ("descent.max_step", "descent.max_step does not exist: descent.max_steps was meant?"),
        ("projections.eq8.rate", "projections.eq8.rate does not exist: projections.eq8 has max_steps, safeguard"),
        ("model.net.sigma", "model.net.sigma does not exist: model.net has latent, side"),
        ("projections.eq8.direction.beta1", "projections.eq8.direction.beta1 does not exist"),
        ("score.smooth.gausian", "score.smooth.gausian does not exist: score.smooth.gaussian was meant?"),
    ],
)
def test_a_key_that_nobody_reads_is_named_with_those_that_exist(place: str, line: str) -> None:
    (found,) = with_value(place, 1)
    assert found.startswith(line)


@pytest.mark.parametrize(
    ("value", "mend"),
    [
        ("0..4", "; a job for each: -m seed=0,1,2,3,4"),
        ("3-4", "; a job for each: -m seed=3,4"),
        ("0..99", "; a job for each: -m 'seed=range(0,100)'"),
        ("4..0", ""),
        ("0..x", ""),
    ],
)
def test_a_range_is_told_how_a_sweep_is_written(value: str, mend: str) -> None:
    (found,) = with_value("seed", value)
    assert re.fullmatch(rf"seed={re.escape(value)}: must be a whole number[^;]*{re.escape(mend)}", found)


def test_a_setting_that_was_deleted_is_missed_where_no_class_has_a_default() -> None:
    config = copy.deepcopy(resolved())
    del config["test"]["samples"], config["score"]["window"]
    assert faults_in(config) == ["test.samples is missing: it must be a whole number ≥ 1"]


def lines_of(*overrides: str) -> list[str]:
    try:
        check_settings(composed("folder=x", *overrides))
    except SettingsError as error:
        return error.lines
    return []


def test_a_wrong_value_that_others_refer_to_is_one_line() -> None:
    assert lines_of("seed=-1") == ["seed=-1: must be a whole number ≥ 0 and < 4294967296"]
    assert lines_of("category=null") == [f"category=null: must be {A_NAME}"]
    assert lines_of("data.train=${seed}") == ["data.train=0: must be a whole number ≥ 1 and ≤ 100000"]
    assert len(lines_of("seed=-1", "batch_size=0", "+trainer.max_epoch=2")) == 3


def test_a_group_that_others_refer_to_is_named_where_it_is_gone() -> None:
    assert lines_of("descent=null") == ["descent=null: must be a group of settings"]


def test_a_key_of_ones_own_is_taken_where_the_recipe_refers_to_it() -> None:
    assert lines_of("+mine=8", "batch_size=${mine}") == []
    assert lines_of("+mine.deep=nan", "test.limit=${mine.deep}") == [
        "mine.deep=nan: must be finite",
    ]
    (line,) = lines_of("+colour=red")
    assert line.startswith("colour does not exist: the recipe has name, category, seed")


def test_the_settings_name_what_the_code_has() -> None:
    assert set(get_args(job.Metric)) == {*METRICS, MEAN}
    assert set(get_args(job.Stage)) == set(STAGES)
    assert set(get_args(projection.Precision)) == set(PRECISIONS)
    assert set(get_args(model.Fill)) == set(FILLS)
    assert [bits for bits in range(20) if not with_value("data.bits", bits)] == list(DEPTHS)


def test_the_names_of_strategies_are_lightnings() -> None:
    assert set(trainer.STRATEGIES) <= {"auto", *StrategyRegistry.available_strategies()}


def test_every_argument_of_lightnings_trainer_has_a_setting() -> None:
    arguments = set(inspect.signature(L.Trainer).parameters)
    assert arguments == {name for name in settings_of(trainer.Trainer) if not name.startswith("_")}


def test_a_check_loads_no_torch() -> None:
    code = "import sys, renormal.job.settings; sys.exit('torch' in sys.modules or 'lightning' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=60).returncode == 0


@pytest.mark.parametrize("group", ["data", "model", "projection", "score", "choose", "trainer", "logger"])
def test_every_key_of_conf_has_a_setting(group: str) -> None:
    for name in names(group):
        assert lines_of(f"{group}={name}") == [], name


@pytest.mark.parametrize("name", names("experiment"))
def test_every_experiment_passes(name: str) -> None:
    assert lines_of(f"experiment={name}") == []


@pytest.mark.parametrize(
    ("lower", "upper", "overrides"),
    [
        ("trainer.min_epochs", "trainer.max_epochs", ()),
        ("trainer.min_steps", "trainer.max_steps", ()),
        ("model.scheduler.base_momentum", "model.scheduler.max_momentum", ("model=mean_image",)),
    ],
)
def test_a_lower_limit_above_the_upper_one_is_one_line(lower: str, upper: str, overrides: tuple[str, ...]) -> None:
    below, above = (0.5, 0.75) if "momentum" in lower else (2, 3)
    lines = with_value(lower, above, *overrides, f"++{upper}={below}")
    assert lines == [f"{lower}={above} is above {upper}={below}: lower the one, or raise the other"]
    assert with_value(lower, below, *overrides, f"++{upper}={below}") == []
    if "momentum" not in lower:
        assert with_value(lower, above, "++trainer.max_steps=-1", "++trainer.max_epochs=9") == []


def test_a_number_that_no_tensor_holds_is_one_line() -> None:
    (line,) = with_value("projections.eq8.stop.value", 10**21)
    assert line == f"projections.eq8.stop.value={10**21}: a whole number must be below 2^63"
