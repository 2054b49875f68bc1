"""Benchmarks of the training: ours, a loop without a framework on our batches, and plain Lightning with PIL."""

from __future__ import annotations

import os
import random
import shutil
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import lightning as L
import numpy as np
import torch
from hydra import compose, initialize_config_dir
from hydra.utils import instantiate
from kornia.losses import ssim_loss
from omegaconf import OmegaConf
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from benchmarks.trained import DATA, ROOT
from renormal.data import stand_in
from renormal.job.build import build_columns
from renormal.job.environment import filter_messages
from renormal.job.fingerprints import fingerprints
from renormal.job.job import perform
from renormal.job.state import hold_folder
from renormal.lit.datamodule import Decoding, SourceData
from renormal.lit.module import AutoencoderModule
from renormal.lit.progress import Progress
from renormal.lit.state_report import StateReport
from renormal.lit.training_clock import TrainingClock
from renormal.models import DSAE, L2AE, VAE, GammaVAE, RepairAE
from renormal.run import CONF

Run = Callable[[], dict[str, Any]]
MODELS = {"l2_ae": L2AE, "dsae": DSAE, "vae": VAE, "gamma_vae": GammaVAE, "repair_ae": RepairAE}
BATCH = 32


def data_of(images: int) -> SourceData:
    return SourceData(
        stand_in(ROOT, "grid", **DATA), decoding=Decoding(channels=1), batch_size=BATCH, epoch_images=images
    )


def fit(trainer_settings: dict[str, Any], callbacks: list[L.Callback]) -> L.Trainer:
    filter_messages()
    silent: dict[str, Any] = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False}
    return L.Trainer(
        accelerator="cpu", max_epochs=1, enable_model_summary=False, callbacks=callbacks, **silent, **trainer_settings
    )


def ours(kind: str, images: int, precision: str = "bf16-mixed") -> Run:
    """Our module, our batches, Lightning's trainer."""
    adam = partial(torch.optim.Adam, lr=1e-4, fused=True)
    data = data_of(images)
    module = AutoencoderModule(MODELS[kind](channels=1), optimizer=adam).to(memory_format=torch.channels_last)

    def run() -> dict[str, Any]:
        trainer = fit({"precision": precision, "use_distributed_sampler": False}, [TrainingClock()])
        trainer.fit(module, datamodule=data)
        return {"images": images // BATCH * BATCH}

    return run


def bare_loop(kind: str, images: int, precision: str = "bf16-mixed") -> Run:
    """The same batches, network, precision and optimizer, without a framework."""
    data = data_of(images)
    model = MODELS[kind](channels=1).to(memory_format=torch.channels_last)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-4, fused=True)

    def run() -> dict[str, Any]:
        for batch in data.train_dataloader():
            assert isinstance(batch, Tensor)  # a repair network's batch is damaged by its own loss
            x = batch.contiguous(memory_format=torch.channels_last)
            with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16-mixed"):
                loss = model.training_loss(x).total.mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        return {"images": images // BATCH * BATCH}

    return run


class Stopwatch(L.Callback):
    """Seconds from the first batch to the end of training, with checkpoints, logs and pictures."""

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        self.start = time.perf_counter()

    def on_train_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        self.seconds = time.perf_counter() - self.start


def job(kind: str, images: int, precision: str = "bf16-mixed") -> Run:
    """A job as `renormal` runs it: config, CSV log, checkpoint, state.json, progress bar. Start-up is left out."""
    folder = ROOT.parent / f"job-{os.getpid()}"
    own = [f"model={kind}", "category=grid", f"folder={folder}", f"data.root={ROOT}", "stages=[train]"]
    recipe = [f"batch_size={BATCH}", f"data.epoch_images={images}", "trainer.max_epochs=1"]
    with initialize_config_dir(str(CONF), version_base="1.3"):
        drawn = [f"data.{key}={value}" for key, value in DATA.items()]
        config = compose("config", [*own, *recipe, *drawn, f"trainer.precision={precision}"])
    OmegaConf.resolve(config)

    def run() -> dict[str, Any]:
        shutil.rmtree(folder, ignore_errors=True)
        watch = Stopwatch()
        with hold_folder(folder, 1) as state:
            source = instantiate(config.data.source, _convert_="all")
            bar, callbacks = Progress("benchmark"), [StateReport(state.report), watch]
            hashes = fingerprints(config, source, precision)
            perform(config, source, hashes, build_columns(config), bar, callbacks)
        shutil.rmtree(folder)
        return {"images": images // BATCH * BATCH, "seconds": watch.seconds}

    return run


class Files(Dataset[Tensor]):
    """Random crops of files; each access opens and resizes the file again."""

    def __init__(self, folder: Path, length: int) -> None:
        self.paths, self.length = sorted(folder.glob("*.png")), length

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: int) -> Tensor:
        with Image.open(self.paths[index % len(self.paths)]) as image:
            reduced = image.convert("L").resize((512, 512), Image.Resampling.BILINEAR)
        top, left = random.randint(0, 384), random.randint(0, 384)
        crop = np.asarray(reduced)[top : top + 128, left : left + 128]
        return torch.from_numpy(crop.copy())[None].float() / 255


class Plain(L.LightningModule):
    """The simplest LightningModule: the network, its loss, Adam. Damage and noise are drawn as in ours."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.net, self.kind = MODELS[kind](channels=1), kind

    def training_step(self, batch: Tensor, batch_idx: int) -> Tensor:
        if self.kind == "dsae":
            loss = ssim_loss(batch, self.net(batch), window_size=11, reduction="sum") / len(batch)
        elif self.kind == "l2_ae":
            loss = ((batch - self.net(batch)) ** 2).sum() / len(batch)
        else:
            loss = self.net.training_loss(batch).total.mean()
        self.log("loss", loss)
        return loss

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.Adam(self.parameters(), lr=1e-4)


def plain_lightning(kind: str, images: int, workers: int = 0) -> Run:
    """Files, a DataLoader and a Trainer with default settings, in float32."""
    stand_in(ROOT, "grid", **DATA)
    files = Files(ROOT / "grid" / "train" / "good", images // BATCH * BATCH)
    loader = DataLoader(files, batch_size=BATCH, shuffle=True, num_workers=workers, persistent_workers=workers > 0)
    module = Plain(kind)

    def run() -> dict[str, Any]:
        fit({}, []).fit(module, loader)
        return {"images": images // BATCH * BATCH}

    return run
