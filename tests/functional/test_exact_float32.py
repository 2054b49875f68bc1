"""float32 is float32: no TF32, no bfloat16, whatever the process allows, and the settings come back."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from threading import Barrier, Thread

import pytest
import torch

from renormal.functional.norms import float32
from renormal.functional.precision import exact_float32, shortcuts
from renormal.projection import Descent, Never, project

EXACT = {"ieee", "none"}


def high() -> None:
    torch.set_float32_matmul_precision("high")  # Lightning's tip on a GPU


def medium() -> None:
    torch.set_float32_matmul_precision("medium")


def cudnn() -> None:
    torch.backends.cudnn.allow_tf32 = True


def everything() -> None:
    if not hasattr(torch.backends, "fp32_precision"):
        pytest.skip("this torch has no setting for everything")
    torch.backends.fp32_precision = "tf32"


def state() -> tuple[str, list[str]]:
    try:
        return torch.get_float32_matmul_precision(), shortcuts()
    except RuntimeError:  # old and new settings say different things
        return "not readable", shortcuts()


@pytest.fixture(autouse=True)
def _settings_come_back() -> Iterator[None]:
    general = getattr(torch.backends, "fp32_precision", None)
    yield
    if general is not None:
        torch.backends.fp32_precision = general
    torch.set_float32_matmul_precision("highest")
    torch.backends.cudnn.allow_tf32 = True


@pytest.mark.parametrize("allow", [high, medium, cudnn, everything])
def test_inside_nothing_is_allowed_and_outside_what_was(allow: Callable[[], None]) -> None:
    allow()
    before = state()
    with exact_float32():
        assert set(shortcuts()) <= EXACT
        with exact_float32():
            assert set(shortcuts()) <= EXACT
        assert set(shortcuts()) <= EXACT
        assert torch.get_float32_matmul_precision() == "highest"
    assert state() == before


def test_settings_come_back_after_an_error() -> None:
    high()
    before = state()
    with pytest.raises(ZeroDivisionError), exact_float32():
        raise ZeroDivisionError
    assert state() == before


def test_one_thread_that_leaves_does_not_change_another() -> None:
    high()
    before, inside, left, found = state(), Barrier(2), Barrier(2), list[str]()

    def long() -> None:
        with exact_float32():
            inside.wait()
            left.wait()
            found.extend(shortcuts())

    thread = Thread(target=long)
    with exact_float32():
        thread.start()
        inside.wait()
    left.wait()
    thread.join()
    assert set(found) <= EXACT
    assert state() == before


def test_a_function_in_float32_and_a_whole_descent_are_exact() -> None:
    high()
    seen: list[set[str]] = []

    class Model(torch.nn.Module):
        def reconstruct(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            seen.append(set(shortcuts()))
            return x * 0.5, x.square().sum(dim=(1, 2, 3))

    float32(lambda x: seen.append(set(shortcuts())))(torch.zeros(1))
    project(Model(), torch.rand(2, 1, 8, 8), Descent(stop=Never(), max_steps=2))  # type: ignore[arg-type]
    assert len(seen) >= 4
    assert all(kinds <= EXACT for kinds in seen)


@pytest.mark.parametrize("before", [False, True])
def test_cudnn_repeats_its_sums_inside_and_is_as_it_was_outside(before: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.backends.cudnn, "deterministic", before)
    with exact_float32():
        assert torch.backends.cudnn.deterministic
    assert torch.backends.cudnn.deterministic is before
