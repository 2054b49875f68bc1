"""Every score is tried on two training images before the training: what a test would refuse then shows at once."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

import torch
from omegaconf import DictConfig
from torch import Tensor

from renormal.choose.candidates import lack_of, offered, scores_of, suited
from renormal.contracts import Autoencoder, FittedScore, Images, Score
from renormal.functional.reconstructed import reconstructed
from renormal.lit.batches import channels_last
from renormal.lit.columns import Columns
from renormal.lit.datamodule import SourceData
from renormal.lit.module import AutoencoderModule
from renormal.lit.stage import CHOOSE
from renormal.projection.segmented import OTHER
from renormal.scores.unsuited import UnsuitedError

UNSUITED = "choose.scores.%s is left out of the choice: model=%s cannot answer it"
UNUSABLE = "choose.projections.%s is left out of the choice: %s"
log = logging.getLogger("renormal")


def check_scores(config: DictConfig, columns: Columns, module: AutoencoderModule, data: SourceData) -> None:
    """Raise ValueError for a score whose maps a test cannot count. The network is as it is before its training.

    A score among which the stage `choose` chooses is left out, with a line, where the network cannot answer it.
    A score is given the corner of two training images and f(x) of it; where the network has none, the other image.
    """
    side, training = data.size if config.test.average == "pixels" else data.patch_size, module.training
    x0 = channels_last(data.training[:2, :, :side, :side].float() / 255, torch.device("cpu"))
    model = module.eval().model
    with torch.no_grad(), torch.random.fork_rng(devices=[]):
        sees = isinstance(model, Autoencoder) and side == data.patch_size
        became = reconstructed(model, x0).image if sees else x0.flip(0)
        for key, score in parts_of(asked(config, columns, model)):
            try:
                maps = score(model, x0, became)
            except UnsuitedError as error:
                if not data.fixed:
                    raise
                raise ValueError(f"{error.lack}; set another score") from error
            except ValueError as error:
                raise ValueError(f"{key}: {error}") from error
            check_maps(f"{key} ({path_of(score)})", maps, x0)
    module.train(training)


def asked(config: DictConfig, columns: Columns, model: object) -> dict[str, Score]:
    """Key → score: of the test, and of the choice if there is one."""
    found = {"score": columns.score, **{f"scores.{name}": one for name, one in columns.scores.items()}}
    if CHOOSE in config.stages:
        scores, main = scores_of(config, columns.score)
        usable = suited({name: one for name, one in scores.items() if name != main}, model)
        for name, descent in offered(config).items():
            if lack := lack_of(descent, model):
                fixed = config.get("continue") is not None
                log.warning(UNUSABLE, name, lack.removesuffix(OTHER) if fixed else lack)
        for name in sorted(scores.keys() - usable.keys() - {main}):
            log.warning(UNSUITED, name, config.model.name)
        found |= {f"choose.scores.{name}": one for name, one in usable.items()}
    return found


def parts_of(scores: Mapping[str, Score]) -> Iterator[tuple[str, Score]]:
    """Key and score. Of a score that must be fitted, those in it: two images are too few to fit it."""
    for key, score in scores.items():
        if isinstance(score, FittedScore):
            yield from parts_of({f"{key}.{name}": part for name, part in score.inner.items()})
        else:
            yield key, score


def path_of(score: Any) -> str:
    """The score's function or class, by its path in Python."""
    function = score.func if isinstance(score, partial) else score
    named = function if hasattr(function, "__qualname__") else type(function)
    return f"{named.__module__}.{named.__qualname__}"


def check_maps(name: str, maps: Any, x0: Images) -> None:
    """Raise ValueError for what are no maps of x0. name: of the score."""
    if not isinstance(maps, Tensor) or not maps.is_floating_point():
        found = maps.dtype if isinstance(maps, Tensor) else type(maps).__name__
        raise ValueError(f"{name} returns {found}: return a tensor of floating point numbers")
    wanted = (len(x0), *x0.shape[-2:])
    if tuple(maps.shape) != wanted:
        mend = "return one number for each pixel of an image, as .mean(dim=1) does"
        raise ValueError(f"{name} returns the shape {tuple(maps.shape)} in place of (B, H, W) = {wanted}: {mend}")
    if not bool(maps.isfinite().all()):
        raise ValueError(f"{name} is not finite on training images: check its divisions, roots and logarithms")
    if (low := float(maps.min())) < 0:
        raise ValueError(f"{name} has values below 0 ({low:.3g}) on training images: return a distance, as .abs() does")
