#!/usr/bin/env bash
# A governance upgrade of a running chain, v0.16.0 to v0.17.0, with the release binary connected all the
# time: what became of each window before the halt, across it and after it. A table.
#
#   scripts/show_upgrade.sh [WINDOWS]   windows after the upgrade (10); about three minutes after the builds
#   ALLORA_WORKER_BIN=FILE              runs another binary
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source scripts/show.sh
windows=${1:-10}
want_number WINDOWS "$windows"

prepare older
export ALLORA_REAL_WINDOWS_UPGRADED=$windows
show "$((600 + 20 * windows))" upgrade::
