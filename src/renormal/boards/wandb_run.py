"""One wandb run that tells of no machine and never waits for a person or a network."""

from __future__ import annotations

import logging
import netrc
import os
import shutil
import socket
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from wandb.sdk.wandb_run import Run

MODES = ("auto", "online", "offline", "disabled")
HOSTS = ("api.wandb.ai", "api.forge.coreweave.com")  # where keys of wandb's own service are filed
WAIT = 30.0  # seconds for a server to answer, ours
UPLOAD = 300.0  # seconds that the end of a job waits for what is not sent yet, ours; the rest stays for `wandb sync`
PRIVATE = {  # by default a run carries host, user, program path, git remote, argv, packages, console and hardware
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
    "symlink": False,  # jobs side by side would fight for latest-run
    "silent": True,
}
log = logging.getLogger("renormal")


def begin(folder: Path, *, mode: str = "auto", **run: Any) -> Run:
    """A run of its own below `folder`/wandb, whatever else this process has logged. Close it with `end`.

    mode: auto is online where there is a key, else offline; $WANDB_MODE goes before it. Where no server takes the run
    it is written offline too: a night's work does not end on a dashboard. run: what `wandb.init` takes.
    """
    if mode not in MODES:
        raise ValueError(f"logger.wandb.mode must be one of {', '.join(MODES)}, got {mode!r}")
    os.environ.setdefault("WANDB_ERROR_REPORTING", "false")  # its crash reports would go out on their own
    import wandb

    folder.mkdir(parents=True, exist_ok=True)
    if mode == "auto":
        mode = os.environ.get("WANDB_MODE") or ("online" if has_key() else "offline")
    reason = "as asked" if has_key() else "no key"
    if mode == "online":
        reason = unreachable()
        try:
            opened = None if reason else opening(folder, mode=mode, **run)
        except wandb.errors.Error as error:
            reason, opened = str(error).splitlines()[0], None
            wandb.teardown()  # frees the run's id
        if opened is not None:
            log.info("wandb: %s", opened.url)
            return opened
        mode = "offline"
    opened = opening(folder, mode=mode, **run)
    if mode == "offline":
        log.info("wandb offline (%s), to send it: wandb sync %s", reason, os.path.relpath(Path(opened.dir).parent))
    return opened


def opening(folder: Path, **run: Any) -> Run:
    """`wandb.init` with everything switched off that describes the machine."""
    import wandb

    settings = wandb.Settings(**PRIVATE, init_timeout=WAIT, finish_timeout=UPLOAD)
    opened: Run = wandb.init(dir=str(folder), reinit="create_new", resume="allow", settings=settings, **run)
    return opened


def end(run: Run, *, exit_code: int) -> None:
    """Close the run; any code but 0 marks it failed. wandb's own debug logs name this machine's paths and go."""
    run.finish(exit_code=exit_code)
    if run.dir:
        for logs in Path(run.dir).parents[1].glob(f"*run-*-{run.id}*/logs"):
            shutil.rmtree(logs, ignore_errors=True)


def keep_in_run(table: Any, run: Run, name: str) -> None:
    """Make a table a file of the run, not an artifact: those are staged in the home folder, under its full path."""
    table.bind_to_run(run, name, run.step)


def unreachable() -> str:
    """Why no server can be spoken to, or an empty string: found out in seconds, where wandb would retry for minutes."""
    import wandb

    if not has_key():  # wandb would ask the terminal for one
        return "no key"
    server = urlsplit(wandb.setup().settings.base_url)
    try:
        port = server.port or (80 if server.scheme == "http" else 443)
        socket.create_connection((server.hostname or "", port), timeout=WAIT).close()
    except OSError as error:
        return f"{server.hostname} does not answer: {error.strerror or error}"
    return ""


def has_key() -> bool:
    """Whether wandb would find one without asking anybody."""
    if os.environ.get("WANDB_API_KEY") or os.environ.get("WANDB_IDENTITY_TOKEN_FILE"):
        return True
    own = urlsplit(os.environ.get("WANDB_BASE_URL", "")).netloc
    try:
        keys = netrc.netrc(os.environ.get("NETRC"))
    except (OSError, netrc.NetrcParseError):
        return False
    return any(keys.authenticators(host) for host in ((own,) if own else HOSTS))
