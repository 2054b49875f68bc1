"""A Python that has loaded torch, Lightning and the package already: most of a small job's time goes into loading them.

`preloaded(folder)` starts a server that loads the libraries once, and gives the path of an executable that takes the
arguments of `python`. What is started with it is a fork of the server: with the arguments, environment, working
directory and open files of the process that was started, which lives as long as the fork does, hands signals on to it
and ends with its exit code. `sys.executable` is that executable there, so that workers and ranks start as quickly.
Tests of how processes are killed, and of what is loaded, take `sys.executable` of their own process.
"""

from __future__ import annotations

import multiprocessing.spawn
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from pathlib import Path

SHARED, REAL = "RENORMAL_TESTS_PYTHON", "RENORMAL_TESTS_REAL_PYTHON"  # from the process that hands out the tests
_open = ExitStack()

STARTED = """#!{python} -IS
import json, os, signal, socket, sys

if "submitit.local._local" in sys.argv:  # quick by itself, and it names the job after its own process
    os.execv({python!r}, [{python!r}, *sys.argv[1:]])
opened = [int(name) for name in os.listdir("/proc/self/fd")]
opened = [number for number in opened if os.path.exists(f"/proc/self/fd/{{number}}")]  # not that of the listing
server = socket.socket(socket.AF_UNIX)
server.connect({address!r})
told = (sys.argv[1:], dict(os.environ), os.getcwd(), opened)
text = json.dumps(told).encode(errors="surrogateescape")
for number in set(signal.Signals) - {{signal.SIGKILL, signal.SIGSTOP, signal.SIGCHLD, signal.SIGPIPE}}:
    if signal.getsignal(number) is not signal.SIG_IGN:
        signal.signal(number, lambda number, _: server.send(bytes([number])))
socket.send_fds(server, [len(text).to_bytes(4, "big")], opened)
server.sendall(text)
for number in opened:
    os.close(number)  # else who reads at the other end would wait for this process too
answer = b""
while len(answer) < 4 and (part := server.recv(4)):
    answer += part
status = int.from_bytes(answer, "big", signed=True) if answer else 1
if status < 0:
    signal.signal(-status, signal.SIG_DFL) if -status not in (signal.SIGKILL, signal.SIGSTOP) else None
    os.kill(os.getpid(), -status)
os._exit(status)
"""


@contextmanager
def preloaded(folder: Path) -> Iterator[str]:
    """The path of the executable. folder: an empty one, whose name is short enough for a socket."""
    address, executable = folder / "socket", folder / "python"
    executable.write_text(STARTED.format(python=sys.executable, address=str(address)))
    executable.chmod(0o755)
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    command = [sys.executable, str(Path(__file__).with_name("forking.py")), str(address), str(executable)]
    server = subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert server.stdout is not None
    try:
        assert server.stdout.readline() == b"ready\n"
        yield str(executable)
    finally:
        server.communicate()  # its end


@cache
def python() -> str:
    """That executable. Whoever asks first starts it: the process that hands out the tests, if there is one."""
    if SHARED in os.environ or not hasattr(os, "pidfd_open"):
        return os.environ.get(SHARED, sys.executable)
    folder = _open.enter_context(tempfile.TemporaryDirectory(prefix="python-"))
    return _open.enter_context(preloaded(Path(folder)))


def in_workers() -> None:
    """From now on the processes that this one starts share its preloaded Python."""
    os.environ |= {SHARED: python(), REAL: sys.executable}


def real_executable() -> None:
    """In a test process that was itself forked: `sys.executable` is what it is without preloading."""
    sys.executable = os.environ.get(REAL, sys.executable)
    multiprocessing.spawn.set_executable(sys.executable)


def end_python() -> None:
    _open.close()
