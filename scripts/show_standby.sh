#!/usr/bin/env bash
# Two workers of one wallet on a real node with 1 s blocks, which share a PostgreSQL: the one that leads is
# killed with kill -9, or paused and continued after the other one has taken over, at random moments. Prints
# for each round how long nobody led, and at the end what became of the windows. It fails when one was
# answered twice, or missed though it was open for longer than a heartbeat (3 s) after the fault.
#
#   scripts/show_standby.sh [ROUNDS]   30 by default; about 20 seconds each
#   ALLORA_REAL_SEED=N                 repeats the moments of an earlier run, which printed its seed
#   ALLORA_WORKER_BIN=FILE             another binary than the release build
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=scripts/show.sh
source scripts/show.sh
rounds=${1:-30}
want_number ROUNDS "$rounds"
scripts/postgres.sh install
prepare
export ALLORA_REAL_STANDBY=$rounds
show "$((300 + 60 * rounds))" standby::a_leader
