"""`renormal`: compose → seed → build → stages → record. The only file that knows Hydra's task."""

from __future__ import annotations

import logging
import sys
from pathlib import Path

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.errors import InstantiationException
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

PACKAGE = Path(__file__).parent
CONF = PACKAGE / "conf" if (PACKAGE / "conf").is_dir() else PACKAGE.parents[1] / "conf"  # a wheel carries its own
log = logging.getLogger(__name__)

OmegaConf.register_new_resolver("basename", lambda path: Path(path or "folder").resolve().name, replace=True)


@hydra.main(config_path=str(CONF), config_name="config", version_base="1.3")
def main(config: DictConfig) -> None:
    """One job = one (model, category, seed)."""
    OmegaConf.resolve(config)
    OmegaConf.set_readonly(config, True)
    from renormal.job import run_job  # torch and Lightning load here, so that --help does not wait for them

    try:
        run_job(config, line=own_line())
    except (ValueError, InstantiationException) as error:
        if HydraConfig.get().mode == RunMode.MULTIRUN:
            raise  # the other jobs go on, and Hydra names this one at the end
        log.debug("why", exc_info=True)
        cause = error.__cause__ if isinstance(error, InstantiationException) else error
        sys.exit(f"renormal: {cause}")


def own_line() -> int:
    """Jobs that run side by side write their progress on lines of their own."""
    hydra_config = HydraConfig.get()
    if hydra_config.mode != RunMode.MULTIRUN:
        return 0
    side_by_side = int(hydra_config.launcher.get("n_jobs", 1))
    return int(hydra_config.job.num) % side_by_side if side_by_side > 0 else 0


if __name__ == "__main__":
    main()
