#!/bin/sh
# Table 1 as one job array, with the profile of a cluster in examples/conf/hydra/launcher/cluster.yaml.
#
#   DATA=/data/mvtec_ad examples/slurm_sweep.sh                       # 180 jobs with all of the paper's images: 60 cells, seeds 0, 1, 2
#   SEEDS=0 DATA=/data/mvtec_ad examples/slurm_sweep.sh               # 60 jobs, one seed
#   LAUNCHER=local examples/slurm_sweep.sh experiment=demo …          # without SLURM: on this machine
#
# Repeat the command to resume. `renormal-report outputs/table1` shows how far the jobs are.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
exec "${PYTHON:-python3}" -m renormal.run "hydra.searchpath=[file://$here/conf]" "hydra/launcher=${LAUNCHER:-cluster}" \
  ${DATA:+experiment=table1 "sweep=[models,categories]" seed="${SEEDS:-0,1,2}" data.root="$DATA" trainer.precision=auto descent.precision=auto} "$@"
