#!/usr/bin/env bash
# Several endpoints on a real chain, the first of them killed, frozen, left behind, answering HTML or
# of another chain: what became of each window, answered by the release binary. Tables.
#
#   scripts/show_endpoints.sh [WINDOWS [LAG]]   windows for each trouble (3), blocks that the lagging node
#                                               is behind (50); about five minutes after the builds
#   ALLORA_WORKER_BIN=FILE                      runs another binary
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source scripts/show.sh
windows=${1:-3} lag=${2:-50}
want_number WINDOWS "$windows"
want_number LAG "$lag"

prepare
export ALLORA_REAL_ENDPOINT_WINDOWS=$windows ALLORA_REAL_LAG=$lag
show "$((600 + 150 * windows + 3 * lag))" endpoints:: --test-threads 3
