"""How a CUDA graph is recorded, on an imitation of torch.cuda that notes what it is asked for."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch

from renormal.projection import graph

DEVICE = torch.device("cuda", 1)


class Stream:
    def __init__(self, device: torch.device) -> None:
        self.device, self.after = device, []

    def wait_stream(self, other: Stream) -> None:
        self.after.append(other)


class Cuda:
    """One process whose current device is 0."""

    def __init__(self) -> None:
        self.now = {0: Stream(torch.device("cuda", 0)), 1: Stream(DEVICE)}
        self.current, self.debug, self.open, self.asked = 0, "default", False, dict[str, Any]()
        self.emptied, self.released = 0, list[str]()
        self.end_fails = False

    Stream = Stream

    @contextmanager
    def device(self, device: torch.device) -> Iterator[None]:
        before, self.current = self.current, device.index
        try:
            yield
        finally:
            self.current = before

    def current_stream(self, device: torch.device) -> Stream:
        return self.now[device.index]

    def set_stream(self, stream: Stream) -> None:
        self.now[stream.device.index] = stream

    def get_sync_debug_mode(self) -> str:
        return self.debug

    def set_sync_debug_mode(self, mode: str) -> None:
        self.debug = mode

    def graph_pool_handle(self) -> tuple[int, int]:
        return (0, 7)

    def CUDAGraph(self) -> Any:  # noqa: N802
        return self

    def replay(self) -> None: ...

    def reset(self) -> None:
        self.released.append("graph")

    def empty_cache(self) -> None:
        self.emptied += 1

    @contextmanager
    def graph(self, recorded: Any, pool: Any, stream: Stream, *, capture_error_mode: str) -> Iterator[None]:
        """As torch: where the end of the recording fails, its stream stays current and the pool stays open."""
        self.asked = {"pool": pool, "stream": stream, "mode": capture_error_mode}
        self.now[stream.device.index], self.open = stream, True
        yield
        if self.end_fails:
            raise RuntimeError("operation failed due to a previous error during capture")
        self.open = False


@pytest.fixture
def cuda(monkeypatch: pytest.MonkeyPatch) -> Cuda:
    found = Cuda()
    monkeypatch.setattr(graph, "cuda", found)

    def close(device: int, pool: Any) -> None:
        if not found.open:
            raise RuntimeError("endAllocatePool: not currently recording to mempool_id")
        found.open = False
        found.released.append("closed")

    monkeypatch.setattr(torch._C, "_cuda_endAllocateToPool", close, raising=False)
    monkeypatch.setattr(
        torch._C, "_cuda_releasePool", lambda device, pool: found.released.append("pool"), raising=False
    )
    return found


def test_it_is_recorded_on_a_stream_of_the_tensors_own_device(cuda: Cuda) -> None:
    before, seen = dict(cuda.now), []
    graph.cuda_graph(lambda: seen.append((cuda.current, cuda.now[1], cuda.debug)), DEVICE)
    assert [device for device, _, _ in seen] == [1] * (graph.WARM_UP + 2)
    assert all(stream is cuda.asked["stream"] is not before[1] for _, stream, _ in seen)
    assert [mode for _, _, mode in seen] == ["default"] * graph.WARM_UP + ["error", "default"]
    assert cuda.asked["mode"] == "thread_local"
    assert (cuda.current, cuda.now, cuda.debug) == (0, before, "default")
    assert before[1].after == [cuda.asked["stream"]], "the caller's stream goes on after the warm-up"
    assert not cuda.released


def test_an_iteration_that_waits_is_found_before_the_recording_begins(cuda: Cuda) -> None:
    def waits() -> None:
        if cuda.debug == "error":
            raise RuntimeError("called a synchronizing CUDA operation")

    before = dict(cuda.now)
    with pytest.raises(RuntimeError, match="synchronizing"):
        graph.cuda_graph(waits, DEVICE)
    assert not cuda.asked
    assert (cuda.current, cuda.now, cuda.debug) == (0, before, "default")
    assert len(before[1].after) == 1, "the caller's stream goes on after what the warm-up has begun"


def test_a_recording_that_fails_leaves_neither_its_stream_nor_its_pool(cuda: Cuda) -> None:
    before, cuda.end_fails = dict(cuda.now), True
    with pytest.raises(RuntimeError, match="previous error"):
        graph.cuda_graph(lambda: None, DEVICE)
    assert (cuda.current, cuda.now, cuda.open) == (0, before, False)
    assert cuda.released == ["closed", "pool", "graph"]
    assert cuda.emptied == 1
