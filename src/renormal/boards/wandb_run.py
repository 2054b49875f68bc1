"""Open and close one wandb run. It holds nothing about the machine, asks for no input and limits its waits."""

from __future__ import annotations

import atexit
import logging
import netrc
import os
import shutil
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryFile, mkdtemp
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from renormal.boards.wandb_check import check, refusals_named
from renormal.console.program import said_if_slow

if TYPE_CHECKING:
    from wandb.sdk.wandb_run import Run

HOSTS = ("api.wandb.ai", "api.forge.coreweave.com")  # under which netrc keeps the keys of wandb's own service
WAIT = 30.0  # seconds for a server to answer, ours
UPLOAD = 300.0  # seconds that the end of a job waits for its upload, ours; `wandb sync` sends the rest later
PRIVATE = {  # by default a run holds host, user, program path, git remote, argv, packages, console and hardware
    "x_disable_meta": True,
    "x_disable_stats": True,
    "x_disable_machine_info": True,
    "x_save_requirements": False,
    "host": "",
    "username": "",
    "email": "",
    "program": "",
    "disable_git": True,
    "disable_code": True,
    "save_code": False,
    "disable_job_creation": True,
    "console": "off",
    "symlink": False,  # jobs that run at the same time would overwrite the link latest-run
    "silent": True,
}
log = logging.getLogger("renormal")


def begin(folder: Path, *, mode: str = "auto", **run: Any) -> Run:
    """Open a new run below `folder`/wandb, separate from other runs of this process. Close it with `end`.

    mode: "auto" is $WANDB_MODE where it is set, else "online" with a key and "offline" without. An online run that no
    server accepts is written offline: a failed upload must not end a job. run: arguments of `wandb.init`.
    """
    check(mode=mode, **run)
    import wandb

    move_cache()
    folder.mkdir(parents=True, exist_ok=True)
    asked = os.environ.get("WANDB_MODE") if mode == "auto" else mode
    mode = asked or ("online" if has_key() else "offline")
    reason = "as asked" if asked == "offline" else "no key"
    if mode == "online":
        with said_if_slow("waiting for the server of wandb"):
            reason = why_unreachable()
        try:
            opened = None if reason else open_run(folder, mode=mode, **run)
        except wandb.errors.Error as error:
            reason, opened = str(error).splitlines()[0], None
            wandb.teardown()  # frees the run's id
        if opened is not None:
            log.info("wandb: %s", opened.url)
            return opened
        mode = "offline"
    with refusals_named():
        opened = open_run(folder, mode=mode, **run)
    if mode == "offline":
        log.info("wandb offline (%s). To upload: wandb sync %s", reason, os.path.relpath(Path(opened.dir).parent))
    return opened


def move_cache() -> None:
    """Give wandb another folder where its cache cannot be written: its service would print its log in the terminal."""
    from wandb import env

    try:
        env.get_cache_dir().mkdir(parents=True, exist_ok=True)
        TemporaryFile(dir=env.get_cache_dir()).close()
    except OSError:
        with suppress(OSError):
            os.environ[env.CACHE_DIR] = mkdtemp(prefix="renormal-wandb-")
            atexit.register(shutil.rmtree, os.environ[env.CACHE_DIR], ignore_errors=True)


def open_run(folder: Path, **run: Any) -> Run:
    """`wandb.init` with the settings PRIVATE, which switch off all that describes the machine."""
    import wandb

    settings = wandb.Settings(**PRIVATE, init_timeout=WAIT, finish_timeout=UPLOAD, finish_timeout_raises=True)
    with said_if_slow("opening the run of wandb"):
        opened: Run = wandb.init(dir=str(folder), reinit="create_new", resume="allow", settings=settings, **run)
    return opened


def service_errors() -> tuple[type[Exception], ...]:
    """What wandb raises once its service, a process of its own, has ended: scancel ends it before the job."""
    from wandb.sdk.mailbox import HandleAbandonedError, MailboxClosedError

    return ConnectionError, HandleAbandonedError, MailboxClosedError


def leave_service() -> None:
    """Forget a service that has ended. Otherwise wandb waits for it at the end, and opens no other run."""
    import wandb

    try:
        wandb.teardown()
    except service_errors():
        pass
    except SystemExit as error:
        if isinstance(error.code, int) and error.code > 128:  # a signal to this process; else the service's own status
            raise


def end(run: Run, *, exit_code: int) -> None:
    """Close the run; an exit code other than 0 marks it failed. What is not sent after UPLOAD seconds stays here."""
    try:
        with said_if_slow(f"sending the run to wandb, for {UPLOAD:.0f} s at most"), errors_unprinted():
            run.finish(exit_code=exit_code)
    except TimeoutError:
        place = os.path.relpath(Path(run.dir).parent)
        log.warning("wandb took too long (%.0f s at most). To send the rest: wandb sync %s", UPLOAD, place)
    finally:
        delete_logs(run)


@contextmanager
def errors_unprinted() -> Iterator[None]:
    """wandb raises its errors without printing them, too. Its setting `silent` does not reach the end of a run."""
    from wandb.errors import term

    shown, term._silent = term._silent, True
    try:
        yield
    finally:
        term._silent = shown


def delete_logs(run: Run) -> None:
    """Those of wandb's service, which name local paths."""
    if run.dir:
        for logs in Path(run.dir).parents[1].glob(f"*run-*-{run.id}*/logs"):
            shutil.rmtree(logs, ignore_errors=True)


def keep_in_run(table: Any, run: Run, name: str) -> None:
    """Make a table a file of the run, not an artifact: wandb copies artifacts to the home folder and logs its path."""
    table.bind_to_run(run, name, run.step)


def why_unreachable() -> str:
    """Why no run can be opened online; empty where one can. Takes at most WAIT seconds; wandb retries for minutes."""
    import wandb

    if not has_key():  # wandb would ask for one in the terminal and wait
        return "no key"
    server = urlsplit(wandb.setup().settings.base_url)
    try:
        port = server.port or (80 if server.scheme == "http" else 443)
        socket.create_connection((server.hostname or "", port), timeout=WAIT).close()
    except OSError as error:
        return f"{server.hostname} does not answer: {error.strerror or error}"
    return ""


def has_key() -> bool:
    """Whether wandb finds a key in the environment or in netrc."""
    if os.environ.get("WANDB_API_KEY") or os.environ.get("WANDB_IDENTITY_TOKEN_FILE"):
        return True
    own = urlsplit(os.environ.get("WANDB_BASE_URL", "")).netloc
    try:
        keys = netrc.netrc(os.environ.get("NETRC"))
    except (OSError, netrc.NetrcParseError):
        return False
    return any(keys.authenticators(host) for host in ((own,) if own else HOSTS))
