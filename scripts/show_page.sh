#!/usr/bin/env bash
# The status page in a real browser: how soon a season is drawn, and pictures of it. Needs Chromium.
#
#   scripts/show_page.sh [FOLDER]    pictures go to this folder; docs/page holds those of the README
#
#   ALLORA_WORKER_BIN=FILE  shows another binary's
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

if [[ -z ${ALLORA_WORKER_BIN:-} ]]; then
  cargo build --release --locked
  ALLORA_WORKER_BIN=$(cargo metadata --format-version 1 --no-deps --locked | jq -er .target_directory)/release/allora-worker
fi
export ALLORA_WORKER_BIN ALLORA_REAL=require
if [[ -n ${1:-} ]]; then
  mkdir -p "$1"
  ALLORA_PAGE_PICTURES=$(cd "$1" && pwd)
  export ALLORA_PAGE_PICTURES
fi
timeout 600 cargo test --locked --test real -- --nocapture --test-threads 1 page
