"""Checks of the config before the work begins. Each raises ValueError with one line that names the key."""

from __future__ import annotations

import os

import torch
from omegaconf import DictConfig, OmegaConf

from renormal.choose.candidates import lack_of
from renormal.contracts import BASELINE, CHOSEN, Autoencoder, FittedScore
from renormal.data.source import Kind
from renormal.job.checkpoints import given
from renormal.job.environment import device_of
from renormal.job.processes import count_of
from renormal.job.tried_scores import check_scores
from renormal.lit.columns import Columns
from renormal.lit.datamodule import Sizes, SourceData
from renormal.lit.module import AutoencoderModule
from renormal.lit.stage import CHOOSE, INPAINT, SAMPLE, TEST, TRAIN
from renormal.projection import Descent, LatentSearch, known_mask

GIVEN = ("callbacks", "default_root_dir", "logger", "plugins")  # arguments of the trainer that a job gives itself
FEW = 4  # processes that may share a core, ours
VARIABLE = "PL_TRAINER_"  # Lightning takes arguments from variables with this name


def check_trainer(config: DictConfig) -> None:
    """Every argument of the trainer comes from the config, and the training has an end."""
    for name in sorted(os.environ):
        key = name.removeprefix(VARIABLE).lower()
        if key != name.lower() and key not in (*config.trainer, *GIVEN):
            raise ValueError(f"{name} is set in the environment: unset it, and give +trainer.{key}=... instead")
    epochs, steps = config.trainer.get("max_epochs"), config.trainer.get("max_steps")
    if (epochs is None or epochs < 0) and steps in (None, -1):
        raise ValueError(f"trainer.max_epochs={epochs} has no end: give a number of epochs")
    if limit := next((key for key in ("minutes", "patience") if config[key] is not None), None):
        if steps not in (None, -1) or epochs is None or epochs < 0:
            raise ValueError(f"{limit}= ends a training of whole epochs: give trainer.max_epochs, and no max_steps")
        if trainer_time := config.trainer.get("max_time"):
            raise ValueError(f"{limit}= and trainer.max_time={trainer_time} both end the training: give one of them")


def check_devices(config: DictConfig) -> None:
    """This machine has the devices that a job asks for: a process more would wait for ever, or share a core."""
    devices, kind, asked_for = config.trainer.devices, device_of(config).type, config.trainer.accelerator
    cuda, mps = torch.cuda.is_available(), torch.backends.mps.is_available()
    if not {"gpu": cuda or mps, "cuda": cuda, "mps": mps}.get(asked_for, True):
        raise ValueError(f"trainer.accelerator={asked_for}: PyTorch finds no such device here: give cpu, or auto")
    if OmegaConf.is_list(devices) and kind == "cpu":
        raise ValueError(f"trainer.devices={devices} is a list of GPUs, and the job runs on a CPU: give a number")
    there = torch.cuda.device_count() if kind == "cuda" else max(FEW, os.cpu_count() or 1)
    asked = max(devices) + 1 if OmegaConf.is_list(devices) and kind == "cuda" else count_of(devices)
    if asked > there:
        what = "GPUs" if kind == "cuda" else "processes at most on a CPU"
        raise ValueError(f"trainer.devices={devices} asks for more than this machine has: {there} {what}")


def check_stages(config: DictConfig) -> None:
    """A given checkpoint fits the stages."""
    if config.checkpoint and TRAIN in config.stages:
        raise ValueError("checkpoint= is for testing weights that exist: add stages=[test], or leave it out to train")
    if CHOOSE in config.stages and len(given(config)) > 1:
        raise ValueError("settings are chosen for one autoencoder: give one checkpoint, or leave choose out")


