#!/usr/bin/env bash
# One machine with a GPU for a quarter of an hour: the device check, then trainings at the paper's budget as time is left.
#   bash benchmarks/lent.sh WHEELS IMAGES.npz OUT SECONDS [EARLIER]
# WHEELS: folder of `make device-wheels`. IMAGES.npz: of `python -m benchmarks.packed pack`. OUT: a folder that comes back.
# SECONDS: until all must be written. EARLIER: the OUT of an earlier call: its check is not repeated, its jobs go on.
set -uo pipefail
wheels=$1 images=$2 out=$3 end=$((SECONDS + $4)) earlier=${5:-}
site=/tmp/renormal-site data=/tmp/renormal-data
mkdir -p "$out"
PYTHONPATH=src:. python3 -m benchmarks.wheels install "$wheels" --target $site || exit
export PYTHONPATH=src:.:$site PYTHONUNBUFFERED=1 OMP_NUM_THREADS=4
if [ -n "$earlier" ]; then
  cp "$earlier"/device.json "$out"/
  cat "$earlier"/jobs.tar.* | tar -x
else
  python3 -m benchmarks.device --seconds $(($4 < 480 ? $4 : 480)) --out "$out/device.json" 2>&1 | tee "$out/device.log"
fi
python3 -m benchmarks.packed unpack "$images" $data || exit

# Files that come back are small: the jobs travel as parts of 15 MiB.
keep() { rm -f "$out"/jobs.tar.*; tar -cz outputs/full | split -b 15m - "$out/jobs.tar."; }
common="name=full category=bottle data.root=$data progress=false trainer.precision=auto descent.precision=auto checkpoint_minutes=1"
for job in "experiment=table1 model=l2_ae" "experiment=repair_cpu model=repair_ae trainer.max_epochs=300"; do
  left=$((end - SECONDS - 30))
  [ $left -lt 60 ] && break
  echo "== $job, $left s left"
  # SIGINT: the job writes a checkpoint and its state before it ends; the same command goes on from there
  timeout --signal=INT --kill-after=20 $left python3 -m renormal.run $job $common data=mvtec 2>&1 | tail -5 | tee -a "$out/jobs.log"
  keep
done
