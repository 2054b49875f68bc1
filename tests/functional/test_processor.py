"""Which processors have bfloat16, as Linux lists their flags, and as oneDNN may use them."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from renormal.functional import precision, processor


@pytest.fixture(autouse=True)
def unlimited(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in processor.LIMITS:
        monkeypatch.delenv(name, raising=False)
    precision.has_bfloat16.cache_clear()


def listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, flags: str) -> None:
    file = tmp_path / "cpuinfo"
    file.write_text(f"processor : 0\nmodel name : AMD EPYC\nflags : fpu sse2 avx2 {flags}\n")
    monkeypatch.setattr(processor, "CPUINFO", file)


@pytest.mark.parametrize(
    ("flags", "limit", "native"),
    [
        ("avx512f avx512_bf16", None, True),
        ("avx512f avx512_bf16 amx_bf16", "DEFAULT", True),
        ("avx512f avx512_bf16", "avx512_core_bf16", True),
        ("avx512f avx512_bf16", "AVX2", False),
        ("avx512f avx512_bf16", "avx512_core", False),
        ("avx512f avx512_vnni", None, False),
        ("", None, False),
    ],
)
def test_bfloat16_needs_the_flag_and_no_lower_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, flags: str, limit: str | None, native: bool
) -> None:
    listed(tmp_path, monkeypatch, flags)
    if limit:
        monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", limit)
    assert processor.native_bfloat16() is native
    assert precision.has_bfloat16(torch.device("cpu")) is native
    precision.has_bfloat16.cache_clear()


def test_a_system_without_such_a_list_has_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processor, "CPUINFO", tmp_path / "none")
    assert not processor.native_bfloat16()


def test_a_gpu_is_what_the_driver_lists(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a driver there is no list."""
    gpus = tmp_path / "gpus"
    monkeypatch.setattr(processor, "GPUS", gpus)
    assert not processor.has_gpu()
    gpus.mkdir()
    assert not processor.has_gpu()
    (gpus / "0000:01:00.0").mkdir()
    assert processor.has_gpu()
