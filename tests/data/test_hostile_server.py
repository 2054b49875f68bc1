"""A server that means ill: the archive arrives whole, or one line ends the download, in time and with little memory."""

from __future__ import annotations

import hashlib
import io
import os
import shutil
import socket
import struct
import tarfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from renormal.data import DataError, web
from renormal.data import download as download_module
from renormal.data.download import download_mvtec

PACE = 0.3  # seconds, in place of web.TIMEOUT
MOST = 1_000_000  # bytes, in place of MAX_BYTES
Answer = Callable[[socket.socket, int], None]  # (connection, first byte that is asked for)


def archive() -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:xz") as tar:
        member = tarfile.TarInfo("cable/train/good/000.png")
        member.size = 90_000
        tar.addfile(member, io.BytesIO(os.urandom(member.size)))
    return buffer.getvalue()


BODY = archive()
LENGTH = len(BODY)


def head(status: str = "200 OK", **headers: object) -> bytes:
    lines = [f"HTTP/1.1 {status}", *(f"{key.replace('_', '-')}: {value}" for key, value in headers.items())]
    return "\r\n".join((*lines, "", "")).encode()


def sends(*parts: bytes, then: bytes = b"", pause: float = 0.0) -> Answer:
    """The parts. then: without end, after them, with pauses."""

    def answer(to: socket.socket, first: int) -> None:
        for part in parts:
            to.sendall(part)
        while then:
            to.sendall(then)
            time.sleep(pause)

    return answer


def in_parts(*, each: int, drip: bool = False) -> Answer:
    """So many bytes through each connection, which goes on where it was asked. drip: a byte at a time."""

    def answer(to: socket.socket, first: int) -> None:
        place = f"bytes {first}-{LENGTH - 1}/{LENGTH}"
        to.sendall(head("206 Partial Content", Content_Range=place) if first else head(Content_Length=LENGTH))
        for start in range(first, first + each, 1 if drip else each):
            to.sendall(BODY[start : start + (1 if drip else each)])
            time.sleep(0.01 if drip else 0)

    return answer


def later(first_answer: Answer, next_answer: Answer) -> Answer:
    return lambda to, first: (next_answer if first else first_answer)(to, first)


def reset(to: socket.socket, first: int) -> None:
    to.sendall(head(Content_Length=LENGTH) + BODY[:1000])
    to.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


