"""Settings of projections and scores: conf/projection, conf/score, and `descent` in conf/config.yaml."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from annotated_types import Ge, Gt, Le, Len, Lt

from renormal.settings.kinds import (
    Amount,
    Beta,
    Box,
    Clamp,
    Count,
    Epsilon,
    Finite,
    Odd,
    OptionalSigma,
    Positive,
    Seed,
    Share,
    Sigma,
    Size,
    Weight,
)
from renormal.settings.objects import FUNCTION, Function, Group, Object, OneOf

Precision = Literal["float32", "bfloat16", "auto"]


class L1(Object):
    targets = ("renormal.projection.L1", "renormal.projection.TotalVariation")


class Energy(Object):
    targets = ("renormal.projection.Energy",)
    loss: Annotated[Any, FUNCTION, "L_r, summed over pixels and channels."]
    weight: Annotated[Weight, "λ of ‖x − x0‖₁."]
    detached: Annotated[bool, "true: f(x) is a constant in the gradient."]
    kl_weight: Annotated[Weight, "β of the KL term, for variational models."]
    distance: Annotated[Any, OneOf("a distance", (L1,)), "What λ weighs, where it is not ‖x − x0‖₁."]


class SegmentedEnergy(Object):
    targets = ("renormal.projection.SegmentedEnergy",)
    level: Annotated[float, Gt(0), Lt(1), "S above which a pixel is taken for a defect."]
    reach: Annotated[Odd, "Side of a square, px: any S above level in the square around a pixel makes it a defect."]
    weight: Annotated[Weight, "λ of ‖x − x0‖₁."]


class Encoded(Object):
    targets = ("renormal.projection.Encoded",)


class Drawn(Object):
    targets = ("renormal.projection.Drawn",)
    seed: Annotated[Seed, "Of the draws."]


class LatentEnergy(Object):
    targets = ("renormal.projection.LatentEnergy", "renormal.projection.AnoGANEnergy")
    weight: Annotated[Weight, "λ of −log p(z), or of the discriminator's features."]
    start: Annotated[Any, OneOf("a start", (Encoded, Drawn)), "Where z begins."]


class Gradient(Object):
    targets = ("renormal.projection.Gradient",)


class AdamDirection(Object):
    targets = ("renormal.projection.Adam",)
    beta1: Annotated[Beta, "Of the running mean of the gradient."]
    beta2: Annotated[Beta, "Of the running mean of its square."]
    epsilon: Annotated[Epsilon, "Added to the root of the second mean."]


class ClippedGradient(Object):
    targets = ("renormal.projection.ClippedGradient",)
    bound: Annotated[Positive, "Each number of the gradient lies within ± this."]
    first: Annotated[Amount, "Updates at step_size."]
    later: Annotated[float, Gt(0), Le(1e4), "Times step_size, for all later updates."]


class Threshold(Object):
    targets = ("renormal.projection.Threshold",)
    value: Annotated[Finite | None, "T itself; null: a quantile of L_r over normal images."]
    quantile: Annotated[Share, "Of L_r over normal images; 0: their minimum."]


class Plateau(Object):
    targets = ("renormal.projection.Plateau",)
    tolerance: Annotated[float, Ge(0), Le(1), "Least fall of E that counts, a share of E."]
    patience: Annotated[Count, "Steps without such a fall."]


class Never(Object):
    targets = ("renormal.projection.Never",)


ENERGY = OneOf("an energy", (Energy, SegmentedEnergy, LatentEnergy))
DIRECTION = OneOf("a direction", (Gradient, AdamDirection, ClippedGradient))
STOP = OneOf("a stop", (Threshold, Plateau, Never))


class DescentSettings(Group):
    """Of all projections, in conf/config.yaml."""

    max_steps: Annotated[int, Ge(0), Le(1_000_000), "Updates at most."]
    safeguard: Annotated[bool, "true: refuse a step that raises a sample's energy and halve its α."]
    slots: Annotated[Size | None, "Samples that move together; null: 16 on a CPU, as many as pay on a GPU."]
    check_every: Annotated[
        Count | None, "Iterations between two checks which samples have stopped; null: 1 on a CPU, 8 on a GPU."
    ]
    precision: Annotated[Precision, "Of the network; auto: bfloat16 where the device is faster in it."]


class Descent(Object, DescentSettings):
    targets = ("renormal.projection.Descent",)
    energy: Annotated[Any, ENERGY, "What the descent minimizes."]
    mask: Annotated[Any, FUNCTION, "Which pixels move."]
    direction: Annotated[Any, DIRECTION, "Where to go from a gradient."]
    stop: Annotated[Any, STOP, "When a sample has arrived."]
    step_size: Annotated[float, Gt(0), Le(1e4), "α."]
    clamp: Annotated[Clamp | None, "What x is held within after each update; null: nothing, as for a search in z."]
    graph: Annotated[bool, "Whether iterations are replayed as a CUDA graph."]
    reconstructed: Annotated[bool, "true: the answer is f(x_N), not x_N."]


PROJECTION = OneOf("a descent: add it to projection=[...] to change its settings", (Descent,))


class Smooth(Object):
    targets = ("renormal.scores.Smooth",)
    mean: Annotated[Box, "Side of the square that is averaged around each pixel, px; 0: none."]
    gaussian: Annotated[OptionalSigma, "σ of a Gaussian, px; 0: none."]
    share: Annotated[float, Ge(0), Lt(1), "In place of mean: share of the side of what is scored; 0: none."] = 0.0


class Comparison(Object):
    targets = ("renormal.scores.SquaredError",)
    smooth: Annotated[Any, OneOf("a smoothing", (Smooth,)), "Of the map."]


class DSSIMScore(Comparison):
    targets = ("renormal.scores.DSSIM",)
    window: Annotated[Odd, "Side of the window, px."]
    sigma: Annotated[Sigma, "σ of the window, px."]
    grey: Annotated[bool, "true: luminance only."]


class MSGMSScore(Comparison):
    targets = ("renormal.scores.MSGMS",)
    scales: Annotated[int, Ge(1), Le(10), "The image and its halvings."]
    constant: Annotated[float, Gt(0), Le(1e6), "c of (2pq + c) / (p² + q² + c), p and q the lengths of the gradients."]
    grey: Annotated[bool, "true: luminance only."]


class SegmentedScore(Comparison):
    targets = ("renormal.scores.Segmented",)


class GradientScore(Object):
    targets = ("renormal.scores.GradientScore",)
    of: Annotated[Any, FUNCTION, "What is differentiated."]
    times_error: Annotated[bool, "true: times (x0 − f(x0))²."]
    normalise: Annotated[bool, "true: scaled to [0, 1] in each image or tile."]
    sigma: Annotated[OptionalSigma, "σ of a Gaussian over the gradient, px; 0: none."]
    window: Annotated[Odd, "Side of its window, px."]


SIMPLE = (DSSIMScore, Comparison, MSGMSScore, SegmentedScore, GradientScore, Function)


class SecondScore(Object):
    targets = ("renormal.scores.Second",)
    of: Annotated[Any, OneOf("a score", SIMPLE), "Compares x0 with g(x0)."]


class WhitenedScore(Object):
    targets = ("renormal.scores.Whitened",)
    of: Annotated[
        Any,
        OneOf("a comparison", (DSSIMScore, Comparison, MSGMSScore)),
        "Compares x0 with x_N in colours in which f errs equally on good images.",
    ]
    shrinkage: Annotated[float, Gt(0), Le(1), "ρ: no colour is weighed more than 1/√ρ times; 1: all alike."]


PART = OneOf("a score: add it with '+score@score.parts.<name>=...' first", (*SIMPLE, SecondScore, WhitenedScore))


class Combined(Object):
    targets = ("renormal.scores.Combined",)
    parts: Annotated[dict[str, Annotated[Any, PART]], Len(1), "Scores by name."]
    by: Annotated[Any, FUNCTION, "How each part is scaled by its maps of good images."]
    power: Annotated[float, Ge(0), Le(1), "p of the power mean of the parts; 1: the mean, 0: the geometric mean."] = 1.0


class Reconstructed(Object):
    targets = ("renormal.scores.Reconstructed",)
    of: Annotated[Any, OneOf("a score", SIMPLE), "Compares x0 with f(x_N)."]


SCORE = OneOf(
    "a score: add it with '+score@scores.<name>=...' first",
    (*SIMPLE, SecondScore, WhitenedScore, Combined, Reconstructed),
)
