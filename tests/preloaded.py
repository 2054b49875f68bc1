"""A Python that has loaded torch, Lightning and the package already: most of a small job's time goes into loading them.

`preloaded(folder)` starts a server that loads the libraries once, and gives the path of an executable that takes the
arguments of `python`. What is started with it is a fork of the server: with the arguments, environment, working
directory and open files of the process that was started, which lives as long as the fork does, hands signals on to it
and ends with its exit code. `sys.executable` is that executable there, so that workers and ranks start as quickly.
Tests of how processes are killed, and of what is loaded, take `sys.executable` of their own process.
"""

from __future__ import annotations

import atexit
import fcntl
import gc
import importlib
import io
import json
import multiprocessing.spawn
import os
import runpy
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import types
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import NoReturn

SHARED, REAL = "RENORMAL_TESTS_PYTHON", "RENORMAL_TESTS_REAL_PYTHON"  # from the process that hands out the tests
LIBRARIES = ("torch", "lightning", "torchmetrics", "kornia.filters", "hydra.utils", "submitit", "joblib", "matplotlib")
PACKAGE = ("renormal.job.job", "renormal.scores", "renormal.data.rehearsal.write", "renormal.sweep.plan")
_open = ExitStack()
FIRST_FREE = 300  # numbers of open files from here on are the server's own

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
    command = [sys.executable, __file__, str(address), str(executable)]
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


def serve(address: str, executable: str) -> None:
    """Fork for each connection, for as long as the test process lives."""
    sys.executable = executable
    for name in (*LIBRARIES, *PACKAGE):
        importlib.import_module(name)
    parsed_once = importlib.import_module("parsed_once")  # the process that hands out the tests loads none of it
    parsed_once.parse_once()
    parsed_once.compose_one()
    gc.collect()
    gc.freeze()  # else each fork's collections would copy all of it
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(address)
    listening.listen(64)
    print("ready", flush=True)
    while True:
        readable, _, _ = select.select([listening, 0], [], [])
        while reap():
            pass
        if 0 in readable:
            os._exit(0)
        connection, _ = listening.accept()
        if os.fork() == 0:
            listening.close()
            keep(connection)
            return
        connection.close()


def reap() -> bool:
    try:
        return os.waitpid(-1, os.WNOHANG)[0] > 0
    except ChildProcessError:
        return False


def keep(connection: socket.socket) -> None:
    """The fork that was asked for, and this one, which watches it: it ends when the process that was started does."""
    size, files, *_ = socket.recv_fds(connection, 4, FIRST_FREE)
    text = b""
    while len(text) < int.from_bytes(size, "big"):
        text += connection.recv(2**20)
    arguments, environment, place, numbers = json.loads(text)
    job = os.fork()
    if job == 0:
        connection.close()
        become(dict(zip(numbers, files, strict=True)), environment, place)
        finish(run, arguments)
    os.closerange(0, 3)
    for file in files:
        os.close(file)
    end = os.pidfd_open(job)
    while True:
        readable, _, _ = select.select([end, connection], [], [])
        if end in readable:
            break
        told = connection.recv(64)
        for number in told or [signal.SIGKILL]:
            signal.pidfd_send_signal(end, number)
        if not told:
            break
    _, status = os.waitpid(job, 0)
    try:
        connection.send(os.waitstatus_to_exitcode(status).to_bytes(4, "big", signed=True))
    finally:
        os._exit(0)


def become(files: dict[int, int], environment: dict[str, str], place: str) -> None:
    """The process that was started, in all that it has from its parent."""
    kept = {number: fcntl.fcntl(file, fcntl.F_DUPFD, FIRST_FREE) for number, file in files.items()}
    os.closerange(0, FIRST_FREE)
    for number, file in kept.items():
        os.dup2(file, number, inheritable=True)
        os.close(file)
    os.environ.clear()
    os.environ.update(environment)
    loaded = importlib.import_module("lightning.fabric.utilities.rank_zero")
    loaded.rank_zero_only.rank = loaded._get_rank() or 0  # what Lightning takes from the environment when it loads
    os.chdir(place)
    added = environment.get("PYTHONPATH", "").split(os.pathsep)
    sys.path[1:1] = [path for path in added if path not in ("", *sys.path)]
    sys.stdin = io.TextIOWrapper(io.FileIO(0, closefd=False))
    written = [io.FileIO(number, "w", closefd=False) for number in (1, 2)]
    sys.stdout, sys.stderr = (io.TextIOWrapper(file, write_through=True, encoding="utf-8") for file in written)
    sys.__stdin__, sys.__stdout__, sys.__stderr__ = sys.stdin, sys.stdout, sys.stderr


def run(arguments: list[str]) -> None:
    """`python [options] -m module …`, `python [options] -c code …` or `python [options] script …`."""
    given = iter(arguments)
    safe = False
    for option in given:
        safe = safe or option in ("-P", "-I")
        if option in ("-X", "-W"):
            next(given)
        if option in ("-m", "-c") or not option.startswith("-"):
            break
    what, rest = next(given) if option in ("-m", "-c") else option, list(given)
    first = {"-m": str(Path.cwd()), "-c": ""}.get(option, str(Path(what).resolve().parent))
    sys.path[0:1] = [] if safe else [first]
    if option == "-m":
        sys.argv = [what, *rest]
        runpy.run_module(what, run_name="__main__", alter_sys=True)
        return
    main = sys.modules["__main__"] = types.ModuleType("__main__")
    sys.argv = ["-c" if option == "-c" else what, *rest]
    if option != "-c":
        main.__file__ = str(Path(what).absolute())
    code = what if option == "-c" else Path(what).read_text(encoding="utf-8")
    exec(compile(code, "<string>" if option == "-c" else what, "exec"), main.__dict__)


def finish(work: Callable[[list[str]], None], arguments: list[str]) -> NoReturn:
    """As the interpreter would, but that it takes nothing apart: that would copy every page of the server's memory."""
    code: object = 0
    try:
        work(arguments)
    except SystemExit as error:
        code = error.code
    except BaseException as error:
        sys.excepthook(type(error), error, error.__traceback__)
        code = 1
    if not isinstance(code, int | None):
        print(code, file=sys.stderr)
        code = 1
    threading._shutdown()
    atexit._run_exitfuncs()
    with suppress(ValueError):  # closed
        sys.stdout.flush()
    os._exit(code or 0)


if __name__ == "__main__":
    serve(*sys.argv[1:])
