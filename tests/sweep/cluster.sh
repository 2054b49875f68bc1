#!/usr/bin/env bash
# A SLURM of one node, started by hand as any user: no systemd, nothing under /etc or /var.
#
#   cluster.sh start    munged, slurmctld and slurmd, until the node is idle (Debian: apt-get install slurm-wlm munge)
#   cluster.sh env      the line that clients need: eval "$(cluster.sh env)"
#   cluster.sh stop     cancel the jobs and end the daemons that start began, and no others
#
# From the environment, all optional:
#   SLURM_ONE_DIR   where everything of it lies (/tmp/slurm-one-UID)
#   SLURM_ONE_CPUS  cores that the node claims to have (nproc)
#   SLURM_ONE_PORT  of slurmctld; slurmd takes the next one (16817)
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
dir=${SLURM_ONE_DIR:-/tmp/slurm-one-$(id -u)}
cpus=${SLURM_ONE_CPUS:-$(env -u OMP_NUM_THREADS nproc)} # nproc would count threads
port=${SLURM_ONE_PORT:-16817}
mem=$(awk '/^MemTotal/ {print int($2 * 0.9 / 1024)}' /proc/meminfo)
host=$(hostname -s)
export SLURM_CONF=$dir/slurm.conf
PATH=$PATH:/usr/sbin:/sbin

say() { printf 'cluster: %s\n' "$*" >&2; }
die() {
    say "$*"
    tail -n 15 "$dir"/*.log "$dir"/*.out "$dir"/munge/*.log 2>/dev/null >&2 || true
    exit 1
}

# ours NAME: the recorded process lives and is the daemon that we started, not one that got its number later.
ours() {
    local pid
    pid=$(cat "$dir/$1.started" 2>/dev/null) || return 1
    [ -r "/proc/$pid/cmdline" ] || return 1
    cat "/proc/$pid/cmdline" "/proc/$pid/environ" 2>/dev/null | tr '\0' ' ' | grep -qF -- "$dir/"
}

# launch NAME COMMAND...: a daemon in its foreground mode, in a session of its own, its number recorded.
launch() {
    local name=$1
    shift
    setsid "$@" </dev/null >>"$dir/$name.out" 2>&1 &
    echo $! >"$dir/$name.started"
}

# wait_for SECONDS COMMAND...: until the command succeeds.
wait_for() {
    local deadline=$((SECONDS + $1))
    shift
    until timeout 5 "$@" >/dev/null 2>&1; do
        [ "$SECONDS" -lt "$deadline" ] || return 1
        sleep 0.1
    done
}

start() {
    local name
    for name in munged slurmctld slurmd sbatch; do
        command -v "$name" >/dev/null || die "$name is not installed: apt-get install slurm-wlm munge"
    done
    stop
    install -d -m 0755 "$dir" "$dir/munge" "$dir/ctld" "$dir/slurmd"
    sed -e "s|@DIR@|$dir|g" -e "s|@HOST@|$host|g" -e "s|@USER@|$(id -un)|g" -e "s|@CPUS@|$cpus|g" \
        -e "s|@MEM@|$mem|g" -e "s|@CTLD_PORT@|$port|g" -e "s|@SLURMD_PORT@|$((port + 1))|g" \
        "$here/slurm.conf.in" >"$SLURM_CONF"
    # slurmd looks for a cgroup plugin even where none is used.
    printf 'CgroupPlugin=cgroup/v1\nCgroupAutomount=no\n' >"$dir/cgroup.conf"
    [ -s "$dir/munge/key" ] || (umask 077 && head -c 1024 /dev/urandom >"$dir/munge/key")
    # --force: munged objects to root and to a folder under /tmp.
    launch munged munged --foreground --force --socket="$dir/munge/munged.sock" --key-file="$dir/munge/key" \
        --pid-file="$dir/munge/munged.pid" --seed-file="$dir/munge/seed" --log-file="$dir/munge/munged.log"
    wait_for 10 test -S "$dir/munge/munged.sock" || die "munged did not start"
    launch slurmctld slurmctld -D -c -f "$SLURM_CONF"
    wait_for 20 scontrol ping || die "slurmctld did not start"
    launch slurmd slurmd -D -c -N "$host" -f "$SLURM_CONF"
    wait_for 30 bash -c "[ \"\$(sinfo -h -N -n $host -o %T)\" = idle ]" || die "the node did not become idle"
    say "ready: $cpus cores, $mem MB, in $dir"
}

stop() {
    local name pid
    if ours slurmctld; then
        scancel --quiet --user="$(id -un)" 2>/dev/null || true
        wait_for 15 bash -c '[ -z "$(squeue -h)" ]' || say "some jobs did not end in 15 s"
    fi
    for name in slurmd slurmctld munged; do
        if ours "$name"; then
            pid=$(cat "$dir/$name.started")
            kill -TERM "$pid"
            wait_for 20 bash -c "! kill -0 $pid" || kill -KILL "$pid"
        fi
        rm -f "$dir/$name.started"
    done
}

case ${1:-} in
    start) start ;;
    stop) stop ;;
    env) echo "export SLURM_CONF=$SLURM_CONF" ;;
    *) say "usage: $0 start|stop|env"; exit 2 ;;
esac
