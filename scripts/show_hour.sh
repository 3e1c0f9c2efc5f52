#!/usr/bin/env bash
# The release worker on a real chain for an hour, with a mild trouble at one of its two doors each minute:
# memory, descriptors, threads, CPU time, log and database each 10 s, their slopes with standard errors,
# and what became of the windows. Fails when memory, descriptors or threads are not flat.
#
#   scripts/show_hour.sh [[--minutes] MINUTES]   60 by default; a run below 30 is not judged
#   ALLORA_WORKER_BIN=FILE                       runs another binary
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source scripts/show.sh
[[ ${1:-} != --minutes ]] || shift
minutes=${1:-60}
want_number MINUTES "$minutes"

prepare
# As start_worker.sh has it.
export MALLOC_ARENA_MAX=${MALLOC_ARENA_MAX:-1}
export ALLORA_REAL_MINUTES=$minutes
show "$((600 + 70 * minutes))" hour::memory
