"""Connections to the page of `renormal-view`: slow and idle ones end, so that others are answered."""

from __future__ import annotations

import asyncio

from uvicorn.protocols.http.h11_impl import H11Protocol

HEAD = 10.0  # seconds for the head of a request, ours
UNREAD = 30.0  # seconds in which a browser must read what waits for it, ours
MOST = 200  # connections at a time, ours: far from the limit of open files


class Connection(H11Protocol):
    """uvicorn's own, which waits for ever for a head and for a reader, and takes any number of connections."""

    waiting: asyncio.TimerHandle | None = None  # for a head
    begun = 0.0  # to wait, by the clock of the loop
    unread: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._wait()
        if len(self.connections) > MOST:
            waiting = [one for one in self.connections if isinstance(one, Connection) and one.waiting]
            min(waiting, key=lambda one: one.begun).end()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop()
        self.resume_writing()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.conn.their_state.__name__ != "IDLE":  # of h11, whose states are classes
            self._stop()
        elif self.waiting is None:
            self._wait()

    def pause_writing(self) -> None:
        super().pause_writing()
        self.unread = self.loop.call_later(UNREAD, self.transport.abort)

    def resume_writing(self) -> None:
        super().resume_writing()
        if self.unread is not None:
            self.unread.cancel()

    def end(self) -> None:
        """Answer, and close."""
        self._stop()
        line = f"the request took more than {HEAD:g} s, or there are more than {MOST} connections: send it again\n"
        head = f"content-type: text/plain\r\ncontent-length: {len(line)}\r\nconnection: close"
        self.transport.write(f"HTTP/1.1 408 Request Timeout\r\n{head}\r\n\r\n{line}".encode())
        self.transport.close()

    def _wait(self) -> None:
        self.begun, self.waiting = self.loop.time(), self.loop.call_later(HEAD, self.end)

    def _stop(self) -> None:
        if self.waiting is not None:
            self.waiting.cancel()
        self.waiting = None
