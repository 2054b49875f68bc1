"""SHA-256 of weights and of whole checkpoints: a digest is the same on every device and in every memory format."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

DIGEST = "digest"  # key in a checkpoint: the SHA-256 of everything else in it


def digest_of_weights(state: Mapping[str, Tensor]) -> str:
    """SHA-256 of the names, types, shapes and bytes of a state_dict."""
    found = hashlib.sha256()
    _add(found, state)
    return found.hexdigest()


def digest_of_content(checkpoint: Mapping[str, Any]) -> str:
    """SHA-256 of everything in a checkpoint but its own digest: weights, optimizers, loops and callbacks."""
    found = hashlib.sha256()
    _add(found, {key: value for key, value in checkpoint.items() if key != DIGEST})
    return found.hexdigest()


def _add(found: Any, value: Any) -> None:
    """Add a value of those that torch.load(weights_only=True) gives back. The order of a mapping does not count."""
    if isinstance(value, Tensor):
        found.update(f"tensor {value.dtype} {tuple(value.shape)}\n".encode())
        found.update(value.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy())
    elif isinstance(value, Mapping):
        found.update(f"mapping {len(value)}\n".encode())
        for key in sorted(value, key=repr):
            found.update(f"{key!r}\n".encode(errors="surrogatepass"))
            _add(found, value[key])
    elif isinstance(value, list | tuple):
        found.update(f"list {len(value)}\n".encode())
        for item in value:
            _add(found, item)
    else:
        shown = sorted(map(repr, value)) if isinstance(value, set) else repr(value)
        found.update(f"{shown}\n".encode(errors="surrogatepass"))
