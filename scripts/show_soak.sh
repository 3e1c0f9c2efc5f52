#!/usr/bin/env bash
# The Predict worker with 100 stub models for an hour, in real time with the usual schedules: what it
# keeps in memory, each 10 s, and what it has stored. Fails when the memory grows, when a round is
# stored twice, or when an answer is missing.
#
#   scripts/show_soak.sh [SECONDS]    3600 by default, 60 at least; below 900 the memory is not judged
#
#   SOAK_MODELS=N           another number of models
#   SOAK_HOME=DIR           keep everything there: worker.pid, models.pid, samples.csv, predictions.db
#   ALLORA_WORKER_BIN=FILE  another binary than the release build
set -euo pipefail
export LC_ALL=C
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=scripts/predict/run.sh
source scripts/predict/run.sh

seconds=${1:-3600} count=${SOAK_MODELS:-100}
[[ $seconds =~ ^[0-9]+$ ]] && ((seconds >= 60)) || die "'$seconds' is no number of seconds from 60 on"
[[ $count =~ ^[1-9][0-9]*$ ]] || die "SOAK_MODELS is '$count'; give a number of models"
find_binary
open_home "${SOAK_HOME:-}"

# 30 days are the past that models are told; of a shorter file than twice that only its half would be.
days=$((61 + seconds / 43200))
python3 scripts/predict/minutes.py "$days" "$home/minutes.csv"
start_models "$count"
start_worker --speed 1 --duration "${seconds}s"
say "$count models in process $models, the worker is process $worker; $seconds s, in $home"

echo "seconds,rss_kb,anon_kb" >"$home/samples.csv"
begun=$SECONDS
for ((turn = 1; ; turn++)); do
  sleep 10
  rss=$(memory "$worker" VmRSS)
  [[ -n $rss ]] || break
  passed=$((SECONDS - begun))
  echo "$passed,$rss,$(memory "$worker" RssAnon)" >>"$home/samples.csv"
  ((turn % 6 != 0)) || say "$((passed / 60)) min: $((rss / 1024)) MiB resident"
done
await_worker
python3 scripts/predict/soak.py "$home" "$count" "$seconds"
