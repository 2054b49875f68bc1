"""What a job works with, each part built from its place in the config."""

from __future__ import annotations

from pathlib import Path

import lightning as L
import torch
from hydra.utils import instantiate
from lightning.fabric.plugins.environments.slurm import SLURMEnvironment
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.loggers import Logger
from omegaconf import DictConfig, OmegaConf

from renormal.contracts import Autoencoder, FittedScore, Images, Score
from renormal.data import Source
from renormal.functional.tiles import tiles
from renormal.job.environment import precision_of
from renormal.job.rank import started_by_srun
from renormal.lit.datamodule import SourceData
from renormal.lit.inpaint import Inpainting
from renormal.lit.module import AutoencoderModule
from renormal.lit.projection_callback import ProjectionCallback
from renormal.lit.sample import Sampling
from renormal.lit.termination import EndAtOnce
from renormal.lit.whole_file import WholeFile
from renormal.projection import LatentSearch, known_mask

INPAINT, SAMPLE = "inpaint", "sample"  # the stages


def build_data(config: DictConfig, source: Source) -> SourceData:
    """Every image decoded, so that a bad file ends the run here."""
    data = SourceData(
        source,
        texture_size=config.data.texture_size,
        object_size=config.data.object_size,
        patch_size=config.data.patch_size,
        channels=config.data.channels,
        batch_size=config.batch_size,
        epoch_images=config.data.epoch_images,
        test_images=images_at_once(config, source.kind),
        seed=config.seed,
    )
    if data.training.nbytes and {"test", INPAINT, SAMPLE} & set(config.stages):
        _ = data.test
    return data


