"""The training loss as one recording. Here a call stands for the replay; on a GPU it is a CUDA graph."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from pathlib import Path

import lightning as L
import pytest
import torch
from torch import Tensor, nn

from renormal.data.source import Augmentation
from renormal.data.transforms import TrainingBatches
from renormal.lit.module import AutoencoderModule, noise_state, set_noise_state
from renormal.lit.recorded_loss import RecordedLoss, recordable
from renormal.lit.training_clock import TrainingClock
from renormal.models import DSAE, L2AE, VAE, ConvAutoencoder, GammaVAE, RepairAE, RepairL2AE, TrainingLoss
from renormal.projection import graph

MODELS: dict[str, Callable[[], nn.Module]] = {
    "l2_ae": partial(L2AE, channels=3, size=32),
    "dsae": partial(DSAE, channels=3, size=32),
    "vae": partial(VAE, channels=3, size=32),
    "gamma_vae": partial(GammaVAE, channels=3, size=32),
    "repair_ae": partial(RepairAE, channels=3, size=32, width=8),
    "repair_l2_ae": partial(RepairL2AE, channels=3, size=32, width=8),
}
Recorder = Callable[[graph.Step, torch.device], graph.Step]


def call(step: graph.Step, device: torch.device) -> graph.Step:
    for _ in range(3):  # as a warm-up does
        step()
    return step


def nothing(step: graph.Step, device: torch.device) -> graph.Step:
    """An empty recording."""
    step()
    return lambda: None


def made(name: str) -> nn.Module:
    torch.manual_seed(0)
    return MODELS[name]()


def images(seed: int = 0) -> Tensor:
    return torch.rand(4, 3, 32, 32, generator=torch.Generator().manual_seed(seed))


def slope(loss: Callable[[Tensor], TrainingLoss], model: nn.Module, x: Tensor, seed: int) -> list[Tensor]:
    """Loss, terms and gradients, in bfloat16."""
    torch.manual_seed(seed)
    with torch.autocast("cpu", torch.bfloat16):
        found = loss(x)
    model.zero_grad()
    found.total.mean().backward()
    gradients = [weight.grad for weight in model.parameters() if weight.grad is not None]
    return [one.detach().clone() for one in (found.total, *found.terms.values(), *gradients)]


@pytest.mark.parametrize("name", MODELS)
def test_a_recording_has_the_losses_and_gradients_of_the_step_itself(
    name: str, recorder: Callable[[Recorder], list[int]]
) -> None:
    tried, model = recorder(call), made(name)
    recorded = RecordedLoss(model)
    for seed in range(3):
        own, plain = (slope(loss, model, images(seed), seed) for loss in (recorded, model.training_loss))  # type: ignore[arg-type]
        assert len(own) == len(plain) > 2
        assert all(torch.equal(one, other) for one, other in zip(own, plain, strict=True))
    assert tried == [1]


def trained(**settings: object) -> tuple[AutoencoderModule, int]:
    """A VAE after two epochs of four batches, and the steps of its optimizer."""
    module = AutoencoderModule(made("vae"), optimizer=partial(torch.optim.Adam, lr=1e-3), seed=3)  # type: ignore[arg-type]
    plain = {"accelerator": "cpu", "logger": False, "enable_checkpointing": False, "enable_progress_bar": False}
    trainer = L.Trainer(**plain, enable_model_summary=False, max_epochs=2, **settings)  # type: ignore[arg-type]
    batches = torch.utils.data.DataLoader(torch.cat([images(seed) for seed in range(4)]), batch_size=4)  # type: ignore[arg-type]
    trainer.fit(module, batches)
    return module, trainer.global_step


@pytest.mark.parametrize("settings", [{}, {"gradient_clip_val": 1.0}, {"accumulate_grad_batches": 2}])
def test_a_training_with_a_recording_gives_the_same_weights(
    settings: dict[str, float], recorder: Callable[[Recorder], list[int]]
) -> None:
    expected, steps = trained(**settings)
    tried = recorder(call)
    found, again = trained(**settings)
    assert tried == [1]
    assert steps == again
    assert found.recorded_loss.recording is None, "its memory is free for the test"
    for one, other in zip(found.parameters(), expected.parameters(), strict=True):
        assert torch.allclose(one, other, rtol=1e-5, atol=1e-7)


def test_damage_is_drawn_anew_for_each_batch(recorder: Callable[[Recorder], list[int]]) -> None:
    """What the host decides is no part of the recording."""
    recorder(call)
    model = made("repair_ae")
    recorded = RecordedLoss(model)
    torch.manual_seed(0)
    seen = [recorded(images()) and [one.clone() for one in recorded.recording.inputs] for _ in range(2)]  # type: ignore[union-attr]
    assert not torch.equal(seen[0][0], seen[1][0])


def fails(step: graph.Step, device: torch.device) -> graph.Step:
    step()
    raise RuntimeError("operation not permitted when stream is capturing\nmore")


@pytest.mark.parametrize(("record", "line"), [(nothing, "another loss"), (fails, "when stream is capturing")])
def test_a_recording_that_cannot_be_used_is_said_once_and_changes_nothing(
    record: Recorder,
    line: str,
    recorder: Callable[[Recorder], list[int]],
    caplog: pytest.LogCaptureFixture,
) -> None:
    tried, model = recorder(record), made("vae")
    recorded = RecordedLoss(model)
    with caplog.at_level(logging.INFO, "renormal"):
        for seed in range(3):
            own, plain = (slope(loss, model, images(seed), seed) for loss in (recorded, model.training_loss))  # type: ignore[arg-type]
            assert all(torch.equal(one, other) for one, other in zip(own, plain, strict=True))
    assert tried == [1]
    assert [line in said.getMessage() for said in caplog.records] == [True]


class Counting(L2AE):
    """Its loss depends on a number of the host, which a recording would keep for ever."""

    calls = 0

    def training_loss(self, x: Tensor) -> TrainingLoss:
        self.calls += 1
        found = super().training_loss(x)
        return TrainingLoss(found.total * self.calls, found.terms)


class Normed(L2AE):
    """Keeps statistics of its batches."""

    recordable = True

    def __init__(self) -> None:
        super().__init__(channels=3, size=32)
        self.norm = nn.BatchNorm2d(3)

    def encode(self, x: Tensor) -> Tensor:
        return super().encode(self.norm(x))


def test_only_a_class_that_says_so_itself_is_recorded(recorder: Callable[[Recorder], list[int]]) -> None:
    tried = recorder(call)
    model = Counting(channels=3, size=32)
    assert recordable(made("l2_ae"))
    assert not recordable(model)
    RecordedLoss(model)(images())
    assert not tried
    assert not hasattr(ConvAutoencoder, "recordable")


def test_noise_and_statistics_of_batches_are_those_of_a_training_without_recording(
    recorder: Callable[[Recorder], list[int]],
) -> None:
    found = []
    for record in (None, call):
        if record is not None:
            recorder(record)
        torch.manual_seed(0)
        model = Normed()
        slope(RecordedLoss(model), model, images(), 7)
        found.append([*model.state_dict().values(), torch.get_rng_state()])
    assert all(torch.equal(one, other) for one, other in zip(*found, strict=True))


def test_weights_that_have_moved_are_recorded_anew_and_loaded_ones_are_followed(
    recorder: Callable[[Recorder], list[int]],
) -> None:
    tried, model = recorder(call), made("l2_ae")
    recorded = RecordedLoss(model)
    slope(recorded, model, images(), 0)
    torch.manual_seed(9)
    model.load_state_dict(MODELS["l2_ae"]().state_dict())
    own, plain = (slope(loss, model, images(), 0) for loss in (recorded, model.training_loss))  # type: ignore[arg-type]
    assert torch.equal(own[0], plain[0])
    assert len(tried) == 1
    model.double().float()
    slope(recorded, model, images(), 0)
    assert len(tried) == 2


def test_anomaly_detection_and_float16_run_step_by_step(recorder: Callable[[Recorder], list[int]]) -> None:
    """float16 gradients are scaled before they are computed."""
    tried, model = recorder(call), made("l2_ae")
    recorded = RecordedLoss(model)
    with pytest.warns(UserWarning, match="Anomaly"), torch.autograd.detect_anomaly(check_nan=False):
        recorded(images())
    with torch.autocast("cpu", torch.float16):
        recorded(images())
    assert not tried


def test_a_training_of_a_gpu_goes_on_on_a_cpu() -> None:
    """The checkpoint has the noise of two generators there."""
    before = noise_state(torch.device("cpu"))
    torch.rand(3)
    set_noise_state([*before, torch.zeros(16, dtype=torch.uint8)], torch.device("cpu"))
    assert torch.equal(torch.get_rng_state(), before[0])


def repaired(folder: Path, **settings: object) -> tuple[AutoencoderModule, list[list[Tensor]]]:
    """A repair network after two epochs of five batches of four, and the damaged images of each step."""
    data = TrainingBatches(
        torch.randint(256, (6, 3, 32, 32), dtype=torch.uint8, generator=torch.Generator().manual_seed(0)),
        kind="object", batch_size=4, augmentation=Augmentation(), seed=1, device=torch.device("cpu"), length=20,
    )  # fmt: skip
    module = AutoencoderModule(made("repair_ae"), optimizer=partial(torch.optim.Adam, lr=1e-3), seed=3)  # type: ignore[arg-type]
    seen: list[list[Tensor]] = []

    class Seen(L.Callback):
        def on_train_batch_start(self, trainer: L.Trainer, pl_module: L.LightningModule, batch: object, k: int) -> None:
            parts = (batch,) if isinstance(batch, Tensor) else batch
            seen.append([part.clone() for part in parts])  # type: ignore[attr-defined]

        def on_train_batch_end(self, trainer: L.Trainer, *_: object) -> None:
            if trainer.global_step == 7:
                trainer.save_checkpoint(folder / "seventh.ckpt")

    plain = {"accelerator": "cpu", "logger": False, "enable_checkpointing": False, "enable_progress_bar": False}
    clock = TrainingClock()
    trainer = L.Trainer(**plain, enable_model_summary=False, max_epochs=2, callbacks=[clock, Seen()])  # type: ignore[arg-type]
    trainer.fit(module, data, **settings, weights_only=False)  # type: ignore[arg-type]
    assert clock.images == 2 * 20
    return module, seen


@pytest.mark.filterwarnings("ignore:You're resuming from a checkpoint")
def test_damage_of_several_batches_is_drawn_at_once_and_again_where_a_training_goes_on(
    tmp_path: Path, recorder: Callable[[Recorder], list[int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three batches of four at once: step 7 of ten lies within the second group of the second epoch's first."""
    monkeypatch.setattr(RepairAE, "together", 12)
    calls: list[int] = []
    plain = RepairAE.prepared

    def counted(self: RepairAE, x: Tensor) -> tuple[Tensor, ...]:
        calls.append(len(x))
        return plain(self, x)

    monkeypatch.setattr(RepairAE, "prepared", counted)
    recorder(call)
    whole, seen = repaired(tmp_path)
    assert calls == [12, 8, 12, 8]
    assert [len(batch) for batch in seen] == [3] * 10, "damaged images, targets and cover"
    again, rest = repaired(tmp_path, ckpt_path=tmp_path / "seventh.ckpt")
    assert len(rest) == 3
    for batch, other in zip(seen[7:], rest, strict=True):
        assert all(torch.equal(one, two) for one, two in zip(batch, other, strict=True))
    for one, two in zip(whole.parameters(), again.parameters(), strict=True):
        assert torch.equal(one, two)
    assert not torch.equal(seen[0][2], seen[5][2]), "each epoch has damage of its own"


def test_a_cpu_damages_the_images_of_each_batch_on_their_own(tmp_path: Path) -> None:
    assert [len(batch) for batch in repaired(tmp_path)[1]] == [1] * 10
