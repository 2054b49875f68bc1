"""`renormal-view` answers its own machine alone, sends each step at once, and has one descent at a time."""

from __future__ import annotations

import argparse
import http.client
import json
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from select import select
from typing import NoReturn

import pytest
from parts import draw
from viewing import COMMAND, descending, request, viewed

from preloaded import python
from renormal.console import program
from renormal.inspect import view
from renormal.inspect.view import loopback, main
from waiting import wait_until

pytest.importorskip("uvicorn", reason="the page needs pip install 'renormal[view]'")
from renormal.inspect.view_server import LARGEST

LONG = "column=eq8&max_steps=1000&stop=0"  # never below T


@pytest.fixture(scope="module")
def port(run: Path) -> Iterator[int]:
    with viewed(run) as found:
        yield found


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return draw(tmp_path_factory.mktemp("image") / "a.png", seed=1).read_bytes()


def test_only_addresses_of_this_machine_are_listened_on() -> None:
    sockets = loopback(0)
    addresses = {one.getsockname()[0] for one in sockets}
    ports = {one.getsockname()[1] for one in sockets}
    for one in sockets:
        one.close()
    assert "127.0.0.1" in addresses <= {"127.0.0.1", "::1"}
    assert len(ports) == 1


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "LOCALHOST:80", "127.0.0.1:1", "[::1]", "[::1]:8765"])
def test_names_of_this_machine_are_answered(port: int, host: str) -> None:
    assert request(port, "GET", "/job", host=host).status == 200


@pytest.mark.parametrize(
    "host",
    [
        *("evil.com", "evil.com:8765", "127.0.0.1.evil.com", "localhost.evil.com", "127.0.0.1@evil.com"),
        *("localhost:x@evil.com", "evil.com/localhost", "evil.com#localhost", "localhost, evil.com"),
        *("localhost/evil.com", "localhost#evil.com", "localhost?evil.com", "evil@localhost", "localhost:x"),
        *("", "[", "[::1", "[::2]", "0.0.0.0", "127.0.0.2"),
    ],
)
def test_other_names_are_refused(port: int, host: str) -> None:
    for method, path in (("GET", "/"), ("GET", "/job"), ("POST", "/descend?column=eq8")):
        answer = request(port, method, path, host=host)
        assert answer.status in (400, 403)
        assert b"eq8" not in answer.body


@pytest.mark.parametrize("origin", ["http://evil.com", "null", "https://127.0.0.1:{port}", "http://127.0.0.1:1"])
def test_another_page_is_refused(port: int, image: bytes, origin: str) -> None:
    origin = origin.format(port=port)
    assert request(port, "POST", "/descend?column=eq8", image, origin=origin).status == 403
    assert request(port, "POST", "/descend?column=eq8", image, origin=f"http://127.0.0.1:{port}").status == 200


@pytest.mark.parametrize(
    "path", ["/view.py", "/../view.py", "/..%2f..%2fview.py", "//etc/passwd", "/etc/passwd", "/page/view.html", "/job/"]
)
def test_there_are_no_other_files(port: int, path: str) -> None:
    assert request(port, "GET", path).status in (307, 404)


def test_the_page_may_load_nothing_from_elsewhere(port: int) -> None:
    answer = request(port, "GET", "/")
    assert answer.status == 200
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
    assert request(port, "GET", "/view.js").headers["content-type"].startswith("text/javascript")


@pytest.mark.parametrize(
    ("body", "line"),
    [
        (b"", "the image: empty file"),
        (b"no image", "the image: not an image"),
        (b"\x89PNG\r\n\x1a\n" + bytes(20), "the image: "),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n", "the image: not an image"),
    ],
)
def test_what_is_no_photograph_is_one_line(port: int, body: bytes, line: str) -> None:
    answer = request(port, "POST", "/descend?column=eq8", body)
    assert answer.status == 400
    said = json.loads(answer.body)["error"]
    assert said.startswith(line)
    assert tempfile.gettempdir() not in said
    assert len(said.splitlines()) == 1


def test_an_image_of_too_many_bytes_or_pixels_is_refused(port: int, tmp_path: Path) -> None:
    answer = request(port, "POST", "/descend?column=eq8", bytes(LARGEST + 1))
    assert (answer.status, "more than 64 MiB" in json.loads(answer.body)["error"]) == (400, True)
    head = draw(tmp_path / "a.bmp", seed=1, size=(4, 4)).read_bytes()
    many = head[:18] + (20_000).to_bytes(4, "little") + (20_000).to_bytes(4, "little") + head[26:]
    answer = request(port, "POST", "/descend?column=eq8", many)
    assert answer.status == 400
    assert "400000000" in json.loads(answer.body)["error"] or "20000 × 20000" in json.loads(answer.body)["error"]


