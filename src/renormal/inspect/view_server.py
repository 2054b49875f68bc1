"""The local page of `renormal-view`: it answers this machine alone, and nothing that it is sent stays."""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Callable, Coroutine
from functools import partial
from importlib.resources import files
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from anyio import CancelScope, Lock, create_task_group, current_time, from_thread, to_thread
from starlette.applications import Starlette
from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from renormal.inspect.live import Event, Give, Live, asked
from renormal.inspect.photographs import Photograph, photograph
from renormal.inspect.stored import FAULTS, plain
from renormal.job.errors import fault_of_machine

HOST = re.compile(r"(127\.0\.0\.1|localhost|\[::1\])(:[0-9]{1,5})?", re.IGNORECASE)
LARGEST = 64 * 2**20  # bytes of an image, ours
TOGETHER = 4 * LARGEST  # bytes of all images that are being received, ours
PATIENCE, RATE = 10.0, 100_000  # seconds that an image may lag behind so many bytes a second, ours
FILES = {"/": "text/html", "/view.css": "text/css", "/view.js": "text/javascript"}
HEADERS = {  # the page loads nothing from elsewhere, and no other page may show or read it
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "cache-control": "no-store",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}
Work = Callable[[Give], None]


def application(live: Live) -> ASGIApp:
    """The page, the facts of the job, and one descent at a time."""
    descents, uploads = Descents(), Uploads()
    pages = [Route(path, partial(page, path[1:] or "view.html", kind)) for path, kind in FILES.items()]
    routes = [
        *pages,
        Route("/job", lambda request: JSONResponse(live.facts)),
        Route("/descend", partial(descend, live, descents, uploads), methods=["POST"]),
    ]
    return Starlette(routes=routes, middleware=[Middleware(Guard)])


def page(name: str, kind: str, request: Request) -> Response:
    return Response((files("renormal.inspect") / "page" / name).read_bytes(), media_type=kind)


async def descend(live: Live, descents: Descents, uploads: Uploads, request: Request) -> Response:
    """The image is the body. The answer is a stream of server-sent events, as the descent goes on."""
    try:
        wanted = asked(request.query_params, live.columns)
        photo = await to_thread.run_sync(read, await uploads.body(request), live)
    except OSError as error:
        return JSONResponse({"error": unkept(error)}, status_code=500)
    except UploadError as error:
        return JSONResponse({"error": str(error)}, error.status, headers={"connection": "close"})
    except ValueError as error:
        return JSONResponse({"error": str(error)}, status_code=400)
    except ClientDisconnect:  # while it was sending
        return Response()
    return Stream(descents, partial(live.show, photo, wanted))


class UploadError(ValueError):
    """An image that is too large, too slow, or one too many."""

    def __init__(self, status: int, line: str) -> None:
        super().__init__(line)
        self.status = status


class Uploads:
    """Images that are being received. Together they hold no more than TOGETHER bytes."""

    def __init__(self) -> None:
        self.held = 0

    async def body(self, request: Request) -> bytes:
        """Raises UploadError for more than LARGEST bytes, or slower than PATIENCE and RATE allow.

        The rest of a refused image is read for PATIENCE seconds and not kept: who still sends reads no answer.
        """
        received, refusal = bytearray(), list[UploadError]()
        with CancelScope(deadline=current_time() + PATIENCE) as scope:
            try:
                async for part in request.stream():
                    refusal = refusal or self._take(part, received, scope)
            finally:
                self.held -= len(received)
        if scope.cancelled_caught and not refusal:
            refusal = [UploadError(408, f"the image came too slowly, {len(received)} bytes so far: send it again")]
        if refusal:
            raise refusal[0]
        return bytes(received)

    def _take(self, part: bytes, received: bytearray, scope: CancelScope) -> list[UploadError]:
        """Adds a part to what has been received. Of a refused image nothing is kept."""
        scope.deadline = min(scope.deadline + len(part) / RATE, current_time() + PATIENCE)
        if len(received) + len(part) > LARGEST:
            refusal = UploadError(400, f"the image has more than {LARGEST >> 20} MiB: make it smaller")
        elif self.held + len(part) > TOGETHER:
            refusal = UploadError(503, "other images are being sent: send this one again")
        else:
            received += part
            self.held += len(part)
            return []
        self.held -= len(received)
        received.clear()
        return [refusal]


