"""What a sweep has planned for a job, and a line for what has changed since."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from omegaconf import DictConfig, OmegaConf

from renormal.data import Source
from renormal.job.budget import two_answers
from renormal.job.digests import digest_of
from renormal.job.file_contents import contents
from renormal.job.fingerprints import CHOICE, OFFERED, built, parts, parts_of_test, parts_of_training
from renormal.report.settings import ABSENT, flat

SHOWN = 3  # settings in one line, ours
MEND = "undo the change, or start the sweep again"


def plan_of(config: DictConfig, source: Source) -> dict[str, Any]:
    """Everything that decides the numbers of a job: settings by key, its data set, and other files that it reads."""
    settings = parts_of_training(config) | parts_of_test(config) | parts(config, ["stages", "trainer.precision"])
    settings |= parts(
        config, ["trainer.devices", "trainer.num_nodes", "choose.holdout", "test.holdout", "test.fold", *OFFERED]
    )
    settings |= parts(config, CHOICE) if "choose" in config.stages else {}
    settings |= {f"data.source.{key}": value for key, value in built(config, source).items()}
    if epochs := two_answers(config):
        settings["trainer.max_epochs"] = epochs  # the job's own machine decides which
    weights = config.checkpoint if OmegaConf.is_list(config.checkpoint) else [config.checkpoint]
    files = {path: digest_of(path) for path in (*weights, config.choose.settings) if path}
    parts_of = {"training": source.train, "spare": source.spare, "apart": source.apart, "test": source.test}
    counts = {name: len(items) for name, items in parts_of.items()}
    return {"settings": flat(settings), "images": counts, "contents": contents(source, source.items), "files": files}


def change_since(planned: Mapping[str, Any], config: DictConfig, source: Source) -> str | None:
    """One line that names what is no longer as planned. None where everything is."""
    now = plan_of(config, source)
    before, after = planned["settings"], now["settings"]
    keys = sorted(key for key in before.keys() | after.keys() if before.get(key) != after.get(key))
    if keys:
        shown = [f"{key} was {before.get(key, ABSENT)} and is {after.get(key, ABSENT)}" for key in keys[:SHOWN]]
        more = f", and {len(keys) - SHOWN} more" if len(keys) > SHOWN else ""
        return f"the recipe has changed since the sweep began: {', '.join(shown)}{more}; {MEND}"
    if planned["contents"] != now["contents"]:
        what = difference(planned, now, source)
        return f"{source.root}: the images have changed since the sweep began: {what}; {MEND}"
    for path, digest in now["files"].items():
        if planned["files"].get(path) != digest:
            return f"{path} has changed since the sweep began: {MEND}"
    return None


def difference(planned: Mapping[str, Any], now: Mapping[str, Any], source: Source) -> str:
    """Numbers of images where they differ, else the file that was written last."""
    counts = [
        f"{count} {part} images are there, {planned['images'].get(part, 0)} were planned"
        for part, count in now["images"].items()
        if planned["images"].get(part, 0) != count
    ]
    files = [path for item in source.items for path in (item.image, item.mask) if path is not None]
    newest = max(files, key=lambda path: path.stat().st_ctime_ns)
    return ", ".join(counts) or f"{newest.relative_to(source.root)} was written last"
