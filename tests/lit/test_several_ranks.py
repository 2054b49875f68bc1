"""Several ranks: each image once, numbers of one checkpoint as on one device, one step of the average gradient."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import lightning as L
import numpy as np
import pytest
import torch

from renormal.data import stand_in
from renormal.lit.columns import Columns
from renormal.lit.datamodule import Sizes, SourceData
from renormal.lit.drawing import Drawing
from renormal.lit.module import AutoencoderModule
from renormal.lit.normal_maps import Counting
from renormal.lit.projection_callback import ProjectionCallback
from renormal.lit.scoring import Scoring
from renormal.lit.training_clock import TrainingClock
from renormal.models import VAE
from renormal.projection import Descent, Gradient, Plateau, Threshold
from renormal.scores import DSSIM, GradientScore, SquaredError, variational_loss
from several import as_ranks

DESCENTS = {
    "eq8_adam": Descent(max_steps=9, slots=4),
    "eq8": Descent(direction=Gradient(), max_steps=9, stop=Threshold(quantile=0.5)),
    "converged": Descent(max_steps=9, stop=Plateau(tolerance=0.05, patience=2)),
}
CASES = {  # category, good, defective (of each of its types), settings
    "7 objects: 3, 2 and 2 of them": ("bottle", 1, 2, {}),
    "4 objects: 2, 1 and 1, two at a time": ("bottle", 1, 1, {"test_images": 1}),
    "2 objects: 1, 1 and none": ("toothbrush", 1, 1, {}),
    "6 textures of 9 tiles": ("grid", 1, 1, {}),
}
TRAIN = 25  # two batches of unequal size on the first rank where a batch has 7, one or two on the others
SPEED = ("seconds", "images_per_second", "image_steps_per_second")


def data_of(root: Path, category: str, good: int, defective: int, settings: dict[str, int]) -> SourceData:
    source = stand_in(root / f"{good}-{defective}", category, train=TRAIN, good=good, defective=defective)
    given: dict[str, Any] = {"test_images": 3, "batch_size": 4, "epoch_images": 24} | settings
    return SourceData(source, sizes=Sizes(64, 32, 32), **given)


def module_of(data: SourceData, optimizer: Any = None) -> AutoencoderModule:
    torch.manual_seed(0)
    net = VAE(channels=data.channels, latent=8, size=32)
    chosen = optimizer or partial(torch.optim.Adam, lr=1e-3)
    return AutoencoderModule(net, optimizer=chosen, seed=3).to(memory_format=torch.channels_last)


def trainer_of(ranks: int, **settings: Any) -> L.Trainer:
    several: dict[str, Any] = {"devices": ranks, "strategy": "ddp"} if ranks > 1 else {"devices": 1}
    quiet = {"logger": False, "enable_progress_bar": False, "enable_model_summary": False}
    return L.Trainer(
        accelerator="cpu",
        inference_mode=False,
        enable_checkpointing=False,
        use_distributed_sampler=False,
        **quiet,
        **several,
        **settings,
    )


def outcome(root: Path, ranks: int, case: str, folder: Path) -> dict[str, Any]:
    category, good, defective, settings = CASES[case]
    data = data_of(root, category, good, defective, settings)
    average = "pixels" if category == "grid" else "maps"
    scores = {"further": GradientScore(of=variational_loss) if average == "maps" else SquaredError()}
    callback = ProjectionCallback(
        Columns(projections=DESCENTS, score=DSSIM(), scores=scores),
        scoring=Scoring(16, average),
        counting=Counting(normal_images=4),
        curves=["converged"],
        drawing=Drawing(folder=folder, panels=3),
    )
    trainer_of(ranks, callbacks=[callback]).test(module_of(data), datamodule=data, verbose=False)
    reports = {name: dict(report) for name, report in callback.found.projections.items()}
    for report in reports.values():
        seconds, rate, step_rate = (report.pop(name) for name in SPEED)
        assert rate * seconds == pytest.approx(len(data.test.paths))
        assert step_rate * seconds == pytest.approx(report["samples"] * (report["steps_mean"] + 1))
    return {
        "metrics": callback.metrics,
        "normal": {name: normal.values(0.01) for name, normal in callback.normal.items()},
        "counts": {
            name: (counter.anomaly.counts.sum(), counter.anomaly.counts) for name, counter in callback.counters.items()
        },
        "reports": reports,
        "curves": callback.found.curves["converged"],
        "panels": callback.found.panels,
        "images": len(data.test.paths),
    }


def outcome_rank(rank: int, ranks: int, root: Path, folder: Path) -> None:
    results = {case: outcome(root, ranks, case, folder / str(index)) for index, case in enumerate(CASES)}
    torch.save(results, folder / f"{rank}.pt")


@pytest.fixture(scope="module")
def three(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """What three ranks leave, and where the drawn images lie."""
    root, folder = tmp_path_factory.mktemp("drawn"), tmp_path_factory.mktemp("three")
    for category, good, defective, settings in CASES.values():
        data_of(root, category, good, defective, settings)
    as_ranks(3, outcome_rank, 3, root, folder)
    return root, folder


@pytest.mark.parametrize("case", CASES)
def test_a_test_on_three_ranks_equals_one_on_one(three: tuple[Path, Path], tmp_path: Path, case: str) -> None:
    root, folder = three
    shares = [torch.load(folder / f"{rank}.pt")[case] for rank in range(3)]
    alone, first = outcome(root, 1, case, tmp_path / str(list(CASES).index(case))), shares[0]
    assert first["metrics"] == alone["metrics"], "to the last bit"
    assert first["normal"] == alone["normal"]
    assert first["reports"] == alone["reports"], "thresholds, steps and stops"
    assert first["curves"] == alone["curves"]
    assert first["panels"] == alone["panels"]
    assert all((folder / str(list(CASES).index(case)) / panel["file"]).is_file() for panel in first["panels"])
    for name, (_, counts) in alone["counts"].items():
        assert torch.equal(sum(share["counts"][name][1] for share in shares), counts), "each pixel counted once"


def train_rank(rank: int, root: Path, folder: Path, lr: float) -> None:
    data, clock = data_of(root, "bottle", 1, 1, {}), TrainingClock()
    module = module_of(data, partial(torch.optim.SGD, lr=lr))
    batches: list[torch.Tensor] = []

    class Keep(L.Callback):
        def on_train_batch_start(self, trainer: L.Trainer, module: Any, batch: torch.Tensor, index: int) -> None:
            batches.append(batch.clone())

    trainer_of(2, max_epochs=1, callbacks=[clock, Keep()]).fit(module, datamodule=data)
    losses = {"images": clock.images, "loss": clock.losses["train/loss"], "kl": clock.losses["train/kl"]}
    torch.save({"weights": module.model.state_dict(), "batches": batches, **losses}, folder / f"{rank}.pt")


def noise_of(rank: int) -> torch.Tensor:
    """The state of torch's generator in epoch 0 of seed 3."""
    key = np.random.SeedSequence((3, 0, rank)).generate_state(1, np.uint64)[0]
    return torch.manual_seed(int(key)).get_state()