def test_a_setting_out_of_range_is_one_line(port: int, image: bytes) -> None:
    answer = request(port, "POST", "/descend?column=eq8&max_steps=1e9", image)
    assert (answer.status, json.loads(answer.body)["error"].startswith("max_steps=1e+09")) == (400, True)


def test_a_new_descent_ends_the_one_before_while_it_is_sent_step_by_step(port: int, image: bytes) -> None:
    with descending(port, LONG, image) as first:
        assert [next(first).get("t") for _ in range(4)] == [None, 0, 1, 2]
        with descending(port, "column=eq8&max_steps=2&stop=0", image) as second:
            assert [one["kind"] for one in second] == ["start", "step", "step", "step", "end"]
        *steps, end = first
    assert end["kind"] == "replaced"
    assert all(one["kind"] == "step" for one in steps)


def test_a_descent_ends_when_nobody_reads_it(port: int, image: bytes) -> None:
    with descending(port, LONG, image) as left:
        next(left)
    with descending(port, "column=baseline", image) as other:
        assert list(other)[-1]["kind"] == "end"


def test_the_machine_is_reached_under_its_other_address(port: int, image: bytes) -> None:
    try:
        answer = request(port, "POST", "/descend?column=baseline", image, address="::1")
    except OSError:
        pytest.skip("this machine has no IPv6")
    assert answer.status == 200


