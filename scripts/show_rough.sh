#!/usr/bin/env bash
# Windows on a real chain of two nodes, with the release worker killed and stopped, its two doors to the
# nodes bad (resets, closes, half-closes, delays, truncates, stalls, black holes, a full backlog, a byte
# at a time, garbled JSON) and one node frozen, by a seeded schedule: what became of each window.
#
#   scripts/show_rough.sh [WINDOWS [SEED]]   30 windows, a random seed that is printed; about 15 s a window
#   ALLORA_REAL_KEEP=1                       keeps the worker's folder
#   ALLORA_WORKER_BIN=FILE                   runs another binary
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source scripts/show.sh
windows=${1:-30} seed=${2:-}
want_number WINDOWS "$windows"
[[ -z $seed ]] || want_number SEED "$seed"

prepare
export ALLORA_REAL_ROUGH_WINDOWS=$windows ALLORA_REAL_SEED=$seed
show "$((600 + 20 * windows))" rough::a_worker
