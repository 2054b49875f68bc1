"""Small rehearsal data and configs that the tests of several rooms share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from hydra import compose, initialize_config_dir
from omegaconf import DictConfig, OmegaConf

from preloaded import end_python
from renormal.job.environment import make_sums_reproducible
from renormal.run import CONF
from several import SMALL

LONGEST = ("tests/sweep/", "tests/job/test_processes", "tests/models/test_model_conf")

Compose = Callable[..., DictConfig]
make_sums_reproducible()  # before the first matrix product of the process


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Two test processes end at the same time if what is long comes first."""
    items.sort(key=lambda item: not item.nodeid.startswith(LONGEST))


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> None:
    """Several test processes share the cores: a second thread costs more than it gains."""
    torch.set_num_threads(1)


@pytest.fixture(scope="session", autouse=True)
def preloaded_python() -> Iterator[None]:
    """Where a test has started it, it ends with the tests."""
    yield
    end_python()


@pytest.fixture(scope="session")
def rehearsal(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the drawn images of this test process lie."""
    return tmp_path_factory.mktemp("rehearsal")


@pytest.fixture
def tiny(tmp_path: Path, rehearsal: Path) -> Compose:
    """The real config, made small: tiny("model=vae", ...) trains in a second on drawn images of 32 pixels."""

    def composed(*overrides: str) -> DictConfig:
        drawn = [f"data.root={rehearsal}", "data.train=6", "data.good=2", "data.defective=1"]
        small = [*([] if "data=folder" in overrides else drawn), f"folder={tmp_path / 'run'}", *SMALL]
        with initialize_config_dir(str(CONF), version_base="1.3"):
            config = compose("config", [*small, *overrides])
        OmegaConf.resolve(config)
        OmegaConf.set_readonly(config, True)
        return config

    return composed


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home folder with a name that must not be published, and without a key."""
    folder = tmp_path / "home" / "ada_lovelace"
    folder.mkdir(parents=True)
    for name in ("WANDB_API_KEY", "WANDB_MODE", "WANDB_BASE_URL", "WANDB_IDENTITY_TOKEN_FILE", "NETRC"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(folder))
    for name in ("USER", "LOGNAME", "USERNAME"):
        monkeypatch.setenv(name, "ada_lovelace")
    return folder
