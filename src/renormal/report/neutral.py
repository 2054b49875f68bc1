"""What cannot change a number of a job: keys of its config, and values that change nothing."""

from __future__ import annotations

from typing import Any

ELSEWHERE = (  # where the data are stored, and what is looked at before a test
    *("root", "csv", "download", "accept_licence", "url", "sha256", "source", "notes"),
    "planted",
    "examine",
)
SMOOTHS_NOTHING = {"_target_": "renormal.scores.Smooth", "mean": 0, "gaussian": 0.0}
PLAYERS = {"_target_": "hydra.utils.get_class", "path": "renormal.lit.adversarial.AdversarialModule"}

# Arguments of Lightning's Trainer that cannot change a number. All others are part of a training.
TRAINER = frozenset(
    {
        *("accelerator", "log_every_n_steps", "profiler", "model_registry", "inference_mode"),
        *("enable_checkpointing", "enable_progress_bar", "enable_model_summary", "enable_autolog_hparams"),
        "detect_anomaly",  # it ends a training, and changes none
        *("limit_val_batches", "val_check_interval", "check_val_every_n_epoch", "num_sanity_val_steps"),  # none are
        "limit_predict_batches",
        *("precision", "devices", "num_nodes"),  # part of a digest in another way
    }
)
CONNECTION = frozenset(  # of DDPStrategy: how gradients travel, not what they are
    {"_target_", "timeout", "process_group_backend", "start_method"}
    | {"find_unused_parameters", "gradient_as_bucket_view", "static_graph"}
)
NEUTRAL: dict[str, tuple[Any, ...]] = {  # keys newer than the first record, with the values that change nothing
    "kl_weight": (0.0, 0),
    "flips": (False,),
    "crossed": (False,),
    "drawn": (None,),
    "bits": (None,),
    "data.object_tiles": (False, None),  # a job has true or false in place of null before its digests are taken
    "data.shrink": ([1],),
    "mask_level": (None,),
    "normal_images": (32,),
    "minutes": (None,),
    "patience": (None,),
    "test.holdout": (0,),
    "test.fold": (0,),
    "test.area": (1,),
    "false_alarms": (0.01,),
    "aupro_limits": ([],),
    "choose.family": (None,),
    "choose.projections": ({},),
    "choose.preferred": ({},),
    "smooth": (SMOOTHS_NOTHING, SMOOTHS_NOTHING | {"share": 0.0}),
    "share": (0.0,),  # of a smoothing
    "model.net.draws": (0,),
    "model.net.sigma": (1.0,),  # what the VAE had before it was a setting
    "model.module": (None, PLAYERS),  # the players of an adversarial model need that one, others cannot have it
    "trainer._target_": ("lightning.Trainer",),
    "trainer.strategy": (None, "auto", "ddp"),
    "trainer.max_steps": (None, -1),
    "trainer.accumulate_grad_batches": (None, 1),
    "trainer.limit_train_batches": (None, 1.0),  # all of them; 1 is one batch
    "trainer.limit_test_batches": (None, 1.0),
    "trainer.overfit_batches": (None, 0, 0.0),
    "trainer.fast_dev_run": (None, False, 0),
    "trainer.deterministic": (None, False),
    "trainer.benchmark": (None, False),
    "trainer.barebones": (None, False),
    "trainer.sync_batchnorm": (None, False),
    "trainer.use_distributed_sampler": (False,),
    "trainer.reload_dataloaders_every_n_epochs": (None, 0),
    **{f"trainer.{key}": (None,) for key in ("gradient_clip_algorithm", "max_time", "min_epochs", "min_steps")},
}
FORMERLY = {"limit": (None, 0.5)}  # key → (value, what records have in its place); pictures alone differ


def is_neutral(key: str, value: Any) -> bool:
    """Whether this value changes nothing. 1 and 1.0 are two values."""
    return any(type(one) is type(value) and one == value for one in NEUTRAL.get(key, ()))
