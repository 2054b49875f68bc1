"""The stage `sample`: draw new images with a VAE, from its prior and from a second VAE that learns its codes."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import lightning as L
import numpy as np
import torch
from lightning.pytorch.callbacks import LambdaCallback
from torch import Tensor
from torch.utils.data import DataLoader

from renormal.contracts import Posterior
from renormal.files import whole_file
from renormal.functional.gaussian import frechet_distance, sampled
from renormal.lit.batches import AT_A_TIME, channels_last, in_batches
from renormal.lit.captions import write_png
from renormal.lit.datamodule import SourceData
from renormal.lit.module import AutoencoderModule, OptimizerFactory
from renormal.lit.panels import grid
from renormal.lit.stage import SAMPLE, Found, Stage, Work, frozen
from renormal.lit.state_report import report_stage
from renormal.models import SecondStageVAE

CAPTION = "new images from z ~ N(0, I), and below the line from the second stage"
ACROSS, DOWN = 12, 3  # images of the sheet, for each way of drawing
PRIOR, SECOND, TRAINING = WAYS = ("prior", "second_stage", "training")  # where codes come from
FRECHET = "frechet_z"


class Sample(Stage):
    """Trains the second stage on the codes of the training images, then draws. Writes metrics and two files.

    net: latent → second stage. epochs: over the codes. weights, sheet: files of the second stage and of drawn images.
    """

    name = SAMPLE

    def __init__(
        self,
        *,
        net: Callable[..., SecondStageVAE],
        optimizer: OptimizerFactory,
        epochs: int = 200,
        batch_size: int = 64,
        seed: int = 0,
        weights: Path,
        sheet: Path,
    ) -> None:
        self.net, self.optimizer, self.epochs, self.batch_size, self.seed = net, optimizer, epochs, batch_size, seed
        self.weights, self.sheet = weights, sheet

    def check(self, module: AutoencoderModule, data: SourceData) -> None:
        """Raises ValueError for a model that has no q(z | x)."""
        if not isinstance(module.model, Posterior):
            mend = "leave it out of stages=" if data.fixed else "model=resnet_vae, vae or gamma_vae"
            raise ValueError(f"the stage sample needs a variational autoencoder: {mend}")

    def numbers(self, module: AutoencoderModule, data: SourceData) -> list[str]:
        return [f"{way}/{FRECHET}" for way in WAYS]

    def run(self, work: Work, found: Found) -> Found:
        """On the first rank."""
        if not work.trainer.is_global_zero:
            return Found()
        with frozen(work):
            return self._run(work)

    def _run(self, work: Work) -> Found:
        trainer, data, device = work.trainer, work.data, work.trainer.strategy.root_device
        model: Any = work.module.model
        good = [row for row, defect in enumerate(data.test.defects) if defect == "good"]
        codes = self.codes(model, data.training, device)
        second = self.train(codes, model.latent, partial(report_stage, trainer, self.name)).to(device).eval()
        with whole_file(self.weights) as file:
            torch.save(second.state_dict(), file)
        generator = torch.Generator().manual_seed(self.seed)
        count = max(len(good), ACROSS * DOWN)
        drawn = {
            PRIOR: torch.randn(count, model.latent, generator=generator).to(device),
            SECOND: second.drawn(count, generator=generator),
        }
        metrics = distances(drawn, codes, self.codes(model, data.test.images[good], device), generator)
        self.draw(model, drawn)
        return Found(metrics=metrics)

    @torch.no_grad()
    def codes(self, model: Any, images: Tensor, device: torch.device) -> Tensor:
        """(N, 2, latent): mean and log variance of q(z | x). images: uint8; a texture's first tile."""
        side = model.size
        cut = (part[..., :side, :side].float() / 255 for part in torch.split(images, AT_A_TIME))
        parts = (channels_last(part, device) for part in cut)
        pairs = [in_batches(lambda x: torch.stack(model.posterior(x), dim=1), part, size=AT_A_TIME) for part in parts]
        return torch.cat([*pairs, torch.zeros(0, 2, model.latent, device=device)])

    def train(self, codes: Tensor, latent: int, report: Callable[[], None]) -> SecondStageVAE:
        """Train in float32, on the device of the codes. report: called after each epoch."""
        torch.manual_seed(self.seed)
        second = self.net(latent=latent)
        module = AutoencoderModule(second, optimizer=self.optimizer, seed=self.seed)
        module.rates = "sample.optimizer.lr"  # the key that messages name
        order = torch.Generator().manual_seed(self.seed)
        loader: DataLoader[Tensor] = DataLoader(codes.cpu(), self.batch_size, shuffle=True, generator=order)  # type: ignore[arg-type]
        own = L.Trainer(
            accelerator=codes.device.type,
            devices=1 if codes.device.type == "cpu" else [codes.device.index or 0],
            max_epochs=self.epochs,
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            callbacks=[LambdaCallback(on_train_epoch_end=lambda trainer, module: report())],
        )
        own.fit(module, loader)
        return second

    @torch.no_grad()
    def draw(self, model: Any, drawn: dict[str, Tensor]) -> None:
        """Write a picture: images from the prior above images from the second stage."""
        blocks = []
        for z in drawn.values():
            images = in_batches(model.decode, z[: ACROSS * DOWN], size=ACROSS * DOWN)
            blocks.append(grid(torch.split(images, ACROSS)))
        gap = np.full((4, *blocks[0].shape[1:]), 255, dtype=np.uint8)
        write_png(self.sheet, np.concatenate([blocks[0], gap, blocks[1]], axis=0), [CAPTION])


def distances(
    drawn: dict[str, Tensor], codes: Tensor, held_out: Tensor, generator: torch.Generator
) -> dict[str, float]:
    """Fréchet distance from the codes of held-out images to drawn codes, and to training codes; z ~ q(z | x)."""
    count = len(held_out)
    if count < 2:
        return {}
    truth = _drawn(held_out, generator)
    known = codes[torch.randperm(len(codes), generator=generator)[:count].to(codes.device)]
    ways = {**drawn, TRAINING: _drawn(known, generator)}
    return {f"{name}/{FRECHET}": frechet_distance(z[:count], truth) for name, z in ways.items()}


def _drawn(codes: Tensor, generator: torch.Generator) -> Tensor:
    """z ~ q(z | x). codes: (N, 2, latent), mean and log variance."""
    mean, log_variance = codes.unbind(dim=1)
    return sampled(mean, log_variance, torch.randn(mean.shape, generator=generator).to(mean))