CHUNKED = head(Transfer_Encoding="chunked")
HALF = in_parts(each=LENGTH // 2)
RIGHT = {
    "no length": sends(head(), BODY),
    "a length that is no number": sends(head(Content_Length="-5"), BODY),
    "two lengths, chunked": sends(
        head(Content_Length=5, Transfer_Encoding="chunked"), b"%x\r\n" % LENGTH, BODY, b"\r\n0\r\n\r\n"
    ),
    "cut seven times": in_parts(each=LENGTH // 7),
}
ENDLESS = {  # one line in time, although the server never ends
    "a redirect with an endless text": sends(head("302 Found", Location="/a"), then=b"x" * 65536),
    "a redirect with a slow text": sends(head("302 Found", Location="/a"), then=b"x", pause=0.05),
    "an error with an endless text": sends(head("404 Not Found"), then=b"x" * 65536),
    "answers before the answer": sends(then=b"HTTP/1.1 100 Continue\r\n\r\n"),
    "slow answers before the answer": sends(then=b"HTTP/1.1 100 Continue\r\n\r\n", pause=0.05),
    "a slow header": sends(b"HTTP/1.1 200 OK\r\nA: ", then=b"a", pause=0.05),
    "a line of header without end": sends(b"HTTP/1.1 200 OK\r\nA: ", then=b"a" * 65536),
    "headers without end": sends(b"HTTP/1.1 200 OK\r\n", then=b"A: b\r\n" * 1000),
    "trailers without end": sends(CHUNKED, b"%x\r\n" % LENGTH, BODY, b"\r\n0\r\n", then=b"A: b\r\n" * 1000),
    "a slow body": in_parts(each=LENGTH, drip=True),
    "a byte through each connection": later(in_parts(each=600), in_parts(each=1)),
    "silence": lambda to, first: time.sleep(4 * PACE),
    "a body without end": sends(head(), BODY, then=bytes(65536)),
    "more than was asked for": later(
        HALF,
        sends(
            head("206 Partial Content", Content_Range=f"bytes {LENGTH // 2}-{LENGTH - 1}/{LENGTH}"), then=bytes(65536)
        ),
    ),
}
WRONG = {  # one line, and nothing is unpacked
    "a part that was not asked for": later(HALF, sends(head("206 Partial Content", Content_Range="bytes 0-9/10"))),
    "a length that is too large": sends(head(Content_Length=LENGTH + 10), BODY),
    "a length that is too small": sends(head(Content_Length=LENGTH - 10), BODY),
    "a length above what is taken": sends(head(Content_Length=MOST + 1), BODY),
    "an encoding on the way": sends(head(Content_Encoding="gzip", Content_Length=LENGTH), BODY),
    "a loop of redirects": sends(head("302 Found", Location="/a.tar.xz")),
    "other bytes for a part": later(HALF, lambda to, first: in_parts(each=LENGTH)(to, first + 1)),
    "a part that is whole, it says": later(HALF, sends(head("416 Range", Content_Range=f"bytes */{LENGTH // 2}"))),
    "a total that grows": later(HALF, sends(head("206 P", Content_Range=f"bytes {LENGTH // 2}-9{'9' * 15}/*"))),
    "chunks of no length": sends(CHUNKED, b"-5\r\n", BODY),
    "chunks of any length": sends(CHUNKED, b"F" * 18 + b"\r\n", BODY),
    "no status": sends(BODY),
    "a status that is no number": sends(head("\x1b[31m OK")),
    "a connection that is reset": reset,
    **{
        f"a redirect to {place}": sends(head("302 Found", Location=place))
        for place in ("file:///etc/passwd", "data:,x", "//", "http://[::1", "http://h:99999/", "unix:/tmp/x")
    },
}


class Server:
    """Answers every connection in a thread of its own, and counts them."""

    def __init__(self, answer: Answer) -> None:
        self.answer, self.count = answer, 0
        self.socket = socket.create_server(("127.0.0.1", 0))
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                to, _ = self.socket.accept()
                self.count += 1
                threading.Thread(target=self._one, args=(to,), daemon=True).start()

    def _one(self, to: socket.socket) -> None:
        with suppress(OSError), to:
            to.settimeout(10)
            asked = b""
            while b"\r\n\r\n" not in asked:
                asked += to.recv(65536)
            found = asked.partition(b"Range: bytes=")[2].partition(b"-")[0]
            self.answer(to, int(found or 0))


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Callable[[Answer], Server]]:
    """Downloads from a server with that answer to tmp_path/root."""
    servers: list[Server] = []
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr(download_module, "PAUSE", 0.0)
    monkeypatch.setattr(download_module, "MAX_BYTES", MOST)

    def download(answer: Answer) -> Server:
        servers.append(Server(answer))
        url = f"http://127.0.0.1:{servers[-1].socket.getsockname()[1]}/a.tar.xz"
        download_mvtec(tmp_path / "root", accept_licence=True, url=url, sha256=hashlib.sha256(BODY).hexdigest())
        return servers[-1]

    yield download
    for server in servers:
        server.socket.close()


@pytest.mark.parametrize("case", RIGHT)
def test_an_archive_that_comes_in_an_odd_way_is_whole(
    case: str, asked: Callable[[Answer], Server], tmp_path: Path
) -> None:
    asked(RIGHT[case])
    assert [path.name for path in (tmp_path / "root").iterdir()] == ["cable"]


@pytest.mark.parametrize("case", [*ENDLESS, *WRONG])
def test_any_other_answer_is_one_line_in_time_and_nothing_is_unpacked(
    case: str, asked: Callable[[Answer], Server], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(web, "TIMEOUT", PACE)
    monkeypatch.setattr(download_module, "ATTEMPTS", 2)
    start = time.monotonic()
    with pytest.raises(DataError) as refused:
        asked((ENDLESS | WRONG)[case])
    assert time.monotonic() - start < 30 * PACE
    assert str(refused.value).isprintable()
    assert {path.name for path in (tmp_path / "root").iterdir()} <= {f"a.tar.xz{end}" for end in ("", ".part", ".url")}
    assert sum(path.stat().st_size for path in (tmp_path / "root").iterdir()) <= MOST


def test_a_folder_that_is_deleted_during_the_download_is_no_lost_connection(
    asked: Callable[[Answer], Server], tmp_path: Path
) -> None:
    def answer(to: socket.socket, first: int) -> None:
        HALF(to, first)
        shutil.rmtree(tmp_path / "root", ignore_errors=True)

    with pytest.raises(DataError, match=r"root: cannot store MVTec AD there .*No such file"):
        asked(answer)
