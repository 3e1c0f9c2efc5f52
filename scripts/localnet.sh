#!/usr/bin/env bash
# A real Allora chain on this machine: one validator on loopback, topic 67, funded test wallets.
#
#   scripts/localnet.sh up       build the node (once), start it, create the topic
#   scripts/localnet.sh run      the same in the foreground; ends when standard input closes
#   scripts/localnet.sh node     build and start the node, no topic
#   scripts/localnet.sh topic    create topic 67 on the running node, unless it is there
#   scripts/localnet.sh fund ADDRESS [ALLO]   send coins to an address (10 by default)
#   scripts/localnet.sh status   what runs, and the topic's windows
#   scripts/localnet.sh logs     follow the node's log
#   scripts/localnet.sh down     stop the node that was started here
#   scripts/localnet.sh reset    stop it and forget the chain
#   scripts/localnet.sh build    only build the node and print its path
#
# Settings, from the environment; those of the chain take effect on a new chain:
#   LOCALNET_HOME        the chain's folder                        localnet/build/home
#   LOCALNET_PORT        RPC and WebSocket port                    26657
#   LOCALNET_CHAIN_ID    the chain's id                            allora-localnet-1
#   LOCALNET_BLOCK_TIME  pause between blocks                      1s
#   LOCALNET_EPOCH       blocks from one window to the next        10
#   LOCALNET_WINDOW      blocks that a window takes submissions    6
#   LOCALNET_TOP_INFERERS  places for inferers in each window      32
#   LOCALNET_FORGET      set: 'run' deletes the chain when it ends
#   ALLORA_NODE_BIN      a node binary to use instead of building one
#
# The wallets are public BIP-39 test vectors: never send anything of worth to them.
#   worker   abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon about
#   second   legal winner thank year wave sausage worth useful legal winner thank yellow
#   third    letter advice cage absurd amount doctor acoustic avoid letter advice cage above
#   admin    zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo wrong   (validator, topic's owner, reputer)
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
home=${LOCALNET_HOME:-$root/localnet/build/home}
port=${LOCALNET_PORT:-26657}
chain_id=${LOCALNET_CHAIN_ID:-allora-localnet-1}
block_time=${LOCALNET_BLOCK_TIME:-1s}
epoch=${LOCALNET_EPOCH:-10}
window=${LOCALNET_WINDOW:-6}
top_inferers=${LOCALNET_TOP_INFERERS:-32}
topic=67
gas_price=10
rpc=http://127.0.0.1:$port
cache=${XDG_CACHE_HOME:-$HOME/.cache}/allora-worker
version=$(awk '/allora-network\/allora-chain v/ { for (i = 1; i <= NF; i++) if ($i ~ /^v[0-9]/) { print $i; exit } }' "$root/localnet/go.mod")
node=${ALLORA_NODE_BIN:-$cache/bin/allorad-$version}

say() { printf 'localnet: %s\n' "$*"; }
die() { printf 'localnet: %s\n' "$*" >&2; exit 1; }

need() {
  local tool
  for tool in "$@"; do
    command -v "$tool" >/dev/null || die "$tool is missing; install it (Debian: apt-get install $tool) and try again"
  done
}

allorad() { "$node" --home "$home" "$@"; }

# ---- building ---------------------------------------------------------------

build() {
  [[ -x $node ]] && return
  [[ -z ${ALLORA_NODE_BIN:-} ]] || die "ALLORA_NODE_BIN=$node is no program; correct it, or unset it to build the node"
  need go
  say "building allorad $version: about ten minutes and 3 GB of Go caches the first time" >&2
  mkdir -p "$(dirname "$node")"
  local made=$node.$$
  (cd "$root/localnet" && go build -mod=readonly -buildvcs=false -o "$made" github.com/allora-network/allora-chain/cmd/allorad) \
    || { rm -f "$made"; die "the node did not build; see the lines above (Go 1.24 or newer and a way to the Go module proxy are needed)"; }
  mv "$made" "$node"
  say "built $node" >&2
}

# ---- a new chain ------------------------------------------------------------

wallets() {
  cat <<'WALLETS'
admin zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo wrong
worker abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon about
second legal winner thank year wave sausage worth useful legal winner thank yellow
third letter advice cage absurd amount doctor acoustic avoid letter advice cage above
WALLETS
}

