"""The projections and the scores among which the stage `choose` chooses, and the axes of their settings."""

from __future__ import annotations

from collections.abc import Mapping

from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf

from renormal.choose.choice import OWN
from renormal.contracts import Score, SelectiveScore
from renormal.projection import Checked, Descent


def scores_of(config: DictConfig, own: Score) -> tuple[dict[str, Score], str]:
    """Name → score to choose from, and the name of the config's own score among them."""
    scores = {str(name): node for name, node in config.choose.scores.items()}
    same = [name for name, node in scores.items() if node == config.score]
    built = {name: instantiate(node, _convert_="all") for name, node in scores.items()}
    return ({OWN: own} | built, OWN) if not same else (built, same[0])


def preferred(choose: DictConfig) -> dict[str, float]:
    """Score → how much better another must be to be taken in its place."""
    return {str(name): float(margin) for name, margin in (choose.get("preferred") or {}).items()}


def offered(config: DictConfig) -> dict[str, Descent]:
    """Name → projection of choose.projections: one to choose from that is no column of its own."""
    nodes = OmegaConf.select(config, "choose.projections") or {}
    for name in sorted(set(nodes) & set(config.projections)):
        if nodes[name] != config.projections[name]:
            raise ValueError(f"choose.projections.{name} is not projections.{name}: give one of them another name")
    return {str(name): instantiate(node, _convert_="all") for name, node in nodes.items()}


def usable_projections(projections: Mapping[str, Descent], model: object) -> dict[str, Descent]:
    """Those of the projections whose energy the model can answer."""
    return {name: one for name, one in projections.items() if lack_of(one, model) is None}


def lack_of(descent: Descent, model: object) -> str | None:
    """What the model lacks for this projection, in words; None where it lacks nothing."""
    try:
        if isinstance(descent.energy, Checked):
            descent.energy.check(model)
    except ValueError as error:
        return str(error)
    return None


def suited(scores: Mapping[str, Score], model: object) -> dict[str, Score]:
    """Those of the scores that the model can answer."""
    return {name: one for name, one in scores.items() if not isinstance(one, SelectiveScore) or one.suits(model)}


def flat(node: DictConfig, above: str = "") -> dict[str, list[float]]:
    """{"energy": {"weight": [0, 0.1]}} → {"energy.weight": [0.0, 0.1]}."""
    axes: dict[str, list[float]] = {}
    for key, value in node.items():
        place = f"{above}{key!s}"
        if isinstance(value, DictConfig):
            axes |= flat(value, f"{place}.")
        else:
            axes[place] = [float(one) for one in value]
    return axes