def test_nothing_is_left_of_a_photograph(
    run: Path, image: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    before = {path: path.stat().st_mtime_ns for path in run.rglob("*")}
    with viewed(run) as port:
        assert request(port, "POST", "/descend?column=eq8", image).status == 200
        assert request(port, "POST", "/descend?column=eq8", b"no image").status == 400
        assert not list(tmp_path.rglob("renormal-view-*"))
    assert {path: path.stat().st_mtime_ns for path in run.rglob("*")} == before


HEAD = "POST /descend?column=eq8 HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {}\r\n\r\n"


def opened(port: int, text: str) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", port), timeout=60)
    connection.sendall(text.encode())
    return connection


def answered(connection: socket.socket) -> str:
    """All that the other end says before it closes."""
    with connection:
        return b"".join(iter(lambda: connection.recv(1 << 16), b"")).decode()


def trickled(connection: socket.socket) -> None:
    """A byte in each half second, until the other end closes."""
    with suppress(OSError):
        for _ in range(100):
            connection.sendall(b"x")
            if select([connection], [], [], 0.5)[0]:
                return


@pytest.fixture(scope="module")
def hurried(run: Path) -> Iterator[int]:
    """The port of a page that waits for seconds, takes 8 connections, and images of 1 MiB, 2 MiB together."""
    limits = "import renormal.inspect.view_server as s, renormal.inspect.view_connections as c; "
    limits += "s.LARGEST, s.TOGETHER, s.PATIENCE, c.HEAD, c.UNREAD, c.MOST = 2**20, 2**21, 3.0, 1.0, 1.0, 8; "
    with viewed(run, before=limits) as found:
        yield found


def test_a_client_that_sends_a_byte_a_second_is_answered_and_ended(hurried: int) -> None:
    head, slow = opened(hurried, "GET /job HT"), opened(hurried, HEAD.format(1000))
    assert request(hurried, "GET", "/job").status == 200
    for connection, line in ((head, "the request took more than 1 s"), (slow, "the image came too slowly")):
        trickled(connection)
        text = answered(connection)
        assert text.startswith("HTTP/1.1 408 ")
        assert line in text


def test_images_that_are_sent_at_once_are_held_up_to_a_limit(hurried: int, image: bytes) -> None:
    held = [opened(hurried, HEAD.format(2**40)) for _ in range(3)]
    for connection in held:
        connection.sendall(bytes(2**20 - 1))
    first, *others = sorted(map(answered, held), reverse=True)
    assert first.startswith("HTTP/1.1 503 ")
    assert "other images are being sent" in first
    assert all(text.startswith("HTTP/1.1 408 ") for text in others)
    assert request(hurried, "POST", "/descend?column=eq8", image).status == 200


def test_an_image_that_says_its_size_is_not_awaited(hurried: int) -> None:
    with opened(hurried, HEAD.format(2**40)) as connection:
        connection.sendall(bytes(2**20 + 1))
        assert connection.recv(12) == b"HTTP/1.1 400"


def test_of_too_many_connections_the_oldest_silent_one_ends(hurried: int) -> None:
    silent = [opened(hurried, "") for _ in range(20)]
    assert request(hurried, "GET", "/job").status == 200
    assert all("more than 8 connections" in answered(one) for one in silent)


def test_a_reader_that_stops_keeps_nobody_from_a_descent(hurried: int, image: bytes) -> None:
    stopped = opened(hurried, HEAD.format(len(image)).replace("eq8", "eq8&max_steps=1000&stop=0"))
    stopped.sendall(image)
    assert stopped.recv(12) == b"HTTP/1.1 200"  # its descent has begun: it replaces none of the others
    for _ in range(3):
        with descending(hurried, "column=eq8&max_steps=2&stop=0", image) as other:
            assert list(other)[-1]["kind"] == "end"
    stopped.close()


def test_a_websocket_is_refused_in_one_line(port: int) -> None:
    answer = request(port, "GET", "/job", connection="Upgrade", upgrade="websocket")
    assert (answer.status, answer.body.startswith(b"no websockets here")) == (400, True)


def test_a_long_loading_is_said(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def prepared(options: argparse.Namespace) -> NoReturn:
        wait_until(lambda: said.append(capsys.readouterr().err) or any(said), "the line")
        raise ValueError(f"{options.run} is no job")

    said: list[str] = []
    monkeypatch.setattr(program, "SILENCE", 0.0)
    monkeypatch.setattr(view, "prepared", prepared)
    assert main(["outputs/a"]) == 2
    line = "renormal-view: loading PyTorch and outputs/a; the address of the page comes then …\n"
    assert "".join(said) + capsys.readouterr().err == f"{line}renormal-view: outputs/a is no job\n"


def test_what_cannot_be_shown_is_one_line(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(program, "SILENCE", 600.0)
    record = json.loads((run / "record.json").read_text(encoding="utf-8"))
    evil = tmp_path / "evil"
    evil.mkdir()
    record["config"]["projections"]["eq8"]["mask"]["path"] = "os.system"
    (evil / "record.json").write_text(json.dumps(record), encoding="utf-8")
    taken = loopback(0)
    number = str(taken[0].getsockname()[1])
    for arguments, line in (
        ([str(tmp_path / "none")], "none"),
        ([str(tmp_path / "a\nb\x1b[31m")], "a\\nb\\x1b[31m is no folder"),
        (["x" * 5000], "File name too long"),
        ([str(run.parent)], f"name one of them, as {run}"),
        ([str(evil)], "os.system, which is no part of renormal"),
        ([str(run), "--column", "nope"], "has no column nope"),
        ([str(run), "--false-alarms", "2"], "between 0 and 1"),
        ([str(run), "--device", "abacus"], "--device abacus"),
        ([str(run), "--port", number], f"--port {number} cannot be used"),
        ([str(run), "--port", "70000"], "--port 70000 cannot be used"),
    ):
        assert main(arguments) == 2
        said = capsys.readouterr().err
        assert line in said
        assert len(said.splitlines()) == 1
    for one in taken:
        one.close()
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    assert main([str(run)]) == 2
    assert capsys.readouterr().err == "renormal-view: renormal-view needs pip install 'renormal[view]'\n"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_before_the_first_answer_ends_without_a_line(number: signal.Signals, run: Path) -> None:
    """Ctrl-C just after the address was printed: a warning of two lines, of a coroutine that nobody awaited."""
    before = (
        f"import signal, uvicorn.server as s; s.asyncio_run = lambda *_, **__: signal.raise_signal({int(number)})\n"
    )
    command = [python(), "-c", before + COMMAND, str(run), "--port", "0"]
    end = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    said = [line for line in end.stderr.splitlines() if not line.startswith("renormal-view: loading ")]
    assert (end.returncode, said) == (128 + number, [])


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_in_a_descent_ends_without_a_line(number: signal.Signals, run: Path, image: bytes) -> None:
    """uvicorn logged the traceback of the descent."""
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    command = [python(), "-c", COMMAND, str(run), "--port", "0"]
    with subprocess.Popen(command, text=True, **pipes) as process:  # type: ignore[call-overload]
        port = int(process.stdout.readline().split()[0].rpartition(":")[2])
        with suppress(http.client.HTTPException, OSError), descending(port, LONG, image) as events:
            next(events)
            process.send_signal(number)
            for _ in events:
                pass
        said = process.communicate(timeout=60)[1].splitlines()
    assert process.returncode == 128 + number
    assert [line for line in said if not line.startswith("renormal-view: loading ")] == []