def images_at_once(config: DictConfig, kind: str) -> int:
    """Whole test images whose tiles together make up test.samples."""
    samples = int(config.test.samples)
    if samples < 1:
        raise ValueError(f"test.samples must be at least 1, got {samples}")
    if kind != "texture":
        return samples
    side, tile, stride = config.data.texture_size, config.data.patch_size, config.test.stride
    if not 0 < stride <= tile <= side:
        sizes = f"test.stride={stride}, data.patch_size={tile}, data.texture_size={side}"
        raise ValueError(f"textures need 0 < test.stride <= data.patch_size <= data.texture_size, got {sizes}")
    return max(1, samples // tiles(side, tile, stride))


def build_module(config: DictConfig, data: SourceData, training_hash: str) -> AutoencoderModule:
    """The model in the module that trains it, channels last."""
    kind = instantiate(OmegaConf.select(config, "model.module")) or AutoencoderModule  # one optimizer, or named
    net = instantiate(config.model.net, channels=data.channels, size=data.patch_size, _convert_="all")
    optimizer = instantiate(config.model.optimizer, _convert_="all")
    scheduler = instantiate(config.model.scheduler, _convert_="all")
    module: AutoencoderModule = kind(
        net, optimizer=optimizer, scheduler=scheduler, seed=config.seed, fingerprint=training_hash
    )
    return module.to(memory_format=torch.channels_last)


def build_callback(config: DictConfig, data: SourceData, module: AutoencoderModule, folder: Path) -> ProjectionCallback:
    """Every projection of the config beside the baseline; what could only fail at test time is tried here."""
    callback = ProjectionCallback(
        instantiate(config.projections, _convert_="all"),
        score=instantiate(config.score, _convert_="all"),
        scores=instantiate(config.scores, _convert_="all"),
        stride=config.test.stride,
        average=config.test.average,
        curves=list(config.test.curves),
        path=list(config.test.path),
        panels=config.test.panels,
        limit=config.test.limit,
        drawn=config.test.drawn and list(config.test.drawn),
        flips=config.test.flips,
        crossed=config.test.crossed,
        folder=folder,
    )
    check_baseline(config, callback, module.model)
    check_masks(config, callback)
    side = data.size if config.test.average == "pixels" else data.patch_size
    for name, score in {"score": callback.score, **callback.scores}.items():
        if not callable(score):
            raise ValueError(f"scores.{name} is no score: add it with '+score@scores.{name}=...' first")
        for part in score.parts.values() if isinstance(score, FittedScore) else (score,):
            try_on_nothing(part, module, torch.zeros(1, data.channels, side, side))
    return callback


def build_inpainting(config: DictConfig, callback: ProjectionCallback, data: SourceData, folder: Path) -> Inpainting:
    """The stage that repairs holes, with the projections of the config; what could only fail late is tried here."""
    settings = instantiate(config.inpaint, _convert_="all")
    if data.size != data.patch_size:
        raise ValueError(f"category={data.source.name} is seen in patches: the stage inpaint repairs whole images")
    inpainting = Inpainting(callback.projections, **settings, folder=folder / "panels")
    inpainting.try_on_nothing(data.size, data.channels)
    return inpainting


def check_masks(config: DictConfig, callback: ProjectionCallback) -> None:
    """The stages that nobody tells of a hole cannot descend with a known one."""
    told = [name for name, descent in callback.projections.items() if descent.mask is known_mask]
    blind = [stage for stage in config.stages if stage in ("choose", "test")]
    if told and blind:
        raise ValueError(f"projections.{told[0]} has to be told of a hole, which the stage {blind[0]} knows nothing of")


def build_sampling(config: DictConfig, module: AutoencoderModule, folder: Path) -> Sampling:
    """The stage that draws new images, for a model that has codes to learn."""
    settings = instantiate(config.sample, _convert_="all")
    sampling = Sampling(
        **settings, weights=folder / "checkpoints" / "second_stage.pt", sheet=folder / "panels" / "samples.png"
    )
    sampling.check(module.model)
    return sampling


def check_baseline(config: DictConfig, callback: ProjectionCallback, model: object) -> None:
    """A model without an encoder has nothing for what begins at f(x0); a search in z from its prior it can serve."""
    if isinstance(model, Autoencoder) or set(config.stages) == {"train"}:
        return
    found = [name for name, one in callback.projections.items() if not isinstance(one.energy, LatentSearch)]
    chooses = [stage for stage in config.stages if stage in ("choose", INPAINT, SAMPLE)]
    fits = [type(callback.score).__name__.lower()] * isinstance(callback.score, FittedScore)
    needs = {"projection": found, "score": fits, "scores": list(callback.scores), "stages": chooses}
    if asked := [f"{key}=[{','.join(names)}]" for key, names in needs.items() if names]:
        raise ValueError(
            f"model={config.model.name} has no f(x), which {' and '.join(asked)} asks for: "
            "give projections that search z from its prior, or train alone (stages=[train])"
        )


def try_on_nothing(score: Score, module: AutoencoderModule, nothing: Images) -> None:
    """Raises what the score would raise after the training. The module stays as it is."""
    training = module.training
    with torch.no_grad():
        score(module.eval().model, nothing, nothing)
    module.train(training)


def check_energies(callback: ProjectionCallback, module: AutoencoderModule) -> None:
    """Each energy on whether this model has what it asks for."""
    for name, descent in callback.projections.items():
        check = getattr(descent.energy, "check", None)
        try:
            if check is not None:
                check(module.model)
        except ValueError as error:
            raise ValueError(f"projections.{name}.energy: {error}") from error


def build_trainer(config: DictConfig, folder: Path, own: list[L.Callback], loggers: list[Logger]) -> L.Trainer:
    """Lightning's trainer, with the last checkpoint kept after each epoch."""
    callbacks = [
        *own,
        EndAtOnce(),
        ModelCheckpoint(dirpath=folder / "checkpoints", filename="last", save_top_k=1, enable_version_counter=False),
    ]
    settings = OmegaConf.merge(config.trainer, {"precision": precision_of(config)})
    trainer: L.Trainer = instantiate(
        settings,
        callbacks=callbacks,
        logger=loggers or False,
        plugins=[WholeFile(), *requeued_by_submitit()],
        default_root_dir=str(folder),
        _convert_="all",
    )
    return trainer


def requeued_by_submitit() -> list[SLURMEnvironment]:
    """Lightning's part for a job that srun started, without its own requeue: submitit requeues the job already."""
    return [SLURMEnvironment(auto_requeue=False)] if started_by_srun() else []
