"""What cannot be searched in z is refused, with what is missing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from searches import COMMON, SEARCHES, Coder
from toys import images

from renormal.projection import (
    AnoGANEnergy,
    Drawn,
    Encoded,
    LatentEnergy,
    Plateau,
    Threshold,
    error_mask,
    project,
)

Energies = LatentEnergy | AnoGANEnergy


class Only:
    """What it is given and nothing else."""

    def __init__(self, *names: str) -> None:
        for name in names:
            setattr(self, name, 5 if name == "latent" else getattr(Coder(), name))


@pytest.mark.parametrize(
    ("energy", "names", "message"),
    [
        (LatentEnergy(), ["reconstruct"], "Only has no decode: nothing can be searched in its latent space"),
        (LatentEnergy(), ["decode", "latent"], r"Only has no encode: begin at a z of its prior, start=Drawn\(\)"),
        (LatentEnergy(), ["decode", "encode", "reconstruct"], r"Only has no prior p\(z\).*weight=0"),
        (LatentEnergy(0.0, Drawn()), ["decode", "encode", "reconstruct"], r"no prior p\(z\) to draw .*start=Encoded"),
        (AnoGANEnergy(), ["decode", "latent", "encode", "kl", "reconstruct"], "Only has no features f_D: eq. 2 needs"),
        (AnoGANEnergy(), ["reconstruct", "features"], "Only has no decode"),
    ],
)
def test_what_a_model_lacks_is_named(energy: Energies, names: list[str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        energy.check(Only(*names))
    with pytest.raises(ValueError, match=message):
        project(Only(*names), images(), replace(COMMON, energy=energy))


@pytest.mark.parametrize(
    ("energy", "names"),
    [
        (LatentEnergy(0.0), ["decode", "encode"]),
        (LatentEnergy(), ["decode", "encode", "kl", "reconstruct"]),
        (LatentEnergy(start=Drawn()), ["decode", "latent", "features"]),
        (AnoGANEnergy(), ["decode", "latent", "features"]),
        (AnoGANEnergy(start=Encoded()), ["decode", "latent", "features", "encode"]),
    ],
)
def test_what_is_enough_is_enough(energy: Energies, names: list[str]) -> None:
    descent = replace(COMMON, energy=energy)
    assert torch.equal(project(Only(*names), images(), descent).x, project(Coder(), images(), descent).x)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: LatentEnergy(weight=-1), r"λ of −log p\(z\) must be >= 0, got -1"),
        (lambda: AnoGANEnergy(weight=-1), r"λ of ‖f_D\(x0\) − f_D\(G\(z\)\)‖₁ must be >= 0, got -1"),
        (lambda: replace(COMMON, energy=LatentEnergy(), mask=error_mask), "no pixels to mask or to clamp"),
        (lambda: replace(COMMON, energy=LatentEnergy(), clamp=(0.0, 1.0)), "no pixels to mask or to clamp"),
        (lambda: replace(COMMON, energy=AnoGANEnergy(), stop=Threshold()), "make no threshold: give its value"),
        (lambda: replace(COMMON, energy=AnoGANEnergy(), stop=Threshold() | Plateau()), "make no threshold"),
        (lambda: project(Coder(), images(), SEARCHES["latent"], omega=torch.ones(11, 1, 8, 8)), "omega masks pixels"),
    ],
)
def test_settings_that_mean_nothing_for_z_are_refused(make: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()
