#!/usr/bin/env bash
# PostgreSQL stopped while predictions come in, and processes killed (kill -9) while they store: what is
# there afterwards. The server is the tests' own; PostgreSQL is installed when it is missing.
#
#   scripts/show_outage.sh [SECONDS [KILLS]]   the server is away for so long, 120 by default; 15 kills
#   ALLORA_REAL_SEED=N                         repeats the kills' moments of an earlier run
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
away=${1:-120} kills=${2:-15}
[[ $away$kills =~ ^[1-9][0-9]*$ ]] || { echo "usage: scripts/show_outage.sh [SECONDS [KILLS]]; '$away $kills' are no numbers" >&2; exit 2; }

scripts/postgres.sh install
cargo test --locked --test real --no-run
ALLORA_REAL=require ALLORA_REAL_OUTAGE=$away ALLORA_REAL_KILLS=$kills \
  timeout "$((600 + away + 10 * kills))" cargo test --locked --test real outage:: -- --nocapture --test-threads 1
