"""The autoencoder that learns to undo damage."""

from __future__ import annotations

import pytest
import torch

from renormal.functional.corruption import Corrupted, Corruption
from renormal.functional.dssim_loss import dssim_sum
from renormal.models import RepairAE


def model(**settings: object) -> RepairAE:
    torch.manual_seed(0)
    return RepairAE(channels=1, size=32, width=8, **settings)  # type: ignore[arg-type]


def test_the_loss_is_the_formula_on_the_damage_that_was_drawn() -> None:
    """Σ w (f(x̃) − y)² + δ Σ DSSIM, w = 1 + (weight − 1) cover, by hand."""
    net, x = model(weight=3.0, dssim=0.2), torch.rand(4, 1, 32, 32)
    torch.manual_seed(5)
    loss = net.training_loss(x)
    torch.manual_seed(5)
    seen, target, cover = Corruption()(x)
    f = net(seen)
    error = ((1 + 2 * cover) * (f - target) ** 2).sum(dim=(1, 2, 3))
    assert torch.allclose(loss.total, error + 0.2 * dssim_sum(target, f), rtol=1e-5)
    assert torch.allclose(loss.terms["repair"], error, rtol=1e-5)


def test_the_reconstruction_loss_is_of_the_image_as_it_is() -> None:
    net, x = model(), torch.rand(3, 1, 32, 32)
    image, loss = net.reconstruct(x)
    assert torch.equal(image, net(x))
    assert torch.allclose(loss, ((x - image) ** 2).sum(dim=(1, 2, 3)))


def test_an_image_is_repaired_the_same_alone_and_among_others() -> None:
    net, x = model().eval(), torch.rand(4, 1, 32, 32)
    assert torch.allclose(net(x)[1:2], net(x[1:2]), atol=1e-6)


def test_every_pixel_of_128_px_can_see_every_other() -> None:
    """The dilated blocks reach from corner to corner; otherwise a large defect would see no good pixel."""
    torch.manual_seed(0)
    net = RepairAE(channels=1, size=128, width=4)
    for block in net.modules():
        if hasattr(block, "second"):
            torch.nn.init.normal_(block.second.weight, std=0.2)
    x = torch.rand(1, 1, 128, 128, requires_grad=True)
    (gradient,) = torch.autograd.grad(net(x)[0, 0, 64, 64], x)
    reached = gradient[0, 0].nonzero()
    assert reached.amin(dim=0).max() <= 8
    assert reached.amax(dim=0).min() >= 119


def test_it_learns_to_remove_what_is_drawn() -> None:
    """Two hundred steps on one grey level, noise and all: what is left of the damage is a third of it."""
    corruption = Corruption(keep_noise=False)  # to keep the noise takes longer to learn
    net = model(dssim=0.0, corruption=corruption)
    optimizer = torch.optim.Adam(net.parameters(), lr=3e-3)
    x = torch.full((8, 1, 32, 32), 0.5)
    for _ in range(200):
        optimizer.zero_grad()
        net.training_loss(x).total.mean().backward()
        optimizer.step()
    seen, target, _ = corruption(x, generator=torch.Generator().manual_seed(1))
    assert (net(seen) - target).square().sum() < (seen - target).square().sum() / 3


def test_a_damage_of_ones_own_is_taken() -> None:
    def black(x: torch.Tensor) -> Corrupted:
        return Corrupted(torch.zeros_like(x), x, torch.ones_like(x[:, :1]))

    net, x = model(corruption=black, weight=2.0, dssim=0.0), torch.rand(2, 1, 32, 32)
    expected = 2 * (net(torch.zeros_like(x)) - x).square().sum(dim=(1, 2, 3))
    assert torch.allclose(net.training_loss(x).total, expected, rtol=1e-5)


@pytest.mark.parametrize("size", [30, 8])
def test_a_side_that_three_halvings_do_not_divide_is_refused(size: int) -> None:
    with pytest.raises(ValueError, match="multiple of 8"):
        RepairAE(channels=1, size=size)
