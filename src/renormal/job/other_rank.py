"""A process of a job that is not rank 0. It reads the config from rank 0 and ends when rank 0 ends."""

from __future__ import annotations

import json
import os
import sys
import threading

from hydra.errors import InstantiationException
from omegaconf import OmegaConf

from renormal.job.errors import first_cause
from renormal.job.job import run_job
from renormal.job.processes import NAME


def main() -> None:
    """Run the job. Its config is the first line of stdin."""
    config = OmegaConf.create(json.loads(sys.stdin.readline()))
    OmegaConf.set_readonly(config, True)
    threading.Thread(target=end_with_rank_zero, daemon=True).start()
    try:
        run_job(config)
    except (ValueError, InstantiationException) as error:
        sys.exit(f"{NAME}{first_cause(error)}")
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)  # at an ordinary end the threads of the process group sometimes abort the process


def end_with_rank_zero() -> None:
    os.read(0, 1)  # returns when rank 0 has ended
    os._exit(1)


if __name__ == "__main__":
    main()
