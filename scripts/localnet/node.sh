# Nodes as processes: start, stop, wait; sourced by localnet.sh.
# shellcheck shell=bash

# The pid of the node of a folder, or nothing: the pid file is believed only if the process is ours.
pid_in() {
  local dir=$1 pid
  pid=$(cat "$dir/node.pid" 2>/dev/null) || return 1
  [[ -n $pid ]] && ps -o args= -p "$pid" 2>/dev/null | grep -qF -- "--home $dir start" && printf '%s\n' "$pid"
}

running() { pid_in "$home"; }

must_run() {
  need curl jq
  running >/dev/null || die "no node runs in $home; start it with 'scripts/localnet.sh up'"
  chain_id=$(node_chain) || die "the node at $rpc does not answer; see $home/node.log"
}

# The block that a node stands at; ours, or the one at the address given.
height() { curl -sf -m 2 "${1:-$rpc}/status" | jq -er '.result.sync_info.latest_block_height | tonumber'; }

node_chain() { curl -sf -m 2 "$rpc/status" | jq -er .result.node_info.network; }

# Starts $node in a folder: DIR RPC_PORT GRPC_PORT P2P_PORT API_PORT PEERS; 0 for no gRPC, no REST.
spawn() {
  local dir=$1 set_sid=() grpc=(--grpc.enable=false) api=(--api.enable=false)
  command -v setsid >/dev/null && set_sid=(setsid)
  ((${3:-0})) && grpc=(--grpc.enable=true --grpc.address "127.0.0.1:$3")
  ((${5:-0})) && api=(--api.enable=true --api.address "tcp://127.0.0.1:$5")
  "${set_sid[@]}" "$node" --home "$dir" start --unsafe-override-recommended-settings \
    --minimum-gas-prices "${gas_price}uallo" --log_no_color --log_level '*:error,state:info,server:info' \
    --rpc.laddr "tcp://127.0.0.1:$2" --p2p.laddr "tcp://127.0.0.1:$4" --p2p.persistent_peers "$6" \
    --grpc-web.enable=false "${grpc[@]}" "${api[@]}" </dev/null >>"$dir/node.log" 2>&1 &
  printf '%s\n' $! >"$dir/node.pid"
}

spawn_first() {
  spawn "$home" "$port" "${grpc_port:-0}" "$p2p_port" "$api_port" ''
  say "started allorad $version (pid $(cat "$home/node.pid")), log in $home/node.log"
}

# Waits until a node stands at a block: DIR URL BLOCK SECONDS.
await_block() {
  local dir=$1 url=$2 block=$3 deadline=$((SECONDS + $4))
  while ((SECONDS < deadline)); do
    (($(height "$url" 2>/dev/null || echo 0) >= block)) && return
    pid_in "$dir" >/dev/null || { tail -n 15 "$dir/node.log" >&2; die "the node ended; its last lines stand above, the rest is in $dir/node.log ('reset' starts afresh)"; }
    sleep 0.2
  done
  tail -n 15 "$dir/node.log" >&2
  die "the node at $url did not reach block $block within $4 s; see $dir/node.log, or 'reset' to start afresh"
}

start_node() {
  need curl jq
  local pid other
  if pid=$(running); then
    say "the node runs already (pid $pid)"
  else
    other=$(node_chain 2>/dev/null) && die "port $port is taken by a node of chain $other; stop it, or set LOCALNET_PORT"
    [[ -e $home/created ]] || { rm -f "$home/version" "$home/upgraded"; choose_version; }
    build
    [[ -e $home/created ]] || create_chain
    spawn_first
  fi
  await_block "$home" "$rpc" 1 60
  chain_id=$(node_chain)
  say "chain $chain_id is at block $(height), RPC $rpc"
}

# Stops the node of a folder: DIR NAME. One that is suspended or hangs is killed.
stop_in() {
  local dir=$1 pid tries
  pid=$(pid_in "$dir") || { rm -f "$dir/node.pid"; return 1; }
  kill -TERM "$pid" 2>/dev/null || true
  kill -CONT "$pid" 2>/dev/null || true
  for ((tries = 0; tries < 100; tries++)); do
    pid_in "$dir" >/dev/null || { rm -f "$dir/node.pid"; say "stopped $2 (pid $pid)"; return; }
    sleep 0.1
  done
  kill -KILL "$pid" 2>/dev/null || true
  rm -f "$dir/node.pid"
  say "$2 (pid $pid) did not stop within 10 s and was killed"
}

stop_nodes() {
  stop_in "$home/node2" "the second node" || true
  stop_in "$home" "the node" || say "no node runs in $home"
}
