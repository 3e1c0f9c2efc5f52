# A governance upgrade of a running chain; sourced by localnet.sh.
# shellcheck shell=bash

upgrade() {
  must_run
  [[ $upgrade_in =~ ^[1-9][0-9]*$ ]] || die "LOCALNET_UPGRADE_IN=$upgrade_in is no whole number of blocks"
  [[ ${LOCALNET_UPGRADE_AT:-1} =~ ^[1-9][0-9]*$ ]] || die "LOCALNET_UPGRADE_AT=$LOCALNET_UPGRADE_AT is no block"
  [[ $version == v0.16.0 ]] || die "the chain runs $version; only a chain of v0.16.0 can be upgraded (LOCALNET_NODE_VERSION=v0.16.0 on a new chain)"
  local target=$default_version at holder
  # The new binary is there before the chain stops.
  (version=$target node=${ALLORA_UPGRADE_BIN:-$cache/bin/allorad-$target}; build)
  holder=$(cat "$home/run.pid" 2>/dev/null) || holder=''
  at=${LOCALNET_UPGRADE_AT:-$(($(height) + upgrade_in))}
  propose "$target" "$at"
  await_halt "$target" "$at"
  local with_second=''
  second_halted "$target" "$at" && with_second=yes
  exchange "$target" "$at" "$holder"
  await_block "$home" "$rpc" "$((at + 1))" 120
  say "upgraded: halted at $at, blocks again at $(height)"
  [[ -z $with_second ]] || start_second
}

# Proposes the upgrade, votes for it and waits until it is planned: NAME BLOCK.
propose() {
  local gov id
  gov=$(allorad query auth module-account gov --node "tcp://127.0.0.1:$port" --output json \
    | jq -er 'first(.. | .address? // empty)') || die "the address of the gov module can't be read"
  jq -n --arg gov "$gov" --arg name "$1" --arg height "$2" '{
      messages: [{"@type": "/cosmos.upgrade.v1beta1.MsgSoftwareUpgrade", authority: $gov,
                  plan: {name: $name, height: $height}}],
      deposit: "20uallo", title: "Upgrade to \($name)", summary: "Upgrade to \($name)", expedited: true
    }' >"$home/proposal.json"
  unsigned gov submit-proposal "$home/proposal.json" | submit "proposed $1 at block $2"
  id=$(allorad query gov proposals --node "tcp://127.0.0.1:$port" --output json | jq -er '.proposals | map(.id | tonumber) | max') \
    || die "the proposal can't be read back"
  unsigned gov vote "$id" yes | submit "voted yes on proposal $id"
  until allorad query upgrade plan --node "tcp://127.0.0.1:$port" --output json 2>/dev/null | jq -e .plan.name >/dev/null; do
    (($(height) < $2 - 1)) || die "the vote had not ended at block $2: set LOCALNET_UPGRADE_IN to more than $upgrade_in"
    sleep 0.5
  done
  say "$1 is planned for block $2; the chain is at block $(height)"
}

# Waits until the node has stopped making blocks: NAME BLOCK.
await_halt() {
  local deadline=$((SECONDS + 60 + 10 * upgrade_in))
  until grep -qF "UPGRADE \"$1\" NEEDED at height: $2" "$home/node.log"; do
    ((SECONDS < deadline)) || die "the chain did not halt at block $2; it is at block $(height 2>/dev/null || echo unknown), see $home/node.log"
    sleep 0.1
  done
  say "halted for $1 at block $2"
}

# Whether the second node runs and stands at the halt as well: NAME BLOCK. The new binary can't make
# the blocks before it, so one that is behind stays stopped.
second_halted() {
  local deadline=$((SECONDS + 15))
  pid_in "$second" >/dev/null || return
  until grep -qF "UPGRADE \"$1\" NEEDED at height: $2" "$second/node.log"; do
    if [[ -e $second/cut ]] || ((SECONDS >= deadline)); then
      say "the second node did not reach the halt and stays stopped; to have it again, 'reset'"
      return 1
    fi
    sleep 0.2
  done
}

# Stops the old nodes and starts the new one on the same home: NAME BLOCK HOLDER.
exchange() {
  stop_nodes
  is_held "$3" || die "'run' (pid $3), which held the chain, has ended"
  printf '%s\n' "$2" >"$home/upgraded"
  printf '%s\n' "$1" >"$home/version"
  choose_version
  spawn_first
  # Had it ended in between, nobody would stop the new node.
  is_held "$3" || { stop_nodes; die "'run' (pid $3), which held the chain, has ended"; }
}

# Whether the 'run' that held the chain still does; true when there was none. It takes its file away
# before it stops the node.
is_held() { [[ -z $1 ]] || { [[ -e $home/run.pid ]] && kill -0 "$1" 2>/dev/null; }; }
