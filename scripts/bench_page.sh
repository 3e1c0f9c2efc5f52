#!/usr/bin/env bash
# What the status page costs.
#
#   scripts/bench_page.sh [WINDOWS]    50 by default: about six minutes, most of it the windows'
#
# First what one board costs with a season of 2,160 windows, and how soon a browser shows it. Then three
# workers answer the same windows of a real node on this machine, each with a wallet of its own: one without
# a server, one whose page nobody has open, and one with ten open pages. What differs is told by pairs.
#
#   ALLORA_WORKER_BIN=FILE  measures another binary
#   PAGE_PORT=N             first of the 16 ports used, on loopback    28740
set -euo pipefail
export LC_ALL=C TZ=UTC
unset "${!LOCALNET_@}"
cd "$(dirname "${BASH_SOURCE[0]}")/.."

windows=${1:-50} pages=10 topic=67 port=${PAGE_PORT:-28740}
die() {
  printf 'bench: %s\n' "$*" >&2
  exit 1
}
[[ $windows =~ ^[1-9][0-9]*$ ]] || die "usage: scripts/bench_page.sh [WINDOWS]; '$windows' is no number"
for tool in go curl jq; do
  command -v "$tool" >/dev/null || die "$tool is missing; install it and try again"
done
# Of the public BIP-39 test vectors that scripts/localnet.sh gives coins.
words=(
  'abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon about'
  'legal winner thank year wave sausage worth useful legal winner thank yellow'
  'letter advice cage absurd amount doctor acoustic avoid letter advice cage above'
)
names=('no server' 'no page open' "$pages pages open")
work=$(mktemp -d)
pids=() followers=()

leave() {
  ((${#followers[@]} == 0)) || kill "${followers[@]}" 2>/dev/null || true
  ((${#pids[@]} == 0)) || kill "${pids[@]}" 2>/dev/null || true
  wait 2>/dev/null || true
  [[ -z ${LOCALNET_HOME:-} ]] || scripts/localnet.sh down >/dev/null 2>&1 || true
  rm -rf "$work"
}
trap leave EXIT

ALLORA_NODE_BIN=$(scripts/localnet.sh build)
export ALLORA_NODE_BIN
target=$(cargo metadata --format-version 1 --no-deps --locked | jq -er .target_directory)
binary=${ALLORA_WORKER_BIN:-}
if [[ -z $binary ]]; then
  cargo build --release --locked
  binary=$target/release/allora-worker
fi
[[ -x $binary ]] || die "$binary is no program; correct ALLORA_WORKER_BIN, or unset it to build the worker"

# What a board costs: read first, again, and after a window more.
[[ -n ${PAGE_SKIP_BOARD:-} ]] || cargo bench --locked --bench page

export LOCALNET_HOME=$work/node LOCALNET_PORT=$port LOCALNET_CHAIN_ID=allora-bench-1 \
  LOCALNET_EPOCH=5 LOCALNET_WINDOW=3
scripts/localnet.sh up >&2

start() {
  local at=$1
  local listen=127.0.0.1:$((port + 8 + at))
  ((at > 0)) || listen=off
  MNEMONIC=${words[at]} ALLORA_OPS__HTTP__LISTEN=$listen \
    env -u MNEMONIC_FILE -u PRIVATE_KEY -u PRIVATE_KEY_FILE -u TIINGO_API_KEY MALLOC_ARENA_MAX=1 \
    "$binary" run --network localnet --chain-id "$LOCALNET_CHAIN_ID" --topic "$topic" \
    --rpc "http://127.0.0.1:$port" --ws "ws://127.0.0.1:$port/websocket" \
    --data-dir "$work/$at" --prices data/btcusd_1h_2023-01_2025-12.csv </dev/null >"$work/$at.log" 2>&1 &
  pids[at]=$!
}
log() { printf '%s/%s/artifacts/logs/worker_continuous.log' "$work" "$1"; }
told() { jq -c 'select(.event == "submitted")' "$(log "$1")" 2>/dev/null || true; }
answered() { told "$1" | wc -l; }
# Until a worker has answered so many windows.
until_answered() {
  local tries
  for ((tries = 0; tries < 20 * $2 + 240; tries++)); do
    (($(answered "$1") < $2)) || return 0
    kill -0 "${pids[$1]}" 2>/dev/null || { tail -n 5 "$work/$1.log" >&2; die "a worker has ended"; }
    sleep 1
  done
  die "worker $1 has not answered $2 windows"
}
resident() { awk '/^VmRSS/ {printf "%.1f", $2 / 1024}' "/proc/${pids[$1]}/status"; }

for at in 0 1 2; do start "$at"; done
# Warm: what is allocated once is not the pages'.
for at in 0 1 2; do until_answered "$at" 8; done
for ((page = 0; page < pages; page++)); do
  # As an open page does: the document, then the stream from its generation on.
  at=http://127.0.0.1:$((port + 10))
  generation=$(curl -fsS --max-time 20 "$at/" | grep -o 'data-generation="[0-9]*"' | head -n 1 | tr -dc 0-9)
  curl -fsSN "$at/events?since=$generation" >"$work/page-$page" 2>&1 &
  followers+=($!)
done
sleep 6
for at in 0 1 2; do before[at]=$(resident "$at") from[at]=$(answered "$at"); done
for at in 0 1 2; do until_answered "$at" $((from[at] + windows)); done
for at in 0 1 2; do after[at]=$(resident "$at"); done
live=0
for follower in "${followers[@]}"; do
  if kill -0 "$follower" 2>/dev/null; then live=$((live + 1)); fi
done

printf '\n%d windows, answered by all three (%d cores, load %s); %d pages were open to the end, sent %s of updates each\n' \
  "$windows" "$(nproc)" "$(cut -d' ' -f1 /proc/loadavg)" "$live" "$(du -h --apparent-size "$work/page-0" | cut -f1)"
for at in 0 1 2; do
  told "$at" | tail -n "+$((from[at] + 1))" | head -n "$windows" |
    jq -r '"\(.nonce) \(.latency_ms)"' | sort -n >"$work/latency-$at"
done
p50() { cut -d' ' -f2 "$1" | sort -g | awk '{v[NR] = $1} END {print NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2}'; }
p95() { cut -d' ' -f2 "$1" | sort -g | awk '{v[NR] = $1} END {print v[int((NR * 95 + 99) / 100)]}'; }
printf '%-16s %8s %8s   %s\n' '' 'p50 ms' 'p95 ms' 'resident MiB'
for at in 0 1 2; do
  printf '%-16s %8.2f %8.2f   %s, then %s\n' "${names[at]}" "$(p50 "$work/latency-$at")" "$(p95 "$work/latency-$at")" \
    "${before[at]}" "${after[at]}"
done
for at in 1 2; do
  join "$work/latency-0" "$work/latency-$at" | awk '{print $1, $3 - $2}' >"$work/pair-$at"
  printf '%-16s against %s, by window: %+.2f ms in the middle of %d pairs\n' "${names[at]}" "${names[0]}" \
    "$(p50 "$work/pair-$at")" "$(wc -l <"$work/pair-$at")"
done
join "$work/latency-1" "$work/latency-2" | awk '{print $1, $3 - $2}' >"$work/pair-3"
awk -v p="$(p50 "$work/pair-3")" -v a="${after[1]}" -v b="${after[2]}" 'BEGIN {
  printf "ten pages cost %+.2f ms (goal: 1) and %+.1f MiB against the worker whose page nobody has open (goal: 5 MB)\n", p, b - a }'
