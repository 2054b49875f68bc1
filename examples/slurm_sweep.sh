#!/bin/sh
# Table 1 as one job array, with the profile of a cluster in examples/conf/hydra/launcher/cluster.yaml.
#
#   DATA=/data/mvtec_ad examples/slurm_sweep.sh                       # 60 jobs at the paper's budget
#   LAUNCHER=local examples/slurm_sweep.sh experiment=demo …          # without SLURM: on this machine
#
# Repeat the command to resume. `renormal-report outputs/table1` shows how far the jobs are.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
exec "${PYTHON:-python3}" -m renormal.run "hydra.searchpath=[file://$here/conf]" "hydra/launcher=${LAUNCHER:-cluster}" \
  ${DATA:+experiment=table1 "sweep=[models,categories]" data.root="$DATA"} "$@"
