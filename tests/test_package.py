"""`import renormal` costs nothing, and its projection needs torch alone: each asked of a fresh Python."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import renormal

ONLY_TORCH = """
import sys

class Absent:
    names = {names!r}

    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in self.names:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Absent())
"""
ABSENT = ["lightning", "hydra", "omegaconf", "kornia", "torchmetrics", "wandb", "numpy", "scipy", "PIL", "matplotlib"]


def fresh(code: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-W", "ignore", "-c", code]  # torch warns where NumPy is absent
    return subprocess.run(command, capture_output=True, text=True)


def test_importing_the_package_loads_none_of_its_modules() -> None:
    code = "import sys, renormal; print([name for name in sys.modules if name == 'torch' or 'renormal.' in name])"
    done = fresh(code)
    assert (done.stdout.strip(), done.returncode) == ("[]", 0), done.stderr


def test_a_job_says_that_it_starts_before_torch_and_scipy_are_loaded(tmp_path: Path) -> None:
    code = f"""{ONLY_TORCH.format(names=["torch", "scipy"])}
sys.argv = ["renormal", "data=rehearsal", "category=bottle", "folder={tmp_path}"]
from renormal.run import main
main()
"""
    done = fresh(code)
    assert f"{tmp_path}: starting" in done.stdout
    assert "No module named 'torch'" in done.stderr


@pytest.mark.parametrize("command", ["predict", "view"])
def test_a_command_is_there_before_torch_is_loaded(command: str) -> None:
    done = fresh(f"import sys, renormal.inspect.{command}; print('torch' in sys.modules)")
    assert (done.stdout.strip(), done.returncode) == ("False", 0), done.stderr


def test_the_projection_needs_torch_alone() -> None:
    """An autoencoder whose f(x) is 0: E = ‖x‖² + λ‖x − x0‖₁ falls below T."""
    code = f"""{ONLY_TORCH.format(names=ABSENT)}
import torch
from renormal import Descent, Threshold, project

class Nothing:
    def reconstruct(self, x):
        return 0 * x, x.square().flatten(1).sum(dim=1)

result = project(Nothing(), torch.full((1, 1, 4, 4), 0.5), Descent(step_size=0.1, stop=Threshold(value=1.0)))
print(float(result.terms.reconstruction) < 1, int(result.steps) > 0)
"""
    done = fresh(code)
    assert done.stdout.split() == ["True", "True"], done.stderr


def test_what_is_planted_as_absent_is_absent() -> None:
    done = fresh(f"{ONLY_TORCH.format(names=ABSENT)}\nimport renormal.lit.module")
    assert "No module named 'lightning'" in done.stderr


@pytest.mark.parametrize("name", renormal.__all__)
def test_every_name_of_the_package_is_there(name: str) -> None:
    assert getattr(renormal, name).__name__ == name
    assert name in dir(renormal)


def test_another_name_is_refused() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'projct'"):
        _ = renormal.projct
