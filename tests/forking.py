"""The server of preloaded.py: it loads the libraries once, and forks for each process that is started."""

from __future__ import annotations

import atexit
import fcntl
import gc
import importlib
import io
import json
import os
import runpy
import selectors
import signal
import socket
import sys
import threading
import types
import weakref
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple, NoReturn

LIBRARIES = (
    *("torch", "torch.profiler", "torch.utils.data", "lightning", "torchmetrics", "kornia.filters"),
    *("hydra.main", "hydra.utils", "hydra.experimental.callback", "submitit", "joblib", "matplotlib"),
    *("PIL.JpegImagePlugin", "PIL.PngImagePlugin", "PIL.BmpImagePlugin", "PIL.GifImagePlugin", "PIL.PpmImagePlugin"),
    "fsspec.implementations.local",
)
PACKAGE = (
    *("renormal.job.job", "renormal.scores", "renormal.data.rehearsal.write"),
    *("renormal.sweep.callback", "renormal.sweep.plan"),
)
FIRST_FREE = 300  # numbers of open files from here on are the server's own


def serve(address: str, executable: str) -> None:
    """Fork for each connection, for as long as the test process lives."""
    sys.executable = executable
    for name in (*LIBRARIES, *PACKAGE):
        importlib.import_module(name)
    parsed_once = importlib.import_module("parsed_once")  # the process that hands out the tests loads none of it
    parsed_once.parse_once()
    parsed_once.compose_one()
    nothing_at_exit()
    gc.collect()
    gc.freeze()  # else each fork's collections would copy all of it
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(address)
    listening.listen(64)
    print("ready", flush=True)
    watched = selectors.PollSelector()
    for file in (listening, 0):
        watched.register(file, selectors.EVENT_READ)
    while True:
        key, _ = watched.select()[0]  # one at a time: the next may be of a job that then has ended
        if key.fileobj == 0:
            end(watched)
        if key.fileobj is listening:
            fork(listening.accept()[0], watched)
        else:
            attend(key.data, watched, ended=key.fileobj != key.data.asked)


def nothing_at_exit() -> None:
    """What the libraries would do at the end of each fork takes 60 ms, for what was there before it."""
    atexit.unregister(sys.modules["torch._dynamo.utils"].dump_compile_times)
    for one in list(weakref.finalize._registry):  # type: ignore[attr-defined]
        one.atexit = False


class Job(NamedTuple):
    """A fork, and the connection to the process that it stands for.

    The server watches them all: a second fork, to watch one, would take as long as the first, 45 ms of the processor.
    """

    process: int
    alive: int  # the file that says when it ends
    asked: socket.socket


def fork(asked: socket.socket, watched: selectors.BaseSelector) -> None:
    """The process that was asked for."""
    size, files, *_ = socket.recv_fds(asked, 4, FIRST_FREE)
    text = b""
    while (missing := int.from_bytes(size, "big") - len(text)) and (part := asked.recv(missing)):
        text += part
    if missing == 0 and size:  # else it was killed while it asked
        arguments, environment, place, numbers = json.loads(text)
        process = os.fork()
        if process == 0:
            become(dict(zip(numbers, files, strict=True)), environment, place)
            finish(run, arguments)
        job = Job(process, os.pidfd_open(process), asked)
        for file in (job.alive, asked):
            watched.register(file, selectors.EVENT_READ, job)
    else:
        asked.close()
    for file in files:
        os.close(file)


def attend(job: Job, watched: selectors.BaseSelector, *, ended: bool) -> None:
    """Hand a signal on to a job, or its exit code to the process that was started. A job ends when that one does."""
    if not ended:
        told = job.asked.recv(64)
        for number in told or [signal.SIGKILL]:
            signal.pidfd_send_signal(job.alive, number)
        if told:
            return
    _, status = os.waitpid(job.process, 0)
    with suppress(OSError):
        job.asked.send(os.waitstatus_to_exitcode(status).to_bytes(4, "big", signed=True))
    for file in (job.alive, job.asked):
        watched.unregister(file)
    os.close(job.alive)
    job.asked.close()


def end(watched: selectors.BaseSelector) -> NoReturn:
    """End every job that still runs: who asked for it has ended."""
    for job in {key.data for key in watched.get_map().values() if key.data}:
        with suppress(ProcessLookupError):
            signal.pidfd_send_signal(job.alive, signal.SIGKILL)
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
