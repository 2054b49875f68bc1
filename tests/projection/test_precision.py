"""auto is bfloat16 only where the device is faster in it and the network survives it."""

from __future__ import annotations

import logging
from dataclasses import replace

import pytest
import torch
from toys import DESCENTS, Net, images

from renormal.contracts import Images, Reconstruction
from renormal.functional.norms import squared_distance
from renormal.projection import (
    Energy,
    Plateau,
    SegmentedEnergy,
    Settled,
    Threshold,
    no_mask,
    precision,
    project,
    settle,
)

AUTO = replace(DESCENTS["eq8_adam"], precision="auto")


class Fragile(Net):
    """1000 + x − 1000: nothing of x is left in bfloat16."""

    def reconstruct(self, x: Images) -> Reconstruction:
        grown = self.first(x).sigmoid()
        image = (grown + 1000 - 1000)[:, :2].float()
        return Reconstruction(image, squared_distance(x, image))


@pytest.fixture
def fast(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precision, "has_bfloat16", lambda device: True)


@pytest.mark.usefixtures("fast")
def test_auto_takes_bfloat16_where_it_is_accurate() -> None:
    assert settle(AUTO, Net(), images()).precision == "bfloat16"
    explicit = project(Net(), images(), replace(AUTO, precision="bfloat16"))
    assert torch.equal(project(Net(), images(), AUTO).x, explicit.x)


@pytest.mark.usefixtures("fast")
def test_auto_leaves_a_network_that_bfloat16_would_change_and_says_so(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "renormal"):
        assert settle(AUTO, Fragile(), images()).precision == "float32"
    assert "would change the loss of a photograph by" in caplog.text
    assert settle(replace(AUTO, precision="bfloat16"), Fragile(), images()).precision == "bfloat16"  # asked for


class Finished(Net):
    """f(x) = x in float32: the loss is 0 there, and not in bfloat16."""

    def reconstruct(self, x: Images) -> Reconstruction:
        image = x + 0 * self.first(x)[:, :2].float()
        image = image.bfloat16().float() if torch.is_autocast_enabled("cpu") else image
        return Reconstruction(image, squared_distance(x, image))


@pytest.mark.usefixtures("fast")
def test_a_loss_of_nothing_is_not_divided_by(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "renormal"):
        assert settle(AUTO, Finished(), images()).precision == "float32"
    assert caplog.messages == [precision.INEXACT % "more than 1000"]


class Seeing(Net):
    """Calls nothing damage: E is 0 on every image, and its f(x) has an error on all of it."""

    def segment(self, x: Images, y: Images) -> torch.Tensor:
        return torch.zeros_like(x[:, 0])


class FragileSeeing(Fragile, Seeing):
    """The same, of which bfloat16 leaves nothing."""


@pytest.mark.usefixtures("fast")
@pytest.mark.parametrize(("model", "expected"), [(Seeing(), "bfloat16"), (FragileSeeing(), "float32")])
def test_an_energy_that_counts_nothing_on_a_good_image_is_judged_by_all_pixels(model: Net, expected: str) -> None:
    energy = SegmentedEnergy()
    assert not energy(model, images(), images()).reconstruction.any()
    assert settle(replace(AUTO, energy=energy, mask=no_mask), model, images()).precision == expected


def test_auto_is_float32_where_bfloat16_is_emulated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precision, "has_bfloat16", lambda device: False)
    assert settle(AUTO, Net(), images()).precision == "float32"


def test_a_settled_descent_names_everything_and_stays_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precision, "has_bfloat16", lambda device: False)
    settled = settle(replace(AUTO, slots=None, check_every=None), Net(), images())
    assert settled == Settled(**vars(AUTO) | {"slots": 16, "check_every": 1, "precision": "float32"})
    assert settle(settled, Net(), images()) is settled
    given = replace(AUTO, slots=3, check_every=2, precision="bfloat16")
    assert settle(given, Net(), images()) == Settled(**vars(given))
    with pytest.raises(ValueError, match="names its precision, got 'auto'"):
        replace(settled, precision="auto")


def test_a_settled_descent_has_its_threshold_from_the_losses_that_it_is_fitted_to() -> None:
    settled = settle(replace(AUTO, stop=Threshold(quantile=0.5)), Net(), images())
    assert settled.threshold is None
    assert settled.fitted(torch.tensor([5.0, 1.0, 3.0])).threshold == 3.0
    assert settle(replace(AUTO, stop=Plateau()), Net(), images()).fitted(torch.ones(1)).threshold is None


def test_an_energy_with_a_loss_of_its_own_never_asks_for_the_models() -> None:
    class Costly(Net):
        def reconstruct(self, x: Images) -> Reconstruction:
            def loss() -> torch.Tensor:
                raise AssertionError("worked out for nothing")

            return Reconstruction(super().reconstruct(x).image, loss)

    Energy()(Costly(), images(), images())


def test_a_reconstruction_unpacks_and_asks_once() -> None:
    asked = []

    def loss() -> torch.Tensor:
        asked.append(1)
        return torch.ones(11)

    reconstruction = Reconstruction(images(), loss)
    image, value = reconstruction
    assert torch.equal(image, images())
    assert value is reconstruction.loss
    assert asked == [1]


def test_finished_samples_are_counted_as_they_leave() -> None:
    left: list[int] = []
    project(Net(), images(), replace(DESCENTS["eq8_adam"], slots=4), finished=left.append)
    assert sum(left) == 11
    assert len(left) > 1
