"""Players in training: who moves when, what is counted, what a resumed training repeats, what is refused."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import lightning as L
import pytest
import torch
from lightning.pytorch.callbacks import ModelCheckpoint
from torch import Tensor
from torch.utils.data import DataLoader

from renormal.lit.adversarial import AdversarialModule
from renormal.lit.training_clock import TrainingClock
from renormal.models import AnoGAN, AnoVAEGAN, FAnoGAN

# a training to go on with is there on purpose; a job says nothing of it either
pytestmark = pytest.mark.filterwarnings("ignore:Checkpoint directory .* exists")

KINDS = [AnoGAN, FAnoGAN, AnoVAEGAN]
Model = AnoGAN | FAnoGAN | AnoVAEGAN
RATE = 1e-3
FIRST = {  # who moves in the first batch
    AnoGAN: ["discriminator", "generator"],
    FAnoGAN: ["critic"],
    AnoVAEGAN: ["autoencoder", "discriminator"],
}


def trainer(**settings: object) -> L.Trainer:
    plain = {"accelerator": "cpu", "logger": False, "enable_checkpointing": False, "enable_progress_bar": False}
    return L.Trainer(**(plain | settings), enable_model_summary=False)  # type: ignore[arg-type]


def batches() -> DataLoader[Tensor]:
    images = torch.rand(12, 1, 32, 32, generator=torch.Generator().manual_seed(0))
    own = torch.Generator()  # as of the real data: torch's loader draws a seed for each epoch, from the noise of all
    return DataLoader(images, batch_size=4, generator=own)  # type: ignore[arg-type]


def module(kind: type[Model], **settings: object) -> AdversarialModule:
    torch.manual_seed(0)
    z = {"code": 4} if kind is AnoVAEGAN else {"latent": 4}
    steps = {"critic_steps": 2} if kind is FAnoGAN else {}
    model = kind(channels=1, size=32, width=16, **z, **steps)  # type: ignore[arg-type]
    optimizers = {name: partial(torch.optim.Adam, lr=RATE) for name in model.players()}
    return AdversarialModule(model, optimizer=optimizers, **settings)  # type: ignore[arg-type]


def weights(own: AdversarialModule) -> dict[str, list[Tensor]]:
    players = own.model.players().items()
    return {name: [weight.detach().clone() for weight in player.weights.parameters()] for name, player in players}


def moved(before: dict[str, list[Tensor]], after: dict[str, list[Tensor]]) -> set[str]:
    return {name for name in before if not all(map(torch.equal, before[name], after[name]))}


class Watch(L.Callback):
    """Which players moved in each batch."""

    def __init__(self) -> None:
        self.moved: list[set[str]] = []

    def on_train_batch_start(self, trainer: L.Trainer, pl_module: L.LightningModule, *_: object) -> None:
        assert isinstance(pl_module, AdversarialModule)
        self.before = weights(pl_module)

    def on_train_batch_end(self, trainer: L.Trainer, pl_module: L.LightningModule, *_: object) -> None:
        assert isinstance(pl_module, AdversarialModule)
        self.moved.append(moved(self.before, weights(pl_module)))
        assert all(weight.requires_grad for weight in pl_module.model.parameters())


def test_players_move_in_their_turns() -> None:
    watch = Watch()
    trainer(max_epochs=2, callbacks=[watch]).fit(module(FAnoGAN), batches())
    both = {"critic", "generator"}
    assert watch.moved == [{"critic"}, both, {"critic"}, both, {"encoder"}, {"encoder"}]


@pytest.mark.parametrize("kind", KINDS)
def test_a_players_step_moves_its_own_weights_by_its_own_gradient(
    kind: type[Model], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Adam's first step is the learning rate against the sign of the gradient, for each player in its turn."""
    own = module(kind)
    x = next(iter(batches()))
    step = AdversarialModule._move
    seen = []

    def watched(self: AdversarialModule, index: int, name: str, player: object, batch: Tensor) -> None:
        before, state = weights(self), torch.get_rng_state()
        gradients = torch.autograd.grad(  # what the loss says, taken outside of the training step
            self.model.players()[name].loss(batch).total.mean(), [*self.model.players()[name].weights.parameters()]
        )
        torch.set_rng_state(state)
        step(self, index, name, player, batch)  # type: ignore[arg-type]
        after = weights(self)
        assert moved(before, after) == {name}
        for old, new, gradient in zip(before[name], after[name], gradients, strict=True):
            expected = -RATE * gradient / (gradient.abs() + 1e-8)
            assert new - old == pytest.approx(expected, abs=2e-2 * RATE)
        seen.append(name)

    monkeypatch.setattr(AdversarialModule, "_move", watched)
    trainer(max_epochs=1, limit_train_batches=1).fit(own, DataLoader(x, batch_size=4))
    assert seen == FIRST[kind]


def run(kind: type[Model], folder: Path, epochs: int, *, resume: bool = False, seed: int = 0) -> AdversarialModule:
    own = module(kind, seed=seed, scheduler=partial(torch.optim.lr_scheduler.OneCycleLR, max_lr=RATE))
    keep = ModelCheckpoint(dirpath=folder, filename="last", enable_version_counter=False)
    whole = trainer(max_epochs=4, callbacks=[keep, Stop(epochs)], enable_checkpointing=True)
    whole.fit(own, batches(), ckpt_path=folder / "last.ckpt" if resume else None, weights_only=True)
    return own


