#!/usr/bin/env bash
# Windows in a row on real nodes of both releases of the chain at once, answered by the release binary:
# a table and its sum for each.
#
#   scripts/show_versions.sh [NEWEST [OLDER]]   windows on v0.17.0 and on v0.16.0: 100 and 30 by default,
#                                               about eight seconds each, after the builds
#   ALLORA_WORKER_BIN=FILE                      runs another binary
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source scripts/show.sh
newest=${1:-100} older=${2:-30}
want_number NEWEST "$newest"
want_number OLDER "$older"

prepare older
export ALLORA_REAL_WINDOWS=$newest ALLORA_REAL_WINDOWS_OLDER=$older
show "$((300 + 20 * (newest > older ? newest : older)))" windows:: --test-threads 2
