#!/usr/bin/env bash
# Windows in a row on a real node, answered by the release binary: a table and its sum.
#
#   scripts/show_windows.sh [WINDOWS]     30 by default; about eight seconds each, after the builds
#   ALLORA_WORKER_BIN=FILE                runs another binary
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
windows=${1:-30}
[[ $windows =~ ^[1-9][0-9]*$ ]] || { echo "usage: scripts/show_windows.sh [WINDOWS]; '$windows' is no number" >&2; exit 2; }

ALLORA_NODE_BIN=$(scripts/localnet.sh build)
export ALLORA_NODE_BIN
if [[ -z ${ALLORA_WORKER_BIN:-} ]]; then
  cargo build --release --locked
  ALLORA_WORKER_BIN=$(cargo metadata --format-version 1 --no-deps --locked | jq -er .target_directory)/release/allora-worker
fi
export ALLORA_WORKER_BIN
cargo test --locked --test real --no-run
# Bounded: an epoch lasts eight seconds and a window must be answered in it.
ALLORA_REAL=require ALLORA_REAL_WINDOWS=$windows \
  timeout "$((300 + 20 * windows))" cargo test --locked --test real windows:: -- --nocapture
