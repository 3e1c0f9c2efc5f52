#!/usr/bin/env bash
# Our worker and the Python worker of PyPI's allora-sdk, side by side: the same node, the same topic,
# the same windows, one clock. All bytes of both pass through one recording proxy (localnet/recorder).
# Prints a table; the record stays in the folder that is named at the end.
#
#   scripts/bench_peer.sh [WINDOWS]     100 by default: about 20 minutes; 10 is the short form
#
#   ALLORA_WORKER_BIN=FILE  measures another binary of ours
#   BENCH_PORT=N            first of the 32 ports used, on loopback                28640
#   BENCH_KEEP=FOLDER       where the record is left       ~/.cache/allora-worker/peer/last
set -euo pipefail
export LC_ALL=C TZ=UTC
# The chain's settings are this script's own.
unset "${!LOCALNET_@}"
cd "$(dirname "${BASH_SOURCE[0]}")/.."

sdk=1.3.0
windows=${1:-100}
cache=${XDG_CACHE_HOME:-$HOME/.cache}/allora-worker/peer
keep=${BENCH_KEEP:-$cache/last}
port=${BENCH_PORT:-28640}
epoch=8 window=5 topic=67
ours_words='abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon about'
peer_words='legal winner thank year wave sausage worth useful legal winner thank yellow'

say() { printf 'bench: %s\n' "$*" >&2; }
die() {
  printf 'bench: %s\n' "$*" >&2
  exit 1
}

[[ $windows =~ ^[1-9][0-9]*$ ]] || die "usage: scripts/bench_peer.sh [WINDOWS]; '$windows' is no number"
[[ -d /proc/self ]] || die "this needs Linux's /proc"
for tool in go python3 curl jq; do
  command -v "$tool" >/dev/null || die "$tool is missing; install it and try again"
done
# The proxy and both workers need a time that is told in microseconds.
[[ $(date +%s%6N) =~ ^[0-9]{16}$ ]] || die "this needs GNU date; install coreutils"

work=$(mktemp -d)
mkdir -p "$keep"
figures=$work/figures.jsonl
declare -A pids=()

# Ends one process that was started here: politely, then surely.
end() {
  local pid=${pids[$1]:-} tries
  [[ -n $pid ]] || return 0
  unset "pids[$1]"
  kill -TERM "$pid" 2>/dev/null || true
  for ((tries = 0; tries < 100; tries++)); do
    kill -0 "$pid" 2>/dev/null || break
    sleep 0.1
  done
  kill -KILL "$pid" 2>/dev/null || true
  wait "$pid" 2>/dev/null || true
}

