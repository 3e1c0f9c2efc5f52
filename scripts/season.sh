#!/usr/bin/env bash
# A whole competition on the embedded chain: 2,160 windows at 100 ms a block (about 45 minutes), the
# release worker as a process of its own, seeded faults of every kind, and 50 kill -9. Exits 0 only when
# every answerable window was answered, none twice, without a panic, within 60 MiB and 1 MB of log a
# simulated day, and when each fault met 20 windows of a whole season. The clock runs 3,000 times as fast:
# an hour a window, for blocks, prices and the worker alike. The last lines are `name: count`.
# docs/faults.md tells what is counted, and how.
#
#   scripts/season.sh [--windows N] [--seed S]     --windows 100 takes about 2.5 minutes
#   ALLORA_WORKER_BIN=FILE                         another worker than target/release/allora-worker
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

root=$(project_root)
cd "$root"
case ${1:-} in
    -h | --help) sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p;}' "$0"; exit 0 ;;
esac
binary=$(worker_binary)
if needs_build "$binary"; then
    command -v cargo >/dev/null || die "cargo is missing: install Rust from https://rustup.rs, or name a built worker with ALLORA_WORKER_BIN"
    cargo build --release --locked
fi
exec env ALLORA_WORKER_HOME="$root" "$binary" season "$@"
