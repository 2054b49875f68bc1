"""A training loss and its gradients as one CUDA graph: recorded at the first batch, then replayed."""

from __future__ import annotations

import logging
from collections.abc import Hashable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from renormal.contracts import Images, PerSample
from renormal.data.transforms import TrainingBatch, TrainingBatches
from renormal.models import TrainingLoss
from renormal.projection import graph

TOLERANCE = 0.02  # of a loss, between a replay and a step that is run, in bfloat16
CHECKS = 2  # replays that are compared
log = logging.getLogger("renormal")


class RecordedLoss:
    """The training loss of one network. Where a device can record it, its backward pass is part of the replay.

    Only a network whose own class says `recordable` is recorded. What the host draws for a batch (`prepared`) is drawn
    anew each time, or comes with the batch (`draw_together`). A recording is compared with steps that are run, on other
    noise. Where it fails, or is of another loss, the training runs step by step, and a line says so. Anomaly detection
    turns recordings off.
    """

    def __init__(self, model: nn.Module) -> None:
        self.model = (model,)  # in a tuple: no second owner of the weights
        self.key: Hashable = None
        self.recording: _Recording | None = None

    def __call__(self, batch: TrainingBatch) -> TrainingLoss:
        """The loss of each image. Ask for the gradient of its batch mean, and of nothing else.

        batch: images, or what `prepared` makes of them.
        """
        (model,) = self.model
        kind = (batch if isinstance(batch, Tensor) else batch[0]).device.type
        record = graph.RECORDERS.get(kind)
        half = torch.is_autocast_enabled(kind) and torch.get_autocast_dtype(kind) == torch.float16
        if record is None or not recordable(model) or half or torch.is_anomaly_enabled():
            return loss_of(model, batch)
        inputs = tuple(model.prepared(batch)) if isinstance(batch, Tensor) else batch  # type: ignore[operator]
        key = _key(model, inputs)
        if key != self.key:
            self.key, self.recording = key, None  # the memory of the old one is free before the new one
            self.recording = _recorded(model, inputs, record)
        return model.prepared_loss(*inputs) if self.recording is None else self.recording(inputs)  # type: ignore[operator]


def loss_of(model: nn.Module, batch: TrainingBatch) -> TrainingLoss:
    """The training loss of images, or of what `prepared` has made of them."""
    if isinstance(batch, Tensor):
        return model.training_loss(batch)  # type: ignore[operator, no-any-return]
    return model.prepared_loss(*batch)  # type: ignore[operator, no-any-return]


def draw_together(loader: TrainingBatches, model: nn.Module, device: torch.device) -> None:
    """Where a loss is recorded, let the loader prepare as many images at once as the network says (`together`).

    A GPU damages 128 images in the time of 8: the host asks for as many kernels.
    """
    batches = getattr(model, "together", 1) // loader.batch_size
    if batches > 1 and device.type in graph.RECORDERS and recordable(model):
        loader.together, loader.prepare = batches, partial(_prepared, model, device)


def _prepared(model: Any, device: torch.device, x: Images, seed: int) -> tuple[Tensor, ...]:
    """What the network's loss is of, drawn with this seed. The noise of the loss itself goes on as it was."""
    with torch.random.fork_rng([device] if device.type == "cuda" else []):
        torch.manual_seed(seed)
        return tuple(model.prepared(x))


def recordable(model: nn.Module) -> bool:
    """Whether the class itself says so. A subclass may have another loss, and has to say it again."""
    return bool(vars(type(model)).get("recordable"))


@dataclass(eq=False)
class _Recording:
    """Tensors that stay where they are: the inputs, the weights, the losses and the gradients."""

    inputs: tuple[Tensor, ...]
    weights: list[nn.Parameter]
    repeat: graph.Step
    found: dict[str, Any]  # total, terms, gradients: of the last replay

    def __call__(self, inputs: tuple[Tensor, ...]) -> TrainingLoss:
        for own, new in zip(self.inputs, inputs, strict=True):
            own.copy_(new)
        total: PerSample = _Replay.apply(self, *self.weights)  # type: ignore[no-untyped-call]
        return TrainingLoss(total, self.found["terms"])


