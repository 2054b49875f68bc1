"""All settings of a job: conf/config.yaml, and the groups below it."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from annotated_types import Ge, Gt, Le, Len
from pydantic import Field

from renormal.settings.data import DATA
from renormal.settings.kinds import (
    Amount,
    Axis,
    Below,
    Budget,
    Count,
    HoldOut,
    Name,
    Path,
    Seed,
    Side,
    Size,
    Weight,
    Within,
)
from renormal.settings.logger import LOGGER
from renormal.settings.model import MODEL, OPTIMIZER, SecondStageVAE
from renormal.settings.objects import FUNCTION, Group, Object, OneOf
from renormal.settings.projection import PROJECTION, SCORE, DescentSettings
from renormal.settings.trainer import TRAINER

Stage = Literal["train", "choose", "test", "inpaint", "sample"]
Metric = Literal["pixel_auroc", "average_precision", "aupro", "best_f1", "image_auroc", "mean_of_three"]
Few = Annotated[int, Ge(0), Le(10_000)]  # pictures
Scores = dict[str, Annotated[Any, SCORE]]


class Test(Group):
    """The stage test."""

    samples: Annotated[Count, "Objects or tiles in one call of the projection."]
    stride: Annotated[Side, "Distance from one tile of a texture to the next, px."]
    average: Annotated[
        Literal["maps", "pixels"], "maps: score tiles, then average maps; pixels: average tiles, then score."
    ]
    flips: Annotated[bool, "true: average the maps of every mirror and quarter turn that the augmentation allows."]
    crossed: Annotated[bool, "true: `scores` also score x_N of each projection."]
    mask_level: Annotated[
        Annotated[float, Ge(0), Le(65_535)] | None,
        "Pixels of a mask above it are defects; null: found in the values of all masks.",
    ]
    curves: Annotated[list[Name], "Projections to measure the AUROC of after each iteration."]
    path: Annotated[list[Amount], "Iterations at which x and f(x) of the first anomalous image are kept."]
    panels: Annotated[Few, "Samples that are drawn for the report."]
    drawn: Annotated[list[Name] | None, "Projections to draw the samples of; null: all."]
    limit: Annotated[
        Annotated[float, Gt(0)] | None, "Top of the colour scale of all maps; null: each column has its own."
    ]
    holdout: Annotated[
        HoldOut, "n: every n-th good image is kept for the thresholds, not for training or choosing; 0: none."
    ]
    fold: Annotated[Seed, "By how many images test.holdout begins earlier: other folds set other images apart."]
    normal_images: Annotated[Amount, "Scored before the test, for colour scales and thresholds; 0: none."]
    planted: Annotated[
        Annotated[int, Ge(0), Le(10_000)],
        "Defects planted on normal images and searched before the test: a line says where f(x0) finds more; 0: none.",
    ]
    false_alarms: Annotated[
        Within,
        "At most this share of the pixels of normal images, and of the images, exceeds the threshold of f1 and recall.",
    ]
    area: Annotated[int, Ge(1), Le(10**9), "Pixels of the smallest defect that renormal-predict counts."]
    aupro_limits: Annotated[list[Within], "Further limits of AUPRO's FPR besides 0.3."]


class Grid(Object):
    targets = ("renormal.choose.strategies.Grid",)


class Trials(Object):
    targets = ("renormal.choose.strategies.Optuna",)
    trials: Annotated[Count, "Descents over all planted defects."]
    seed: Annotated[Seed, "Seed of the proposals."]


class Choose(Group):
    """The stage choose."""

    holdout: Annotated[HoldOut, "n: every n-th good image is not trained on and gets planted defects; 0: none."]
    defects: Annotated[int, Ge(1), Le(100_000), "Planted defects; half as many good images are added."]
    metric: Annotated[
        Metric,
        "The settings with its best value are taken; mean_of_three: the mean of pixel_auroc, aupro and image_auroc.",
    ]
    seed: Annotated[Seed, "Seed of the planted defects."]
    family: Annotated[
        Literal["first", "second"] | None,
        "Family of planted pairs of an outline and a material; damage=pairs trains on first; null: eight other kinds.",
    ] = None
    scores: Annotated[Scores, "More scores to choose from."]
    preferred: Annotated[
        dict[str, Annotated[float, Ge(0), Le(1)]],
        "Score → how much better another one must be, by the metric, to be taken in its place.",
    ] = Field(default_factory=dict)
    projections: Annotated[
        dict[str, Annotated[Any, PROJECTION]], "More projections to choose from, which are no columns of their own."
    ]
    settings: Annotated[Path | None, "A choice.json, whose settings are tested as the column chosen; null: none."]
    strategy: Annotated[Any, OneOf("a strategy", (Grid, Trials)), "Which settings are measured."]
    axes: Annotated[dict[str, Axis], "Values of each setting that is chosen."]


class Squares(Object):
    targets = ("renormal.functional.holes.square_holes",)
    share: Annotated[float, Gt(0), Le(1), "Of the side."]


class OtherHoles(Object):
    targets = tuple(
        f"renormal.functional.holes.{name}" for name in ("mixed_holes", "yeh_holes", "face_parts", "rectangles")
    )


class Inpaint(Group):
    """The stage inpaint."""

    images: Annotated[Count, "Good test images at most."]
    seed: Annotated[Seed, "Of holes and noise."]
    holes: Annotated[
        dict[str, Annotated[Any, OneOf("a kind of hole", (Squares, OtherHoles))]], Len(1), "Kinds, by name."
    ]
    classical: Annotated[Annotated[Any, FUNCTION] | None, "A method of a library to compare with; null: none."]


class Sample(Group):
    """The stage sample."""

    net: Annotated[Any, OneOf("a second stage", (SecondStageVAE,)), "The VAE of the codes."]
    optimizer: Annotated[Any, OPTIMIZER, "Of the second stage."]
    epochs: Annotated[Count, "Over the codes."]
    batch_size: Annotated[Size, "Codes of one step."]
    seed: Annotated[Seed, "Of training and drawing."]


class Dashboard(Group):
    """What logger=wandb and logger=tensorboard show."""

    images: Annotated[Few, "Training images shown with their reconstructions."]
    every: Annotated[Count, "Epochs between two of these pictures."]
    traces: Annotated[list[Name] | None, "Projections to show energy and L_r of; null: all."]
    samples: Annotated[Few, "Test samples that descend once more for these curves."]


class Recipe(Group):
    """A job."""

    name: Annotated[Below, "Results go to `outputs/<name>/<model>/<category>/<seed>`."]
    category: Annotated[Below, "Category of data=mvtec, rehearsal and table; data=folder takes the folder's name."]
    seed: Annotated[Seed, "Seed of the weights, the batches and all noise."]
    stages: Annotated[list[Stage], Len(1), "What the job does."]
    minutes: Annotated[
        Annotated[float, Gt(0), Le(1e6)] | None,
        "Minutes of training at most, with as many epochs as this machine can do; null: trainer.max_epochs.",
    ]
    patience: Annotated[
        Within | None,
        "Share of the epochs without a lower loss of held-out good images, after which a training ends; null: never.",
    ]
    continue_: Annotated[
        Path | None, "The folder of a finished job, whose network is trained further; null: a new network."
    ] = Field(alias="continue")
    checkpoint_minutes: Annotated[
        Annotated[float, Gt(0)] | None,
        "Minutes between two checkpoints within an epoch; null: only one after each epoch and at an interrupt.",
    ]
    checkpoint: Annotated[
        Path | Annotated[list[Path], Len(1)] | None,
        "Weights to test, a checkpoint or the network's state_dict; a list: their maps are averaged; null: those of "
        "the job's own folder.",
    ]
    objective: Annotated[
        Name | None, "The number that a job returns to Optuna: held_out, planted or a metric; null: one without labels."
    ]
    rerun: Annotated[bool, "true: repeat a job although its record was written by this config."]
    progress: Annotated[bool, "A progress bar for each job, in a terminal."]
    threads: Annotated[Annotated[int, Ge(1), Le(1024)] | None, "Threads of torch; null: all cores."]
    folder: Annotated[Path, "Where the job writes."]
    batch_size: Annotated[Size, "Images of one training step, on each device."]
    data: Annotated[Any, DATA, "The images."]
    model: Annotated[Any, MODEL, "The network and its training."]
    projections: Annotated[dict[str, Annotated[Any, PROJECTION]], "Descents, by name."]
    score: Annotated[Any, SCORE, "What makes a map of x0 and x_N."]
    scores: Annotated[Scores, "More scores of x0 and f(x0), a column each."]
    descent: Annotated[DescentSettings, "Of all projections; projections.<name> overrides it."]
    test: Annotated[Test, "The stage test."]
    choose: Annotated[Choose, "The stage choose."]
    inpaint: Annotated[Inpaint, "The stage inpaint."]
    sample: Annotated[Sample, "The stage sample."]
    dashboard: Annotated[Dashboard, "Pictures and curves of a dashboard."]
    trainer: Annotated[Any, TRAINER, "Of the network, by Lightning."]
    logger: Annotated[dict[str, Annotated[Any, LOGGER]], "Where numbers and pictures go, by name."]
    budget: Annotated[
        dict[str, Budget],
        "Epochs by model, for experiments; two numbers: of machines with bfloat16 or a GPU, and of others. "
        "budget=quick and budget=full are files that set minutes.",
    ]
    rarity: Annotated[dict[str, Weight], "λ of −log p(z) by model, for experiments."]
    row: Annotated[Below | None, "Set by ablation=NAME: a part of the folder of the results; null: none."]
