"""A checkpoint that is damaged, or made by somebody else: one line that names the file, and no code of it runs."""

from __future__ import annotations

import os
import pickle
import pickletools
import re
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from damage import DELETED, Touch, bytes_of, change, code_in_archive, flip, put, repacked, undigested, untouched
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from renormal.job.checkpoint_file import check_weights, fitted, read_checkpoint
from renormal.lit.weights import digest_of_content, digest_of_weights
from renormal.lit.whole_file import WholeFile

FINGERPRINT = 64 * "a" + "." + 16 * "b"
WEIGHT = "state_dict/model.0.weight"


def net() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4))


def content() -> dict[str, Any]:
    """A small one with every part that renormal reads."""
    weights = {f"model.{name}": value for name, value in net().state_dict().items()}
    clock = {"seconds": 1.0, "images": 8, "epoch_images": 8, "losses": {"train/loss": 2.0}}
    return {
        "state_dict": weights,
        "hyper_parameters": {"fingerprint": FINGERPRINT},
        "epoch": 0,
        "global_step": 2,
        "callbacks": {"TrainingClock": clock},
        "optimizer_states": [{"state": {0: {"exp_avg": torch.ones(4)}}, "param_groups": [{"params": [0]}]}],
    }


@pytest.fixture
def path(tmp_path: Path) -> Path:
    (tmp_path / "job").mkdir()
    WholeFile().save_checkpoint(content(), tmp_path / "job" / "last.ckpt")
    return tmp_path / "job" / "last.ckpt"


def test_what_was_written_is_read(path: Path) -> None:
    found, wanted = read_checkpoint(path), content()
    assert found["digest"] == digest_of_content(wanted)
    assert digest_of_weights(found["state_dict"]) == digest_of_weights(wanted["state_dict"])
    assert found.keys() == wanted.keys() | {"digest"}


def test_a_digest_depends_on_name_type_shape_and_bytes_and_on_nothing_else() -> None:
    one = {"a": torch.rand(2, 3, 4, 4), "b": torch.zeros(2)}
    same = {"b": one["b"], "a": one["a"].to(memory_format=torch.channels_last)}
    assert digest_of_weights(one) == digest_of_weights(same)
    others = [
        {"c": one["a"], "b": one["b"]},
        {"a": one["a"].double(), "b": one["b"]},
        {"a": one["a"].reshape(3, 2, 4, 4), "b": one["b"]},
        {"a": one["a"], "b": -one["b"]},  # −0 equals 0, its bytes differ
    ]
    assert len({digest_of_weights(each) for each in [one, *others]}) == 5


def other_bytes(data: bytes) -> Callable[[Path], object]:
    return lambda path: path.write_bytes(data)


def pickled(body: bytes) -> Callable[[str, bytes], bytes]:
    """A change of the archive: another pickle."""
    return lambda name, before: b"\x80\x02" + body + b"." if name.endswith("data.pkl") else before


def declared(count: int) -> Callable[[str, bytes], bytes]:
    """A change of the archive: its first storage says that it has so many numbers."""

    def edited(name: str, body: bytes) -> bytes:
        if not name.endswith("data.pkl"):
            return body
        operations = [(operation.name, value, start) for operation, value, start in pickletools.genops(body)]
        place = next(at for at, (_, value, _) in enumerate(operations) if value == "cpu")
        at = next(at for at in range(place, len(operations)) if operations[at][0].startswith("BININT"))
        start, end = operations[at][2], operations[at + 1][2]
        return body[:start] + pickle.dumps(count, 2)[2:-1] + body[end:]

    return edited


