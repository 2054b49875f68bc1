"""Which setting somebody meant by a key that is not there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import Any

from omegaconf import Container, DictConfig, OmegaConf

HIDDEN = ("_target_", "_partial_", "hydra")  # no settings of the recipe
PLACES = 3  # that are named at most, ours
SURE = 0.8  # likeness of a name that lies elsewhere, ours
WORDS = {  # words of other programs → what it is here
    **dict.fromkeys(("device", "accelerator_type", "gpu", "cuda", "use_gpu"), "trainer.accelerator=gpu"),
    **dict.fromkeys(("gpus", "num_gpus", "ngpus", "n_gpus", "world_size"), "trainer.devices"),
    **dict.fromkeys(("epochs", "num_epochs", "n_epochs", "nepochs", "epoch"), "trainer.max_epochs"),
    **dict.fromkeys(("steps", "iterations", "iters", "n_steps", "num_steps"), "descent.max_steps"),
    **dict.fromkeys(("lr", "learning_rate"), "model.optimizer.lr"),
    **dict.fromkeys(("alpha", "stepsize"), "projections.eq8.step_size"),
    **dict.fromkeys(("lambda", "lam", "lambda_"), "projections.eq8.energy.weight"),
    **dict.fromkeys(("batch", "bs", "batchsize"), "batch_size"),
    **dict.fromkeys(("dataset", "data_set", "dataset_name"), "data=mvtec, data=folder or another of data"),
    **dict.fromkeys(("path", "dir", "data_path", "data_dir", "datadir", "dataset_path", "dataroot"), "data.root"),
    **dict.fromkeys(("workers", "num_workers", "n_workers", "n_jobs", "jobs", "cpus"), "threads"),
    **dict.fromkeys(("class", "classes", "object", "categories", "classname"), "category"),
    **dict.fromkeys(("image_size", "img_size", "imgsize", "imsize", "size", "resolution"), "data.object_size"),
    **dict.fromkeys(("out", "output", "output_dir", "outdir", "save_dir", "results", "run", "exp"), "name"),
    **dict.fromkeys(("ckpt", "weights", "pretrained", "checkpoint_path"), "checkpoint"),
    **dict.fromkeys(("resume", "overwrite", "force"), "rerun=true"),
    **dict.fromkeys(("fp16", "amp", "half"), "trainer.precision"),
    **dict.fromkeys(("latent_dim", "z_dim", "latent_size", "zdim"), "model.net.latent"),
    **dict.fromkeys(("seeds", "random_seed", "manual_seed"), "seed"),
    **dict.fromkeys(("models", "arch", "architecture", "network", "backbone"), "model"),
    **dict.fromkeys(("time", "max_time", "duration"), "minutes"),
}


def meant(key: str, parent: Any) -> str | None:
    """What was meant by a key that the parent lacks, None if nothing is like it. parent: of any config."""
    above, _, last = key.rpartition(".")
    siblings = [str(name) for name in parent if name not in HIDDEN] if isinstance(parent, DictConfig) else []
    places = sorted(places_in(_root(parent)), key=lambda place: place.count("."))
    word = WORDS.get(last.lower())
    if word and not above:
        return word
    for known in (last, key.replace(".", "_")):
        exact = [place for place in places if known in (place.rpartition(".")[2], place.replace(".", "_"))]
        if exact := [place for place in exact if above and place.startswith(f"{above}.")] or exact:
            return " or ".join(shortest(exact))
    if word:
        return word
    if close := get_close_matches(last, siblings, n=1):
        return ".".join(filter(None, (above, close[0])))
    names = {place.rpartition(".")[2]: place for place in reversed(places)}
    return next((names[close] for close in get_close_matches(last, names, n=1, cutoff=SURE)), None)


def shortest(places: list[str]) -> list[str]:
    """Those nearest to the top: data.root and not data.source.root, which takes its value from there."""
    depth = places[0].count(".")
    return [place for place in places if place.count(".") == depth][:PLACES]


def places_in(config: Any, above: str = "") -> Iterator[str]:
    """The dotted places of all settings, without those of Hydra."""
    content = OmegaConf.to_container(config, resolve=False) if isinstance(config, Container) else config
    for name, value in content.items() if isinstance(content, Mapping) else ():
        if name not in HIDDEN and isinstance(name, str):
            place = f"{above}.{name}".lstrip(".")
            yield place
            yield from places_in(value, place)


def _root(node: Any) -> Any:
    while isinstance(node, Container) and node._get_parent() is not None:
        node = node._get_parent()
    return node
