#!/usr/bin/env bash
# What the release binary costs on a real node with one-second blocks: time from the start to ready
# over ten starts, CPU over 60 s without a window, resident memory after an answered window.
# Fails when a limit is passed: 1 s, 0.5 % of a core, 50 MB. About four minutes after the builds.
# ALLORA_WORKER_BIN=FILE measures another binary.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
[[ -d /proc/self ]] || { echo "this needs Linux's /proc" >&2; exit 2; }

work=$(mktemp -d)
export LOCALNET_HOME=$work/node LOCALNET_PORT=${LOCALNET_PORT:-27657} LOCALNET_CHAIN_ID=allora-footprint-$$
# Long enough for a quiet minute between two windows.
export LOCALNET_EPOCH=100
worker=
leave() {
  [[ -z $worker ]] || kill -KILL "$worker" 2>/dev/null || true
  scripts/localnet.sh down >/dev/null 2>&1 || true
  rm -rf "$work"
}
trap leave EXIT
trap 'exit 130' INT TERM

die() {
  echo "$*" >&2
  tail -n 15 "$work/printed" >&2 2>/dev/null || true
  exit 1
}

ALLORA_NODE_BIN=$(scripts/localnet.sh build)
export ALLORA_NODE_BIN
binary=${ALLORA_WORKER_BIN:-}
if [[ -z $binary ]]; then
  cargo build --release --locked
  binary=$(cargo metadata --format-version 1 --no-deps --locked | jq -er .target_directory)/release/allora-worker
fi
scripts/localnet.sh up

log=$work/data/artifacts/logs/worker_continuous.log
start() {
  lines=0
  [[ ! -f $log ]] || lines=$(wc -l <"$log")
  started=$(date +%s.%N)
  MNEMONIC='abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon about' \
    "$binary" run --network localnet --chain-id "$LOCALNET_CHAIN_ID" \
    --rpc "http://127.0.0.1:$LOCALNET_PORT" --ws "ws://127.0.0.1:$LOCALNET_PORT/websocket" \
    --data-dir "$work/data" --prices data/btcusd_1h_2023-01_2025-12.csv </dev/null >>"$work/printed" 2>&1 &
  worker=$!
}

# The newest event of a kind in this run, waited for; as one line of JSON.
event() {
  local kind=$1 seconds=$2 found
  for ((tries = 0; tries < seconds * 20; tries++)); do
    # The log may not be there yet, and its last line may be half written.
    found=$(tail -n "+$((lines + 1))" "$log" 2>/dev/null | jq -c "select(.event == \"$kind\")" 2>/dev/null | tail -n 1) || true
    [[ -z $found ]] || { printf '%s\n' "$found"; return; }
    kill -0 "$worker" 2>/dev/null || die "the worker ended before '$kind'"
    sleep 0.05
  done
  die "no '$kind' within $seconds s"
}

stop() {
  kill -TERM "$worker"
  wait "$worker" || die "the worker did not end with success"
  worker=
}

# The first start registers the wallet, which takes a block.
start
event ready 60 >/dev/null
stop
slowest=0
for run in 1 2 3 4 5 6 7 8 9 10; do
  start
  ready=$(event ready 30)
  took=$(awk -v a="$started" -v b="$(date -d "$(jq -r .timestamp <<<"$ready")" +%s.%N)" 'BEGIN { printf "%.0f", (b - a) * 1000 }')
  echo "start $run: ready after $took ms"
  ((took <= slowest)) || slowest=$took
  stop
done

start
event ready 30 >/dev/null
echo "waiting for a window (one in $LOCALNET_EPOCH blocks)"
counted=$(event counted 180)
echo "window $(jq -r .nonce <<<"$counted") is answered and counted; a quiet minute follows"
sleep 2
ticks() { awk '{ print $14 + $15 }' "/proc/$worker/stat"; }
windows() { tail -n "+$((lines + 1))" "$log" | jq -c 'select(.event == "window_open")' | wc -l; }
opened=$(windows) before=$(ticks)
sleep 60
after=$(ticks)
[[ $(windows) == "$opened" ]] || die "a window opened within the quiet minute; run this again"
cpu=$(awk -v t="$((after - before))" -v hz="$(getconf CLK_TCK)" 'BEGIN { printf "%.3f", t / hz / 60 * 100 }')
memory() { awk -v key="$1:" '$1 == key { printf "%.1f", $2 * 1024 / 1e6 }' "/proc/$worker/status"; }
resident=$(memory VmRSS) peak=$(memory VmHWM)
stop
echo "start to ready: $slowest ms, the slowest of ten (limit 1000 ms)"
echo "CPU while idle: $cpu % of a core over 60 s (limit 0.5 %)"
echo "resident memory: $resident MB after a window, at most $peak MB (limit 50 MB)"
awk -v s="$slowest" -v c="$cpu" -v m="$peak" 'BEGIN { exit !(s <= 1000 && c <= 0.5 && m <= 50) }' || die "a limit is passed"