def read(content: bytes, live: Live) -> Photograph:
    """By the reader of all photographs, which takes files: one of our own name, which is gone afterwards."""
    with TemporaryDirectory(prefix="renormal-view-") as folder:
        path = Path(folder) / "image"
        path.write_bytes(content)
        try:
            return photograph(path, live.frame)
        except ValueError as error:
            raise ValueError(str(error).replace(str(path), "the image")) from error


def unkept(error: OSError) -> str:
    """One line for a photograph that cannot be kept while it is read."""
    mend = "make room there, or start renormal-view with another TMPDIR"
    return f"{tempfile.gettempdir()}: {error.strerror or error}; {mend}"


class Descents:
    """One descent at a time: a new one cancels the one before."""

    def __init__(self) -> None:
        self.lock = Lock()
        self.scope: CancelScope | None = None

    async def run(self, scope: CancelScope, work: Callable[[], None]) -> None:
        """Within `scope`, which the next call cancels."""
        if self.scope is not None:
            self.scope.cancel()
        self.scope = scope
        async with self.lock:
            await to_thread.run_sync(work)


class Stream(Response):
    """Server-sent events, each sent when the work gives it. The work ends when nobody reads, or another one begins."""

    media_type = "text/event-stream"

    def __init__(self, descents: Descents, work: Work) -> None:
        super().__init__()
        del self.headers["content-length"]
        self.descents, self.work = descents, work

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})

        async def told(event: Event) -> None:
            await send(_message(event))

        async def leave(reading: CancelScope) -> None:
            while (await receive())["type"] != "http.disconnect":
                pass
            reading.cancel()

        with CancelScope() as replaced:
            async with create_task_group() as group:
                group.start_soon(leave, group.cancel_scope)
                await self.descents.run(replaced, partial(_done, self.work, partial(_give, told)))
                group.cancel_scope.cancel()
        if replaced.cancelled_caught:
            await told({"kind": "replaced"})
        await send({"type": "http.response.body", "body": b"", "more_body": False})


def _done(work: Work, give: Give) -> None:
    """An error of the descent is an event."""
    try:
        work(give)
    except ValueError as error:
        give({"kind": "error", "line": str(error)})
    except FAULTS as error:
        if not fault_of_machine(error):
            why = plain(f"{type(error).__name__}: {error}")
            give({"kind": "error", "line": f"the job's network or projection cannot run: {why}"})
            return
        mend = "end other programs, or start renormal-view with --device cpu"
        give({"kind": "error", "line": f"too little memory for a descent of this photograph: {mend}"})


def _give(told: Callable[[Event], Coroutine[Any, Any, None]], event: Event) -> None:
    """Called in the thread of the descent; raises there if the descent is cancelled."""
    from_thread.check_cancelled()
    from_thread.run(told, event)


def _message(event: Event) -> Message:
    data = json.dumps(event, ensure_ascii=False, allow_nan=False)
    return {"type": "http.response.body", "body": f"data: {data}\n\n".encode(), "more_body": True}


class Guard:
    """Refuses every request that names another host (DNS rebinding) or comes from another page."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        headers = Headers(scope=scope)

        async def sent(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(HEADERS)
            await send(message)

        app = self.app if welcome(headers) else Response("this page answers its own machine alone\n", status_code=403)
        if "upgrade" in headers and welcome(headers):
            app = Response("no websockets here: POST /descend sends its events as it goes on\n", status_code=400)
        await app(scope, receive, sent)


def welcome(headers: Headers) -> bool:
    """Whether the host is this machine and a request of a page comes from this page."""
    host, origins = headers.get("host", ""), headers.getlist("origin")
    return bool(HOST.fullmatch(host)) and origins in ([], [f"http://{host}"])
