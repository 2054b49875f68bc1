"""A device without a GPU: it computes on the CPU under another type, and counts where a host would wait for it.

Importing it registers a backend with torch for the whole process: import it in a process of its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_iter, tree_map
from torch.utils.backend_registration import _setup_privateuseone_for_python_backend

_setup_privateuseone_for_python_backend("pretend")
torch.pretend.get_amp_supported_dtype = lambda: [torch.bfloat16]  # type: ignore[attr-defined]
DEVICE = torch.device("pretend", 0)
aten = torch.ops.aten
READS = {  # operations that give the host a number, or a shape that depends on numbers
    *(aten._local_scalar_dense.default, aten.nonzero.default, aten.masked_select.default, aten.equal.default),
    *(aten._unique2.default, aten.is_nonzero.default),
}
INDEXED = {aten.index.Tensor, aten.index_put_.default, aten.index_put.default, aten._index_put_impl_.default}
waits: list[str] = []  # one for each wait of the host


class OnDevice(Tensor):
    """A tensor of the device; `raw` holds its numbers."""

    raw: Tensor
    __torch_function__ = torch._C._disabled_torch_function_impl  # type: ignore[assignment]

    @staticmethod
    def __new__(cls, raw: Tensor) -> OnDevice:
        found = Tensor._make_wrapper_subclass(  # type: ignore[attr-defined]
            cls, raw.size(), raw.stride(), raw.storage_offset(), dtype=raw.dtype, device=DEVICE
        )
        found.raw = raw
        return found

    def __repr__(self, **_: Any) -> str:
        return f"OnDevice({self.raw!r})"

    def tolist(self) -> Any:
        waits.append("tolist")
        return self.raw.tolist()

    def data_ptr(self) -> int:
        return self.raw.data_ptr()

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return _computed(func, args, kwargs or {})


class _Factories(TorchDispatchMode):
    """Tensors that are made on the device belong to it."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return _computed(func, args, kwargs or {})


@contextmanager
def counted() -> Iterator[list[str]]:
    """Inside, the device exists; gives the waits since the beginning."""
    waits.clear()
    with _Factories():
        yield waits


def moved(model: nn.Module) -> nn.Module:
    """The model with its weights on the device."""
    for module in model.modules():
        for name, value in module._parameters.items():
            if value is not None:
                module._parameters[name] = nn.Parameter(OnDevice(value.detach()), requires_grad=value.requires_grad)
        for name, value in module._buffers.items():
            if value is not None:
                module._buffers[name] = OnDevice(value)
    return model


def _computed(func: Any, args: Any, kwargs: Any) -> Any:
    given = [one for one in tree_iter((args, kwargs)) if isinstance(one, Tensor)]
    own = any(isinstance(one, OnDevice) for one in given)
    target = kwargs.get("device")
    here = own if target is None else torch.device(target).type == DEVICE.type
    if own and _waits(func, args, kwargs, here):
        waits.append(str(func))
    if here and target is not None:
        kwargs = {**kwargs, "device": torch.device("cpu")}
    out = func(*tree_map(_raw, args), **tree_map(_raw, kwargs))
    known = {id(_raw(one)): one for one in given}
    return tree_map(lambda one: _known(known, one, here) if isinstance(one, Tensor) else one, out)


def _waits(func: Any, args: Any, kwargs: Any, here: bool) -> bool:
    if func in READS:
        return True
    if func in INDEXED:  # a mask has to be counted, an index of the host has to be copied
        return any(one is not None and (one.dtype == torch.bool or not isinstance(one, OnDevice)) for one in args[1])
    if func is aten.copy_.default:
        apart = isinstance(args[0], OnDevice) != isinstance(args[1], OnDevice)
        return apart and not (kwargs.get("non_blocking") or args[2:3] == (True,))
    if func is aten._to_copy.default:
        return isinstance(args[0], OnDevice) != here and not kwargs.get("non_blocking")
    return False


def _raw(value: Any) -> Any:
    return value.raw if isinstance(value, OnDevice) else value


def _known(known: dict[int, Tensor], value: Tensor, here: bool) -> Tensor:
    """A tensor that was written in place stays the tensor that was given."""
    found = known.get(id(value))
    return found if found is not None else OnDevice(value) if here else value
