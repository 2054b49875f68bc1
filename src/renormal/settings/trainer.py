"""Settings of Lightning's trainer: conf/trainer/*.yaml, and every other argument that + adds."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from annotated_types import Ge, Le, Len
from pydantic import ConfigDict

from renormal.settings.kinds import Amount, Batches, Count, Devices, Epochs, Name, Steps, Words, refusing
from renormal.settings.objects import Object, OneOf

Accelerator = Literal["auto", "cpu", "gpu", "cuda", "mps", "tpu", "hpu", "xpu"]
Precision = Literal[
    "auto",
    "32-true",
    "bf16-mixed",
    "16-mixed",
    "bf16-true",
    "16-true",
    "64-true",
    "bf16",
    "32",
    "16",
    "64",
    32,
    16,
    64,
    "transformer-engine",
    "transformer-engine-float16",
]
Unit = Literal["weeks", "days", "hours", "minutes", "seconds"]
Time = Annotated[
    Annotated[str, refusing(re.compile(r"\d+:\d\d:\d\d:\d\d").fullmatch)] | dict[Unit, Amount],
    Words("days, hours, minutes and seconds such as 00:12:00:00, or {hours: 12}"),
]


STRATEGIES = ("auto", "ddp", "ddp_find_unused_parameters_false", "ddp_find_unused_parameters_true")  # of Lightning's
SWITCHES = ("find_unused_parameters", "gradient_as_bucket_view", "static_graph")  # of DDPStrategy


def can_run(strategy: str | dict[str, Any]) -> bool:
    """Whether a job runs with this strategy: a name that it can start, or an object with right switches and timeout."""
    if isinstance(strategy, str):
        return strategy in STRATEGIES
    timeout = strategy.get("timeout", {"_target_": ""})
    if not isinstance(strategy.get("_target_"), str) or not isinstance(timeout, dict) or "_target_" not in timeout:
        return False
    times = [value for key, value in timeout.items() if key != "_target_"]
    right = all(type(one) in (int, float) and 0 < one <= 1e6 for one in times)
    return right and all(type(strategy.get(key, False)) is bool for key in SWITCHES)


class Trainer(Object):
    targets = ("lightning.Trainer", "lightning.pytorch.Trainer", "pytorch_lightning.Trainer")
    accelerator: Annotated[Accelerator, "Kind of device; auto: a GPU where there is one, else the CPU."]
    strategy: Annotated[
        Annotated[
            str | dict[str, Any],
            Len(1),
            refusing(can_run),
            Words(
                "auto, ddp, ddp_find_unused_parameters_false or …_true, or an object: its switches are true or false, "
                "its timeout has a `_target_` and numbers > 0 and ≤ 1000000"
            ),
        ]
        | None,
        "How several devices work together.",
    ]
    devices: Annotated[Devices, "Of one job, one process for each."]
    num_nodes: Annotated[int, Ge(1), Le(10_000), "Machines of one job."]
    precision: Annotated[Precision, "Of the training; auto: bf16-mixed where the device is faster in it."]
    max_epochs: Annotated[Epochs | None, "Epochs of the training; −1 or null: max_steps ends it."]
    min_epochs: Annotated[Count | None, "Epochs at least; null: none."]
    max_steps: Annotated[Steps | None, "Optimizer steps at most; −1 or null: max_epochs ends the training."]
    min_steps: Annotated[Count | None, "Optimizer steps at least; null: none."]
    max_time: Annotated[Time | None, "Time at most; a training that it ends is no result; null: none."]
    fast_dev_run: Annotated[
        Literal[False] | None,
        "A training of few batches is no result; limit_train_batches shortens one.",
    ]
    limit_train_batches: Annotated[Batches | None, "Batches of an epoch, or their share; null: all."]
    limit_test_batches: Annotated[Batches | None, "Batches of the test, or their share; null: all."]
    limit_val_batches: Annotated[Batches | None, "Not used: there is no validation."]
    limit_predict_batches: Annotated[Batches | None, "Not used: there is no prediction."]
    overfit_batches: Annotated[
        Annotated[
            int | float,
            refusing(lambda n: n >= 0 if type(n) is int else 0 <= n <= 1),
            Words("a whole number ≥ 0, or a share up to 1.0"),
        ]
        | None,
        "The same batches in each epoch; 0 or null: no.",
    ]
    accumulate_grad_batches: Annotated[Count | None, "Batches of one optimizer step."]
    gradient_clip_val: Annotated[Annotated[float, Ge(0)] | None, "Largest norm of a gradient; null: no clipping."]
    gradient_clip_algorithm: Annotated[Literal["norm", "value", None], "What gradient_clip_val limits; null: the norm."]
    deterministic: Annotated[bool | Literal["warn"] | None, "Whether torch may take no algorithm that varies."]
    benchmark: Annotated[bool | None, "Whether cuDNN measures its algorithms."]
    inference_mode: Annotated[bool, "Of the test; a descent makes its own gradients."]
    sync_batchnorm: Annotated[bool | None, "Whether batch norms see the batches of all devices."]
    use_distributed_sampler: Annotated[Literal[False], "The data module gives every rank its own images."]
    reload_dataloaders_every_n_epochs: Annotated[Amount | None, "0: never."]
    val_check_interval: Annotated[Any, "Not used: there is no validation."]
    check_val_every_n_epoch: Annotated[Count | None, "Not used: there is no validation."]
    num_sanity_val_steps: Annotated[Annotated[int, Ge(-1)] | None, "Not used: there is no validation."]
    log_every_n_steps: Annotated[Count | None, "Steps between two lines of a log."]
    enable_progress_bar: Annotated[bool | None, "Lightning's bar; `progress` shows one of the whole job."]
    enable_model_summary: Annotated[bool | None, "A table of the layers."]
    enable_autolog_hparams: Annotated[bool, "Whether Lightning logs the settings."]
    profiler: Annotated[Literal["simple", "advanced", "pytorch", None], "What measures times; null: nothing."]
    detect_anomaly: Annotated[bool, "Whether autograd names the step that made a NaN."]
    model_registry: Annotated[Name | None, "Name in Lightning's registry of models."]
    # Those that a job gives itself:
    barebones: Annotated[Literal[False, None], "A job needs its checkpoint and its callbacks."]
    callbacks: Annotated[None, "A job has its own; dashboard= and logger= change what is shown."]
    default_root_dir: Annotated[None, "A job writes into its own folder, see name=."]
    enable_checkpointing: Annotated[Literal[True, None], "A job keeps its last epoch, from which it goes on."]
    logger: Annotated[None, "Choose with logger=."]
    plugins: Annotated[None, "A job has its own."]


class OtherTrainer(Trainer):
    model_config = ConfigDict(extra="allow")


TRAINER = OneOf("a trainer", (Trainer,), other=OtherTrainer)