leave() {
  local name
  for name in ours peer recorder; do end "$name"; done
  # Before there is a chain of ours, 'down' would stop another.
  [[ -z ${LOCALNET_HOME:-} ]] || scripts/localnet.sh down >/dev/null 2>&1 || true
  cp "$work"/*.jsonl "$work"/*.log "$work"/table.md "$keep/" 2>/dev/null || true
  rm -rf "$work"
}
trap leave EXIT
trap 'exit 130' INT TERM

# ---- what is needed ---------------------------------------------------------

prepare_peer() {
  local made=$cache/allora-sdk-$sdk
  python=$made/bin/python
  [[ ! -e $made/complete ]] || return 0
  say "installing allora-sdk $sdk into $made"
  mkdir -p "$cache"
  python3 -c 'import sys; sys.exit(sys.version_info < (3, 10))' || die "allora-sdk needs Python 3.10 or newer; $(python3 --version) is found"
  rm -rf "$made"
  python3 -m venv "$made" || die "no virtual environment could be made; install Python's venv (Debian: apt-get install python3-venv)"
  timeout 900 "$python" -m pip install --quiet --disable-pip-version-check "allora-sdk==$sdk" \
    || die "pip did not install allora-sdk $sdk; see the lines above (a way to PyPI is needed)"
  touch "$made/complete"
}

prepare() {
  prepare_peer
  ALLORA_NODE_BIN=$(scripts/localnet.sh build)
  export ALLORA_NODE_BIN
  recorder=$work/recorder
  (cd localnet && go build -mod=readonly -buildvcs=false -o "$recorder" ./recorder) || die "the recorder did not build; see the lines above"
  binary=${ALLORA_WORKER_BIN:-}
  if [[ -z $binary ]]; then
    cargo build --release --locked
    binary=$(cargo metadata --format-version 1 --no-deps --locked | jq -er .target_directory)/release/allora-worker
  fi
  [[ -x $binary ]] || die "$binary is no program; correct ALLORA_WORKER_BIN, or unset it to build the worker"
}

# ---- the chain, the proxy, the workers --------------------------------------

# A fresh chain with the given epoch, and the recorder before it: `chain NAME EPOCH`.
chain() {
  export LOCALNET_HOME=$work/node-$1 LOCALNET_PORT=$port LOCALNET_GRPC_PORT=$((port + 1))
  export LOCALNET_CHAIN_ID=allora-bench-$1-$$ LOCALNET_EPOCH=$2 LOCALNET_WINDOW=$window
  record=$work/record-$1.jsonl
  scripts/localnet.sh up >&2
  "$recorder" run -node "127.0.0.1:$port" -out "$record" \
    -pass "ours=127.0.0.1:$((port + 10))=127.0.0.1:$port" -pass "ours=127.0.0.1:$((port + 11))=127.0.0.1:$((port + 1))" \
    -pass "peer=127.0.0.1:$((port + 20))=127.0.0.1:$port" -pass "peer=127.0.0.1:$((port + 21))=127.0.0.1:$((port + 1))" \
    >>"$work/recorder.log" 2>&1 &
  pids[recorder]=$!
  await "the recorder" 10 grep -q ready "$work/recorder.log"
}

end_chain() {
  end recorder
  : >"$work/recorder.log"
  scripts/localnet.sh down >&2
}

start_ours() {
  mark started ours
  MNEMONIC=$ours_words env -u MNEMONIC_FILE -u PRIVATE_KEY -u PRIVATE_KEY_FILE -u TIINGO_API_KEY "$binary" run --network localnet --chain-id "$LOCALNET_CHAIN_ID" --topic "$topic" \
    --rpc "http://127.0.0.1:$((port + 10))" --ws "ws://127.0.0.1:$((port + 10))/websocket" \
    --data-dir "$LOCALNET_HOME/ours" --prices data/btcusd_1h_2023-01_2025-12.csv </dev/null >>"$work/ours.log" 2>&1 &
  pids[ours]=$!
}

start_peer() {
  mark started peer
  MNEMONIC=$peer_words BENCH_CHAIN_ID=$LOCALNET_CHAIN_ID BENCH_TOPIC=$topic BENCH_SAID=$work/said-peer.jsonl \
    BENCH_GRPC=grpc+http://127.0.0.1:$((port + 21)) BENCH_WS=ws://127.0.0.1:$((port + 20))/websocket \
    "$python" scripts/bench_peer.py </dev/null >>"$work/peer.log" 2>&1 &
  pids[peer]=$!
}

# ---- what is measured -------------------------------------------------------

now() { date +%s%6N; }
mark() { printf '{"at":%s,"kind":"mark","name":"%s","client":"%s"}\n' "$(now)" "$1" "${2:-}" >>"$figures"; }
figure() { printf '{"at":%s,"kind":"figure","client":"%s","name":"%s","value":%s}\n' "$(now)" "$1" "$2" "$3" >>"$figures"; }

# Waits until a command succeeds: `await WHAT SECONDS COMMAND…`.
await() {
  local what=$1 seconds=$2 until name
  shift 2
  until=$((SECONDS + seconds))
  while ! "$@" 2>/dev/null; do
    ((SECONDS < until)) || die "$what: not within $seconds s; the logs are in $keep"
    for name in "${!pids[@]}"; do
      kill -0 "${pids[$name]}" 2>/dev/null || { tail -n 15 "$work/$name.log" >&2; die "'$name' ended while $what was waited for; its last lines stand above"; }
    done
    sleep 0.05
  done
}

# Whether the client's newest run has its subscription to window openings.
subscribed() {
  local since
  since=$(jq -s --arg client "$1" 'map(select(.client == $client and .name == "started"))[-1].at' "$figures")
  jq -se --arg client "$1" --argjson since "$since" 'map(select(.client == $client and .at > $since))
    | (map(select(.kind == "subscribe" and (.query | contains("WorkerSubmissionWindowOpened"))) | .id)) as $ids
    | any(.[]; .kind == "granted" and (.id | IN($ids[])))' "$record" >/dev/null
}

ticks() { awk '{ print $14 + $15 }' "/proc/${pids[$1]}/stat"; }
seconds_of() { awk -v t="$1" -v hz="$(getconf CLK_TCK)" 'BEGIN { printf "%.2f", t / hz }'; }
resident() { awk '$1 == "VmRSS:" { printf "%.1f", $2 * 1024 / 1e6 }' "/proc/${pids[$1]}/status"; }
opened() { grep -c '"kind":"block".*"opened":' "$record" || true; }
has_opened() { (($(opened) >= $1)); }

# Both started one after the other, so that neither slows the other; any argument: the CPU time counts.
start_both() {
  start_ours
  await "our subscription" 60 subscribed ours
  [[ -z ${1:-} ]] || figure ours start_cpu_s "$(seconds_of "$(ticks ours)")"
  start_peer
  await "the peer's subscription" 120 subscribed peer
  [[ -z ${1:-} ]] || figure peer start_cpu_s "$(seconds_of "$(ticks peer)")"
}

measure_windows() {
  say "a chain with an epoch of $epoch blocks; both workers register"
  chain windows "$epoch"
  start_both
  # A window that both see proves that both are registered; the starts that count come after.
  await "a first window" 120 has_opened 1
  sleep 8
  end ours
  end peer
  start_both counted
  "$recorder" delay -direct "127.0.0.1:$port" -through "127.0.0.1:$((port + 10))" | jq -c --argjson at "$(now)" '. + {at: $at}' >>"$figures"
  local before
  before=$(opened)
  await "a window after the starts" 120 has_opened $((before + 1))
  sleep 4
  mark begin
  before=$(opened)
  say "$windows windows, about $((windows * epoch * 11 / 10)) s"
  await "window $windows" $((120 + windows * epoch * 4)) has_opened $((before + windows))
  mark end
  load=$(cut -d' ' -f1 /proc/loadavg)
  # The last inclusion may be learnt of seconds later.
  sleep 10
  local name
  for name in ours peer; do figure "$name" resident_mb "$(resident "$name")"; done
  ours_address=$("$ALLORA_NODE_BIN" --home "$LOCALNET_HOME" keys show worker --address --keyring-backend test)
  peer_address=$("$ALLORA_NODE_BIN" --home "$LOCALNET_HOME" keys show second --address --keyring-backend test)
  end ours
  end peer
  jq -c 'select(.event == "submission_successful") | {at: (.timestamp | (.[0:19] + "Z" | fromdate) * 1000000 + (.[20:23] | tonumber) * 1000),
    kind: "said", client: "ours", answers: [{topic: .topic, nonce: .nonce}]}' \
    "$LOCALNET_HOME/ours/artifacts/logs/worker_continuous.log" >"$work/said-ours.jsonl"
  end_chain
}

measure_idle() {
  say "a chain with a long epoch: 60 s in which no window opens"
  chain idle 600
  start_both
  local before ours peer name tries
  for tries in 1 2 3; do
    sleep 10
    before=$(opened) ours=$(ticks ours) peer=$(ticks peer)
    sleep 60
    (($(opened) != before)) || break
    ((tries < 3)) || die "windows open all the time; set a longer epoch"
  done
  for name in ours peer; do
    figure "$name" idle_percent "$(awk -v t="$(($(ticks "$name") - ${!name}))" -v hz="$(getconf CLK_TCK)" 'BEGIN { printf "%.3f", t / hz / 60 * 100 }')"
  done
  end ours
  end peer
  end_chain
}

print_table() {
  {
    printf '`scripts/bench_peer.sh %s` on %s, %s cores, load %s: %s, %s, %s\n\n' "$windows" "$(date +%F)" "$(nproc)" \
      "$load" "$(basename "$ALLORA_NODE_BIN")" "$("$python" --version)" "$(go version | cut -d' ' -f3)"
    "$recorder" table -topic "$topic" -ours "$("$binary" --version)=$ours_address" -peer "allora-sdk $sdk=$peer_address" \
      "$work"/record-windows.jsonl "$work"/said-*.jsonl "$figures"
  } | tee "$work/table.md"
}

prepare
measure_windows
measure_idle
print_table
say "the record is in $keep"
