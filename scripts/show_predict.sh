#!/usr/bin/env bash
# The Predict worker with 1,000 stub models in a process of their own, as two processes on this machine:
# how long a minute's tick and rounds of predictions take with all of them, what the worker keeps in
# memory at its peak, replays of 30 days to all of them included, and how many run at once; then the
# same with 100 models that hang, and when the others' answers are in the database. Prints each figure
# beside its goal, and fails when one is missed. It tells how much of the cores other processes took:
# on a machine that is busy otherwise the times say little, what the CPU did says more. Five minutes.
#
#   SHOW_MODELS=N           another number of models; a tenth of them hang
#   SHOW_SECONDS=N          so many seconds of ticks and rounds in each of the two runs    120
#   SHOW_HOME=DIR           keep everything there: sound.json, hanging.json, logs, predictions.db
#   ALLORA_WORKER_BIN=FILE  another binary than the release build
set -euo pipefail
export LC_ALL=C.UTF-8
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=scripts/predict/run.sh
source scripts/predict/run.sh

count=${SHOW_MODELS:-1000} seconds=${SHOW_SECONDS:-120}
[[ $count =~ ^[1-9][0-9]+$ ]] || die "SHOW_MODELS is '$count'; give 10 models or more"
[[ $seconds =~ ^[0-9]+$ ]] && ((seconds >= 60)) || die "SHOW_SECONDS is '$seconds'; give 60 or more"
hanging=$((count / 10))
find_binary
open_home "${SHOW_HOME:-}"

# The market runs six times as fast: a tick each 10 s, a round of 288 steps each 15 s and one of a single
# step each 17 s. Some fall on a tick, most don't.
cat >"$home/predict.toml" <<'END'
[models]
# A model that hangs is to be there to the end.
report_failure = false
max_consecutive_failures = 0
max_consecutive_timeouts = 0
timeout = "20s"
[predict]
settle = "10m"
[[predict.schedules]]
asset = "BTC"
horizon = "24h"
step = "5m"
interval = "90s"
[[predict.schedules]]
asset = "BTC"
horizon = "1h"
step = "1h"
interval = "100s"
END
python3 scripts/predict/minutes.py 61 "$home/minutes.csv"

# run NAME HEALTHY [FLAG…]
run() {
  local name=$1 healthy=$2
  shift 2
  start_models "$count" "$@"
  start_worker --speed 6 --duration "${seconds}s" --config "$home/predict.toml"
  say "$name: $count models join process $worker, then $seconds s of ticks and rounds"
  python3 scripts/predict/watch.py "$home" "$worker" "$models" "$healthy" >"$home/$name.json"
  await_worker
  end "$models"
  models=
}

run sound "$count"
run hanging "$((count - hanging))" --hanging "$hanging"
python3 scripts/predict/speed.py "$count" "$hanging" "$home/sound.json" "$home/hanging.json"
