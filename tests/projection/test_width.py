"""How many slots a GPU gets: more as long as they are faster and fit."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from toys import Net, images

from renormal.projection import Energy, dssim
from renormal.projection.width import FIRST, MOST, measured_slots, widest


def device(*, full: int, room: int) -> Callable[[int], float]:
    """A device that is full at `full` slots and has memory for `room`."""

    def images_per_second(slots: int) -> float:
        if slots > room:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return 100.0 * min(slots, full)

    return images_per_second


@pytest.mark.parametrize(
    ("full", "room", "slots"),
    [(10**6, 10**6, MOST), (256, 10**6, 256), (300, 10**6, 512), (10**6, 300, 256), (1, 10**6, FIRST), (9, 9, 8)],
)
def test_the_slots_grow_until_memory_or_speed_says_stop(full: int, room: int, slots: int) -> None:
    assert widest(device(full=full, room=room)) == slots


def test_a_device_without_room_for_one_image_says_so() -> None:
    with pytest.raises(torch.OutOfMemoryError):
        widest(device(full=1, room=0))


def test_they_are_measured_once_for_a_network(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    monkeypatch.setattr("renormal.projection.width.widest", lambda rate: asked.append(rate(2)) or 128)
    model = Net()
    assert {measured_slots(Energy(), model, images(), "float32") for _ in range(3)} == {128}
    assert len(asked) == 1
    assert asked[0] > 0
    measured_slots(Energy(weight=0.5), model, images(), "float32")
    assert len(asked) == 1
    measured_slots(Energy(loss=dssim), model, images(), "float32")  # takes more memory
    assert len(asked) == 2
