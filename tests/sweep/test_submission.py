"""What reaches sbatch: settings of the command line and of a launcher file of somebody else's project."""

from __future__ import annotations

from pathlib import Path

import pytest
from hydra import initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.types import RunMode
from omegaconf import OmegaConf

from renormal.run import CONF
from renormal.sweep.slurm import array_executor, submit

LAB = """# @package _global_
defaults:
  - override /hydra/launcher: {base}
hydra:
  launcher:
    partition: long
    gres: gpu:1
    qos: high
    mem_per_cpu: 4GB
    setup: ["module purge", "module load cuda/12"]
    additional_parameters: {{mail-user: ada}}
"""
EXPORTS = ["export OMP_NUM_THREADS=${SLURM_CPUS_PER_TASK:-1}", "export SRUN_CPUS_PER_TASK=${SLURM_CPUS_PER_TASK:-1}"]


def submitted(folder: Path, script: Path, *overrides: str) -> list[str]:
    with initialize_config_dir(str(CONF), version_base="1.3"):
        load = GlobalHydra.instance().config_loader().load_configuration
        config = load("config", [f"hydra.sweep.dir={folder}/sweep", *overrides], RunMode.MULTIRUN)
        params = OmegaConf.to_container(config.hydra.launcher, resolve=True)
    assert isinstance(params, dict)
    del params["_target_"]
    jobs = submit(array_executor(params), print, [(1,), (2,)])
    assert [job.job_id for job in jobs] == ["4711_0", "4711_1"]
    return script.read_text().splitlines()


@pytest.mark.parametrize("base", ["slurm", "submitit_slurm"])
def test_a_labs_own_file_reaches_sbatch_and_keeps_requeue_and_our_exports(
    tmp_path: Path, stubs: Path, base: str
) -> None:
    (tmp_path / "conf" / "launcher").mkdir(parents=True)
    (tmp_path / "conf" / "launcher" / "lab.yaml").write_text(LAB.format(base=base))
    lines = submitted(tmp_path, stubs, f"hydra.searchpath=[file://{tmp_path}/conf]", "+launcher=lab")
    for option in ("partition=long", "gres=gpu:1", "qos=high", "mem-per-cpu=4GB", "mail-user=ada", "requeue"):
        assert f"#SBATCH --{option}" in lines
    assert not [line for line in lines if line.startswith("#SBATCH --mem=")], "sbatch refuses both kinds of memory"
    assert [line for line in lines if line in EXPORTS or line.startswith("module")] == [
        *EXPORTS,
        "module purge",
        "module load cuda/12",
    ]


def test_settings_of_the_command_line_reach_sbatch(tmp_path: Path, stubs: Path) -> None:
    own = ["gres=gpu:2", "exclude=node7", "setup=[ulimit -n 4096]", "mem_gb=3", "modules=[cuda/12,gcc]"]
    more = ["+hydra.launcher.nodelist=node1", "+hydra.launcher.comment=night"]
    lines = submitted(tmp_path, stubs, "hydra/launcher=slurm", *(f"hydra.launcher.{one}" for one in own), *more)
    for option in ("gres=gpu:2", "exclude=node7", "mem=3GB", "nodelist=node1", "comment=night", "requeue"):
        assert f"#SBATCH --{option}" in lines
    shell = ["module load cuda/12", "module load gcc", "ulimit -n 4096"]
    assert [line for line in lines if line in EXPORTS or line in shell] == [*EXPORTS, *shell]


def test_without_slurm_one_line_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SystemExit) as end:
        array_executor({"submitit_folder": str(tmp_path)})
    assert end.value.code == 2
    assert capsys.readouterr().err == (
        "renormal: hydra/launcher=slurm needs sbatch and srun and squeue: start it where SLURM is installed\n"
    )
