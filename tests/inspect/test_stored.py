"""A stored config builds what our own yamls name, and runs nothing else, whoever has written it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from hydra.utils import get_class
from hypothesis import given
from hypothesis import strategies as st
from omegaconf import OmegaConf
from strangers import GETTER, MODULE, calls, is_network, write_evil, write_own

from renormal.inspect.finished import Undrawn
from renormal.inspect.stored import ROOMS, build, known, part_of
from renormal.lit.adversarial import AdversarialModule
from renormal.models import VAE
from renormal.projection import Descent, Energy, error_mask, squared_error
from renormal.run import CONF
from renormal.settings.model import OPTIMIZERS, OneCycle

NAMES = list(calls(Path("trace"), Path("evil.pt")))
PARTS = ["model.net", "model.optimizer", "model.scheduler", "model.module", "projections.one", "score"]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory of a stranger, from which Python imports."""
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("EVIL", "os.system")
    monkeypatch.setenv("HYDRA_INSTANTIATE_ALLOWLIST_OVERRIDE", "os.system:posix.system:torch.load:subprocess.run")
    return tmp_path


@pytest.mark.parametrize("name", NAMES)
def test_a_node_that_would_run_code_is_one_line(place: Path, name: str) -> None:
    trace, file = write_evil(place)
    before = set(place.iterdir())
    for part in PARTS:
        with pytest.raises(ValueError) as error:  # noqa: PT011 the line is checked below
            build(calls(trace, file)[name], part, channels=3, size=32)
        check_line(error.value)
    assert not trace.exists()
    assert set(place.iterdir()) == before
    assert MODULE not in sys.modules


def check_line(error: ValueError) -> None:
    assert type(error) is ValueError
    assert str(error).isprintable()
    assert len(str(error)) < 400


def test_nothing_is_built_before_all_of_a_node_is_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    built: list[Any] = []
    monkeypatch.setattr(Energy, "__post_init__", lambda self: built.append(self))
    node = {"_target_": "renormal.projection.Descent", "energy": {"_target_": "renormal.projection.Energy"}}
    build(node, "projections.one")
    assert len(built) == 1
    with pytest.raises(ValueError, match=r"asks for os\.system, which is no part of renormal: it is not run$"):
        build(node | {"mask": {"_target_": "os.system"}}, "projections.one")
    assert len(built) == 1


def test_what_our_yamls_name_is_built() -> None:
    node = {
        "_target_": "renormal.projection.Descent",
        "energy": {
            "_target_": "renormal.projection.energy.Energy",
            "loss": {"_target_": GETTER, "path": "renormal.projection.squared_error"},
            "weight": 0.25,
        },
        "mask": {"_target_": GETTER, "path": "renormal.projection.error_mask"},
        "clamp": [0, 1],
    }
    descent = build(node, "projections.one")
    assert isinstance(descent, Descent)
    assert (descent.energy, descent.mask) == (Energy(weight=0.25, loss=squared_error), error_mask)
    partial = build({"_target_": "renormal.projection.Energy", "_partial_": True, "weight": 0.5}, "projections.one")
    assert partial() == Energy(weight=0.5)
    positional = build({"_target_": "renormal.projection.Threshold", "_args_": [3.0]}, "projections.one")
    assert positional.value == 3


def named(node: Any) -> list[str]:
    """Every name in a yaml: of `_target_`, and of `path` next to a getter."""
    if isinstance(node, dict):
        own = node.get("path") if str(node.get("_target_", "")).startswith("hydra.utils.") else node.get("_target_")
        return ([own] if own else []) + [name for value in node.values() for name in named(value)]
    return [name for value in node for name in named(value)] if isinstance(node, list) else []


@pytest.mark.parametrize(("group", "part"), [("projection", "projections"), ("score", "score")])
def test_every_name_in_our_yamls_may_be_stored(group: str, part: str) -> None:
    names = [name for path in (CONF / group).rglob("*.yaml") for name in named(plain_yaml(path))]
    assert len(names) > 5
    assert [name for name in names if name not in known(part)] == []


