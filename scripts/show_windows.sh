#!/usr/bin/env bash
# Windows in a row on a real node, answered by the release binary: a table and its sum.
#
#   scripts/show_windows.sh [WINDOWS]     30 by default; about eight seconds each, after the builds
#   ALLORA_WORKER_BIN=FILE                runs another binary
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source scripts/show.sh
windows=${1:-30}
want_number WINDOWS "$windows"

prepare
export ALLORA_REAL_WINDOWS=$windows
# Bounded: an epoch lasts eight seconds and a window must be answered in it.
show "$((300 + 20 * windows))" windows::every_window
