"""`renormal-view` in a process of its own, and requests to it."""

from __future__ import annotations

import http.client
import json
import os
import re
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from preloaded import python

COMMAND = "import sys; from renormal.inspect.view import main; sys.exit(main())"


class Answer(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes


@contextmanager
def viewed(run: Path, *options: str, before: str = "") -> Iterator[int]:
    """The port of the page, until the block ends. before: what Python runs first."""
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1"}
    command = [python(), "-c", before + COMMAND, str(run), "--port", "0", *options]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    ) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        found = re.match(r"http://127\.0\.0\.1:(\d+) ", line)
        try:
            assert found, line + (process.communicate(timeout=60)[1] if not line else "")
            yield int(found[1])
        finally:
            process.terminate()
            lines = process.communicate(timeout=30)[1].splitlines()
        said = [line for line in lines if not line.startswith("renormal-view: loading ")]  # on a busy machine
        assert not said, said


def request(port: int, method: str, path: str, body: bytes = b"", **headers: str) -> Answer:
    connection = http.client.HTTPConnection(headers.pop("address", "127.0.0.1"), port, timeout=60)
    connection.request(method, path, body or None, {name.title(): value for name, value in headers.items()})
    response = connection.getresponse()
    answer = Answer(response.status, {name.lower(): value for name, value in response.getheaders()}, response.read())
    connection.close()
    return answer


@contextmanager
def descending(port: int, query: str, body: bytes) -> Iterator[Iterator[dict[str, Any]]]:
    """The events of a descent, as they come. The connection ends with the block."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request("POST", f"/descend?{query}", body)
    with closing(connection), connection.getresponse() as response:
        lines = iter(response.readline, b"")
        yield (json.loads(line.removeprefix(b"data: ")) for line in lines if line.strip())