create_chain() {
  need jq sed
  say "creating chain $chain_id in $home"
  rm -rf "$home/config" "$home/data" "$home/keyring-test"
  mkdir -p "$home"
  local log=$home/setup.log name words amount
  quietly() { "$@" >>"$log" 2>&1 || { tail -n 5 "$log" >&2; die "'allorad ${*:2}' failed; the whole output is in $log"; }; }
  : >"$log"
  quietly allorad init localnet --chain-id "$chain_id" --default-denom uallo
  while read -r name words; do
    printf '%s\n' "$words" | quietly allorad keys add "$name" --recover --keyring-backend test
    amount=1000000000000000000000uallo
    [[ $name == admin ]] && amount=1000000000000000000000000uallo
    quietly allorad genesis add-genesis-account "$name" "$amount" --keyring-backend test
  done < <(wallets)
  quietly allorad genesis gentx admin 100000000000000000000uallo --chain-id "$chain_id" --keyring-backend test
  quietly allorad genesis collect-gentxs
  local genesis=$home/config/genesis.json
  jq -f "$root/localnet/genesis.jq" --arg admin "$(address admin)" --arg topic "$topic" \
    --arg max_top_inferers "$top_inferers" --arg gas_price "$gas_price.000000000000000000" \
    "$genesis" >"$genesis.new" || die "the genesis could not be edited with localnet/genesis.jq"
  mv "$genesis.new" "$genesis"
  sed -i.old -e "s/^timeout_commit = .*/timeout_commit = \"$block_time\"/" \
    -e 's/^pprof_laddr = .*/pprof_laddr = ""/' -e 's/^pex = .*/pex = false/' "$home/config/config.toml"
  printf '%s\n' "$epoch" "$window" >"$home/topic"
  touch "$home/created"
}

address() { allorad keys show "$1" --address --keyring-backend test; }

# ---- the node ---------------------------------------------------------------

# The pid of our running node, or nothing: the pid file is believed only if the process is ours.
running() {
  local pid
  pid=$(cat "$home/node.pid" 2>/dev/null) || return 1
  [[ -n $pid ]] && ps -o args= -p "$pid" 2>/dev/null | grep -qF -- "--home $home" && printf '%s\n' "$pid"
}

height() { curl -sf -m 2 "$rpc/status" | jq -er '.result.sync_info.latest_block_height | tonumber'; }

node_chain() { curl -sf -m 2 "$rpc/status" | jq -er .result.node_info.network; }

spawn_node() {
  local set_sid=()
  command -v setsid >/dev/null && set_sid=(setsid)
  "${set_sid[@]}" "$node" --home "$home" start --unsafe-override-recommended-settings \
    --minimum-gas-prices "${gas_price}uallo" --log_no_color --log_level '*:error,state:info,server:info' \
    --rpc.laddr "tcp://127.0.0.1:$port" --p2p.laddr tcp://127.0.0.1:0 \
    --grpc.enable=false --api.enable=false </dev/null >>"$home/node.log" 2>&1 &
  printf '%s\n' $! >"$home/node.pid"
}

start_node() {
  need curl jq
  local pid other tries
  if pid=$(running); then
    say "the node runs already (pid $pid)"
  else
    other=$(node_chain 2>/dev/null) && die "port $port is taken by a node of chain $other; stop it, or set LOCALNET_PORT"
    build
    [[ -e $home/created ]] || create_chain
    spawn_node
    say "started allorad $version (pid $(cat "$home/node.pid")), log in $home/node.log"
  fi
  for ((tries = 0; tries < 300; tries++)); do
    if (($(height 2>/dev/null || echo 0) > 0)); then
      chain_id=$(node_chain)
      say "chain $chain_id is at block $(height), RPC $rpc"
      return
    fi
    running >/dev/null || { tail -n 15 "$home/node.log" >&2; die "the node ended; its last lines stand above, the rest is in $home/node.log ('reset' starts afresh)"; }
    sleep 0.2
  done
  tail -n 15 "$home/node.log" >&2
  die "no block within 60 s; see $home/node.log, or 'reset' to start afresh"
}

stop_node() {
  local pid tries
  pid=$(running) || { say "no node runs in $home"; rm -f "$home/node.pid"; return; }
  kill -TERM "$pid" 2>/dev/null || true
  for ((tries = 0; tries < 100; tries++)); do
    running >/dev/null || { rm -f "$home/node.pid"; say "stopped the node (pid $pid)"; return; }
    sleep 0.1
  done
  kill -KILL "$pid" 2>/dev/null || true
  rm -f "$home/node.pid"
  say "the node (pid $pid) did not stop within 10 s and was killed"
}

# ---- transactions -----------------------------------------------------------

unsigned() {
  allorad tx "$@" --from admin --keyring-backend test --chain-id "$chain_id" --node "tcp://127.0.0.1:$port" \
    --gas 2000000 --gas-prices "$((gas_price * 2))uallo" --generate-only 2>>"$home/setup.log"
}

