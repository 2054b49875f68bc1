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

    def __init__(self) -> None:
        super().__init__()
        self.place: os.stat_result | None = None  # the folder, once there is a checkpoint in it

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: str | os.PathLike[str], storage_options: Any = None
    ) -> None:
        """Raises ValueError if another folder, or the one that a link names, stands in the place of the job's."""
        folder = Path(path).parent
        if self.place and not (folder.is_dir() and os.path.samestat(self.place, folder.stat())):
            raise ValueError(f"{folder} was moved or deleted while its job ran: start the job again")
        with undisturbed(), whole_file(Path(path)) as file:
            torch.save({**checkpoint, DIGEST: digest_of_content(checkpoint)}, file)
        self.place = folder.stat()


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
