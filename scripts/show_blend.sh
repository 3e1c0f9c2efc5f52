#!/usr/bin/env bash
# What a network of models is worth as a forecast: seasons that are made up, with good, lazy, copying,
# adversarial and absent models. Ends with 1 where a bound is missed.
#
#   scripts/show_blend.sh [PART...]    mixed, useless, speed; all by default
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# Bounded: all parts take about a minute after the build.
timeout 1800 cargo bench --locked --bench season -- "$@"
