#!/usr/bin/env bash
# Our client of the models and the Python one of PyPI's model-runner-client, side by side: both joined to
# the same real model servers, taking turns. Prints the CPU time of each client for a call, and how long
# a call of all models takes.
#
#   scripts/bench_modelrunner.sh [N…]     so many servers: 2 and then 10 by default
#
#   BENCH_PORT=N    where the orchestrator listens                                  29391
#   BENCH_CLIENT=FILE  a built benches/modelrunner instead of building one
set -euo pipefail
export LC_ALL=C
cd "$(dirname "${BASH_SOURCE[0]}")/.."

client=model-runner-client==0.14.0
cache=${XDG_CACHE_HOME:-$HOME/.cache}/allora-worker
home=$(mktemp -d)
export MODELNET_HOME=$home/net MODELNET_PORT=${BENCH_PORT:-29391} MODELNET_CRUNCH=condorgame

say() { printf 'bench: %s\n' "$*"; }
die() { printf 'bench: %s\n' "$*" >&2; exit 1; }
# shellcheck source=/dev/null
source scripts/modelnet/venv.sh

leave() {
  scripts/modelnet.sh down >/dev/null 2>&1 || true
  rm -rf "$home"
}
trap leave EXIT
trap 'exit 130' INT TERM

provide "$cache/models-peer-venv" "$client"
python=$cache/models-peer-venv/bin/python
ours=${BENCH_CLIENT:-}
if [[ -z $ours ]]; then
  ours=$(cargo bench --locked --bench modelrunner --no-run --message-format json | jq -r 'select(.executable != null) | .executable' | tail -n 1)
  # The orchestrator is the worker itself.
  [[ -n ${ALLORA_WORKER_BIN:-} ]] || cargo build --release --locked
fi
[[ -x $ours ]] || die "$ours is no program; unset BENCH_CLIENT to build it"

for models in "${@:-2 10}"; do
  for count in $models; do
    scripts/modelnet.sh up "$count" >/dev/null
    say "$(date +%F), $(nproc) cores, load $(cut -d' ' -f1-3 /proc/loadavg), $client on $("$python" --version)"
    "$python" scripts/bench_modelrunner.py drive "$MODELNET_PORT" "$count" "$ours"
    scripts/modelnet.sh down >/dev/null
  done
done
