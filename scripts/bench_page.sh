#!/usr/bin/env bash
# What the status page costs with a season of 2,160 windows. WINDOWS=N: another number.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# What it shows: read first, again, and after a window more.
cargo bench --locked --bench page