class Stop(L.Callback):
    """A longer training that is broken off after so many epochs."""

    def __init__(self, epochs: int) -> None:
        self.epochs = epochs

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        trainer.should_stop = trainer.current_epoch + 1 == self.epochs


@pytest.mark.parametrize("kind", KINDS)
def test_a_resumed_training_ends_in_the_same_weights(kind: type[Model], tmp_path: Path) -> None:
    undisturbed = run(kind, tmp_path / "whole", 4).state_dict()
    run(kind, tmp_path / "halves", 2)
    torch.manual_seed(99)  # another process
    resumed = run(kind, tmp_path / "halves", 4, resume=True).state_dict()
    assert undisturbed.keys() == resumed.keys()
    assert [name for name in resumed if not torch.equal(undisturbed[name], resumed[name])] == []


def test_another_seed_draws_other_noise(tmp_path: Path) -> None:
    runs = [run(AnoGAN, tmp_path / str(index), 1, seed=seed) for index, seed in enumerate((0, 0, 1))]
    first = [next(iter(one.model.generator.parameters())) for one in runs]
    assert torch.equal(first[0], first[1])
    assert not torch.equal(first[0], first[2])


def test_losses_of_a_player_whose_turns_are_over_stay_known(tmp_path: Path) -> None:
    """f-AnoGAN's critic ends before its encoder begins, here before the training was broken off."""
    ends = []
    for folder, stops in (("whole", [6]), ("halves", [5, 6])):
        for index, epochs in enumerate(stops):
            clock = TrainingClock()
            keep = ModelCheckpoint(dirpath=tmp_path / folder, filename="last", enable_version_counter=False)
            own = trainer(max_epochs=6, callbacks=[clock, Stop(epochs), keep], enable_checkpointing=True)
            found = tmp_path / folder / "last.ckpt" if index else None
            own.fit(module(FAnoGAN), batches(), ckpt_path=found, weights_only=True)
        ends.append(clock.report())
    critic, encoder = {"critic", "distance", "penalty", "generator"}, {"encoder", "pixels", "features"}
    assert {f"final_{noun}" for noun in critic | encoder} <= ends[0].keys()
    timed = {"seconds", "images_per_second"}
    whole, halves = ({name: end[name] for name in end.keys() - timed} for end in ends)
    assert whole == halves


def test_epochs_and_images_count_batches_and_not_steps() -> None:
    clock, watch = TrainingClock(), Watch()
    own = trainer(max_epochs=2, callbacks=[clock, watch])
    own.fit(module(AnoGAN), batches())
    assert (clock.images, len(watch.moved), own.current_epoch) == (24, 6, 2)
    assert own.global_step == 12  # Lightning's count: two players
    assert clock.losses.keys() == {"train/discriminator", "train/real", "train/drawn", "train/generator"}


def test_each_scheduler_spans_the_steps_of_its_player() -> None:
    own = module(FAnoGAN, scheduler=partial(torch.optim.lr_scheduler.OneCycleLR, max_lr=RATE))
    trainer(max_epochs=2).fit(own, batches())
    schedulers = [entry.scheduler for entry in own.trainer.lr_scheduler_configs]
    assert [scheduler.total_steps for scheduler in schedulers] == [4, 2, 2]
    assert [scheduler.last_epoch for scheduler in schedulers] == [4, 2, 2]


class Exploding(AnoGAN):
    def generator_loss(self, x: Tensor):  # type: ignore[no-untyped-def]
        loss = super().generator_loss(x)
        return loss._replace(total=loss.total * torch.nan)


def test_a_loss_that_is_not_a_number_ends_the_run() -> None:
    own = module(Exploding)
    before = weights(own)["generator"]
    with pytest.raises(ValueError, match=r"training loss is not finite in epoch 0: lower model.optimizer.\*.lr"):
        trainer(max_epochs=1).fit(own, batches())
    assert all(map(torch.equal, before, weights(own)["generator"])), "it ended before the step"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"max_steps": 10}, r"trainer.max_steps .*: give trainer.max_epochs$"),
        ({"gradient_clip_val": 0.5}, r"^trainer.gradient_clip_val=0.5 cannot be applied to players, .* leave it null$"),
        ({"accumulate_grad_batches": 2}, r"^trainer.accumulate_grad_batches cannot .*: give a larger batch_size$"),
        ({"precision": "bf16-true"}, r"trainer.precision=32-true, bf16-mixed or auto, got bf16-true$"),
    ],
)
def test_settings_that_players_cannot_follow_are_named(settings: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        module(AnoGAN).check(trainer(**({"max_epochs": 3} | settings)))


def test_players_without_their_optimizers_are_refused() -> None:
    model = AnoGAN(channels=1, latent=4, size=32, width=16)
    with pytest.raises(ValueError, match=r"model.optimizer has \['critic'\], this model needs \['discriminator', 'gen"):
        AdversarialModule(model, optimizer={"critic": partial(torch.optim.Adam, lr=RATE)})


def test_bfloat16_trains_every_player() -> None:
    own = module(FAnoGAN)
    before = weights(own)
    trainer(max_epochs=2, precision="bf16-mixed").fit(own, batches())
    assert moved(before, weights(own)) == {"critic", "generator", "encoder"}
    assert all(bool(weight.isfinite().all()) and weight.dtype == torch.float32 for weight in own.model.parameters())
