"""`renormal-view` on a machine without room or memory: one line for the page, and it goes on."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from parts import draw
from viewing import descending, request, viewed

pytest.importorskip("uvicorn", reason="the page needs pip install 'renormal[view]'")

FULL = """
import errno, pathlib, tempfile
written, tempfile.tempdir = pathlib.Path.write_bytes, {folder!r}
def full(path, content):
    if len(content) % 2:
        raise OSError(errno.ENOSPC, "No space left on device")
    return written(path, content)
pathlib.Path.write_bytes = full
"""
LITTLE = """
import renormal.inspect.live as live
shown = live.Live.show
def show(self, photo, wanted, give):
    if wanted.settings:
        raise RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB.")
    return shown(self, photo, wanted, give)
live.Live.show = show
"""


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    content = draw(tmp_path_factory.mktemp("image") / "a.png", seed=1).read_bytes()
    return content + b"x" * (len(content) % 2)


@pytest.fixture
def narrow(run: Path, tmp_path: Path) -> Iterator[int]:
    with viewed(run, before=FULL.format(folder=str(tmp_path))) as port:
        yield port


def test_a_photograph_that_cannot_be_kept_is_one_line_with_the_folder(
    narrow: int, image: bytes, tmp_path: Path
) -> None:
    answer = request(narrow, "POST", "/descend?column=eq8", image + b"x")
    mend = "make room there, or start renormal-view with another TMPDIR"
    assert (answer.status, json.loads(answer.body)["error"]) == (500, f"{tmp_path}: No space left on device; {mend}")
    assert request(narrow, "POST", "/descend?column=eq8", image).status == 200
    tmp_path.rmdir()
    answer = request(narrow, "POST", "/descend?column=eq8", image)
    assert (answer.status, json.loads(answer.body)["error"]) == (500, f"{tmp_path}: No such file or directory; {mend}")


def test_too_little_memory_is_one_line_and_the_next_descent_is_shown(run: Path, image: bytes) -> None:
    with viewed(run, before=LITTLE) as port:
        with descending(port, "column=eq8&max_steps=2", image) as little:
            (event,) = list(little)
        assert event["kind"] == "error"
        assert event["line"].startswith("too little memory for a descent of this photograph: ")
        with descending(port, "column=eq8", image) as enough:
            assert list(enough)[-1]["kind"] == "end"


def test_a_second_origin_is_not_passed_over(run: Path) -> None:
    with viewed(run) as port, socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
        own = f"GET /job HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nOrigin: http://127.0.0.1:{port}\r\n"
        connection.sendall(f"{own}Origin: http://evil.com\r\n\r\n".encode())
        assert connection.recv(12) == b"HTTP/1.1 403"
