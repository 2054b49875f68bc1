"""Training: the loss falls, a NaN ends it, the recipe travels with the weights."""

from __future__ import annotations

from functools import partial

import lightning as L
import pytest
import torch
from torch import Tensor
from torch.utils.data import DataLoader

from renormal.lit.module import AutoencoderModule
from renormal.models import L2AE


class Exploding(L2AE):
    def reconstruction_loss(self, x: Tensor, reconstructed: Tensor) -> Tensor:
        return super().reconstruction_loss(x, reconstructed) * torch.nan


def trainer(**settings: object) -> L.Trainer:
    plain = {"accelerator": "cpu", "logger": False, "enable_checkpointing": False, "enable_progress_bar": False}
    return L.Trainer(**plain, enable_model_summary=False, **settings)  # type: ignore[arg-type]


def batches() -> DataLoader[Tensor]:
    images = torch.rand(2, 1, 32, 32, generator=torch.Generator().manual_seed(0)).repeat(8, 1, 1, 1)
    return DataLoader(images, batch_size=8)  # type: ignore[arg-type]


def module(model: type[L2AE] = L2AE, **settings: object) -> AutoencoderModule:
    torch.manual_seed(0)
    optimizer = partial(torch.optim.Adam, lr=1e-3)
    return AutoencoderModule(model(channels=1, latent=8, size=32), optimizer=optimizer, **settings)  # type: ignore[arg-type]


def test_training_lowers_the_loss() -> None:
    own, images = module(), next(iter(batches()))
    before = own.model.training_loss(images).total.mean()
    trainer(max_epochs=20).fit(own, batches())
    assert own.model.training_loss(images).total.mean() < 0.8 * before


@pytest.mark.parametrize(
    ("precision", "mend"), [("32-true", ""), ("bf16-mixed", ", or train with trainer.precision=32-true")]
)
def test_a_loss_that_is_not_a_number_ends_the_run(precision: str, mend: str) -> None:
    """Nobody is told to train in the precision that the training has."""
    found = r"training loss is not finite in epoch 0: lower model.optimizer.lr or the scheduler's max_lr"
    with pytest.raises(ValueError, match=f"{found}{mend}$"):
        trainer(max_epochs=1, precision=precision).fit(module(Exploding), batches())


class Dying(L2AE):
    """From the seventh batch on its loss is that of a network which a step too large has killed."""

    batches = 0

    def reconstruction_loss(self, x: Tensor, reconstructed: Tensor) -> Tensor:
        self.batches += 1
        return super().reconstruction_loss(x, reconstructed) * (100 if self.batches > 6 else 1)


def test_a_loss_that_is_finite_and_far_above_where_it_was_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    trainer(max_epochs=6).fit(module(), batches())
    assert not [record for record in caplog.records if "training loss" in record.message]
    trainer(max_epochs=6).fit(module(Dying), batches())
    (said,) = [record.message for record in caplog.records if "training loss" in record.message]
    assert "in epoch 3 and was" in said
    assert said.endswith("the network may be lost, lower model.optimizer.lr or the scheduler's max_lr")


def test_the_scheduler_spans_the_whole_training() -> None:
    own = module(scheduler=partial(torch.optim.lr_scheduler.OneCycleLR, max_lr=1e-3))
    rates = []

    class Watch(L.Callback):
        def on_train_batch_start(self, trainer: L.Trainer, *_: object) -> None:
            rates.append(trainer.optimizers[0].param_groups[0]["lr"])

    trainer(max_epochs=3, callbacks=[Watch()]).fit(own, batches())
    first, last = 1e-3 / 25, 1e-3 / 25 / 1e4  # OneCycleLR's defaults
    assert (rates[0], rates[-1], len(rates)) == (pytest.approx(first), pytest.approx(last), 6)


@pytest.mark.parametrize("algorithm", ["norm", "value"])
@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed"])
def test_a_fused_optimizer_has_its_gradients_clipped(algorithm: str, precision: str) -> None:
    """A step of SGD at rate 1 is the gradient itself."""
    own = module()
    own.optimizer_factory = partial(torch.optim.SGD, lr=1.0, fused=True)
    before = torch.nn.utils.parameters_to_vector(own.model.parameters()).detach().clone()
    clip = {"gradient_clip_val": 1e-3, "gradient_clip_algorithm": algorithm}
    trainer(max_steps=1, precision=precision, **clip).fit(own, batches())
    moved = torch.nn.utils.parameters_to_vector(own.model.parameters()).detach() - before
    size = moved.norm() if algorithm == "norm" else moved.abs().max()
    assert size.item() == pytest.approx(1e-3, rel=0.02)
