"""The loops of two public implementations of the paper, written anew after their rule: one image at a time.

Both take f(x) for a constant (no Jacobian). They get our trained network and the same 128 × 128 pixels of every k-th
test image, and score as they do: of a texture its centre, which is all that hirokiadachi's code tests.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from benchmarks.projection import dssim_map
from benchmarks.trained import Trial, photographed_trial
from renormal.metrics import AnomalyMetrics
from renormal.projection import Descent, Threshold, project

Run = Callable[[], Any]
WEIGHT = 0.05  # λ of both


def gradient(x: Tensor, x0: Tensor, constant: Tensor) -> tuple[Tensor, Tensor]:
    """L_r and ∇(L_r + λ‖x − x₀‖₁) with f(x) a constant."""
    point = x.detach().requires_grad_()
    loss = (point - constant).square().sum()
    (loss + WEIGHT * (point - x0).abs().sum()).backward()
    assert point.grad is not None
    return loss.detach(), point.grad


def ours(category: str, every: int, precision: str) -> Run:
    """`project` with eq8_adam. The score is DSSIM(x₀, x_N)."""
    model, tiles, regions, threshold = photographed_trial(category, every)
    descent = Descent(stop=Threshold(value=threshold), precision=precision)

    def run() -> Any:
        end = project(model, tiles, descent).x
        return lambda: {"images": len(tiles), **found(dssim_map(tiles, end), regions)}

    return run


def hirokiadachi(category: str, every: int) -> Run:
    """Eq. 8, α = 0.5, at most 25 steps, α / 10 whenever L_r rises, clamped; stops at the smallest L_r of training.

    github.com/hirokiadachi/Anomaly-detection-on-MVTec, evaluation.py. The score is DSSIM(x₀, f(x_N)).
    """
    model, tiles, regions, threshold = trial_of(category, every)

    def one(x0: Tensor) -> Tensor:
        x, step, before = x0.clone(), 0.5, float("inf")
        for _ in range(25):
            constant = model(x).detach()
            loss, slope = gradient(x, x0, constant)
            if loss.item() <= threshold:
                break
            step = step / 10 if loss.item() > before else step
            before = loss.item()
            x = (x - step * slope * (x - constant).square()).clamp(0, 1)
        return model(x).detach()

    def run() -> Any:
        end = torch.cat([one(tile) for tile in tiles.split(1)])
        return lambda: {"images": len(tiles), **found(dssim_map(tiles, end), regions)}

    return run


def dbbbbm(category: str, every: int) -> Run:
    """Eq. 8 on [−1, 1] images, α = 0.1, 100 steps, no stop, no clamp. The score is (x_N − x₀)².

    github.com/dbbbbm/energy-projection-anomaly, energy.py.
    """
    model, tiles, regions, _ = trial_of(category, every)

    def one(x0: Tensor) -> Tensor:
        x = x0.clone()
        for _ in range(100):
            constant = 2 * model((x + 1) / 2).detach() - 1
            _, slope = gradient(x, x0, constant)
            x = x - 0.1 * slope * (x - constant).square()
        return x

    def run() -> Any:
        wide = 2 * tiles - 1
        end = torch.cat([one(tile) for tile in wide.split(1)])
        return lambda: {"images": len(tiles), **found((end - wide).square().mean(dim=1), regions)}

    return run


def trial_of(category: str, every: int) -> Trial:
    """As a network comes out of its training: no channels_last, weights that require a gradient."""
    return photographed_trial(category, every, channels_last=False, trainable=True)


def found(maps: Tensor, regions: Tensor) -> dict[str, float]:
    """Pixel AUROC and AUPRO over all tiles."""
    counter = AnomalyMetrics()
    counter.update(maps, regions)
    metrics = counter.compute()
    return {"auroc": float(metrics["pixel_auroc"]), "aupro": float(metrics["aupro"])}
