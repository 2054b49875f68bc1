"""An address, a request, and what a server says of the bytes that it sends. Each of them may be wrong."""

from __future__ import annotations

import io
import re
import socket
import ssl
import time
from collections.abc import Mapping
from http.client import HTTPConnection, HTTPResponse, HTTPSConnection, responses
from pathlib import PurePosixPath
from typing import Any
from urllib.error import HTTPError
from urllib.parse import quote, urlsplit, urlunsplit
from urllib.request import (
    HTTPDefaultErrorHandler,
    HTTPErrorProcessor,
    HTTPHandler,
    HTTPRedirectHandler,
    HTTPSHandler,
    OpenerDirector,
    ProxyHandler,
    Request,
)

from renormal.console.text import is_printable, printable
from renormal.data.source import DataError

TIMEOUT = 60.0  # seconds without a byte, and for all that comes before the archive; ours
LEAST = 60_000  # bytes of the archive in each TIMEOUT, ours: MVTec AD in 61 days
HEAD = 512  # bytes that show what a file is; a tar has its first header there
AGAIN = {408, 429}  # besides those from 500 on: another attempt may help
ARCHIVES = re.compile(r"\.(tar|tgz|txz|tbz2?|tar\.\w{1,4}|archive)", re.IGNORECASE)
LONGEST = 150  # letters of a file's name, ours: suffixes are added to it
RANGE = re.compile(r"bytes ([0-9]{1,18})-([0-9]{1,18})/([0-9]{1,18}|\*)")
SAFE = "/%:=&~+,;@!$'()*?"  # what stays as it is typed


class OtherBytesError(OSError):
    """A server sent another part of the file than it was asked for."""


def address(url: object) -> str:
    """The address as it is sent: spaces and letters beyond ASCII are encoded. Raises DataError for any other."""
    text = str(url)
    try:
        parts = urlsplit(text)
        host, port = (parts.hostname or "").encode("idna").decode(), parts.port
    except ValueError as error:
        raise DataError(f"data.url is no web address ({error}): give the link to the archive") from error
    if parts.scheme not in ("http", "https") or not host or " " in host:
        raise DataError(f"data.url={parts.scheme}:… must start with http:// or https:// and name a server")
    if not is_printable(text):
        raise DataError(f"data.url={printable(host)}… has a sign that cannot be printed: give the link to the archive")
    if parts.username is not None:
        raise DataError(
            f"data.url to {host} has a user name, which would be written into every record: fetch the archive yourself "
            "and put it into data.root"
        )
    place = (f"[{host}]" if ":" in host else host) + (f":{port}" if port is not None else "")
    return urlunsplit((parts.scheme, place, quote(parts.path, SAFE), quote(parts.query, SAFE), ""))


def without_query(url: str) -> str:
    """An address for messages: what follows ? may be a key that opens it."""
    return url.partition("?")[0]


def archive_name(url: str) -> str:
    """The name of the file that an address is stored in. It ends as archives do, so that it is no folder's name."""
    name = PurePosixPath(urlsplit(url).path).name or "archive.tar"
    suffix = "".join(PurePosixPath(name).suffixes[-2:])
    if name.startswith(".") or not (ARCHIVES.fullmatch(suffix) or ARCHIVES.fullmatch(PurePosixPath(name).suffix)):
        name, suffix = f"{name.strip('.')}.archive".lstrip("."), ".archive"
    return name if len(name) <= LONGEST else name[: LONGEST - len(suffix)] + suffix