FAULTS: dict[str, tuple[Callable[[Path], object], str]] = {
    "empty": (other_bytes(b""), "is no archive of torch.save"),
    "cut": (lambda path: path.write_bytes(path.read_bytes()[:-200]), "its end is missing"),
    "begun": (lambda path: path.write_bytes(path.read_bytes()[:1000]), "its end is missing"),
    "text": (other_bytes(b"no checkpoint\n"), "no archive of torch.save"),
    "older torch": (other_bytes(bytes_of(content(), legacy=True)), "no archive of torch.save"),
    "a pickle": (other_bytes(pickle.dumps({"state_dict": {}})), "no archive of torch.save"),
    "another archive": (lambda path: zipfile.ZipFile(path, "w").writestr("a.txt", "a"), "it cannot be read"),
    "a part is missing": (
        lambda path: repacked(path, lambda name, body: body if "data/0" not in name else None),
        "be read",
    ),
    "a part is short": (
        lambda path: repacked(path, lambda name, body: body[:5] if "data/0" in name else body),
        "be read",
    ),
    "a pickle that fills the memory": (
        lambda path: repacked(path, pickled(b"cbuiltins\nbytearray\n\x8a\x05" + bytes(4) + b"\x09\x85R")),
        "it asks for builtins bytearray",
    ),
    "a pickle that grows": (
        lambda path: repacked(path, pickled(b"c_codecs\nencode\n(X\x01\x00\x00\x00aX\x06\x00\x00\x00utf-32tR")),
        "it asks for _codecs encode",
    ),
    "a pickle that is long": (lambda path: repacked(path, pickled(b"N0" * 2**23)), "its pickle has 16777219 bytes"),
    "a storage of 10^12 numbers": (lambda path: repacked(path, declared(10**12)), "it cannot be read"),
    "compressed": (lambda path: repacked(path, lambda name, body: body, zipfile.ZIP_DEFLATED), "compressed"),
    "a flipped bit": (lambda path: flip(path, "data/0"), "/data/0' in it has changed"),
    "a flipped bit of the pickle": (lambda path: flip(path, "data.pkl"), "data.pkl' in it has changed"),
    "another weight": (
        lambda path: change(path, lambda c: c["state_dict"]["model.0.bias"].neg_()),
        "has changed since",
    ),
    "another moment": (lambda path: change(path, put("optimizer_states/0/state", {})), "has changed since"),
    "a list": (other_bytes(bytes_of([1, 2])), "it holds a list"),
    "a tensor": (other_bytes(bytes_of(torch.ones(3))), "it holds a Tensor"),
    "no weights": (lambda path: change(path, put("state_dict", DELETED)), "state_dict is missing"),
    "weights of a list": (lambda path: change(path, put("state_dict", [1])), "state_dict is a list"),
    "weights of none": (lambda path: change(path, put("state_dict", {})), "state_dict is empty"),
    "a weight of text": (lambda path: change(path, put(WEIGHT, "x")), "state_dict.model.0.weight is no tensor"),
    "a name of a number": (
        lambda path: change(path, lambda c: c["state_dict"].update({3: torch.ones(1)})),
        "dict.3 is",
    ),
    "nan": (
        lambda path: undigested(path, put(WEIGHT, torch.full((4, 3, 3, 3), torch.nan))),
        "weight model.0.weight is",
    ),
    "inf": (lambda path: undigested(path, put(WEIGHT, torch.full((4, 3, 3, 3), -torch.inf))), "is not finite"),
    "sparse": (lambda path: undigested(path, put(WEIGHT, torch.eye(3).to_sparse())), "no plain tensor"),
    "without values": (lambda path: undigested(path, put(WEIGHT, torch.ones(3, device="meta"))), "no plain tensor"),
    "conjugate": (
        lambda path: undigested(path, put(WEIGHT, torch.ones(3, dtype=torch.complex64).conj())),
        "no plain tensor",
    ),
    "negative bit": (lambda path: undigested(path, put(WEIGHT, torch._neg_view(torch.ones(3)))), "no plain tensor"),
    "float8": (lambda path: undigested(path, put(WEIGHT, torch.ones(3).to(torch.float8_e4m3fn))), "no plain tensor"),
    "endless": (lambda path: undigested(path, put(WEIGHT, torch.ones(1).expand(10**9))), "larger than the file"),
    "nested": (lambda path: undigested(path, put("callbacks/other", doubled(100))), "nested without end"),
    "no config": (lambda path: change(path, put("hyper_parameters", DELETED)), "hyper_parameters is missing"),
    "a config of text": (lambda path: change(path, put("hyper_parameters", "x")), "hyper_parameters is a str"),
    "no digest": (lambda path: change(path, put("hyper_parameters", {})), "fingerprint is no digest"),
    "a path": (lambda path: change(path, put("hyper_parameters/fingerprint", "../../x")), "fingerprint is no digest"),
    "no epoch": (lambda path: change(path, put("epoch", DELETED)), "epoch is no count"),
    "a negative epoch": (lambda path: change(path, put("epoch", -1)), "epoch is no count"),
    "an epoch of text": (lambda path: change(path, put("epoch", "3")), "epoch is no count"),
    "a step of nan": (lambda path: change(path, put("global_step", float("nan"))), "global_step is no count"),
    "no callbacks": (lambda path: change(path, put("callbacks", DELETED)), "callbacks is missing"),
    "callbacks of a list": (lambda path: change(path, put("callbacks", [])), "callbacks is a list"),
    "a clock of text": (
        lambda path: change(path, put("callbacks/TrainingClock", "x")),
        "TrainingClock has other parts",
    ),
    "a clock of nan": (lambda path: change(path, put("callbacks/TrainingClock/seconds", float("nan"))), "other parts"),
    "losses of text": (lambda path: change(path, put("callbacks/TrainingClock/losses", {"a": "b"})), "other parts"),
}


