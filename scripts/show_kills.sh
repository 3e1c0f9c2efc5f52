#!/usr/bin/env bash
# kill -9 on a real node, at each of the five fail points and at random moments: what became of the
# window that was open. The debug binary runs, for it alone has the fail points.
#
#   scripts/show_kills.sh [KILLS]     random kills, 15 by default; about 15 seconds each
#   ALLORA_REAL_SEED=N                repeats the moments of an earlier run, which printed its seed
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
kills=${1:-15}
[[ $kills =~ ^[1-9][0-9]*$ ]] || { echo "usage: scripts/show_kills.sh [KILLS]; '$kills' is no number" >&2; exit 2; }

ALLORA_NODE_BIN=$(scripts/localnet.sh build)
export ALLORA_NODE_BIN
cargo test --locked --test real --no-run
ALLORA_REAL=require ALLORA_REAL_KILLS=$kills \
  timeout "$((600 + 60 * kills))" cargo test --locked --test real kills:: -- --nocapture
