"""Read a checkpoint that may be damaged or made by somebody else: no code in it runs, and a fault is one line."""

from __future__ import annotations

import math
import pickle
import pickletools
import re
import struct
import warnings
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from renormal.console.text import printable
from renormal.files import check_regular
from renormal.job.digests import LIMIT, digest_of_file
from renormal.job.foreign_weights import SAVE, code_in, lack_of_weights, renamed, weights_and_key
from renormal.job.training_size import CLOCK
from renormal.lit.module import LOWEST
from renormal.lit.weights import DIGEST, digest_of_content

FINGERPRINT = re.compile(r"[0-9a-f]{64}(\.[0-9a-f]{1,64})?(x[1-9][0-9]{0,5})?")
MEND = "take another copy of it, or train again"
START = b"PK\x03\x04"  # of an archive; torch.load would take another start for a pickle of older torch
DEPTH, PARTS = 32, 200_000  # of a checkpoint, ours: parts may name one another, and would not end
PICKLE = 16 * 2**20  # bytes, ours: that of a checkpoint has 0.1 · 2²⁰
GROWING = {"bytearray", "encode"}  # torch calls them for whatever a pickle says: few bytes of it can fill the memory
OF_NETWORK = "model."  # prefix of the names of the weights: the attribute of AutoencoderModule
KEY = "key"  # of the state_dict in the file of another program, "" for the file itself
SHOWN = 200  # characters of a message or a name
PLAIN = {
    *(torch.float16, torch.bfloat16, torch.float32, torch.float64, torch.complex64, torch.complex128, torch.bool),
    *(torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64),
}
TORCH = (  # what torch.load raises for a file that is none of its own
    *(pickle.UnpicklingError, RuntimeError, EOFError, OSError, MemoryError, ArithmeticError, AssertionError),
    *(LookupError, TypeError, ValueError, AttributeError, ImportError, BufferError, struct.error),
)


def read_checkpoint(path: Path) -> dict[str, Any]:
    """The content of a checkpoint that renormal wrote, or of a network's state_dict. ValueError for any other file."""
    check_regular(path, LIMIT)
    try:
        check_archive(path)
        with warnings.catch_warnings(action="ignore"):
            content = torch.load(path, weights_only=True, map_location="cpu")
    except (*TORCH, zipfile.BadZipFile) as error:
        if code := named_code(path, error):
            raise ValueError(f"{path} holds an object of {code}, and no code of a file is run: {SAVE}") from error
        raise ValueError(f"{path} is no checkpoint of renormal, or damaged: {reason(error)}: {MEND}") from error
    if found := weights_and_key(content):
        content = around(found[0], digest_of_file(path)) | {KEY: found[1]}
    elif lack := lack_of_weights(content):
        raise ValueError(f"{path} {lack}: {SAVE}")
    if fault := next(faults(content, path.stat().st_size), None):
        raise ValueError(f"{path} is no checkpoint of renormal, or damaged: {fault}: {MEND}")
    checked: dict[str, Any] = content
    return checked


def named_code(path: Path, error: Exception) -> str | None:
    """The class or function for which torch has refused a whole archive; None for another error."""
    if isinstance(error, pickle.UnpicklingError):
        with suppress(*TORCH):
            return code_in(path)
    return None


def around(weights: Mapping[Any, Tensor], fingerprint: str) -> dict[str, Any]:
    """A checkpoint with these weights of a network, of a training that is named by the fingerprint alone."""
    state = {f"{OF_NETWORK}{name}": value for name, value in weights.items()}
    counts = {"epoch": 0, "global_step": 0, "callbacks": dict[str, Any]()}
    return {"state_dict": state, "hyper_parameters": {"fingerprint": fingerprint}, **counts}


def weights_in(content: Mapping[str, Any]) -> dict[str, Tensor]:
    """Name → tensor of the network in a checkpoint, as `around` takes them."""
    return {name.removeprefix(OF_NETWORK): value for name, value in content["state_dict"].items()}


def reason(error: Exception) -> str:
    """Its first sentence, without the advice of torch, which would run the code in the file."""
    first = str(error).strip().partition("\n")[0].partition(". ")[0].partition("weights_only")[0]
    return shown(first) if type(error) is ValueError else f"it cannot be read ({type(error).__name__})"


def shown(name: object) -> str:
    """A name from the file for a message of one line."""
    return printable(str(name))[:SHOWN]


def check_archive(path: Path) -> None:
    """Raise for a file that is no whole archive of torch.save. Its checksums find every byte that has changed."""
    with path.open("rb") as file:
        begins = file.read(len(START)) == START
    if not begins or not zipfile.is_zipfile(path):
        raise ValueError("it is no archive of torch.save, or its end is missing")
    with zipfile.ZipFile(path) as archive:
        members = archive.infolist()
        if any(member.compress_type != zipfile.ZIP_STORED for member in members):
            raise ValueError("its parts are compressed")
        if sum(member.file_size for member in members) > path.stat().st_size:
            raise ValueError("its parts are larger than the file")
        if (changed := archive.testzip()) is not None:
            raise ValueError(f"{changed!r} in it has changed since it was written")
        for member in members:
            if member.filename.endswith("data.pkl"):
                check_pickle(archive, member)


