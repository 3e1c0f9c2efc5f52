# Shared by the show_*.sh scripts that run the real tests in their long form; sourced, not run.
# shellcheck shell=bash

# A whole number from 1 on, or the usage: NAME VALUE.
want_number() {
  [[ $2 =~ ^[1-9][0-9]*$ ]] && return
  printf '%s is no whole number from 1 on: %s\n' "$1" "$2" >&2
  sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p;}' "$0" >&2
  exit 2
}

# Builds what is missing: the newest node, the release worker, the tests; with 'older' that node, too.
prepare() {
  ALLORA_NODE_BIN=$(LOCALNET_NODE_VERSION='' scripts/localnet.sh build)
  if [[ ${1:-} == older ]]; then
    (unset ALLORA_NODE_BIN; LOCALNET_NODE_VERSION=v0.16.0 scripts/localnet.sh build)
    export ALLORA_REAL_OLDER=require
  fi
  if [[ -z ${ALLORA_WORKER_BIN:-} ]]; then
    cargo build --release --locked
    ALLORA_WORKER_BIN=$(cargo metadata --format-version 1 --no-deps --locked | jq -er .target_directory)/release/allora-worker
  fi
  export ALLORA_NODE_BIN ALLORA_WORKER_BIN ALLORA_REAL=require
  printf 'the worker is %s\n' "$ALLORA_WORKER_BIN"
  cargo test --locked --test real --no-run
}

# Runs tests for so many seconds at most: SECONDS ARGUMENTS...
show() {
  local seconds=$1
  shift
  timeout "$seconds" cargo test --locked --test real -- --nocapture "$@"
}
