#!/usr/bin/env bash
# How long ticks take with and without a Scoring worker beside them, at full load: a Predict worker with 100
# stub models tells a minute's prices each few seconds and makes rounds of 288 steps, and the Scoring
# worker, at nice 10, is busy all the time on a backlog in the same database. Five interleaved pairs of
# runs; prints p50 and p95 of the ticks of each, and the medians of the pairs' ratios beside their goal,
# and fails when it is missed, and when the Scoring worker ends or uses less than half a core. Twelve minutes.
#
#   SHOW_MODELS=N           another number of models                             100
#   SHOW_SECONDS=N          so many seconds in each of the runs                  60
#   SHOW_PAIRS=N            another number of pairs                              5
#   SHOW_BACKLOG=N          predictions of 288 steps that wait for their scores  6000
#   SHOW_HOME=DIR           keep everything there
#   ALLORA_WORKER_BIN=FILE  another binary than the release build
set -euo pipefail
export LC_ALL=C.UTF-8
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=scripts/predict/run.sh
source scripts/predict/run.sh

count=${SHOW_MODELS:-100} seconds=${SHOW_SECONDS:-60} pairs=${SHOW_PAIRS:-5} backlog=${SHOW_BACKLOG:-6000}
for number in "$count" "$seconds" "$pairs" "$backlog"; do
  [[ $number =~ ^[1-9][0-9]*$ ]] || die "'$number' is no number; SHOW_MODELS, SHOW_SECONDS, SHOW_PAIRS and SHOW_BACKLOG are above 0"
done
find_binary
open_home "${SHOW_HOME:-}"
scorer=
refill=
leave_all() {
  end "$refill"
  end "$scorer"
  leave
}
trap leave_all EXIT

# The market runs thirty times as fast: a tick each 2 s, a round of 288 steps each 5 s.
cat >"$home/predict.toml" <<'END'
[models]
report_failure = false
max_consecutive_failures = 0
max_consecutive_timeouts = 0
[predict]
settle = "10m"
[[predict.schedules]]
asset = "BTC"
horizon = "24h"
step = "5m"
interval = "150s"
[score]
interval = "10ms"
END
python3 scripts/predict/minutes.py 61 "$home/minutes.csv"
# The tables are made by the program, the backlog is of a crunch of its own.
env -u DATABASE_URL "$binary" score --once --data-dir "$home/backlog" --database-url "$home/backlog.db" >/dev/null
python3 scripts/score/backlog.py fill "$home/backlog.db" "$backlog"

# run NAME: ticks for a while; with a Scoring worker when the name begins with "with-".
run() {
  local name=$1 took busy
  start_models "$count"
  rm -f "$home"/predictions.db*
  # start_worker begins with a database of its own: it is put there after that is made.
  start_worker --speed 30 --duration "$((seconds + 5))s" --config "$home/predict.toml"
  for ((tries = 0; tries < 600; tries++)); do
    grep -q '"event":"predict_ready"' "$log" 2>/dev/null && break
    kill -0 "$worker" 2>/dev/null || break
    sleep 0.1
  done
  python3 scripts/score/backlog.py copy "$home/predictions.db" "$home/backlog.db"
  if [[ $name == with-* ]]; then
    env -u DATABASE_URL "$binary" score --crunch-id backlog --data-dir "$home/scoring" \
      --database-url "$home/predictions.db" --config "$home/predict.toml" </dev/null >"$home/scorer.log" 2>&1 &
    scorer=$!
    python3 scripts/score/backlog.py again "$home/predictions.db" "$scorer" >"$home/$name.busy" &
    refill=$!
  fi
  date -u +%Y-%m-%dT%H:%M:%S >"$home/$name.began"
  await_worker
  [[ -z $scorer ]] || kill -0 "$scorer" 2>/dev/null || die "the Scoring worker is gone; see $home/scorer.log"
  end "$scorer"
  scorer=
  if [[ -n $refill ]]; then
    wait "$refill" || true
  fi
  refill=
  cp "$log" "$home/$name.jsonl"
  end "$models"
  models=
  took=$(python3 scripts/score/ticks.py one "$home/$name.jsonl" "$home/$name.began")
  if [[ -f $home/$name.busy ]]; then
    # A scorer that idles shows nothing.
    busy=$(sed -n 's/.*used \([0-9.]*\) of a core.*/\1/p' "$home/$name.busy")
    awk -v busy="${busy:-0}" 'BEGIN { exit !(busy >= 0.5) }' \
      || die "the Scoring worker used ${busy:-nothing} of a core and not half of one; see $home/scorer.log"
  fi
  say "$name: $took$([[ ! -f $home/$name.busy ]] || cat "$home/$name.busy")"
}

rm -f "$home"/with*.busy
for ((pair = 1; pair <= pairs; pair++)); do
  # Every other pair the other way round.
  if ((pair % 2)); then
    run "without-$pair"
    run "with-$pair"
  else
    run "with-$pair"
    run "without-$pair"
  fi
done
python3 scripts/score/ticks.py pairs "$home" "$pairs"
