#!/usr/bin/env bash
# One machine with a GPU for a quarter of an hour: the device check, then trainings at the paper's budget as time is left.
#   bash benchmarks/lent.sh WHEELS IMAGES.npz OUT SECONDS [EARLIER]
# WHEELS: folder of `make device-wheels`. IMAGES.npz: of `python -m benchmarks.packed pack`. OUT: a folder that comes back.
# SECONDS: until all must be written. EARLIER: the OUT of an earlier call: its check is not repeated, its jobs go on.
# DRY=1: all of it on a CPU, tiny: its numbers mean nothing.
set -uo pipefail
wheels=$1 images=$2 out=$3 end=$((SECONDS + $4)) earlier=${5:-}
python=${PYTHON:-python3} site=${SITE:-/tmp/renormal-site} root=${ROOT:-/tmp/renormal-data}
mkdir -p "$out"
PYTHONPATH=src:. $python -m benchmarks.wheels install "$wheels" --target "$site" || exit
export PYTHONPATH=src:.:$site PYTHONUNBUFFERED=1 OMP_NUM_THREADS=${OMP_NUM_THREADS:-4}
if [ -n "$earlier" ]; then
  cp "$earlier"/device.json "$out"/
  cat "$earlier"/jobs.tar.* | tar -xz || exit
else
  check=$(($4 < 480 ? $4 : 480))
  $python -m benchmarks.device ${DRY:+--dry} --seconds $check --out "$out/device.json" 2>&1 | tee "$out/device.log"
fi
$python -m benchmarks.packed unpack "$images" "$root" || exit

# Files that come back are small: the jobs travel in parts of 15 MiB. Earlier parts go when the new ones are whole.
keep() {
  rm -f "$out"/new.*
  tar -cz outputs/lent | split -b 15m - "$out/new." || return
  rm -f "$out"/jobs.tar.*
  for part in "$out"/new.*; do mv "$part" "$out/jobs.tar.${part##*.}"; done
}

category=$(basename "$(find "$root" -mindepth 1 -maxdepth 1 -type d | sort | head -1)")
common="name=lent category=$category data.root=$root progress=false trainer.precision=auto descent.precision=auto checkpoint_minutes=1"
tiny=${DRY:+trainer.max_epochs=1 data.epoch_images=8 batch_size=4 descent.max_steps=2 test.normal_images=0 test.planted=0 test.panels=0}
for job in "experiment=table1 model=l2_ae" "experiment=repair_cpu stages=[train,test] trainer.max_epochs=300 batch_size=32"; do
  left=$((end - SECONDS - 30))
  [ $left -lt 60 ] && break
  echo "== $job: $left s are left"
  # SIGINT: the job writes a checkpoint before it ends, and the same command goes on from there.
  # shellcheck disable=SC2086
  timeout --signal=INT --kill-after=20 $left $python -m renormal.run $job $common $tiny 2>&1 | tail -20 | tee -a "$out/jobs.log"
  keep
done
$python -m renormal.report.cli outputs/lent 2>&1 | tail -40 | tee -a "$out/jobs.log"
