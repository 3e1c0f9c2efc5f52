#!/usr/bin/env bash
# What it costs to learn: 300 days of hourly submissions, resolved in one go while the journal is
# written beside it. Prints the rate, the memory, and how long the journal's writes take with and
# without it.
#
#   scripts/show_learning.sh
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

timeout 1800 cargo bench --locked --bench learning