def test_training_goes_along_the_average_gradient(tmp_path: Path) -> None:
    """By hand: both ranks' batches with their own noise, gradients averaged, one weight vector."""
    lr, data = 1e-6, data_of(tmp_path, "bottle", 1, 1, {})
    as_ranks(2, train_rank, tmp_path, tmp_path, lr)
    ends = [torch.load(tmp_path / f"{rank}.pt") for rank in range(2)]
    module = module_of(data)
    start = {name: value.clone() for name, value in module.model.state_dict().items()}
    losses, noise = [], [noise_of(rank) for rank in range(2)]
    for step in range(3):
        gradients = []
        for rank in range(2):
            torch.set_rng_state(noise[rank])
            loss = module.model.training_loss(ends[rank]["batches"][step]).total.mean()
            noise[rank] = torch.get_rng_state()
            losses.append(loss.item())
            gradients.append(torch.autograd.grad(loss, list(module.model.parameters())))
        with torch.no_grad():
            for parameter, one, other in zip(module.model.parameters(), *gradients, strict=True):
                parameter -= lr * (one + other) / 2
    assert [len(end["batches"]) for end in ends] == [3, 3]
    assert not torch.equal(ends[0]["batches"][0], ends[1]["batches"][0])
    for name, value in module.model.state_dict().items():
        assert torch.equal(ends[0]["weights"][name], ends[1]["weights"][name])
        moved, expected = ends[0]["weights"][name] - start[name], value - start[name]
        assert torch.allclose(moved, expected, rtol=1e-2, atol=1e-7 + 1e-3 * expected.abs().max().item())
    for end in ends:
        assert end["images"] == 24
        assert end["loss"] == pytest.approx(sum(losses) / 6, rel=1e-5), "of both ranks together"


def nan_rank(rank: int, root: Path, folder: Path) -> None:
    data = data_of(root, "bottle", 1, 1, {})
    module = module_of(data)

    class Poison(L.Callback):  # after the last step, where rank 1 alone has met a NaN
        def on_train_batch_end(self, trainer: L.Trainer, module: Any, *_: Any) -> None:
            module.finite = torch.tensor(rank == 0)

    try:
        trainer_of(2, max_epochs=1, limit_train_batches=1, callbacks=[Poison()]).fit(module, datamodule=data)
    except ValueError as error:
        (folder / f"nan-{rank}").write_text(str(error))


def test_one_rank_s_nan_ends_the_epoch_on_all(tmp_path: Path) -> None:
    data_of(tmp_path, "bottle", 1, 1, {})
    as_ranks(2, nan_rank, tmp_path, tmp_path)
    assert all("loss is not finite in epoch 0" in (tmp_path / f"nan-{rank}").read_text() for rank in range(2))
