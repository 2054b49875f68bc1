#!/usr/bin/env bash
# One machine with a GPU for a quarter of an hour: the device check if asked for, then trainings side by side.
#   bash benchmarks/lent.sh WHEELS IMAGES OUT SECONDS JOBS [EARLIER]
# WHEELS: folder of `make device-wheels`. IMAGES: the folder of MVTec AD, or a file of `python -m benchmarks.packed pack`. OUT: a folder that comes back.
# SECONDS: until all must be written. JOBS: a file, one job a line, the first ones first (benchmarks/lent.txt). EARLIER: the
# OUT of an earlier call, whose jobs go on. CHECK=1: the device check comes first, alone. AT_ONCE=6: jobs side by side;
# 18 for small trainings, where the machine has MPS, which runs kernels of several processes at the same time: it is started
# here. Trainings in batches of 8 beside such in batches of 128 are faster six at a time (docs/results/gpu.md).
# DRY=1: all of it on a CPU, tiny: its numbers mean nothing.
set -uo pipefail
wheels=$1 images=$2 out=$3 end=$(($(date +%s) + $4)) jobs=$5 earlier=${6:-}
python=${PYTHON:-python3} site=${SITE:-/tmp/renormal-site} root=${ROOT:-/tmp/renormal-data}
mkdir -p "$out"
PYTHONPATH=src:. $python -m benchmarks.wheels install "$wheels" --target "$site" || exit
export PYTHONPATH=src:.:$site PYTHONUNBUFFERED=1 OMP_NUM_THREADS=${OMP_NUM_THREADS:-2}
if [ -n "$earlier" ]; then cat "$earlier"/jobs.tar.* | tar -xz || exit; fi
if [ -n "${CHECK:-}" ]; then
  $python -m benchmarks.device ${DRY:+--dry} --out "$out/device.json" 2>&1 | tee "$out/device.log"
fi
if [ -d "$images" ]; then root=$images; else $python -m benchmarks.packed unpack "$images" "$root" || exit; fi

mps=$(command -v nvidia-cuda-mps-control || ls /usr/local/nvidia/bin/nvidia-cuda-mps-control 2>/dev/null)
[ -n "${DRY:-}" ] && mps=
if [ -n "$mps" ]; then
  export CUDA_MPS_PIPE_DIRECTORY=/tmp/renormal-mps CUDA_MPS_LOG_DIRECTORY=/tmp/renormal-mps
  mkdir -p "$CUDA_MPS_PIPE_DIRECTORY" && "$mps" -d
  if ! timeout 60 $python -c "import torch; torch.ones(1, device='cuda').sum().item()"; then
    echo quit | timeout 20 "$mps"
    unset mps CUDA_MPS_PIPE_DIRECTORY CUDA_MPS_LOG_DIRECTORY
  fi
fi

# Files that come back are small: the jobs travel in parts of 15 MiB. Earlier parts go when the new ones are whole.
# Of a job that has ended its record travels, of one that has not its checkpoint, too.
keep() {
  rm -f "$out"/new.*
  find outputs/*/ -name record.json | sed 's|record.json$|checkpoints|' >"$out/new.ended"
  tar -cz --exclude=panels --exclude-from="$out/new.ended" outputs/*/ | split -b 15m - "$out/new.part." || return
  rm -f "$out"/jobs.tar.* "$out/new.ended"
  for part in "$out"/new.part.*; do mv "$part" "$out/jobs.tar.${part##*.}"; done
}

export common="data=mvtec data.root=$root trainer.precision=auto descent.precision=auto checkpoint_minutes=1 progress=false"
export tiny=${DRY:+trainer.max_epochs=1 data.epoch_images=8 batch_size=4 descent.max_steps=2 test.normal_images=0 test.planted=0 test.panels=0}
export end python out
job() { # SIGINT: the job writes a checkpoint before it ends, and the same command goes on from there.
  local left=$((end - $(date +%s) - 25))
  [ $left -lt 40 ] && return
  # shellcheck disable=SC2086
  timeout --signal=INT --kill-after=15 $left $python -m renormal.run $common $tiny $1 2>&1 | tail -n 4 | cut -c1-300
  echo "== $1: $((end - $(date +%s))) s are left"
}
export -f job
grep -v '^ *\(#\|$\)' "$jobs" | xargs -P "${AT_ONCE:-6}" -d '\n' -I{} bash -c 'job "{}"' 2>&1 | tee "$out/jobs.log"
[ -n "${mps:-}" ] && echo quit | timeout 20 "$mps"
keep
