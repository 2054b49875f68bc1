"""`python -m benchmarks.rounding`: how many digits of DSSIM are left where an image hardly changed, ours and others.

The rank correlation of all pixels with scikit-image in float64, for y = x + a noisy bump of at most the size on top.

FormerDSSIM scores the same x_N as records without `"scores": "exact"` were scored, in columns of their own:
    PYTHONPATH=. renormal … 'stages=[test]' checkpoint=… name=… test.crossed=true \
        +scores.former._target_=benchmarks.rounding.FormerDSSIM
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from kornia.metrics import ssim as kornia_ssim
from rich.console import Console
from rich.table import Table
from skimage.metrics import structural_similarity
from torch import Tensor
from torchmetrics.functional.image import structural_similarity_index_measure

from renormal.contracts import Images, Maps
from renormal.functional.ssim import C1, C2, blur, dssim_map
from renormal.scores.comparison import Comparison

MARGIN = 8  # pixels at the border, which the libraries reflect in other ways
SIZES = (1e-1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6)


def former_dssim(x: Images, y: Images) -> Tensor:
    """(1 − SSIM) / 2 of (B, C, H, W) by σ² = E[x²] − μ² in float32: what was subtracted is large beside the rest."""
    x, y = x.float().contiguous(), y.float().contiguous()
    mean_x, mean_y, squares, product = blur(torch.stack((x, y, x.square() + y.square(), x * y))).unbind()
    means, mean_product = mean_x.square() + mean_y.square(), mean_x * mean_y
    structure = (2 * (product - mean_product) + C2) / (squares - means + C2)
    return (1 - (2 * mean_product + C1) / (means + C1) * structure) / 2


@dataclass(frozen=True)
class FormerDSSIM(Comparison):
    """The score of records without `"scores": "exact"`."""

    def compare(self, x0: Images, projected: Images) -> Maps:
        return former_dssim(x0, projected).mean(dim=1).clamp(0, 1)


def by_scikit_image(x: Tensor, y: Tensor, kind: type[np.floating] = np.float32) -> Tensor:
    images = (image[0, 0].numpy().astype(kind) for image in (x, y))
    settings = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False, "data_range": 1.0}
    return torch.from_numpy(1 - structural_similarity(*images, full=True, **settings)[1])


def by_torchmetrics(x: Tensor, y: Tensor) -> Tensor:
    answer = structural_similarity_index_measure(x, y, sigma=1.5, data_range=1.0, return_full_image=True)
    return 1 - answer[1][0, 0]


RIVALS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "ours": lambda x, y: dssim_map(x, y)[0, 0],
    "formerly ours": lambda x, y: former_dssim(x, y)[0, 0],
    "kornia": lambda x, y: 1 - kornia_ssim(x, y, 11)[0, 0],
    "torchmetrics": by_torchmetrics,
    "scikit-image": by_scikit_image,
}


def images(size: float) -> tuple[Tensor, Tensor]:
    """A flat grey image with noise of 0.01, and the same with a change, as a descent leaves it."""
    generator = torch.Generator().manual_seed(0)
    x = 0.5 + 0.01 * torch.randn(1, 1, 128, 128, generator=generator)
    bump = torch.exp(-((torch.arange(128) - 60.0) ** 2) / 800)
    return x, x + size * bump[:, None] * bump * torch.rand(1, 1, 128, 128, generator=generator)


def agreement(one: Tensor, other: Tensor) -> float:
    """Spearman's rank correlation of the inner pixels."""
    inside = (slice(MARGIN, -MARGIN), slice(MARGIN, -MARGIN))
    ranks = [maps[inside].flatten().argsort().argsort().double() for maps in (one, other)]
    return float(torch.corrcoef(torch.stack(ranks))[0, 1])


def main() -> None:
    table = Table("largest change", *RIVALS, title="Rank correlation with float64")
    for size in SIZES:
        x, y = images(size)
        exact = by_scikit_image(x, y, np.float64)
        table.add_row(f"{size:.0e}", *(f"{agreement(rival(x, y), exact):.3f}" for rival in RIVALS.values()))
    Console().print(table)


if __name__ == "__main__":
    main()