# Signs the transaction on standard input as admin, sends it, waits until it is in a block.
submit() {
  local what=$1 signed=$home/tx.$$.json answer hash result tries
  cat >"$signed.unsigned"
  [[ -s $signed.unsigned ]] || die "could not make '$what': $(tail -n 1 "$home/setup.log")"
  allorad tx sign "$signed.unsigned" --from admin --keyring-backend test --chain-id "$chain_id" \
    --node "tcp://127.0.0.1:$port" --output-document "$signed" 2>>"$home/setup.log" \
    || die "could not sign '$what'; see $home/setup.log"
  answer=$(allorad tx broadcast "$signed" --node "tcp://127.0.0.1:$port" --output json 2>&1) || die "could not send '$what': $answer"
  rm -f "$signed" "$signed.unsigned"
  [[ $(jq -r .code <<<"$answer") == 0 ]] || die "the node refused '$what': $(jq -r .raw_log <<<"$answer")"
  hash=$(jq -r .txhash <<<"$answer")
  for ((tries = 0; tries < 150; tries++)); do
    if result=$(curl -sf -m 2 "$rpc/tx?hash=0x$hash" 2>/dev/null) && jq -e .result <<<"$result" >/dev/null; then
      [[ $(jq -r .result.tx_result.code <<<"$result") == 0 ]] \
        || die "'$what' failed in block $(jq -r .result.height <<<"$result"): $(jq -r .result.tx_result.log <<<"$result")"
      say "$what: in block $(jq -r .result.height <<<"$result")"
      return
    fi
    sleep 0.2
  done
  die "'$what' ($hash) is in no block after 30 s; see $home/node.log"
}

topic_exists() { allorad query emissions topic "$topic" --node "tcp://127.0.0.1:$port" --output json >/dev/null 2>&1; }

create_topic() {
  need jq curl
  running >/dev/null || die "no node runs in $home; start it with 'scripts/localnet.sh up'"
  chain_id=$(node_chain) || die "the node at $rpc does not answer"
  if topic_exists; then
    say "topic $topic is there already"
    return
  fi
  local admin
  admin=$(address admin)
  { read -r epoch; read -r window; } <"$home/topic"
  # One transaction for all: the messages run in their order.
  {
    unsigned emissions create-topic "$admin" "BTC/USD 7-day log-return (local)" mse \
      "$epoch" "$epoch" "$window" 3 0.1 true 0.01 0.1 0.25 0.25 0.25 false false 0.75 \
      regression single false 0 1 '' 0 false
    unsigned emissions register "$admin" "$topic" "$admin" true
    unsigned emissions add-stake "$admin" "$topic" 1000000000000000000
    unsigned emissions fund-topic "$admin" "$topic" 1000000000000000000
  } | jq -s '.[0].body.messages = (map(.body.messages) | add) | .[0]' \
    | submit "topic $topic created (epoch $epoch, window $window blocks), reputer registered and staked, topic funded"
}

fund() {
  need jq curl
  local to=${1:?"usage: scripts/localnet.sh fund ADDRESS [ALLO]"} allo=${2:-10}
  running >/dev/null || die "no node runs in $home; start it with 'scripts/localnet.sh up'"
  [[ $to =~ ^allo1[0-9a-z]{38,58}$ ]] || die "'$to' is no address; it must look like allo1…"
  [[ $allo =~ ^[1-9][0-9]*$ ]] || die "'$allo' is no whole number of ALLO"
  chain_id=$(node_chain) || die "the node at $rpc does not answer"
  unsigned bank send admin "$to" "${allo}000000000000000000uallo" | submit "sent $allo ALLO to $to"
}

status() {
  need jq curl
  local pid
  pid=$(running) || { say "no node runs in $home"; return 1; }
  say "pid $pid, chain $(node_chain), block $(height), RPC $rpc"
  if ! topic_exists; then
    say "topic $topic does not exist; create it with 'scripts/localnet.sh topic'"
    return
  fi
  allorad query emissions worker-submission-window-status "$topic" "$(address worker)" \
    --node "tcp://127.0.0.1:$port" --output json | jq -r --arg topic "$topic" \
    '"localnet: topic \($topic): \(if .is_topic_active then "active" else "inactive" end), "
     + (if .is_open then "window open (nonce \(.current_nonce_block_height), until block \(.window_end_block))" else "no window open" end)
     + ", next at block \(.next_window_start_block); worker \(if .is_registered then "registered" else "not registered" end)"'
}

leave() {
  # Whoever read our output may be gone already.
  stop_node >/dev/null 2>&1 || true
  [[ -z ${LOCALNET_FORGET:-} ]] || rm -rf "$home"
}

run_until_eof() {
  trap leave EXIT
  trap 'exit 130' INT TERM
  start_node </dev/null
  create_topic </dev/null
  say "ready"
  cat >/dev/null
}

case ${1:-} in
  up) start_node; create_topic; say "ready: ./start_worker.sh --network localnet --chain-id $chain_id --rpc http://127.0.0.1:$port (wallets: see the head of this script)" ;;
  run) run_until_eof ;;
  node) start_node ;;
  topic) create_topic ;;
  fund) shift; fund "$@" ;;
  status) status ;;
  logs) exec tail -n 50 -f "$home/node.log" ;;
  down) stop_node ;;
  reset) stop_node; rm -rf "$home"; say "forgot the chain in $home" ;;
  build) build; printf '%s\n' "$node" ;;
  *) sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p;}' "${BASH_SOURCE[0]}"; [[ ${1:-help} == help ]] || exit 2 ;;
esac
