"""Every experiment of conf/, so small that it takes seconds: python tests/every_experiment.py FOLDER

Prints a line of JSON for each: its name, its seconds, its warnings, and the precisions that were taken.
"""

from __future__ import annotations

import json
import logging
import sys
import time
import warnings
from pathlib import Path

from hydra import compose, initialize_config_dir
from omegaconf import DictConfig, OmegaConf

from parsed_once import parse_once
from renormal.job.job import run_job
from renormal.report.record import read_record
from renormal.run import CONF
from small import DRAWN, SMALL

MAPS = ("map_tv", "map_tv_0_5")  # they have a cap of their own
OWN = {  # what an experiment needs besides
    **{key: ["checkpoint=null", "stages=[train,test]"] for key in ("figure5", "table2_cpu")},
    "restoration": ["checkpoint=null", "stages=[train,test]", *(f"projections.{name}.max_steps=3" for name in MAPS)],
    "inspect": ["choose.defects=4", "choose=as_configured", "minutes=1"],
    "recipe": [
        *("choose.defects=4", "choose=as_configured", "minutes=1"),
        *("data.object_size=64", "data.object_tiles=true", "data.shrink=[1,2]"),
    ],
    "segment": ["choose.defects=4", "choose=as_configured", "minutes=1"],
    "latent_cpu": ["checkpoint=null", "stages=[train,test]", "projections.latent_500.max_steps=3"],
    "choose": ["choose.defects=4", "choose=as_configured"],
    "choose_cpu": ["choose.defects=4", "choose=as_configured"],
    **{key: ["choose.defects=4"] for key in ("repair_cpu", "repair_ablation")},
}
NARROW = {
    "anogan_cpu": 16,
    "anovaegan_cpu": 16,
    "f_anogan_cpu": 16,
    "inpaint": 8,
    "inpaint_cpu": 8,
    "inspect": 8,
    "recipe": 8,
    "segment": 8,
    "repair_cpu": 8,
    "repair_ablation": 8,
}
EXPERIMENTS = sorted(path.stem for path in (CONF / "experiment").glob("*.yaml"))


def config_of(name: str, folder: Path) -> DictConfig:
    """On drawn images of 32 pixels. Experiments on data of their own keep only their other settings."""
    width = [f"model.net.width={NARROW[name]}"] if name in NARROW else []
    own = [*OWN.get(name, []), *width, "test.normal_images=3", "trainer.max_epochs=1"]
    places = [f"data.root={folder / 'drawn'}", f"folder={folder / name}"]
    with initialize_config_dir(str(CONF), version_base="1.3"):
        config = compose("config", [f"experiment={name}", "data=rehearsal", *DRAWN, *SMALL, *own, *places])
    OmegaConf.resolve(config)
    OmegaConf.set_readonly(config, True)
    return config


class Kept(logging.Handler):
    """What is said as a warning or worse."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())


def main(folder: Path, names: list[str]) -> None:
    parse_once()
    for name in names or EXPERIMENTS:
        kept, start = Kept(), time.perf_counter()
        logging.getLogger("renormal").addHandler(kept)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            config = config_of(name, folder)
            run_job(config)
        logging.getLogger("renormal").removeHandler(kept)
        record = folder / name / "record.json"
        device = read_record(record).device if record.is_file() else {}
        line = {"name": name, "seconds": round(time.perf_counter() - start, 1), "said": kept.lines}
        line |= {"warnings": [str(one.message) for one in caught], "precision": device.get("precision")}
        print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
