"""The repair network and S with the paper's L² AE beside them."""

from __future__ import annotations

import pytest
import torch

from renormal.functional.norms import squared_distance
from renormal.models import L2AE, RepairL2AE, SegmentingAE
from renormal.scores import DSSIM, Second, SquaredError


def model(**settings: object) -> RepairL2AE:
    torch.manual_seed(0)
    return RepairL2AE(channels=1, size=32, width=8, segmenter=8, latent=4, **settings)  # type: ignore[arg-type]


def alone(net: RepairL2AE) -> SegmentingAE:
    """Its f and S in a network without g."""
    other = SegmentingAE(channels=1, size=32, width=8, segmenter=8)
    other.load_state_dict(net.state_dict(), strict=False)
    return other


def test_the_loss_is_that_of_each_network() -> None:
    net, x = model(), torch.rand(3, 1, 32, 32)
    without = alone(net)
    torch.manual_seed(5)
    loss = net.training_loss(x)
    torch.manual_seed(5)
    other = without.training_loss(x)
    wanted = squared_distance(x, net.g(x))
    assert torch.allclose(loss.terms["second"], wanted)
    assert torch.allclose(loss.total, other.total + wanted)


def test_neither_network_teaches_the_other() -> None:
    net, x = model(), torch.rand(3, 1, 32, 32)
    other, g = alone(net), L2AE(channels=1, size=32, latent=4)
    g.load_state_dict(net.g.state_dict())
    for one in (net, other):
        torch.manual_seed(1)
        one.training_loss(x).total.sum().backward()
    g.training_loss(x).total.sum().backward()
    mine = dict(net.named_parameters())
    for name, parameter in other.named_parameters():
        assert torch.allclose(parameter.grad, mine[name].grad, rtol=1e-4, atol=1e-4), name
    for name, parameter in g.named_parameters():
        assert torch.allclose(parameter.grad, mine[f"g.{name}"].grad, rtol=1e-4, atol=1e-4), name


def test_a_larger_image_is_seen_in_tiles() -> None:
    net, x = model().eval(), torch.rand(2, 1, 64, 64)
    with torch.no_grad():
        seen = net.second(x)
        assert torch.allclose(seen[..., 32:, :32], net.g(x[..., 32:, :32]), atol=1e-6)
        assert torch.allclose(net.second(x[..., :32, :32]), net.g(x[..., :32, :32]), atol=1e-6)
        overlapping = net.second(x[..., :48, :32])  # rows 16 to 31 lie in two tiles
        both = (net.g(x[..., :32, :32])[..., 16:, :] + net.g(x[..., 16:48, :32])[..., :16, :]) / 2
        assert torch.allclose(overlapping[..., 16:32, :], both, atol=1e-6)


@pytest.mark.parametrize("of", [DSSIM(), SquaredError()])
def test_the_score_compares_x0_with_g(of: DSSIM | SquaredError) -> None:
    """x_N does not count."""
    net, x = model().eval(), torch.rand(2, 1, 32, 32)
    with torch.no_grad():
        maps = Second(of)(net, x, torch.zeros_like(x))
        assert torch.equal(maps, of(net, x, net.g(x)))


def test_a_model_without_g_is_refused() -> None:
    x = torch.rand(1, 1, 32, 32)
    with pytest.raises(
        ValueError, match="needs a model with a second autoencoder: SegmentingAE has none; set model=repair_l2_ae"
    ):
        Second()(alone(model()), x, x)


def test_a_side_that_g_cannot_have_is_one_line() -> None:
    with pytest.raises(ValueError, match="the network needs an image side that is a multiple of 16 from 32 on, got 40"):
        RepairL2AE(channels=1, size=40, width=8, segmenter=8)
