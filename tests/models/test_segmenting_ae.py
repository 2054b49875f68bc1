"""The repair network that learns, too, which differences damage leaves."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from renormal.functional.corruption import Corrupted, Corruption
from renormal.metrics import image_pixel_auroc
from renormal.models import RepairAE, SegmentingAE
from renormal.models.segmenting_ae import visible
from renormal.scores import Segmented, Smooth


def model(**settings: object) -> SegmentingAE:
    torch.manual_seed(0)
    return SegmentingAE(channels=1, size=32, width=8, segmenter=8, **settings)  # type: ignore[arg-type]


def test_the_loss_is_that_of_the_repair_and_the_cross_entropy_of_the_map() -> None:
    """By hand, on the damage that was drawn."""
    net, x = model(weight=3.0, dssim=0.2), torch.rand(4, 1, 32, 32)
    torch.manual_seed(5)
    loss = net.training_loss(x)
    torch.manual_seed(5)
    seen, target, cover = Corruption()(x)
    f = net(seen)
    s, p = visible(seen, target, cover), net.segment(seen, f)
    entropy = -(s[:, 0] * p.log() + (1 - s[:, 0]) * (1 - p).log()).sum(dim=(1, 2))
    assert torch.allclose(loss.terms["segment"], entropy, rtol=1e-4)
    assert torch.allclose(loss.total, net.repair_loss(f, target, cover).total + entropy, rtol=1e-4)


def test_paint_that_cannot_be_seen_is_no_damage() -> None:
    """One patch changes the grey by scale, one by nothing; a change without paint does not count."""
    target = torch.full((1, 3, 32, 32), 0.5)
    damaged, cover = target.clone(), torch.zeros(1, 1, 32, 32)
    damaged[..., :8, :8] += 0.04
    damaged[..., 20:, 20:] += 0.04
    cover[..., :16, :16] = 1
    seen = visible(damaged, target, cover)
    assert seen[0, 0, 2, 2] == pytest.approx(1 - 1 / torch.e, abs=1e-4)
    assert not seen[..., 12:16, 12:16].any()
    assert not seen[..., 20:, 20:].any()


def test_the_map_does_not_teach_the_repair() -> None:
    """f has the gradient of its own loss alone."""
    net, other = model(), RepairAE(channels=1, size=32, width=8)
    other.load_state_dict(net.state_dict(), strict=False)
    x = torch.rand(2, 1, 32, 32)
    for one in (net, other):
        torch.manual_seed(1)
        one.training_loss(x).total.sum().backward()
    theirs = dict(net.named_parameters())
    for name, parameter in other.named_parameters():
        assert torch.allclose(parameter.grad, theirs[name].grad, rtol=1e-4, atol=1e-4), name


def test_it_learns_which_difference_is_damage() -> None:
    """Black squares are damage, the noise on all of the image is none: the map ranks pixels as the squares do."""

    def squares(x: torch.Tensor) -> Corrupted:
        cover = torch.zeros_like(x[:, :1])
        for row, (top, left) in enumerate(torch.randint(26, (len(x), 2)).tolist()):
            cover[row, :, top : top + 6, left : left + 6] = 1
        target = (x + 0.2 * torch.randn_like(x)).clamp(0, 1)
        return Corrupted(target * (1 - cover), target, cover)

    net, x = model(corruption=squares, dssim=0.0), torch.full((8, 1, 32, 32), 0.5)
    optimizer = torch.optim.Adam(net.parameters(), lr=3e-3)
    for _ in range(60):
        optimizer.zero_grad()
        net.training_loss(x).total.mean().backward()
        optimizer.step()
    torch.manual_seed(9)
    seen, _, cover = squares(x)
    with torch.no_grad():
        maps = Segmented()(net, seen, net(seen))
    assert all(image_pixel_auroc(one, mask[0] > 0) > 0.95 for one, mask in zip(maps, cover, strict=True))


@pytest.mark.parametrize("sides", [(32, 32), (35, 50)])
def test_the_map_has_the_image_s_sides_and_is_smoothed(sides: tuple[int, int]) -> None:
    net, x = model().eval(), torch.rand(2, 1, *sides)
    with torch.no_grad():
        maps = Segmented()(net, x, x.flip(0))
        assert maps.shape == (2, *sides)
        assert ((maps >= 0) & (maps <= 1)).all()
        smoothed = Segmented(smooth=Smooth(mean=3))(net, x, x.flip(0))
    inner = F.avg_pool2d(maps[:, None], 3, 1)[:, 0]
    assert torch.allclose(smoothed[:, 1:-1, 1:-1], inner, atol=1e-6)


def test_a_model_that_has_not_learned_it_is_refused() -> None:
    x = torch.rand(1, 1, 32, 32)
    with pytest.raises(
        ValueError, match="learned to segment: RepairAE has not; set model=segmenting_ae, or another score"
    ):
        Segmented()(RepairAE(channels=1, size=32, width=8), x, x)