class _Redirects(HTTPRedirectHandler):
    """Follows an address to another one of the web, without the text beside it: that may have no end."""

    def redirect_request(self, req: Request, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> Request | None:
        fp.close()
        address(newurl)
        return super().redirect_request(req, fp, code, msg, headers, newurl)


class _Paced(io.RawIOBase):
    """The bytes of a connection, until a moment that the archive's bytes put off."""

    def __init__(self, connection: socket.socket, raw: io.RawIOBase) -> None:
        self.connection, self.raw, self.taken = connection, raw, 0
        self.deadline = time.monotonic() + TIMEOUT

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("the server sends too slowly")
        self.connection.settimeout(left)
        return self.raw.readinto(buffer)

    def take(self, count: int) -> None:
        self.taken += count
        if self.taken >= LEAST:
            self.taken, self.deadline = 0, time.monotonic() + TIMEOUT

    def close(self) -> None:
        self.raw.close()
        super().close()


class _Answer(HTTPResponse):
    """Headers, trailers and answers before the right one come within TIMEOUT, of the archive LEAST bytes in each."""

    def __init__(self, sock: socket.socket, *arguments: Any, **named: Any) -> None:
        super().__init__(sock, *arguments, **named)
        self.paced = _Paced(sock, self.fp.detach())
        self.fp = io.BufferedReader(self.paced)

    def read1(self, n: int = -1) -> bytes:
        chunk = super().read1(n)
        self.paced.take(len(chunk))
        return chunk


class _Connection(HTTPConnection):
    response_class = _Answer


class _SecureConnection(HTTPSConnection):
    response_class = _Answer


class _Http(HTTPHandler):
    def http_open(self, req: Request) -> HTTPResponse:
        return self.do_open(_Connection, req)


class _Https(HTTPSHandler):
    def https_open(self, req: Request) -> HTTPResponse:
        return self.do_open(_SecureConnection, req, context=ssl.create_default_context())


def ask(url: str, first: int) -> Any:
    """The server's answer to a request for the file from byte `first` on. Nothing but http and https is opened."""
    opener = OpenerDirector()
    kinds = (ProxyHandler, _Http, _Https, _Redirects, HTTPDefaultErrorHandler, HTTPErrorProcessor)
    for kind in kinds:
        opener.add_handler(kind())
    return opener.open(Request(url, headers={"Range": f"bytes={first}-"} if first else {}), timeout=TIMEOUT)


def extent(status: int, headers: Mapping[str, str], have: int) -> tuple[int, int | None]:
    """(first byte of the answer, bytes of the whole file), from an answer to a request for the bytes from `have` on.

    None: the server does not say, or says no number. Raises OtherBytesError for a part that was not asked for.
    """
    if status != 206:
        return 0, number(headers.get("Content-Length", ""))
    found = re.fullmatch(
        r"bytes ([0-9]{1,18})-([0-9]{1,18})/([0-9]{1,18}|\*)", headers.get("Content-Range", "").strip()
    )
    if found is None or int(found[1]) != have or int(found[2]) < have:
        raise OtherBytesError("the server sends other bytes than it was asked for")
    total = number(found[3])
    if total is not None and total <= int(found[2]):
        raise OtherBytesError("the server sends more bytes than it says that there are")
    return have, total


def number(text: str) -> int | None:
    """Of ASCII digits alone: int() takes signs, spaces, underscores and digits of other scripts, too."""
    return int(text) if re.fullmatch(r"[0-9]{1,18}", text.strip(" \t")) else None


def reason_of(error: Exception) -> str:
    """Why a request failed. The text of a server may hold an address with a password, its number does not."""
    if isinstance(error, HTTPError):
        return f"HTTP Error {error.code}: {responses.get(error.code, 'no such answer')}"
    return printable(" ".join(str(error).split())) or type(error).__name__


def not_an_archive(first: bytes, total: int | None) -> str:
    """What a server sent in place of an archive, from the first bytes; "" for anything that may be an archive.

    total: bytes of the whole file. 0 bytes of a longer file are a broken connection.
    """
    if not first:
        return "" if total else "an empty file"
    head = first[:HEAD]
    if not is_text(head):
        return ""
    start = head.decode(errors="replace").lstrip("\ufeff \t\r\n")
    if start.startswith("<"):
        return "a web page"
    return f"a text ({printable(' '.join(start.split()))[:80]})"


def is_text(head: bytes) -> bool:
    """Whether bytes are UTF-8 without zeros. Every tar has zeros, and no header of a compressed file is UTF-8."""
    try:
        head.decode()
    except UnicodeDecodeError as error:
        return error.start > len(head) - 4 and b"\0" not in head  # the last character is cut
    return b"\0" not in head