def doubled(times: int) -> list[Any]:
    """2 ** times entries in as many lists, each of which names the one before twice."""
    value: list[Any] = []
    for _ in range(times):
        value = [value, value]
    return value


@pytest.mark.parametrize("fault", FAULTS)
def test_a_damaged_checkpoint_is_one_line(path: Path, fault: str) -> None:
    damage, line = FAULTS[fault]
    damage(path)
    refused(path, line)


def refused(path: Path, line: str = "is no checkpoint of renormal, or damaged: ") -> None:
    with untouched(path.parent), pytest.raises(ValueError, match=re.escape(line)) as error:
        read_checkpoint(path)
    check_line(error.value, path)


def check_line(error: ValueError, path: Path) -> None:
    assert str(error).startswith(str(path))
    assert str(error).isprintable()
    assert type(error) is ValueError


def test_no_code_in_a_checkpoint_runs(path: Path, tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    code_in_archive(path, trace)
    refused(path, "it cannot be read")
    for data in (pickle.dumps(Touch(trace)), bytes_of({"a": Touch(trace)}, legacy=True)):
        path.write_bytes(data)
        refused(path)
    path.write_bytes(bytes_of(Touch(trace)))
    refused(path, "holds an object of posix.system, and no code of a file is run")
    inside = content()
    inside["callbacks"]["other"] = Touch(trace)
    path.write_bytes(bytes_of(inside))
    refused(path, "holds an object of posix.system, and no code of a file is run")
    assert not trace.exists()


def test_what_is_no_file_is_not_opened(tmp_path: Path) -> None:
    fifo, hole, loop = tmp_path / "fifo", tmp_path / "hole", tmp_path / "loop"
    os.mkfifo(fifo)
    with hole.open("wb") as file:
        file.truncate(10**12)
    loop.symlink_to(loop)
    for path, line in (
        (fifo, "no regular file"),
        (tmp_path, "no regular file"),
        (Path("/dev/zero"), "no regular file"),
        (tmp_path / "none", "does not exist"),
        (loop, "Too many levels"),
        (hole, "1000000000000 bytes, more than"),
        (tmp_path / ("n" * 300), "File name too long"),
        (tmp_path / "a\0b", "zero byte"),
    ):
        with pytest.raises(ValueError, match=line):
            read_checkpoint(path)


def test_a_file_of_zeros_is_not_read_to_its_end(tmp_path: Path) -> None:
    with (tmp_path / "hole").open("wb") as file:
        file.truncate(4 * 2**30)
    refused(tmp_path / "hole", "no archive of torch.save")


@pytest.mark.parametrize(
    ("name", "value", "line"),
    [
        (
            "0.weight",
            torch.ones(4, 3, 3, 3, dtype=torch.int8),
            r"0\.weight is of torch\.int8, in the network",
        ),
        ("0.weight", torch.ones(4, 3, 3, 3, dtype=torch.float64), r"torch\.float64"),
        ("0.weight", torch.ones(4, 3, 3, 1), r"the shape \[4, 3, 3, 1\], in the network \[4, 3, 3, 3\]"),
        ("0.weight", torch.ones(1), r"the shape \[1\]"),
        ("1.num_batches_tracked", torch.zeros(()), r"num_batches_tracked is of torch\.float32"),
        ("2.weight", torch.ones(4), r"the network has no 2\.weight"),
        ("1.bias", None, r"1\.bias is missing"),
    ],
)
def test_weights_of_another_network_are_one_line(name: str, value: torch.Tensor | None, line: str) -> None:
    weights = {**net().state_dict(), name: value}
    with pytest.raises(ValueError, match=line):
        check_weights({key: found for key, found in weights.items() if found is not None}, net())
    check_weights(net().state_dict(), net())


def test_names_of_another_network_are_named(path: Path) -> None:
    torch.save({f"dec.{name}": value for name, value in net().state_dict().items()}, path)
    with pytest.raises(ValueError, match=r"^0\.bias is missing, and the network has no dec\.0\.bias$"):
        fitted(read_checkpoint(path), net())


@pytest.mark.parametrize("key", ["", "state_dict", "model_state_dict", "model"])
@pytest.mark.parametrize(
    ("has", "needs", "clause"),
    [
        ("", "", ""),
        ("module.", "", "without module. before each name"),
        ("model._orig_mod.", "", "without model._orig_mod. before each name"),
        ("", "net.", "with net. before each name"),
        ("module.", "net.", "with net. in place of module. before each name"),
    ],
)
def test_weights_in_the_usual_files_of_others_are_taken(
    path: Path, key: str, has: str, needs: str, clause: str
) -> None:
    weights = {f"{has}{name}": value for name, value in net().state_dict().items()}
    torch.save({key: weights, "epoch": 3, "hyper_parameters": {"lr": 0.1}} if key else weights, path)
    network = nn.Module()
    if needs:
        network.net = net()
    else:
        network = net()
    found, said = fitted(read_checkpoint(path), network)
    assert said == ", ".join(filter(None, [key and f"under {key}", clause]))
    assert digest_of_weights(found) == digest_of_weights(network.state_dict())


@pytest.mark.parametrize(
    ("content", "line"),
    [
        ({"netG": {"weight": torch.ones(1)}, "epoch": 3}, "holds netG, epoch, and no state_dict or more than one"),
        ({"model": {"a": torch.ones(1)}, "state_dict": {"a": torch.ones(1)}}, "no state_dict or more than one under"),
        ({"state_dict": {"a": torch.ones(1), "b": 3}}, "holds state_dict, and no state_dict"),
        ({}, "holds nothing, and no state_dict"),
    ],
)
def test_a_file_of_another_program_without_one_state_dict_says_what_it_holds(
    path: Path, content: dict[str, Any], line: str
) -> None:
    torch.save(content, path)
    refused(path, line)
    refused(path, "save the weights alone, with torch.save(net.state_dict(), 'mynet.pt')")


def test_a_whole_module_is_named_and_not_run(path: Path) -> None:
    torch.save({"epoch": 1, "model": nn.Sequential(nn.Linear(2, 2))}, path)
    refused(path, "holds an object of torch.nn.modules.container.Sequential, and no code of a file is run: save the")


LEAVES = st.one_of(
    *(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8), st.binary(max_size=8)),
    st.sampled_from([torch.ones(2), torch.tensor(torch.nan), torch.zeros(0), torch.ones(2, dtype=torch.int8)]),
)
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6) | st.integers(), inner, max_size=3),
    max_leaves=6,
)
PLACES = [
    *("state_dict", WEIGHT, "hyper_parameters", "hyper_parameters/fingerprint", "epoch", "global_step", "callbacks"),
    *(f"callbacks/TrainingClock{part}" for part in ("", "/seconds", "/images", "/epoch_images", "/losses")),
]


