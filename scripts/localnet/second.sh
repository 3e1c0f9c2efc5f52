# A second full node that validates nothing; sourced by localnet.sh.
# shellcheck shell=bash

second=$home/node2
rpc2=http://127.0.0.1:$port2

create_second() {
  [[ ! -e $home/upgraded ]] || die "the chain was upgraded, and a new node can't read its first blocks: start the second node before 'upgrade'"
  mkdir -p "$second"
  quietly "$node" --home "$second" init node2 --chain-id "$chain_id" --default-denom uallo
  cp "$home/config/genesis.json" "$home/config/config.toml" "$home/config/app.toml" "$second/config/"
}

# Starts it, or lets one that is suspended go on; with an argument, without its peer.
spawn_second() {
  must_run
  local pid peer=''
  if pid=$(pid_in "$second"); then
    [[ -e $second/cut ]] || { kill -CONT "$pid"; say "the second node runs already (pid $pid)"; return; }
    stop_in "$second" "the second node, that was cut off"
  fi
  curl -sf -m 2 "$rpc2/status" >/dev/null && die "port $port2 is taken by another node; stop it, or set LOCALNET_NODE2_PORT"
  [[ -e $second/config/genesis.json ]] || create_second
  rm -f "$second/cut"
  if [[ -n ${1:-} ]]; then
    touch "$second/cut"
  else
    peer=$(curl -sf -m 2 "$rpc/status" | jq -er .result.node_info.id)@127.0.0.1:$p2p_port
  fi
  spawn "$second" "$port2" "$((port2 + 1))" "$((port2 + 2))" 0 "$peer"
  say "started the second node (pid $(cat "$second/node.pid")), RPC $rpc2, log in $second/node.log"
}

# Waits until it follows the first block by block.
await_second() {
  local deadline=$((SECONDS + 120)) answer
  while ((SECONDS < deadline)); do
    answer=$(curl -sf -m 2 "$rpc2/status" 2>/dev/null | jq -r '.result.sync_info | "\(.catching_up) \(.latest_block_height)"') || answer=''
    if [[ $answer == "false "* ]] && ((${answer#false } + 1 >= $(height))); then
      say "the second node has caught up: block ${answer#false }"
      return
    fi
    pid_in "$second" >/dev/null || { tail -n 15 "$second/node.log" >&2; die "the second node ended; its last lines stand above"; }
    sleep 0.2
  done
  die "the second node did not catch up within 120 s; see $second/node.log"
}

start_second() { spawn_second; await_second; }

stop_second() { stop_in "$second" "the second node" || say "no second node runs"; }

# Sends a signal to it and says so: SIGNAL DONE.
signal_second() {
  local pid
  pid=$(pid_in "$second") || die "no second node runs; start it with 'scripts/localnet.sh node2'"
  kill "-$1" "$pid" || die "the second node (pid $pid) could not be reached"
  say "the second node (pid $pid) $2"
}

kill_second() { signal_second KILL "was killed"; rm -f "$second/node.pid"; }
freeze_second() { signal_second STOP "is suspended; 'node2-thaw' lets it go on"; }
thaw_second() { signal_second CONT "goes on"; }

# Cuts it off and waits until the chain is so many blocks ahead.
lag_second() {
  [[ ${1:-} =~ ^[1-9][0-9]*$ ]] || die "usage: scripts/localnet.sh node2-lag BLOCKS"
  must_run
  [[ -e $second/config/genesis.json ]] || start_second
  stop_in "$second" "the second node" || true
  spawn_second alone
  await_block "$second" "$rpc2" 1 60
  local at
  at=$(height "$rpc2")
  while (($(height) < at + $1)); do sleep 0.2; done
  say "the second node stays at block $at; the chain is at block $(height) ('node2' joins it again)"
}

second_status() {
  local pid at
  pid=$(pid_in "$second") || return 0
  at=$(height "$rpc2" 2>/dev/null) && at="block $at" || at="no answer"
  say "second node: pid $pid, $at, RPC $rpc2$([[ ! -e $second/cut ]] || printf ', cut off')"
}
