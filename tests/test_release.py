"""What goes with the code: the exact set of libraries, the citation, the scan for secrets."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
ASKED = [
    Requirement(line)
    for line in [
        *PROJECT["dependencies"],
        *(line for extra in PROJECT["optional-dependencies"].values() for line in extra),
    ]
    if not line.startswith("renormal")
]
EXACT = {
    requirement.name: requirement
    for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    if (requirement := Requirement(line))
}


@pytest.mark.parametrize("asked", ASKED, ids=str)
def test_the_exact_set_has_what_pyproject_asks_for(asked: Requirement) -> None:
    """CONTRIBUTING.md has the command that writes constraints.txt."""
    assert asked.name in EXACT, "write constraints.txt anew"
    (exact,) = EXACT[asked.name].specifier
    assert exact.operator == "=="
    assert exact.version in asked.specifier


def test_the_exact_set_names_no_host() -> None:
    assert all(requirement.url is None for requirement in EXACT.values())


def test_the_citation_has_the_paper() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    (paper,) = citation["references"]
    assert [author["family-names"] for author in paper["authors"]] == ["Dehaene", "Frigo", "Combrexelle", "Eline"]
    assert paper["identifiers"] == [{"type": "other", "value": "arXiv:2002.03734"}]
    assert citation["license"] == PROJECT["license"]


def hooked(file: Path) -> int:
    hook = str(Path(sys.executable).with_name("detect-secrets-hook"))
    return subprocess.run([hook, "--no-verify", str(file)], capture_output=True, check=False).returncode


def test_a_key_is_not_committed(tmp_path: Path) -> None:
    (tmp_path / "text.py").write_text("learning_rate = 0.001\n")
    (tmp_path / "key.py").write_text(f'key = "AKIA{"QJ3ZT5KWPLMN7RXB"}"\n')
    assert [hooked(tmp_path / name) for name in ("text.py", "key.py")] == [0, 1]


def test_the_hooks_can_be_read() -> None:
    hooks = str(Path(sys.executable).with_name("pre-commit"))
    done = subprocess.run([hooks, "validate-config", str(ROOT / ".pre-commit-config.yaml")], check=False)
    assert done.returncode == 0
