"""`make benchmark` ends in its minutes, says where it is, and runs two public loops after their own rule."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from benchmarks import contest as contests
from benchmarks import peers
from benchmarks.__main__ import MINUTES, sections_of
from benchmarks.contest import Contender, Pace, contest
from benchmarks.trained import centres
from torch import Tensor, nn

from renormal.contracts import Reconstruction
from renormal.projection import Descent, Energy, Gradient, Never, Threshold, project
from renormal.scores import DSSIM


class Blur(nn.Module):
    """A smooth network, good images of which are smooth."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.full((1, 1, 3, 3), 1 / 9))

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.conv2d(nn.functional.pad(x, (1, 1, 1, 1), mode="replicate"), self.weight)

    def reconstruct(self, x: Tensor) -> Reconstruction:
        image = self(x)
        return Reconstruction(image, (x - image).square().sum(dim=(1, 2, 3)))


@pytest.fixture
def maps(monkeypatch: pytest.MonkeyPatch) -> list[Tensor]:
    """The maps that a public loop scores; it projects four small noisy tiles."""
    seen: list[Tensor] = []
    tiles = torch.rand(4, 1, 16, 16, generator=torch.Generator().manual_seed(0))
    trial = SimpleNamespace(model=Blur(), tiles=tiles, regions=torch.zeros(4, 16, 16), threshold=6.0)
    monkeypatch.setattr(peers, "trial_of", lambda *_: tuple(vars(trial).values()))
    monkeypatch.setattr(peers, "found", lambda maps, regions: seen.append(maps) or {})
    seen.append(tiles)
    return seen


def test_hirokiadachis_loop_is_eq_8_without_the_jacobian(maps: list[Tensor]) -> None:
    """As long as L_r falls: its α is then constant."""
    peers.hirokiadachi("grid", 1)()()
    energy, stop = Energy(weight=0.05, detached=True), Threshold(value=6.0)
    expected = project(Blur(), maps[0], Descent(energy=energy, direction=Gradient(), stop=stop, max_steps=25))
    assert expected.steps.min() > 1
    assert torch.allclose(maps[1], DSSIM()(None, maps[0], Blur()(expected.x)), atol=1e-4)


def test_dbbbbms_loop_is_eq_8_on_twice_as_wide_images(maps: list[Tensor]) -> None:
    """x' = 2x − 1 with α = 0.1, λ = 0.05 is x with α = 0.4, λ = 0.025: 0.1 (4e + λ) 4e² / 2 = 0.4 (2e + λ / 2) e²."""
    peers.dbbbbm("grid", 1)()()
    energy = Energy(weight=0.025, detached=True)
    settings = Descent(energy=energy, direction=Gradient(), stop=Never(), step_size=0.4, clamp=None, max_steps=100)
    expected = project(Blur(), maps[0], settings)
    assert torch.allclose(maps[1], 4 * (expected.x - maps[0]).square().mean(dim=1), atol=1e-4)


class Pipe:
    def __init__(self, seconds: float) -> None:
        self.seconds = seconds

    def send(self, wanted: bool) -> None: ...

    def recv(self) -> Any:
        return self.seconds, self.seconds / 2, {"images": 1}, 0.0


@pytest.mark.parametrize(("seconds", "rounds"), [(0.0, 1), (1000.0, 3)])
def test_no_round_begins_that_would_end_too_late(monkeypatch: pytest.MonkeyPatch, seconds: float, rounds: int) -> None:
    @contextmanager
    def started(contender: Contender) -> Iterator[Pipe]:
        yield Pipe(2.0 if contender.name == "slow" else 1.0)

    monkeypatch.setattr(contests, "_started", started)
    said: list[str] = []
    found = contest([Contender("slow", "a:b"), Contender("quick", "a:b")], Pace(3, seconds, said.append))
    assert [len(one.seconds) for one in found.values()] == [rounds, rounds]
    assert said[:2] == ["slow, 1 threads: warm after 0 s", "quick, 1 threads: warm after 0 s"]
    assert said[2:] == [f"round {turn} of 3: 0 s" for turn in range(1, rounds + 1)]


@pytest.mark.parametrize(("processor", "seconds"), [(False, 2.0), (True, 1.0)])
def test_a_busy_machine_is_asked_for_seconds_of_the_processor(
    monkeypatch: pytest.MonkeyPatch, processor: bool, seconds: float
) -> None:
    @contextmanager
    def started(contender: Contender) -> Iterator[Pipe]:
        yield Pipe(2.0)

    monkeypatch.setattr(contests, "_started", started)
    found = contest([Contender("one", "a:b")], Pace(1, 0.0, lambda _: None, processor))
    assert found["one"].seconds == [seconds]


def test_the_sections_fit_into_the_whole_time() -> None:
    options = SimpleNamespace(rounds=3, minutes=MINUTES, small=False, scaling=False, processor=False, job="")
    assert sum(section.minutes for section in sections_of(options, "float32").values()) <= MINUTES


def test_a_finished_job_has_one_section() -> None:
    options = SimpleNamespace(rounds=3, minutes=MINUTES, small=False, scaling=False, processor=False, job="outputs/x")
    assert list(sections_of(options, "float32")) == ["projection"]


def test_the_centre_of_a_texture_is_what_its_public_code_tests() -> None:
    pixels = torch.arange(512.0).expand(1, 1, 512, 512)
    assert centres(pixels)[0, 0, 0, [0, -1]].tolist() == [192, 319]
    assert torch.equal(centres(pixels[..., :128, :128]), pixels[..., :128, :128])
