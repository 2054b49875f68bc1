"""Benchmarks of the projection: ours, and other implementations of the same descent."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from benchmarks.trained import trial
from renormal.metrics import AnomalyMetrics
from renormal.models import DSAE, L2AE
from renormal.projection import Descent, Energy, Gradient, Threshold, dssim, project, squared_error
from renormal.scores import DSSIM

Run = Callable[[], Any]  # returns numbers, or a function that computes them untimed
ALPHA, WEIGHT, CAP = 0.5, 0.05, 100  # section 4.1, and our cap
QUICK = 2.0  # α of conf/projection/eq8_adam_quick.yaml
TIE = 0.002  # AUROCs closer than this are the same


def dssim_map(before: Tensor, after: Tensor) -> Tensor:
    """The smoothed DSSIM of two images, which asks no network."""
    score = DSSIM()
    return score.smooth(score.compare(before, after))


def auroc(x0: Tensor, end: Tensor, regions: Tensor) -> float:
    """Pixel AUROC over all pixels of all tiles."""
    counter = AnomalyMetrics()
    for before, after, truth in zip(x0.split(64), end.split(64), regions.split(64), strict=True):
        counter.update(dssim_map(before, after), truth)
    return float(counter.compute()["pixel_auroc"])


class Counted:
    """A model that records the number of images of each reconstruction."""

    def __init__(self, model: L2AE) -> None:
        self.model = model
        self.rows: list[int] = []

    def reconstruct(self, x: Tensor) -> Any:
        self.rows.append(len(x))
        return self.model.reconstruct(x)


def ours(precision: str, slots: int | None = None, stride: int = 128, step_size: float = ALPHA, job: str = "") -> Run:
    """`project` with eq8_adam. Also counts evaluations: by all slots (worked), and for the samples alone (needed)."""
    model, tiles, regions, threshold = trial(stride, job)
    counted = Counted(model)
    energy, stop = Energy(loss=squared_error, weight=WEIGHT), Threshold(value=threshold)
    descent = Descent(energy=energy, stop=stop, step_size=step_size, max_steps=CAP, precision=precision, slots=slots)

    def run() -> Any:
        counted.rows.clear()
        result = project(counted, tiles, descent)
        needed = int((result.steps + 1).sum())
        counts = {"images": len(tiles), "worked": sum(counted.rows), "needed": needed}
        return lambda: counts | {"auroc": auroc(tiles, result.x, regions)}

    return run


def per_image(stride: int = 128, job: str = "") -> Run:
    """One image at a time, `backward()` through trainable weights, float32: as public implementations do it."""
    model, tiles, regions, threshold = trial(stride, job, channels_last=False, trainable=True)

    def one(x0: Tensor) -> Tensor:
        x = x0.clone().requires_grad_(True)
        first, second = torch.zeros_like(x), torch.zeros_like(x)
        for step in range(1, CAP + 2):
            reconstructed = model(x)
            loss = ((x - reconstructed) ** 2).sum()
            if loss.item() < threshold or step == CAP + 1:
                break
            energy = loss + WEIGHT * (x - x0).abs().sum()
            energy.backward()
            gradient = x.grad
            assert gradient is not None
            with torch.no_grad():
                first = 0.9 * first + 0.1 * gradient
                second = 0.999 * second + 0.001 * gradient**2
                direction = (first / (1 - 0.9**step)) / ((second / (1 - 0.999**step)).sqrt() + 1e-8)
                x -= ALPHA * direction * (x - reconstructed) ** 2
                x.clamp_(0, 1)
            x.grad = None
        return x.detach()

    def run() -> Any:
        end = torch.cat([one(tile) for tile in tiles.split(1)])
        return lambda: {"images": len(tiles), "auroc": auroc(tiles, end, regions)}

    return run


def lock_step(precision: str, stride: int = 128, batch: int = 16, job: str = "") -> Run:
    """Batch by batch, each until its slowest sample has stopped: no new sample fills a slot before."""
    model, tiles, regions, threshold = trial(stride, job)
    stop = Threshold(value=threshold)
    energy = Energy(loss=squared_error, weight=WEIGHT)
    descent = Descent(energy=energy, stop=stop, step_size=ALPHA, max_steps=CAP, precision=precision, slots=batch)

    def run() -> Any:
        end = torch.cat([project(model, part, descent).x for part in tiles.split(batch)])
        return lambda: {"images": len(tiles), "auroc": auroc(tiles, end, regions)}

    return run


def network(kind: str, channels: int, size: int = 128) -> Any:
    """An untrained network: its steps take as long as those of a trained one."""
    torch.manual_seed(0)
    model: Any = {"l2_ae": L2AE, "dsae": DSAE}[kind](channels=channels, size=size)
    return model.to(memory_format=torch.channels_last).requires_grad_(False)


def noise(slots: int, channels: int, size: int = 128) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    images = torch.rand(slots, channels, size, size, generator=generator)
    return images.contiguous(memory_format=torch.channels_last)


def full_slots(
    kind: str, channels: int, precision: str, steps: int, slots: int = 16, size: int = 128, batches: int = 1
) -> Run:
    """`project` with all slots full at every step. batches: number of times the slots are filled."""
    model, images = network(kind, channels, size), noise(slots * batches, channels, size)
    energy = Energy(loss=dssim if kind == "dsae" else squared_error)
    descent = Descent(energy=energy, stop=Threshold(value=0.0), max_steps=steps - 1, slots=slots, precision=precision)

    def run() -> dict[str, Any]:
        project(model, images, descent)
        return {"image_steps": len(images) * steps}

    return run


def pure(kind: str, channels: int, precision: str, steps: int, slots: int = 16, size: int = 128) -> Run:
    """The lower bound: forward pass, loss and input gradient of the same batch, nothing else."""
    model, images = network(kind, channels, size), noise(slots, channels, size)

    def run() -> dict[str, Any]:
        with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bfloat16"):
            for _ in range(steps):
                x = images.detach().requires_grad_()
                reconstruction = model.reconstruct(x)
                loss = reconstruction.loss if kind == "dsae" else ((x - reconstruction.image) ** 2).sum(dim=(1, 2, 3))
                torch.autograd.grad(loss.sum(), x)
        return {"image_steps": slots * steps}

    return run


def moved(channels: int, steps: int, slots: int = 16, size: int = 128) -> Run:
    """The least that a step moves besides the network: x, x0, f(x), ∇E and two moments in, x and the moments out."""
    tensors = [noise(slots, channels, size) for _ in range(9)]

    def run() -> dict[str, Any]:
        for _ in range(steps):
            for one, other, out in zip(tensors[::3], tensors[1::3], tensors[2::3], strict=True):
                torch.add(one, other, out=out)
        return {"image_steps": slots * steps}

    return run


def algorithm(cap: int = 100) -> dict[str, float]:
    """Image-steps of eq8_adam, of eq8_adam_quick and of plain eq. 8 without a stop. Counted, not timed."""
    model, tiles, regions, threshold = trial()
    stop = Threshold(value=threshold)
    adam = project(model, tiles, Descent(stop=stop, max_steps=CAP))
    wanted = auroc(tiles, adam.x, regions)
    quick = project(model, tiles, Descent(stop=stop, max_steps=CAP, step_size=QUICK))
    stages = [1, 2, 4, 8, 16, 32, 64, cap]
    x = {age: torch.empty_like(tiles) for age in stages}

    def keep(sample: Tensor, t: Tensor, now: Tensor, terms: Any) -> None:
        if (age := int(t[0])) in x:
            x[age][sample] = now

    plain = Descent(direction=Gradient(), stop=Threshold(value=0.0), max_steps=cap, slots=len(tiles))
    project(model, tiles, plain, observe=keep)
    curve = {age: auroc(tiles, end, regions) for age, end in x.items()}
    reached = next((age for age in stages if curve[age] >= wanted - TIE), cap)
    return {
        "auroc": wanted,
        "eq8_adam_image_steps": float((adam.steps + 1).sum()),
        "quick_image_steps": float((quick.steps + 1).sum()),
        "quick_auroc": auroc(tiles, quick.x, regions),
        "eq8_image_steps": float(len(tiles) * (reached + 1)),
        "eq8_auroc": curve[reached],
    }