@given(place=st.sampled_from(PLACES), value=VALUES, digest=st.booleans())
def test_any_value_in_any_place_is_read_or_is_one_line(
    tmp_path_factory: pytest.TempPathFactory, place: str, value: Any, digest: bool
) -> None:
    path = tmp_path_factory.mktemp("any") / "last.ckpt"
    changed = content()
    put(place, value)(changed)
    if digest:
        WholeFile().save_checkpoint(changed, path)
    else:
        path.write_bytes(bytes_of(changed))
    right_or_one_line(path)


@given(data=st.data())
def test_any_bytes_in_any_place_are_read_or_are_one_line(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    """Read means: the same numbers. A byte between two parts changes none."""
    path = tmp_path_factory.mktemp("bytes") / "last.ckpt"
    path.write_bytes(WHOLE)
    at = data.draw(st.integers(0, len(WHOLE) - 1))
    new = data.draw(st.binary(max_size=40))
    end = data.draw(st.sampled_from([at + len(new), at, len(WHOLE)]))
    path.write_bytes(WHOLE[:at] + new + WHOLE[end:])
    right_or_one_line(path, WEIGHTS)


@given(body=st.binary(max_size=60), start=st.integers(0, 400))
def test_any_pickle_is_one_line(tmp_path_factory: pytest.TempPathFactory, body: bytes, start: int) -> None:
    """Its checksums fit: torch reads it."""
    path = tmp_path_factory.mktemp("pickle") / "last.ckpt"
    path.write_bytes(WHOLE)
    repacked(path, lambda name, old: old[:start] + body + old[start + len(body) :] if "pkl" in name else old)
    right_or_one_line(path)


def right_or_one_line(path: Path, weights: str | None = None) -> None:
    try:
        found = read_checkpoint(path)
    except ValueError as error:
        check_line(error, path)
    else:
        assert weights in (None, digest_of_weights(found["state_dict"]))
    assert [one.name for one in path.parent.iterdir()] == ["last.ckpt"]
    shutil.rmtree(path.parent)


WHOLE = bytes_of(content() | {"digest": digest_of_content(content())})
WEIGHTS = digest_of_weights(content()["state_dict"])
