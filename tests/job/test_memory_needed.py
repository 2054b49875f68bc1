"""A job that needs more memory or cores than the machine has is refused before its work."""

from __future__ import annotations

import os
import resource
from pathlib import Path
from typing import Any

import pytest
import torch

from renormal.job import memory
from renormal.job.build import build_data, build_module
from renormal.job.fingerprints import source_of
from renormal.job.job import run_job
from renormal.job.memory import check_step, check_threads, kept, limits


def parts(config: Any) -> tuple[Any, Any]:
    data = build_data(config, source_of(config))
    return build_module(config, data, "0" * 64), data


def test_the_memory_is_the_smallest_limit(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    whole = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    (tmp_path / "job_7/step_0").mkdir(parents=True)
    (tmp_path / "job_7/memory.max").write_text("123000\n")
    (tmp_path / "job_7/step_0/memory.max").write_text("max\n")
    (tmp_path / "own").write_text("1:name=systemd:/x\n0::/job_7/step_0\n")
    monkeypatch.setattr(memory, "CGROUPS", tmp_path)
    monkeypatch.setattr(memory, "OWN", tmp_path / "own")
    monkeypatch.setattr(resource, "getrlimit", lambda kind: (5000, 5000) if kind == resource.RLIMIT_AS else (-1, -1))
    assert list(limits()) == [whole, 5000, 123000]
    monkeypatch.setattr(memory, "OWN", tmp_path / "none")
    assert list(limits()) == [whole, 5000]


def test_images_that_do_not_fit_are_refused_before_they_are_decoded(tiny: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    config = tiny("data.texture_size=16384", "data.object_size=16384")
    monkeypatch.setattr(memory, "limits", lambda: iter([2 * 10**9]))
    monkeypatch.setattr("renormal.data.memory.read_image", lambda *_, **__: pytest.fail("was decoded"))
    with pytest.raises(ValueError, match=r"_size=16384: \d+ images of \w+ take 19.1 GB, and 2 GB are there: give a sm"):
        run_job(config)
    assert not (Path(config.folder) / "checkpoints").exists()


def test_a_batch_that_no_network_fits_is_refused_before_an_image_is_decoded(
    tiny: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "limits", lambda: iter([10**9]))
    monkeypatch.setattr("renormal.data.memory.read_image", lambda *_, **__: pytest.fail("was decoded"))
    with pytest.raises(ValueError, match=r"^batch_size=30000 of 32 px: a step needs 1.11 GB at least, and 1 GB are"):
        run_job(tiny("batch_size=30000"))


def test_many_bytes_of_images_are_named_before_they_are_decoded(
    tiny: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(memory, "LARGE", 1000)
    config = tiny()
    with caplog.at_level("INFO", "renormal"):
        build_data(config, source_of(config))
    assert " and are decoded now" in caplog.text


def test_a_step_keeps_what_the_network_computes_for_one_image() -> None:
    """A linear network keeps its input for the gradient of its weights, and the difference for that of the square."""

    class Net(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = torch.nn.Linear(8, 8)

        def training_loss(self, x: torch.Tensor) -> Any:
            from renormal.models.base import TrainingLoss

            return TrainingLoss((self.layer(x * 2) ** 2).sum().reshape(1), {})

    from renormal.lit.module import AutoencoderModule

    module = AutoencoderModule(Net(), optimizer=torch.optim.SGD, seed=0)
    image = torch.zeros(1, 3, 8, 8)
    assert kept(module, image) == 2 * image.nbytes


@pytest.mark.parametrize("model", ["l2_ae", "vae", "f_anogan"])
def test_a_batch_that_does_not_fit_names_the_largest_that_may(
    tiny: Any, model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    projection = ["projection=[]"] if model == "f_anogan" else []
    config = tiny(f"model={model}", "batch_size=60000", "model.net.latent=8", *projection)
    module, data = parts(config)
    before = torch.get_rng_state()
    monkeypatch.setattr(memory, "limits", lambda: iter([2 * 10**9]))
    with pytest.raises(ValueError, match=r"^batch_size=60000: a step needs .* GB .* 2 GB are there: at most"):
        check_step(config, module, data)
    assert torch.equal(torch.get_rng_state(), before)
    monkeypatch.setattr(memory, "limits", lambda: iter([10**15]))
    check_step(config, module, data)
    monkeypatch.setattr(memory, "limits", lambda: iter([10**3]))
    with pytest.raises(ValueError, match="not even one image fits: give a smaller size"):
        check_step(config, module, data)


@pytest.mark.parametrize(
    ("wanted", "limit", "line"),
    [
        (["data.object_size=16384"], 10**9, r"^data.object_size=16384: .* are there: give fewer images$"),
        (["batch_size=30000"], 10**9, r"^batch_size=30000 of 32 px: .* are there: give fewer images$"),
        (["test.stride=0"], 10**15, r"got test.stride=0, .*; with continue= test.stride alone can be changed$"),
        (
            ["data.shrink=[1,2]"],
            10**15,
            r"^data.shrink=2 does not fit the network of continue=, with .*: set data.shrink=\[1\]$",
        ),
    ],
)
def test_a_network_that_is_trained_further_is_given_no_other_size_or_shrink(
    tiny: Any, wanted: list[str], limit: int, line: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """continue= refuses data.object_size and data.shrink of another value."""
    monkeypatch.setattr(memory, "limits", lambda: iter([limit]))
    monkeypatch.setattr("renormal.data.memory.read_image", lambda *_, **__: pytest.fail("was decoded"))
    tiles = [] if wanted == ["data.shrink=[1,2]"] else ["data.object_tiles=true"]
    with pytest.raises(ValueError, match=line):
        build_data(tiny(*wanted, *tiles, "continue=outputs/x"), source_of(tiny()))


def test_a_network_that_is_trained_further_and_does_not_fit_needs_another_machine(
    tiny: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tiny("batch_size=60000")
    module, data = parts(config)
    data.fixed = True
    monkeypatch.setattr(memory, "limits", lambda: iter([10**3]))
    with pytest.raises(ValueError, match=r"not even one image fits: take a machine with more memory$"):
        check_step(config, module, data)


def test_threads_are_at_most_four_for_each_core(
    tiny: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    for threads in ("null", "1", "2"):
        check_threads(tiny(f"threads={threads}"))
    assert not caplog.text
    check_threads(tiny("threads=3"))
    assert "threads=3: this machine has 2 cores, and threads that share one are slower" in caplog.text
    with pytest.raises(ValueError, match="threads=9: this machine has 2 cores, give at most 8"):
        check_threads(tiny("threads=9"))
