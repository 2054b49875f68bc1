"""Small rehearsal data and configs that the tests of several rooms share."""

from __future__ import annotations

import gc
import signal
from collections.abc import Callable, Generator, Iterator
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import hypothesis
import pytest
from xdist.scheduler import LoadScopeScheduling

from preloaded import end_python, in_workers, python, real_executable
from small import DRAWN, SMALL

if TYPE_CHECKING:
    from omegaconf import DictConfig

# Long tests that share nothing:
APART = ("tests/sweep/test_callback.py", "tests/test_examples.py", "tests/test_commands.py")
LONGEST = (
    *("tests/sweep/test_slurm.py", "tests/job/test_processes.py", "tests/lit/test_several_ranks.py"),
    *("tests/sweep/test_callback.py", "tests/job/test_processes_end.py", "tests/job/test_every_experiment.py"),
    *("tests/sweep/", "tests/inspect/", "tests/test_examples.py", "tests/test_commands.py", "tests/job/"),
)

Compose = Callable[..., "DictConfig"]

hypothesis.settings.register_profile(  # the same examples in every run; a busy machine is no failure
    "fixed",
    derandomize=True,
    database=None,
    deadline=None,
    max_examples=60,
    print_blob=False,
    suppress_health_check=[hypothesis.HealthCheck.too_slow, hypothesis.HealthCheck.function_scoped_fixture],
)
hypothesis.settings.load_profile("fixed")


def pytest_configure(config: pytest.Config) -> None:
    """The process that hands out the tests loads no torch. The test processes are forks of one that has loaded it."""
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job ignores it, and its children do
    signal.signal(signal.SIGHUP, signal.SIG_DFL)  # as nohup does
    if config.getoption("dist", "no") != "no":
        in_workers()
        return
    real_executable()
    from renormal.job.environment import make_sums_reproducible

    make_sums_reproducible()  # before the first matrix product of the process


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_setupnodes(specs: list[Any]) -> None:
    for spec in specs:
        spec.python = python()


def pytest_unconfigure() -> None:
    """The preloaded Python ends with the tests of the process that has started it."""
    end_python()


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Garbage is not looked for among what stays to the end: modules and tests, 700 000 objects."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Test processes end at the same time if what is long comes first."""

    def place(item: pytest.Item) -> int:
        return next((at for at, start in enumerate(LONGEST) if item.nodeid.startswith(start)), len(LONGEST))

    items.sort(key=place)


class Scheduling(LoadScopeScheduling):
    """A file to whoever is free: its tests share what takes long. The files APART test by test.

    Marks of --dist loadgroup would say the same, but pytest-xdist 3.8 loses them under pytest 9.2.
    """

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        return nodeid if file in APART else file


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Scheduling:
    config.option.loadscopereorder = False  # the order above stays
    return Scheduling(config, log)


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> None:
    """Several test processes share the cores: a second thread costs more than it gains."""
    import torch

    torch.set_num_threads(1)


@pytest.fixture(scope="session", autouse=True)
def each_yaml_parsed_once() -> None:
    """In a test process that is no fork of a preloaded one, too."""
    from parsed_once import parse_once

    parse_once()


@pytest.fixture(scope="session")
def rehearsal(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the drawn images of this test process lie."""
    return tmp_path_factory.mktemp("rehearsal")


@pytest.fixture(scope="session")
def small(rehearsal: Path) -> Compose:
    """The real config, made small: small("model=vae", "folder=…") trains in a second on drawn images of 32 pixels."""
    from omegaconf import OmegaConf

    from recipes import recipe

    def composed(*overrides: str) -> DictConfig:
        drawn = [] if "data=folder" in overrides else [f"data.root={rehearsal}", *DRAWN]
        config = recipe(*drawn, *SMALL, *overrides)
        OmegaConf.resolve(config)
        OmegaConf.set_readonly(config, True)
        return config

    return composed


@pytest.fixture
def tiny(tmp_path: Path, small: Compose) -> Compose:
    """small in a folder of this test."""
    return partial(small, f"folder={tmp_path / 'run'}")


@pytest.fixture
def recorder(monkeypatch: pytest.MonkeyPatch) -> Callable[[Any], list[int]]:
    """recorder(record) records on a CPU as well, and gives a list with one entry for each recording that is tried."""
    from renormal.projection import graph

    def use(record: Any) -> list[int]:
        tried: list[int] = []

        def counting(step: Any, device: Any) -> Any:
            tried.append(1)
            return record(step, device)

        monkeypatch.setitem(graph.RECORDERS, "cpu", counting)
        return tried

    return use


@pytest.fixture(scope="session")
def tables_read_once() -> Iterator[None]:
    """torch reads its thousand ONNX functions anew for each file that it writes: a fifth of the time."""
    from torch.onnx._internal.exporter import _registration

    registry = _registration.ONNXRegistry
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(registry, "from_torchlib", staticmethod(cache(registry.from_torchlib)))
        yield


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