class _Replay(torch.autograd.Function):
    """The loss of each image by a replay; backward hands out the gradients of the batch mean that came with it."""

    @staticmethod
    def forward(ctx: Any, recording: _Recording, *weights: Tensor) -> Tensor:
        ctx.recording = recording
        recording.repeat()
        total: Tensor = recording.found["total"].clone()
        return total

    @staticmethod
    def backward(ctx: Any, *outward: Tensor) -> Any:
        scale = outward[0].sum()  # of the batch mean: 1, or less where gradients are accumulated
        return None, *torch._foreach_mul(ctx.recording.found["gradients"], scale)


def _recorded(model: Any, inputs: tuple[Tensor, ...], record: graph.Recorder) -> _Recording | None:
    """A recording, None where there can be none. Noise and statistics of the network stay as they were."""
    own, weights = tuple(one.clone() for one in inputs), [one for one in model.parameters() if one.requires_grad]
    device, found = own[0].device, dict[str, Any]()
    autocast = _autocast(device.type)

    def step() -> None:
        with torch.enable_grad():
            with autocast:
                loss = model.prepared_loss(*own)
            gradients = torch.autograd.grad(loss.total.mean(), weights)
        found["total"], found["gradients"] = loss.total.detach(), gradients
        found["terms"] = {name: term.detach() for name, term in loss.terms.items()}

    buffers = [(buffer, buffer.clone()) for buffer in model.buffers()]
    with torch.random.fork_rng([device] if device.type == "cuda" else []), torch.autocast(device.type, enabled=False):
        try:
            repeat = record(step, device)
            recording = _Recording(own, weights, repeat, found)
            agrees = all(_agrees(recording, model, inputs, turn, autocast) for turn in range(CHECKS))
            if not agrees:
                log.info("the training runs step by step: what its CUDA graph repeats is another loss")
        except graph.REFUSED as error:
            reason = graph.first_line(error)
            log.info("the training runs step by step, its CUDA graph could not be recorded: %s", reason)
            agrees = False
    for buffer, before in buffers:
        buffer.copy_(before)
    return recording if agrees else None


def _agrees(
    recording: _Recording, model: Any, inputs: tuple[Tensor, ...], turn: int, autocast: AbstractContextManager[Any]
) -> bool:
    """Whether a replay finds the losses and gradients of a step that is run on the same noise."""
    inputs = tuple(one.roll(turn, 0) for one in inputs)
    torch.manual_seed(turn)
    replayed = recording(inputs).total.detach(), [one.clone() for one in recording.found["gradients"]]
    torch.manual_seed(turn)
    with torch.enable_grad(), autocast:
        total = model.prepared_loss(*inputs).total
    gradients = torch.autograd.grad(total.mean(), recording.weights)
    apart = torch.stack([(one - other).norm() for one, other in zip(replayed[1], gradients, strict=True)]).norm()
    whole = torch.stack([one.norm() for one in gradients]).norm()
    close = torch.allclose(replayed[0], total.detach(), rtol=TOLERANCE, atol=1e-6, equal_nan=True)
    return close and not bool(apart > TOLERANCE * whole)  # a NaN is not the recording's: the training ends by it


def _autocast(kind: str) -> torch.autocast:
    """The autocast that is on now, without a cache: the cache would keep casts of weights of an earlier step."""
    return torch.autocast(
        kind, torch.get_autocast_dtype(kind), enabled=torch.is_autocast_enabled(kind), cache_enabled=False
    )


def _key(model: nn.Module, inputs: tuple[Tensor, ...]) -> Hashable:
    """What a recording depends on: shapes, precision, mode, and where weights and statistics lie."""
    shapes = tuple((one.shape, one.stride(), one.dtype, one.device) for one in inputs)
    kind = inputs[0].device.type
    precision = torch.is_autocast_enabled(kind), torch.get_autocast_dtype(kind)
    places = tuple(one.data_ptr() for one in (*model.parameters(), *model.buffers()))
    return shapes, precision, model.training, places
