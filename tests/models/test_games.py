"""AnoGAN, f-AnoGAN, AnoVAEGAN: losses by hand, the penalty where it is known, which player moves which weights."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn
from torch.distributions import Laplace, Normal, kl_divergence
from torch.nn import functional as F

from renormal.contracts import Autoencoder, Variational
from renormal.models import AnoGAN, AnoVAEGAN, FAnoGAN
from renormal.models.dcgan import widths
from renormal.models.f_anogan import gradient_penalty

KINDS = [AnoGAN, FAnoGAN, AnoVAEGAN]
Model = AnoGAN | FAnoGAN | AnoVAEGAN


def tiny(kind: type[Model], *, channels: int = 3, size: int = 32, **settings: object) -> Model:
    torch.manual_seed(0)
    z = {"code": 6} if kind is AnoVAEGAN else {"latent": 5}
    return kind(channels=channels, size=size, width=32, **z, **settings)  # type: ignore[arg-type]


def images(channels: int = 3, size: int = 32, count: int = 4) -> Tensor:
    return torch.rand(count, channels, size, size, generator=torch.Generator().manual_seed(3))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("channels", "size"), [(1, 32), (3, 32), (1, 128), (3, 128)])
def test_shapes_and_ranges_that_a_search_in_z_counts_on(kind: type[Model], channels: int, size: int) -> None:
    model, x = tiny(kind, channels=channels, size=size).eval(), images(channels, size, 2)
    with torch.no_grad():
        image = model.decode(100 * torch.randn(2, model.latent))
        features = model.features(x)
        assert image.shape == x.shape
        assert (image.min() >= 0) & (image.max() <= 1)
        assert features.shape == (2, 32, 4, 4)
        assert torch.allclose(features[1:], model.features(x[1:]), atol=1e-5), "no sample sees another"
        if not isinstance(model, AnoGAN):
            z = model.encode(x)
            reconstruction = model.reconstruct(x)
            assert z.shape == (2, model.latent)
            assert torch.equal(reconstruction.image, model.decode(z))
            assert reconstruction.loss.shape == (2,)


def test_anogan_has_no_encoder_and_says_so() -> None:
    assert not isinstance(tiny(AnoGAN), Autoencoder)
    assert isinstance(tiny(FAnoGAN), Autoencoder)
    assert isinstance(tiny(AnoVAEGAN), Variational)


@pytest.mark.parametrize("kind", KINDS)
def test_every_weight_has_one_player(kind: type[Model]) -> None:
    model = tiny(kind)
    owned = [id(weight) for player in model.players().values() for weight in player.weights.parameters()]
    assert sorted(owned) == sorted(id(weight) for weight in model.parameters())


def test_the_maps_halve_their_channels_at_each_doubling() -> None:
    assert widths(64, 512) == [512, 256, 128, 64]  # arXiv 1703.05921, section 3
    assert widths(128, 512) == [512, 256, 128, 64, 32]


@pytest.mark.parametrize(("size", "width", "message"), [(96, 512, "a power of 2 from 8 on, got 96"), (128, 24, "24")])
def test_a_size_that_does_not_halve_is_refused(size: int, width: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        widths(size, width)


def noise_after(seed: int, *shape: int) -> Tensor:
    torch.manual_seed(seed)
    return torch.randn(*shape)


def test_anogan_is_trained_on_binary_cross_entropy() -> None:
    model, x = tiny(AnoGAN).eval(), images()
    with torch.no_grad():
        drawn = model.decode(noise_after(7, 4, 5))
        real, fake = model.discriminator(x), model.discriminator(drawn)
        ones, zeros = torch.ones(4), torch.zeros(4)

        def entropy(logit: Tensor, truth: Tensor) -> Tensor:
            return F.binary_cross_entropy(logit.sigmoid(), truth, reduction="none")

        torch.manual_seed(7)
        total, terms = model.discriminator_loss(x)
        assert total == pytest.approx(entropy(real, ones) + entropy(fake, zeros), rel=1e-4)
        assert terms["real"] == pytest.approx(real.sigmoid())
        torch.manual_seed(7)
        assert model.generator_loss(x).total == pytest.approx(entropy(fake, ones), rel=1e-4)


@pytest.mark.parametrize(("norm", "expected"), [(2.0, 0.0), (6.0, 4.0), (0.0, 1.0)])
def test_the_penalty_of_a_linear_critic_is_known_at_every_point(norm: float, expected: float) -> None:
    """D(x) = w·x has the slope ‖w‖ in images from 0 to 1, half of that from −1 to 1."""
    direction = torch.randn(3 * 8 * 8, generator=torch.Generator().manual_seed(0))
    slope = norm * direction / direction.norm()
    x, drawn = images(size=8), images(size=8).flip(0)
    penalty = gradient_penalty(lambda y: y.flatten(1) @ slope, x, drawn)
    assert penalty == pytest.approx(torch.full((4,), expected), abs=1e-4)


def test_the_penalty_of_a_quadratic_critic_is_taken_between_x_and_g_of_z() -> None:
    """D(x) = ‖x‖² has the slope 2‖x̂‖: with G(z) = 0 it is 2ε‖x‖, so that ε can be read off."""
    x = images(size=8)
    penalty = gradient_penalty(lambda y: y.square().flatten(1).sum(dim=1), x, torch.zeros_like(x))
    torch.manual_seed(5)
    mix = torch.rand(4, 1, 1, 1).flatten()
    torch.manual_seed(5)
    penalty = gradient_penalty(lambda y: y.square().flatten(1).sum(dim=1), x, torch.zeros_like(x))
    assert penalty.detach() == pytest.approx((mix * x.flatten(1).norm(dim=1) - 1).square(), rel=1e-4)


def test_the_penalty_moves_the_critic() -> None:
    weight = torch.full((3 * 8 * 8,), 0.5, requires_grad=True)  # ‖w‖/2 = 3.46
    gradient_penalty(lambda y: y.flatten(1) @ weight, images(size=8), images(size=8).flip(0)).sum().backward()
    slope = 0.25 * math.sqrt(192)
    expected = 4 * 2 * (slope - 1) * 0.5 * weight.detach() / weight.detach().norm()  # of the sum over 4 samples
    assert weight.grad == pytest.approx(expected, rel=1e-4)


def test_f_anogan_plays_wasserstein_with_a_penalty() -> None:
    model, x = tiny(FAnoGAN).eval(), images()
    drawn = model.decode(noise_after(7, 4, 5)).detach()
    steep = gradient_penalty(model.discriminator, x, drawn)  # goes on in the same stream of noise
    torch.manual_seed(7)
    total, terms = model.critic_loss(x)
    distance = model.discriminator(x) - model.discriminator(drawn)
    assert total.detach() == pytest.approx((10 * steep - distance).detach(), rel=1e-4)
    assert terms["distance"].detach() == pytest.approx(distance.detach(), rel=1e-4)
    torch.manual_seed(7)
    assert model.generator_loss(x).total.detach() == pytest.approx(-model.discriminator(drawn).detach(), rel=1e-4)


def test_izi_f_is_two_mean_squared_errors() -> None:
    model, x = tiny(FAnoGAN, kappa=0.3).eval(), images()
    with torch.no_grad():
        image = model.reconstruct(x).image
        total, terms = model.encoder_loss(x)
        for row in range(4):
            pixels = F.mse_loss(2 * image[row] - 1, 2 * x[row] - 1)  # from −1 to 1, as in the authors' code
            features = F.mse_loss(model.features(image)[row], model.features(x)[row])
            assert terms["pixels"][row].item() == pytest.approx(pixels.item(), rel=1e-4)
            assert total[row].item() == pytest.approx((pixels + 0.3 * features).item(), rel=1e-4)


def test_the_encoder_learns_on_the_generator_of_the_test() -> None:
    """Batch norms of a frozen G neither use the batch nor count it."""
    model, x = tiny(FAnoGAN).train(), images()
    before = [buffer.clone() for buffer in model.generator.buffers()]
    alone = model.encoder_loss(x[:1]).total
    assert model.encoder_loss(x).total[0].item() == pytest.approx(alone.item(), rel=1e-4)
    assert all(torch.equal(one, other) for one, other in zip(before, model.generator.buffers(), strict=True))
    assert model.generator.training


def test_anovaegan_is_trained_on_l1_kl_and_the_discriminators_doubt() -> None:
    model, x = tiny(AnoVAEGAN, adversarial=3.0), images()
    with torch.no_grad():
        mean, log_variance = model.posterior(x)
        q = Normal(mean, (0.5 * log_variance).exp())
        image = model.decode(q.mean + q.stddev * noise_after(7, *mean.shape))
        torch.manual_seed(7)
        total, terms = model.training_loss(x)
        likelihood = Laplace(image, 1.0).log_prob(x).flatten(1).sum(dim=1)
        constant = math.log(2.0) * x[0].numel()
        assert terms["reconstruction"] == pytest.approx(-likelihood - constant, rel=1e-4)
        assert terms["kl"] == pytest.approx(kl_divergence(q, Normal(0.0, 1.0)).sum(dim=1), rel=1e-3)
        doubt = -model.discriminator(image).sigmoid().log()
        assert terms["adversarial"] == pytest.approx(3 * doubt, rel=1e-4)
        assert total == pytest.approx(sum(terms.values()), rel=1e-6)
        torch.manual_seed(7)
        own, _ = model.discriminator_loss(x)
        real, remade = model.discriminator(x).sigmoid(), model.discriminator(image).sigmoid()
        assert own == pytest.approx(-real.log() - (1 - remade).log(), rel=1e-4)


@pytest.mark.parametrize(("side", "latent"), [(None, 6 * 2 * 2), (1, 6)])
def test_z_of_anovaegan_is_a_map_or_a_vector(side: int | None, latent: int) -> None:
    model = tiny(AnoVAEGAN, side=side)
    assert model.latent == latent
    assert model.encode(images()).shape == (4, latent)


def test_a_change_in_a_corner_moves_the_map_of_z_there_alone() -> None:
    """What a spatial z is for; each of its numbers sees 134 pixels of a side, a vector all of them."""
    model = tiny(AnoVAEGAN, size=128)
    x = images(size=128, count=1)
    other = x.clone()
    other[..., :16, :16] = 0
    with torch.no_grad():
        moved = (model.encode(x) - model.encode(other)).view(6, 8, 8).abs().amax(dim=0) > 0
    assert moved[0, 0]
    assert not moved[5:, :].any()
    assert not moved[:, 5:].any()


def test_a_map_of_z_that_the_layers_cannot_make_is_refused() -> None:
    with pytest.raises(ValueError, match="a latent map at 32 px has a side from 1 to 2, got 3"):
        tiny(AnoVAEGAN, side=3)


@pytest.mark.parametrize("kind", KINDS)
def test_under_bfloat16_losses_are_float32_and_not_rounded_on_the_way(kind: type[Model]) -> None:
    """A number that has been bfloat16 survives the way there and back; what was computed in float32 does not."""
    model, x = tiny(kind), images(count=16)
    for player in model.players().values():
        torch.manual_seed(7)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            total, terms = player.loss(x)
        total.mean().backward()
        for value in (total, *terms.values()):
            assert value.dtype == torch.float32
            assert not torch.equal(value, value.bfloat16().float())
        gradients = [weight.grad for weight in player.weights.parameters()]
        assert all(gradient.dtype == torch.float32 and bool(gradient.isfinite().all()) for gradient in gradients)


@pytest.mark.parametrize("kind", KINDS)
def test_under_bfloat16_the_networks_answer_in_float32(kind: type[Model]) -> None:
    """So that whatever is made of their answers, here or in a search, is float32, too."""
    model, x = tiny(kind), images()
    with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16):
        answers = [model.decode(torch.randn(4, model.latent)), model.features(x), model.discriminator(x)]
        if not isinstance(model, AnoGAN):
            answers += [model.encode(x), model.reconstruct(x).image, model.reconstruct(x).loss]
    assert {answer.dtype for answer in answers} == {torch.float32}


def test_under_bfloat16_the_arithmetic_of_the_penalty_is_float32() -> None:
    """The same as without autocast, to the last bit, for a critic that has no layer to round."""
    slope = torch.randn(3, 8, 8, generator=torch.Generator().manual_seed(0))
    found = []
    for precise in (True, False):
        torch.manual_seed(5)
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=not precise):
            x, drawn = images(size=8), images(size=8).flip(0)
            found.append(gradient_penalty(lambda y: (slope * y.square()).flatten(1).sum(dim=1), x, drawn))
    assert torch.equal(found[0], found[1])


def test_players_of_f_anogan_take_turns() -> None:
    """Ten batches, a third of them for E, G in every second of the others."""
    players = tiny(FAnoGAN, critic_steps=2, encoder_share=0.3).players()
    turns = {name: [batch for batch in range(10) if player.moves(batch, 10)] for name, player in players.items()}
    assert turns == {"critic": [0, 1, 2, 3, 4, 5, 6], "generator": [1, 3, 5], "encoder": [7, 8, 9]}


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_an_f_anogan_without_one_of_its_halves_is_refused(share: float) -> None:
    with pytest.raises(ValueError, match="encoder_share must lie between 0 and 1"):
        tiny(FAnoGAN, encoder_share=share)


def test_the_critic_has_no_batch_norm() -> None:
    """The penalty is on the gradient of one sample (arXiv 1704.00028, section 4); DCGAN has them."""
    assert not any(isinstance(layer, nn.BatchNorm2d) for layer in tiny(FAnoGAN).discriminator.modules())
    assert any(isinstance(layer, nn.BatchNorm2d) for layer in tiny(AnoGAN).discriminator.modules())
