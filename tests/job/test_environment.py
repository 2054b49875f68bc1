"""What a job says of the machine that it runs on."""

from __future__ import annotations

import logging

import pytest
from omegaconf import OmegaConf

from renormal.job import environment
from renormal.job.environment import warn_of_emulation


@pytest.mark.parametrize(
    ("training", "descent", "native", "said"),
    [
        ("bf16-mixed", "float32", False, True),
        ("32-true", "bfloat16", False, True),
        ("bf16-mixed", "bfloat16", True, False),
        ("auto", "auto", False, False),
        ("32-true", "float32", False, False),
    ],
)
def test_bfloat16_by_name_where_it_is_emulated_is_said_with_its_factor(
    training: str,
    descent: str,
    native: bool,
    said: bool,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(environment, "has_bfloat16", lambda device: native)
    trainer = {"precision": training, "accelerator": "cpu"}
    config = OmegaConf.create({"trainer": trainer, "projections": {"eq8": {"precision": descent}}})
    with caplog.at_level(logging.WARNING, "renormal"):
        warn_of_emulation(config)
    assert ("3 to 34 times as long as in float32" in caplog.text) is said
    assert ("trainer.precision=auto descent.precision=auto" in caplog.text) is said
