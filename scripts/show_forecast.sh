#!/usr/bin/env bash
# What the forecast is worth, on the bundled prices and on series made up for it, and what it costs.
# Ends with 1 where a bound is missed.
#
#   scripts/show_forecast.sh [PART...]    shipped, planted, noise, speed; all by default
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# Bounded: all parts take about four minutes after the build.
timeout 3600 cargo bench --locked --bench forecast -- "$@"
