"""The command `renormal-view`: a page on this machine that shows a descent step by step, with settings to move."""

from __future__ import annotations

import argparse
import asyncio
import logging
import socket
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from renormal.console.numbers import decimal, whole
from renormal.console.program import Parser, begin, said_if_slow
from renormal.console.text import printable
from renormal.job.errors import refused
from renormal.report.decide import RATE

if TYPE_CHECKING:
    import uvicorn

PORT = 8765  # ours; another one where it is taken
EXTRA = "renormal-view needs pip install 'renormal[view]'"


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve the page until Ctrl-C. On bad input print one line to stderr and return 2."""
    if arguments is None:
        begin()
    options = parse(arguments)
    try:
        serve(options)
    except (ValueError, OSError) as error:
        print(f"renormal-view: {refused(error, None)}", file=sys.stderr)
        return 2
    return 0


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = Parser(prog="renormal-view", description="Watch a finished job repair an image.")
    parser.add_argument(
        "run", type=Path, metavar="JOB", help="outputs/<name>/<model>/<category>/<seed> of a finished job"
    )
    parser.add_argument("--column", help="the first column of the job's table to show (default: the chosen one)")
    rate = f"share of good parts that may be called defective (default: {RATE})"
    parser.add_argument("--false-alarms", type=decimal, default=RATE, metavar="RATE", help=rate)
    parser.add_argument("--device", default="auto", help="auto (a GPU if there is one), cpu, cuda, cuda:1, …")
    parser.add_argument(
        "--port", type=whole, help=f"port of the page (default: {PORT}, or a free one if that is taken)"
    )
    trust = "a package of your own that the job's config names; may be repeated"
    parser.add_argument("--trust", action="append", default=[], metavar="PACKAGE", help=trust)
    return parser.parse_args(arguments)


def serve(options: argparse.Namespace) -> None:
    """Load the job, print the address, and answer until a signal comes."""
    job = printable(str(options.run))
    with said_if_slow(f"renormal-view: loading PyTorch and {job}; the address of the page comes then", _say):
        column, server = prepared(options)
    from renormal.data.opening import strict_pillow

    warnings.filterwarnings("ignore", message="coroutine 'Server.serve' was never awaited")  # of a signal just then
    with strict_pillow():
        listening = loopback(options.port)
        address = f"http://127.0.0.1:{listening[0].getsockname()[1]}"
        print(f"{address} shows {job}, column {column}; Ctrl-C ends it", flush=True)
        server.run(sockets=listening)


def prepared(options: argparse.Namespace) -> tuple[str, uvicorn.Server]:
    """The column of the job, and the server of its page."""
    try:
        import uvicorn

        from renormal.inspect.view_connections import Connection
        from renormal.inspect.view_server import application
    except ImportError as error:
        if (error.name or "").partition(".")[0] not in {"anyio", "starlette", "uvicorn"}:
            raise
        raise ValueError(EXTRA) from error
    from renormal.inspect.live import Live
    from renormal.inspect.load import load
    from renormal.inspect.predicting import device_named

    device, job = device_named(options.device), load(options.run, options.trust)
    live = Live(job, column=options.column, rate=options.false_alarms, device=device)
    app = application(live)
    config = uvicorn.Config(
        app, http=Connection, ws="none", log_level="error", lifespan="off", timeout_graceful_shutdown=1
    )
    logging.getLogger("uvicorn.error").addFilter(_is_no_end)
    return live.column, uvicorn.Server(config)


def _is_no_end(record: logging.LogRecord) -> bool:
    """Not of a descent that a signal ended: uvicorn logs its traceback."""
    ended = record.exc_info is not None and isinstance(record.exc_info[1], asyncio.CancelledError)
    return not ended and "timeout graceful shutdown" not in record.getMessage()


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def loopback(port: int | None) -> list[socket.socket]:
    """Sockets of 127.0.0.1 and, where this machine has it, ::1. Raises ValueError for a port that is taken."""
    try:
        first = bound(socket.AF_INET, "127.0.0.1", PORT if port is None else port)
    except (OSError, OverflowError) as error:
        if port is not None:
            raise ValueError(f"--port {port} cannot be used ({error}): choose another, or leave it out") from error
        first = bound(socket.AF_INET, "127.0.0.1", 0)
    try:
        return [first, bound(socket.AF_INET6, "::1", first.getsockname()[1])]
    except OSError:  # without IPv6
        return [first]


def bound(family: socket.AddressFamily, host: str, port: int) -> socket.socket:
    found = socket.socket(family)
    try:
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        found.bind((host, port))
        found.listen()
    except BaseException:
        found.close()
        raise
    return found
