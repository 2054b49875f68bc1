"""How the settings of repair_ae were chosen: short trainings, compared on held-out good images. No test label is read.

The error is measured where new damage was added and elsewhere; the AUROC on planted defects.

python -m benchmarks.repair_pilot category=bottle data.root=/path/to/mvtec_ad
"""

from __future__ import annotations

import sys
import time
from typing import Any

import torch
from hydra import compose, initialize_config_dir
from hydra.utils import instantiate
from omegaconf import DictConfig
from tabulate import tabulate
from torch import Tensor

from renormal.choose.planted_set import planted_set
from renormal.contracts import Images
from renormal.functional.tiles import cut
from renormal.job.build import build_data, build_module
from renormal.job.environment import make_sums_reproducible
from renormal.job.fingerprints import source_of
from renormal.lit.batches import channels_last, in_batches
from renormal.lit.datamodule import SourceData
from renormal.lit.scoring import Scoring
from renormal.metrics import AnomalyMetrics
from renormal.models import RepairAE
from renormal.run import CONF
from renormal.scores import DSSIM, MSGMS, Smooth, SquaredError

IMAGES = 4000
SEEN = 96  # held-out images or tiles for new damage
SCORES = [kind(smooth=Smooth(mean=9)) for kind in (DSSIM, MSGMS, SquaredError)]
RATE, NOISE = "model.scheduler.max_lr", "model.net.corruption"
VARIANTS = {
    "batch 32, rate 0.001": ["batch_size=32", f"{RATE}=1e-3"],
    "batch 8, rate 0.001": [],
    "batch 8, rate 0.002": [f"{RATE}=2e-3"],
    "batch 4, rate 0.001": ["batch_size=4"],
    "batch 4, rate 0.002": ["batch_size=4", f"{RATE}=2e-3"],
    "noise undone": [f"{NOISE}.keep_noise=false"],
    "noise of a third, undone": [f"{NOISE}.keep_noise=false", f"{NOISE}.noise=0.03"],
    "no noise": [f"{NOISE}.noise=0"],
}


def config_of(extra: list[str]) -> DictConfig:
    with initialize_config_dir(str(CONF), version_base="1.3"):
        return compose("config", ["experiment=repair_ablation", "folder=outputs", *sys.argv[1:], *extra])


def trained(config: DictConfig, data: SourceData) -> RepairAE:
    """The network after IMAGES images. The schedule of the learning rate is shortened to them."""
    torch.manual_seed(config.seed)
    model: Any = build_module(config, data, "").model
    assert isinstance(model, RepairAE)
    optimizer = instantiate(config.model.optimizer, _convert_="all")(model.parameters())
    steps = IMAGES // config.batch_size
    schedule = instantiate(config.model.scheduler, _convert_="all")(optimizer, total_steps=steps)
    good: Images = torch.cat(list(data.normal_images(SEEN)))
    for _ in range(steps):
        images = channels_last(good[torch.randint(len(good), (config.batch_size,))], torch.device("cpu"))
        with torch.autocast("cpu", torch.bfloat16):
            loss = model.training_loss(images).total.mean()
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), config.trainer.gradient_clip_val)
        optimizer.step()
        schedule.step()
    repairing: RepairAE = model.eval().requires_grad_(False)
    return repairing


def errors(model: RepairAE, spare: Images) -> tuple[float, float]:
    """Mean squared error × 10⁴ of held-out images: (where they were damaged, elsewhere)."""
    seen = model.corruption(spare, generator=torch.Generator().manual_seed(1))
    error = (in_batches(model, channels_last(seen.image, torch.device("cpu")), size=16) - seen.target).square()
    cover = seen.cover.expand_as(error)
    return tuple(float((error * weight).sum() / weight.sum()) * 1e4 for weight in (cover, 1 - cover))  # type: ignore[return-value]


def planted(model: RepairAE, data: SourceData, config: DictConfig) -> list[float]:
    """Pixel AUROC of f(x0) on planted defects, one for each of SCORES."""
    samples = planted_set(data, defects=config.choose.defects, seed=config.choose.seed)
    tiled = samples.image.shape[-1] != data.patch_size
    tiles: Tensor = cut(samples.image, data.patch_size, config.test.stride) if tiled else samples.image
    ends = in_batches(model, channels_last(tiles, torch.device("cpu")), size=16)
    scoring, found = Scoring(config.test.stride, config.test.average, 16), []
    for score in SCORES:
        counter = AnomalyMetrics()
        counter.update(scoring(score, model, tiles, ends, samples.image)[1], samples.regions)
        found.append(counter.compute()["pixel_auroc"].item())
    return found


def row_of(name: str, extra: list[str]) -> list[str]:
    """The line of one variant: its name, two errors, three AUROCs, images per second of the training."""
    config = config_of(extra)
    data = build_data(config, source_of(config))
    spare = data.spare.float() / 255
    if spare.shape[-1] != data.patch_size:
        spare = cut(spare, data.patch_size, data.patch_size)[:: max(1, len(spare) * 16 // SEEN)]
    start = time.process_time()
    model = trained(config, data)
    seconds = time.process_time() - start
    means = [f"{error:.1f}" for error in errors(model, spare[:SEEN])]
    return [name, *means, *(f"{auroc:.3f}" for auroc in planted(model, data, config)), f"{IMAGES / seconds:.0f}"]


def main() -> None:
    torch.set_num_threads(1)
    make_sums_reproducible()
    rows = []
    for name, extra in VARIANTS.items():
        rows.append(row_of(name, extra))
        print(*rows[-1], sep=" | ", file=sys.stderr, flush=True)
    aurocs = ["planted: DSSIM", "MSGMS", "error²"]
    headers = ["after 4 000 images", "damaged, 10⁻⁴", "elsewhere, 10⁻⁴", *aurocs, "images/s"]
    print(tabulate(rows, headers, tablefmt="pipe", disable_numparse=True))


if __name__ == "__main__":
    main()
