# A new chain: keys, genesis, node settings; sourced by localnet.sh.
# shellcheck shell=bash

allorad() { "$node" --home "$home" "$@"; }

address() { allorad keys show "$1" --address --keyring-backend test; }

wallets() {
  cat <<'WALLETS'
admin zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo wrong
worker abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon about
second legal winner thank year wave sausage worth useful legal winner thank yellow
third letter advice cage absurd amount doctor acoustic avoid letter advice cage above
WALLETS
}

# Runs a command of the node; only a failure says something.
quietly() {
  "$@" >>"$home/setup.log" 2>&1 && return
  tail -n 5 "$home/setup.log" >&2
  die "'allorad ${*:2}' failed; the whole output is in $home/setup.log"
}

check_settings() {
  local name
  for name in LOCALNET_TOPICS LOCALNET_EPOCH LOCALNET_WINDOW LOCALNET_ACTIVE_PER_BLOCK LOCALNET_TOP_INFERERS; do
    [[ ${!name:-1} =~ ^[1-9][0-9]{0,5}$ ]] || die "$name=${!name} is no whole number from 1 on"
  done
  local blocks=$(((topics + active_per_block - 1) / active_per_block))
  ((topics <= 80 || active_per_block <= 80)) || die "no block has room to start more than 80 topics: set LOCALNET_ACTIVE_PER_BLOCK to 80 or less"
  ((blocks == 1 || blocks < epoch)) \
    || die "$topics topics, $active_per_block a block, need $blocks blocks: set LOCALNET_EPOCH to more than $blocks"
}

create_chain() {
  need jq sed
  check_settings
  say "creating chain $chain_id in $home"
  rm -rf "$home/config" "$home/data" "$home/keyring-test" "$home/node2" "$home/upgraded"
  mkdir -p "$home"
  : >"$home/setup.log"
  quietly allorad init localnet --chain-id "$chain_id" --default-denom uallo
  local name words amount
  while read -r name words; do
    printf '%s\n' "$words" | quietly allorad keys add "$name" --recover --keyring-backend test
    amount=1000000000000000000000uallo
    [[ $name == admin ]] && amount=1000000000000000000000000uallo
    quietly allorad genesis add-genesis-account "$name" "$amount" --keyring-backend test
  done < <(wallets)
  quietly allorad genesis gentx admin 100000000000000000000uallo --chain-id "$chain_id" --keyring-backend test
  quietly allorad genesis collect-gentxs
  edit_genesis
  # One machine: peers share an address, none looks for others, and news travels fast.
  sed -i.old -e "s/^timeout_commit = .*/timeout_commit = \"$block_time\"/" \
    -e 's/^pprof_laddr = .*/pprof_laddr = ""/' -e 's/^pex = .*/pex = false/' \
    -e 's/^peer_gossip_sleep_duration = .*/peer_gossip_sleep_duration = "20ms"/' \
    -e 's/^addr_book_strict = .*/addr_book_strict = false/' \
    -e 's/^allow_duplicate_ip = .*/allow_duplicate_ip = true/' "$home/config/config.toml"
  printf '%s\n' "$epoch" "$window" "$topics" "$active_per_block" >"$home/topic"
  printf '%s\n' "$version" >"$home/version"
  touch "$home/created"
}

edit_genesis() {
  local genesis=$home/config/genesis.json
  jq -f "$root/localnet/genesis.jq" --arg admin "$(address admin)" --arg topic "$topic" \
    --arg max_top_inferers "$top_inferers" --arg max_active_topics "$active_per_block" \
    --arg gas_price "$gas_price.000000000000000000" \
    "$genesis" >"$genesis.new" || die "the genesis could not be edited with localnet/genesis.jq"
  mv "$genesis.new" "$genesis"
}
