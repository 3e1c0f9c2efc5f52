#!/usr/bin/env bash
# A real Allora chain on this machine: one validator on loopback, topics from 67 on, funded test wallets.
#
#   scripts/localnet.sh up       build the node (once), start it, create the topics
#   scripts/localnet.sh run      the same in the foreground; ends when standard input closes
#   scripts/localnet.sh node     build and start the node, no topic
#   scripts/localnet.sh topic    create the topics that are missing on the running node
#   scripts/localnet.sh register [NAME]   register a wallet (worker) in all topics, in one transaction
#   scripts/localnet.sh peers [N] [--for WINDOWS]   N further workers (3) that answer all windows, until stopped
#       with values around 0, the first with a spread of 0.005 and each further one with half as much again;
#       their wallets follow from admin's words, who pays for them
#   scripts/localnet.sh reputer [--truth VALUE] [--for WINDOWS]   tell the losses of all answers, until stopped:
#       without it the chain scores nobody and pays nobody. The truth is VALUE (0), whatever the prices do:
#       an answer's loss is log10 of its squared distance to it. Both need v0.17.0,
#       and peers topics of one number
#   scripts/localnet.sh fund ADDRESS [ALLO]   send coins to an address (10 by default)
#   scripts/localnet.sh status   what runs, and the topics' windows
#   scripts/localnet.sh logs     follow the node's log
#   scripts/localnet.sh down     stop the nodes that were started here
#   scripts/localnet.sh reset    stop them and forget the chain
#   scripts/localnet.sh build    only build the node and print its path
#   scripts/localnet.sh upgrade  take a running v0.16.0 chain to v0.17.0 by a governance vote
#
# A second full node, that validates nothing and may suffer (its own folder is HOME/node2):
#   scripts/localnet.sh node2         start it, or join it again, and wait until it has caught up
#   scripts/localnet.sh node2-down    stop it
#   scripts/localnet.sh node2-kill    kill it at once
#   scripts/localnet.sh node2-freeze  suspend it: it accepts connections and says nothing
#   scripts/localnet.sh node2-thaw    let it go on
#   scripts/localnet.sh node2-lag BLOCKS   cut it off until the chain is so far ahead; it answers with old state
#
# Settings, from the environment; those of the chain take effect on a new chain:
#   LOCALNET_HOME        the chain's folder                        localnet/build/home
#   LOCALNET_NODE_VERSION  v0.17.0 or v0.16.0 (emissions v10, v9)  v0.17.0
#   LOCALNET_PORT        RPC and WebSocket port                    26657
#   LOCALNET_GRPC_PORT   gRPC port; 0: none                        LOCALNET_PORT + 1
#   LOCALNET_P2P_PORT    port for the second node                  LOCALNET_PORT + 2
#   LOCALNET_API_PORT    REST port; 0: none                        0
#   LOCALNET_NODE2       set: 'up' and 'run' start the second node too
#   LOCALNET_NODE2_PORT  its RPC port; gRPC + 1, p2p + 2           LOCALNET_PORT + 10
#   LOCALNET_CHAIN_ID    the chain's id                            allora-localnet-1
#   LOCALNET_BLOCK_TIME  pause between blocks                      1s
#   LOCALNET_TOPICS      topics, from 67 on                        1
#   LOCALNET_EPOCH       blocks from one window to the next        10
#   LOCALNET_WINDOW      blocks that a window takes submissions    6
#   LOCALNET_ACTIVE_PER_BLOCK  topics that open in one block; 1: one a block  1000
#   LOCALNET_LABELS      labels that the topics take values for, with commas; none: one number
#   LOCALNET_TOP_INFERERS  places for inferers in each window      32
#   LOCALNET_REGISTER    set: 'up' and 'run' register the wallet 'worker' in all topics
#   LOCALNET_UPGRADE_IN  blocks from 'upgrade' to the halt         30
#   LOCALNET_UPGRADE_AT  the block of the halt, instead of so many from now
#   LOCALNET_FORGET      set: 'run' deletes the chain when it ends
#   ALLORA_NODE_BIN      a node binary to use instead of building one
#   ALLORA_UPGRADE_BIN   the same, for what 'upgrade' starts
#
# The wallets are public BIP-39 test vectors: never send anything of worth to them.
#   worker   abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon about
#   second   legal winner thank year wave sausage worth useful legal winner thank yellow
#   third    letter advice cage absurd amount doctor acoustic avoid letter advice cage above
#   admin    zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo wrong   (validator, topics' owner, reputer)
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
home=${LOCALNET_HOME:-$root/localnet/build/home}
# The folder is compared with running processes' arguments: one spelling.
[[ $home == /* ]] || home=$PWD/$home
port=${LOCALNET_PORT:-26657}
grpc_port=${LOCALNET_GRPC_PORT-$((port + 1))}
p2p_port=${LOCALNET_P2P_PORT:-$((port + 2))}
api_port=${LOCALNET_API_PORT:-0}
port2=${LOCALNET_NODE2_PORT:-$((port + 10))}
chain_id=${LOCALNET_CHAIN_ID:-allora-localnet-1}
block_time=${LOCALNET_BLOCK_TIME:-1s}
epoch=${LOCALNET_EPOCH:-10}
window=${LOCALNET_WINDOW:-6}
topics=${LOCALNET_TOPICS:-1}
active_per_block=${LOCALNET_ACTIVE_PER_BLOCK:-1000}
labels=${LOCALNET_LABELS:-}
top_inferers=${LOCALNET_TOP_INFERERS:-32}
upgrade_in=${LOCALNET_UPGRADE_IN:-30}
topic=67
gas_price=10
rpc=http://127.0.0.1:$port
cache=${XDG_CACHE_HOME:-$HOME/.cache}/allora-worker

say() { printf 'localnet: %s\n' "$*"; }
die() { printf 'localnet: %s\n' "$*" >&2; exit 1; }

need() {
  local tool
  for tool in "$@"; do
    command -v "$tool" >/dev/null || die "$tool is missing; install it (Debian: apt-get install $tool) and try again"
  done
}

for part in build chain node transactions topics second upgrade crowd; do
  # shellcheck source=/dev/null
  source "$root/scripts/localnet/$part.sh"
done
choose_version

status() {
  need jq curl
  local pid
  pid=$(running) || { say "no node runs in $home"; return 1; }
  say "pid $pid, allorad $version, chain $(node_chain), block $(height), RPC $rpc$( ((${grpc_port:-0})) && printf ', gRPC 127.0.0.1:%s' "$grpc_port")"
  second_status
  topics_status
}

leave() {
  # Whoever read our output may be gone already.
  rm -f "$home/run.pid"
  stop_nodes >/dev/null 2>&1 || true
  [[ -z ${LOCALNET_FORGET:-} ]] || rm -rf "$home"
}

start_all() {
  start_node </dev/null
  [[ -z ${LOCALNET_NODE2:-} ]] || spawn_second </dev/null
  create_topics </dev/null
  [[ -z ${LOCALNET_REGISTER:-} ]] || register worker </dev/null
  [[ -z ${LOCALNET_NODE2:-} ]] || await_second
}

run_until_eof() {
  trap leave EXIT
  trap 'exit 130' INT TERM
  mkdir -p "$home"
  printf '%s\n' $$ >"$home/run.pid"
  start_all
  say "ready"
  cat >/dev/null
}

case ${1:-} in
  up) start_all; say "ready: ./start_worker.sh --network localnet --chain-id $chain_id --rpc http://127.0.0.1:$port (wallets: see the head of this script)" ;;
  run) run_until_eof ;;
  node) start_node ;;
  topic) create_topics ;;
  register) register "${2:-worker}" ;;
  peers) shift; crowd peers "$@" ;;
  reputer) shift; crowd reputer "$@" ;;
  fund) shift; fund "$@" ;;
  status) status ;;
  logs) exec tail -n 50 -f "$home/node.log" ;;
  down) stop_nodes ;;
  reset) stop_nodes; rm -rf "$home"; say "forgot the chain in $home" ;;
  build) build; printf '%s\n' "$node" ;;
  upgrade) upgrade ;;
  node2) start_second ;;
  node2-down) stop_second ;;
  node2-kill) kill_second ;;
  node2-freeze) freeze_second ;;
  node2-thaw) thaw_second ;;
  node2-lag) lag_second "${2:-}" ;;
  *) sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p;}' "${BASH_SOURCE[0]}"; [[ ${1:-help} == help ]] || exit 2 ;;
esac
