#!/usr/bin/env bash
# The release worker on a real chain for an hour, with a mild trouble at one of its two doors each minute:
# memory, descriptors, threads, CPU time, log and database each 10 s, their slopes with standard errors,
# and what became of the windows. Fails when memory, descriptors or threads are not flat.
#
# The rule: 44 topics open a window each every ten blocks, about 240 windows a minute. The first third is
# the warm-up, in which at least 4,000 windows must open: then everything that is kept by count or by blocks
# is full (predictions.json, 1,000 blocks of finished windows, the caches of SQLite's pages). Over the rest the line by least squares through
# means of twelfths of the run must stay, with the whole of its 95 % interval, within 1 MiB an hour for
# resident memory and for the heap (its anonymous part), 2 for descriptors, 1 for threads. What grows with each
# window for good, by 200 bytes or more, shows.
#
#   scripts/show_hour.sh [[--minutes] MINUTES]   60 by default; a run below 40 is not judged
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