@pytest.mark.parametrize("key", ["net", "energy_loss", "module", "optimizer", "scheduler"])
def test_every_name_of_a_model_may_be_stored_at_its_place(key: str) -> None:
    files = [*CONF.glob("model/*.yaml"), *CONF.glob("experiment/*.yaml")]
    models = [node if path.parent.name == "model" else node.get("model", {}) for path, node in yamls(files)]
    names = {name for model in models for name in named(model.get(key) or {})}
    assert names
    assert names - known(part_of(f"model.{key}")).keys() == set()


def test_the_optimizers_that_our_settings_know_may_be_stored() -> None:
    for part, classes in (("model.optimizer", OPTIMIZERS), ("model.scheduler", (OneCycle,))):
        assert {name for one in classes for name in one.targets} == known(part).keys()
        for name, one in known(part).items():
            assert get_class(name) is one


def yamls(files: list[Path]) -> list[tuple[Path, Any]]:
    return [(path, plain_yaml(path)) for path in files]


def plain_yaml(path: Path) -> Any:
    return OmegaConf.to_container(OmegaConf.load(path))


def test_an_optimizer_and_a_scheduler_are_built_as_their_place_says() -> None:
    weights = [torch.nn.Parameter(torch.zeros(1))]
    adam = {"_target_": "torch.optim.Adam", "_partial_": True, "lr": 0.25, "betas": [0.5, 0.9]}
    for place in ("model.optimizer", "model.optimizer.critic"):
        built = build(adam, place)(weights)
        assert isinstance(built, torch.optim.Adam)
        assert (built.defaults["lr"], built.defaults["betas"]) == (0.25, (0.5, 0.9))
    module = {"_target_": "hydra.utils.get_class", "path": "renormal.lit.adversarial.AdversarialModule"}
    assert build(module, "model.module") is AdversarialModule
    loss = {"_target_": GETTER, "path": "renormal.projection.squared_error"}
    assert build(loss, "model.energy_loss") is squared_error
    with pytest.raises(ValueError, match=r"model\.net of the record's config names no class"):
        build({"_target_": GETTER, "path": "renormal.models.VAE"}, "model.net", channels=3, size=32)
    rate = {"_target_": "torch.optim.lr_scheduler.OneCycleLR", "_partial_": True, "max_lr": 0.5, "div_factor": 5.0}
    assert build(rate, "model.scheduler")(built, total_steps=10).get_last_lr() == pytest.approx([0.1])


@pytest.mark.parametrize(
    ("place", "name"),
    [
        ("model.optimizer", "torch.optim.lr_scheduler.OneCycleLR"),
        ("model.optimizer", "torch.optim.Optimizer"),
        ("model.optimizer", "torch.optim.adam.torch.load"),
        ("model.optimizer", "torch.load"),
        ("model.optimizer.critic", "renormal.models.VAE"),
        ("model.scheduler", "torch.optim.Adam"),
        ("model.scheduler", "torch.optim.lr_scheduler.LambdaLR"),
        ("model.net", "torch.optim.Adam"),
        ("model.net.optimizer", "torch.optim.Adam"),
        ("model.optimizers", "torch.optim.Adam"),
        ("score", "torch.optim.SGD"),
    ],
)
def test_an_optimizer_is_named_nowhere_but_at_its_place(place: str, name: str) -> None:
    with pytest.raises(ValueError, match=r"which is no part of renormal: it is not run$"):
        build({"_target_": name, "_partial_": True}, place)


def test_the_closed_set_is_what_the_rooms_export_and_no_module_of_it() -> None:
    for part, (room, further) in ROOMS.items():
        exported = {id(getattr(room, name)) for name in room.__all__} | {id(one) for one in further}
        for name, one in known(part).items():
            assert id(one) in exported
            assert callable(one), name
            assert one.__module__.startswith("renormal.")