def check_sizes(config: DictConfig, kind: Kind, sizes: Sizes) -> None:
    """Tiles cover a texture, and an object that is seen in tiles."""
    key, side = f"data.{kind}_size", sizes.of(kind)[0]
    tile, stride = config.data.patch_size, config.test.stride
    if (kind == "texture" or OmegaConf.select(config, "data.object_tiles")) and not 0 < stride <= tile <= side:
        got = f"test.stride={stride}, data.patch_size={tile}, {key}={side}"
        fixed = "; with continue= test.stride alone can be changed" if sizes.fixed else ""
        raise ValueError(f"{kind}s need 0 < test.stride <= data.patch_size <= {key}, got {got}{fixed}")
    seen = OmegaConf.select(config, "data.shrink") or [1]
    whole = key == "data.object_size" and not OmegaConf.select(config, "data.object_tiles")
    for n in seen:
        if n > 1 and (whole or side % n or side // n < tile):
            mend = f"{key}={side} to be a multiple of it, at least {n} times data.patch_size={tile}"
            fault = f"data.shrink={n} needs {'data.object_tiles=true' if whole else mend}"
            unfit = f"data.shrink={n} does not fit the network of continue=, with {key}={side}: set data.shrink=[1]"
            raise ValueError(unfit if sizes.fixed else fault)
    if seen[0] != 1 or len(set(seen)) < len(seen):
        raise ValueError(f"data.shrink={list(seen)} must begin with 1 and name no size twice")


def check_share(config: DictConfig, key: str, batches: int, whole: str) -> None:
    """A share of so many batches, such as trainer.limit_test_batches=0.1, is at least one batch."""
    share = config.trainer.get(key)
    if isinstance(share, float) and share > 0 and int(share * batches) == 0:
        raise ValueError(f"trainer.{key}={share:g} is no batch: {whole} has {batches}, give at least {1 / batches:.1g}")


def check_columns(config: DictConfig, columns: Columns, module: AutoencoderModule, data: SourceData) -> None:
    """Every column can be computed with this model and these images; keys name columns that exist."""
    check_names_in(config, columns)
    check_baseline(config, columns, module.model)
    check_masks(config, columns)
    check_scores(config, columns, module, data)
    check_energies(columns, module)


def check_names_in(config: DictConfig, columns: Columns) -> None:
    """What needs no image: every column is what its key says, has its own name, and is there where a key names it."""
    check_kinds(columns)
    check_names(columns)
    check_test(config, columns)


def check_kinds(columns: Columns) -> None:
    """Every projection is a descent and every score a function: a setting alone, without its yaml, is neither."""
    for name, descent in columns.projections.items():
        if not isinstance(descent, Descent):
            raise ValueError(f"projections.{name} is no descent: add it to projection=[...] to change its settings")
    for name, score in {"score": columns.score, **columns.scores}.items():
        if not callable(score):
            raise ValueError(f"scores.{name} is no score: add it with '+score@scores.{name}=...' first")


def check_names(columns: Columns) -> None:
    """Every column has its own name."""
    projections, scores = columns.projections, columns.scores
    if BASELINE in (*projections, *scores):
        raise ValueError(f"no projection and no score can be called {BASELINE}: that column is f(x0)")
    if both := sorted(scores.keys() & projections.keys()):
        raise ValueError(f"{', '.join(both)}: a score and a projection cannot share a column's name")
    names = [*projections, *scores, *(f"{end}_{name}" for end in projections for name in scores)]
    if columns.crossed and (same := sorted({name for name in names if names.count(name) > 1})):
        raise ValueError(f"{', '.join(same)}: test.crossed=true makes a column of that name, call it something else")


def check_test(config: DictConfig, columns: Columns) -> None:
    """Settings of the test and of its pictures name projections that exist."""
    projections = set(columns.projections)
    chosen = {CHOSEN} if config.choose.settings or CHOOSE in config.stages else set()
    allowed = {
        "test.curves": projections,
        "test.drawn": projections | {CHOSEN},
        "dashboard.traces": projections | chosen,
    }
    for key, names in allowed.items():
        if unknown := set(OmegaConf.select(config, key) or ()) - names:
            raise ValueError(f"{key} names {sorted(unknown)}, projection has {sorted(projections)}")


def check_baseline(config: DictConfig, columns: Columns, model: object) -> None:
    """A model without an encoder has no f(x0): it only works with a search in z that starts from the prior."""
    if isinstance(model, Autoencoder) or set(config.stages) == {TRAIN}:
        return
    found = [name for name, descent in columns.projections.items() if not isinstance(descent.energy, LatentSearch)]
    stages = [stage for stage in config.stages if stage in (CHOOSE, INPAINT, SAMPLE)]
    fits = [type(columns.score).__name__.lower()] * isinstance(columns.score, FittedScore)
    needs = {"projection": found, "score": fits, "scores": list(columns.scores), "stages": stages}
    if asked := [f"{key}=[{','.join(names)}]" for key, names in needs.items() if names]:
        raise ValueError(
            f"model={config.model.name} has no f(x) (no method reconstruct), which {' and '.join(asked)} asks for: "
            "give projections that search z from its prior, or train alone (stages=[train])"
        )


def check_masks(config: DictConfig, columns: Columns) -> None:
    """A projection with a known mask needs a hole, and only the stage inpaint has one."""
    known = [name for name, descent in columns.projections.items() if descent.mask is known_mask]
    without = [stage for stage in config.stages if stage in (CHOOSE, TEST)]
    if known and without:
        raise ValueError(f"projections.{known[0]} needs a known hole, and the stage {without[0]} has none")


def check_energies(columns: Columns, module: AutoencoderModule) -> None:
    """The model has what each energy needs."""
    for name, descent in columns.projections.items():
        if lack := lack_of(descent, module.model):
            raise ValueError(f"projections.{name}.energy: {lack}")