def check_pickle(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> None:
    """Raise ValueError for a pickle that renormal cannot have written, before it is loaded."""
    if member.file_size > PICKLE:
        raise ValueError(f"its pickle has {member.file_size} bytes")
    for operation, name, _ in pickletools.genops(archive.read(member)):
        if operation.name == "GLOBAL" and str(name).rpartition(" ")[2] in GROWING:
            raise ValueError(f"it asks for {shown(name)}")


def faults(content: Any, size: int) -> Iterator[str]:
    """Why the content of a file of `size` bytes is no checkpoint, the first reason first."""
    if not isinstance(content, dict):
        yield f"it holds a {type(content).__name__}"
        return
    for key, kind in (("state_dict", dict), ("hyper_parameters", dict), ("callbacks", dict)):
        if not isinstance(content.get(key), kind):
            yield f"{key} is missing" if key not in content else f"{key} is a {type(content[key]).__name__}"
            return
    yield from (f"{key} is no count" for key in ("epoch", "global_step") if not is_count(content.get(key)))
    fingerprint = content["hyper_parameters"].get("fingerprint")
    if not isinstance(fingerprint, str) or not FINGERPRINT.fullmatch(fingerprint):
        yield "hyper_parameters.fingerprint is no digest of a config"
    if CLOCK in content["callbacks"] and not is_clock(content["callbacks"][CLOCK]):
        yield f"callbacks.{CLOCK} has other parts than images, seconds and losses"
    if strange := next(faults_of_tensors(content, size), None):
        yield strange
        return
    yield from faults_of_weights(content["state_dict"])
    if LOWEST in content and DIGEST not in content:  # no version writes the one without the other
        yield "it was written again without its digest"
    if DIGEST in content and content[DIGEST] != digest_of_content(content):
        yield "its content has changed since it was written"


def is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**53


def is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def is_clock(state: Any) -> bool:
    """Whether it is the state of a TrainingClock; older ones lack epoch_images."""
    if not isinstance(state, dict) or not isinstance(state.get("losses"), dict):
        return False
    counts = is_count(state.get("images")) and is_count(state.get("epoch_images", 0))
    losses = all(isinstance(name, str) and is_number(value) for name, value in state["losses"].items())
    return counts and losses and is_number(state.get("seconds")) and state["seconds"] >= 0


def faults_of_tensors(content: Mapping[str, Any], size: int) -> Iterator[str]:
    """Parts without end; tensors that are sparse, quantized, without values, or larger than the file."""
    tensors = tensors_in(content)
    if tensors is None:
        yield "its parts are nested without end"
        return
    if strange := [place for place, one in tensors if not is_plain(one)]:
        yield f"{shown(strange[0])} is no plain tensor"
    elif sum(tensor.nbytes for _, tensor in tensors) > 2 * size:  # what two layers share is stored once
        yield "its tensors are larger than the file"


def is_plain(tensor: Tensor) -> bool:
    pending = tensor.is_conj() or tensor.is_neg()  # its bytes are not its values
    return tensor.layout == torch.strided and tensor.device.type == "cpu" and tensor.dtype in PLAIN and not pending


def tensors_in(content: Any) -> list[tuple[str, Tensor]] | None:
    """(dotted place, tensor) of every tensor. None for more than DEPTH levels or PARTS parts."""
    found, parts = list[tuple[str, Tensor]](), 0
    left: list[tuple[str, Any, int]] = [("", content, 0)]
    while left:
        place, value, depth = left.pop()
        parts += 1
        if parts > PARTS or depth > DEPTH:
            return None
        if isinstance(value, Tensor):
            found.append((place, value))
        elif isinstance(value, Mapping | list | tuple | set):
            items = value.items() if isinstance(value, Mapping) else enumerate(value)
            left += [(f"{place}.{shown(key)}".lstrip("."), item, depth + 1) for key, item in items]
            parts += len(value)
    return found


def faults_of_weights(weights: Mapping[Any, Any]) -> Iterator[str]:
    """Entries of a state_dict that are no weights: no tensors, or not finite."""
    if not weights:
        yield "state_dict is empty"
    for name, value in weights.items():
        if not isinstance(name, str) or not isinstance(value, Tensor):
            yield f"state_dict.{shown(name)} is no tensor"
        elif not bool(value.isfinite().all()):
            yield f"the weight {shown(name)} is not finite"


def fitted(content: Mapping[str, Any], network: nn.Module) -> tuple[dict[str, Tensor], str]:
    """The weights of a checkpoint under the names of the network, and a clause of what was taken from which names.

    Raises ValueError for the first weight whose name, type or shape is not that of the network.
    """
    weights, clause = renamed(weights_in(content), network.state_dict())
    check_weights(weights, network)
    under = f"under {content[KEY]}" if content.get(KEY) else ""
    return weights, ", ".join(filter(None, [under, clause]))


def check_weights(found: Mapping[str, Tensor], network: nn.Module) -> None:
    """Raise ValueError for the first weight whose name, type or shape is not that of the network."""
    if fault := next(faults_of_fit(found, network), None):
        raise ValueError(fault)


def faults_of_fit(found: Mapping[str, Tensor], network: nn.Module) -> Iterator[str]:
    """Weights whose name, type or shape is not that of the network."""
    wanted: dict[str, Tensor] = network.state_dict()
    missing, others = sorted(wanted.keys() - found.keys()), sorted(found.keys() - wanted.keys())
    if missing and others:
        yield f"{missing[0]} is missing, and the network has no {shown(others[0])}"
    yield from (f"{name} is missing" for name in missing)
    yield from (f"the network has no {shown(name)}" for name in others)
    for name in (name for name in wanted if name in found):  # in the network's order
        one, own = found[name], wanted[name]
        if one.dtype != own.dtype:
            yield f"{name} is of {one.dtype}, in the network of {own.dtype}"
        if one.shape != own.shape:
            yield f"{name} has the shape {list(one.shape)}, in the network {list(own.shape)}"
