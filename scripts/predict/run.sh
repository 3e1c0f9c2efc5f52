# A network of stub models and the Predict worker beside it, for show_soak.sh and show_predict.sh;
# sourced, not run. What is started here is ended here, by its pid.
# shellcheck shell=bash

say() { printf '%s\n' "$*"; }
die() {
  printf '❌ %s\n' "$*" >&2
  exit 1
}

[[ -d /proc/self ]] || die "this needs Linux's /proc"
command -v python3 >/dev/null || die "this needs python3; install it"

models=
worker=

# Ends a process that was started here, and waits until it is gone.
end() {
  [[ -n $1 ]] || return 0
  kill -TERM "$1" 2>/dev/null || true
  wait "$1" 2>/dev/null || true
}

# Opens the folder of a run: the one that is named and is kept, or one that is removed at the end.
open_home() {
  home=$1
  if [[ -z $home ]]; then
    home=$(mktemp -d)
    is_kept=
  else
    mkdir -p "$home"
    home=$(cd "$home" && pwd -P)
    is_kept=yes
  fi
  trap leave EXIT
  trap 'exit 130' INT TERM
}

leave() {
  end "$worker"
  end "$models"
  [[ -n $is_kept ]] || rm -rf "$home"
}

# Sets `binary`: the one that ALLORA_WORKER_BIN names, or a release build.
find_binary() {
  binary=${ALLORA_WORKER_BIN:-}
  if [[ -z $binary ]]; then
    cargo build --release --locked
    binary=$(cargo metadata --format-version 1 --no-deps --locked |
      python3 -c 'import json, sys; print(json.load(sys.stdin)["target_directory"])')/release/allora-worker
  fi
  [[ -x $binary ]] || die "$binary is no program; name one in ALLORA_WORKER_BIN"
}

# Starts so many stubs; further arguments are `devnet`'s. Sets `models` and `port`.
start_models() {
  local count=$1 tries
  shift
  # A listener and a connection for each model.
  ulimit -n 16384 2>/dev/null || ulimit -n "$(ulimit -Hn)"
  # It is read below before the process may have opened it.
  : >"$home/models.log"
  "$binary" devnet --models --stubs "$count" --models-listen 127.0.0.1:0 "$@" \
    </dev/null >"$home/models.log" 2>&1 &
  models=$!
  echo "$models" >"$home/models.pid"
  for ((tries = 0; tries < 300; tries++)); do
    port=$(sed -n 's|.*ws://127\.0\.0\.1:\([0-9]*\)/.*|\1|p' "$home/models.log" | head -n 1)
    [[ -z $port ]] || return 0
    kill -0 "$models" 2>/dev/null || break
    sleep 0.1
  done
  cat "$home/models.log" >&2
  die "the stubs did not start"
}

# Starts the Predict worker with further arguments. Sets `worker` and `log`, the event log.
start_worker() {
  rm -rf "$home/data" "$home"/predictions.db*
  # Whatever the operator has set is not for this run.
  env -u DATABASE_URL "$binary" predict --host 127.0.0.1 --port "$port" --prices "$home/minutes.csv" \
    --data-dir "$home/data" --database-url "$home/predictions.db" "$@" \
    </dev/null >"$home/worker.log" 2>&1 &
  worker=$!
  echo "$worker" >"$home/worker.pid"
  log=$home/data/artifacts/logs/predict_continuous.log
}

# A figure of a process in kB: `memory PID VmRSS`; empty when the process is gone.
memory() { sed -n "s/^$2:[^0-9]*\([0-9]*\).*/\1/p" "/proc/$1/status" 2>/dev/null || true; }

# Waits for the worker, which leaves by itself; fails when it does not end well.
await_worker() {
  local code=0
  wait "$worker" || code=$?
  worker=
  if ((code != 0)); then
    tail -n 20 "$home/worker.log" >&2
    die "the worker ended with $code"
  fi
}