def test_a_package_of_the_user_is_used_if_it_is_named(place: Path) -> None:
    write_own(place)
    node = {"_target_": "own_package.net.Grey"}
    with pytest.raises(ValueError, match=r"^add --trust own_package, .* asks for own_package\.net\.Grey"):
        build(node, "model.net", channels=3, size=8)
    for name in ("own_package.net.Grey", "own_package.net.make"):
        for trust in ("own_package", "own_package.net"):
            assert is_network(build({"_target_": name}, "model.net", ("another", trust), channels=3, size=8))
    inner = node | {"level": {"_target_": GETTER, "path": "own_package.net.make"}}
    assert is_network(build(inner, "model.net", ["own_package"], channels=3, size=8))


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("own_package.os.system", "lies in os, not in own_package"),
        ("own_package.torch.load", "lies in torch, not in own_package"),
        ("own_package.net.os.system", "lies in os, not in own_package"),
        ("own_package.net.system", "lies in posix, not in own_package"),
        ("own_package.net.torch.hub.load", "lies in torch, not in own_package"),
        ("own_package.net.nn.Linear", "lies in torch.nn, not in own_package"),
        ("own_package.net.Grey.__class__", "lies in builtins, not in own_package"),
        ("own_package.net.Grey.__init__.__globals__", "is not there"),
        ("own_package.net.number", "is not there"),
        ("own_package.net.none", "is not there"),
        ("own_package.none.x", "is not there"),
        ("own_package.net", "is neither class nor function"),
        ("own_packages.net.Grey", "no part of renormal"),
        ("os.system", "no part of renormal"),
        ("renormal.files.write_whole", "no part of renormal"),
        (f"{MODULE}.run", f"add --trust {MODULE}"),
    ],
)
def test_a_package_of_the_user_opens_nothing_but_itself(place: Path, name: str, line: str) -> None:
    write_own(place)
    trace, _ = write_evil(place)
    with pytest.raises(ValueError, match=line):
        build({"_target_": name}, "model.net", ["own_package"])
    assert not trace.exists()


@pytest.mark.parametrize("name", ["os", "torch", "builtins", "hydra.utils", "renormal.data", "", "a b", "../x", "a..b"])
def test_a_name_that_would_open_everything_is_no_trusted_package(name: str) -> None:
    with pytest.raises(ValueError, match=r"^--trust "):
        build({"_target_": "renormal.models.VAE"}, "model.net", [name], channels=3, size=32)


def test_an_argument_of_the_wrong_kind_is_one_line() -> None:
    for arguments in ({"latent": "x"}, {"latent": -1}, {"latent": 10**9}, {"none": 1}, {"latent": None}, {"": 1}):
        with pytest.raises(ValueError, match=r"model\.net") as error, torch.device("meta"), Undrawn():
            build({"_target_": "renormal.models.VAE", **arguments}, "model.net", channels=3, size=32)
        check_line(error.value)
    assert isinstance(build({"_target_": "renormal.models.VAE"}, "model.net", channels=3, size=32), VAE)


KEYS = ["_target_", "_partial_", "_args_", "_convert_", "_recursive_", "path", "energy", "loss", "weight", "value", "x"]
WORDS = [
    *(name for name in NAMES if "." in name),
    *("renormal.projection.Energy", "renormal.projection.Descent", "renormal.projection.squared_error", GETTER),
    *("renormal.models.MeanImage", "renormal.scores.Smooth", "all", "${x}", "os.system"),
]
LEAVES = st.sampled_from(WORDS) | st.none() | st.booleans() | st.integers(-3, 3) | st.floats() | st.text(max_size=5)
NODES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(KEYS), inner, min_size=1, max_size=4),
    max_leaves=8,
)


@given(node=NODES, target=st.sampled_from(WORDS) | NODES, part=st.sampled_from(PARTS))
def test_any_node_is_built_or_is_one_line(
    tmp_path_factory: pytest.TempPathFactory, node: Any, target: Any, part: str
) -> None:
    folder = tmp_path_factory.mktemp("stranger")
    trace, _ = write_evil(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(folder))
        patch.chdir(folder)
        before, loaded = set(folder.iterdir()), set(sys.modules)
        try:
            build({"_target_": target, **node} if isinstance(node, dict) else node, part)
        except ValueError as error:
            check_line(error)
        assert not trace.exists()
        assert (set(folder.iterdir()), set(sys.modules)) == (before, loaded)
