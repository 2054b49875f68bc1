"""Checkpoints that are complete or do not exist."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from lightning.fabric.plugins.io.torch_io import TorchCheckpointIO

from renormal.console.held_signals import HeldSignals
from renormal.files import whole_file
from renormal.lit.weights import DIGEST, digest_of_content


class WholeFile(TorchCheckpointIO):
    """Writes a checkpoint with its digest into its own folder and renames it.

    Lightning writes into the system's temporary folder and moves the file. On another file system this is a copy, and a
    kill would leave half a checkpoint.
    """

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: str | os.PathLike[str], storage_options: Any = None
    ) -> None:
        with undisturbed(), whole_file(Path(path)) as file:
            torch.save({**checkpoint, DIGEST: digest_of_content(checkpoint)}, file)


@contextmanager
def undisturbed() -> Iterator[None]:
    """Delay signals until the end of the block. A handler that raises inside torch.save ends in torch's own error about
    the file, and a preempted job would count as failed."""
    signals = HeldSignals()
    signals.hold()
    try:
        yield
    finally:
        signals.release()
