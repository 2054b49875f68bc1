"""Project with a network of your own: python examples/own_network.py (20 seconds; torch and renormal alone).

A small autoencoder learns drawn stripes. Half of the images have a hole in a stripe. The projection fills it.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from renormal import Descent, Threshold, project, reconstruction_losses
from renormal.contracts import Stopped
from renormal.metrics import AnomalyMetrics
from renormal.scores import DSSIM


class Small(nn.Module):
    """All that `project` needs is reconstruct(x) -> (f(x), a loss for each image, summed over pixels and channels)."""

    def __init__(self) -> None:
        super().__init__()
        self.f = nn.Sequential(
            nn.Flatten(), nn.Linear(32 * 32, 64), nn.ReLU(), nn.Linear(64, 32 * 32), nn.Unflatten(1, (1, 32, 32))
        )

    def reconstruct(self, x: Tensor) -> tuple[Tensor, Tensor]:
        image = self.f(x)
        return image, (x - image).square().flatten(1).sum(dim=1)


def stripes(count: int) -> Tensor:
    """(count, 1, 32, 32): waves of one width that begin anywhere, with some noise."""
    begin = torch.rand(count, 1, 1, 1) * 8
    waves = 0.5 + 0.4 * torch.sin((torch.arange(32.0) + begin) * 0.8)
    return waves + 0.03 * torch.randn(count, 1, 32, 32)


def defective_stripes(count: int) -> tuple[Tensor, Tensor]:
    """Images of which the second half has a hole, and where it is."""
    images, defect = stripes(count), torch.zeros(count, 1, 32, 32, dtype=torch.bool)
    defect[count // 2 :, :, 12:18, 12:18] = True
    images[defect] = 0.1
    return images, defect


def trained() -> Small:
    model = Small()
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
    for _ in range(600):
        loss = model.reconstruct(stripes(32))[1].mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return model.eval().requires_grad_(False)


def pixel_auroc(maps: Tensor, masks: Tensor) -> float:
    """Both are (B, H, W). With several batches, `update` is called for each."""
    metrics = AnomalyMetrics()
    metrics.update(maps, masks.long())
    return float(metrics.compute()["pixel_auroc"])


def main() -> None:
    torch.manual_seed(0)
    model = trained()
    images, defect = defective_stripes(16)
    T = float(reconstruction_losses(model, stripes(64), Descent()).min())  # noqa: N806
    result = project(model, images, Descent(stop=Threshold(value=T)))
    changed, steps = (images - result.x).abs(), result.steps.float()
    print(f"T = {T:.2f}; {int((result.stopped == Stopped.ARRIVED).sum())} of {len(images)} images reached it")
    print(f"updates: {steps[:8].mean():.1f} of good images, {steps[8:].mean():.1f} of others")
    print(f"change: {changed[~defect].mean():.3f} of good pixels, {changed[defect].mean():.3f} of defective ones")
    ends = model.reconstruct(images)[0], result.x
    before, after = (pixel_auroc(DSSIM()(model, images, end), defect[:, 0]) for end in ends)
    print(f"pixel AUROC: {before:.3f} with f(x0), {after:.3f} with x_N")


if __name__ == "__main__":
    main()
