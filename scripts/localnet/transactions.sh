# Making, signing and sending transactions; sourced by localnet.sh.
# shellcheck shell=bash

# A transaction of the given command, unsigned, from the wallet $from (admin).
unsigned() {
  allorad tx "$@" --from "${from:-admin}" --keyring-backend test --chain-id "$chain_id" --node "tcp://127.0.0.1:$port" \
    --gas 2000000 --gas-prices "$((gas_price * 2))uallo" --generate-only 2>>"$home/setup.log"
}

# Puts the messages of the transactions on standard input into one, with gas for all: GAS.
together() {
  jq -s --arg gas "$1" --arg fee "$((gas_price * 2 * $1))" '
    .[0].body.messages = (map(.body.messages) | add)
    | .[0].auth_info.fee |= (.gas_limit = $gas | .amount[0].amount = $fee)
    | .[0]'
}

# Repeats the transaction on standard input for neighbouring topics: FIRST COUNT GAS_EACH.
for_topics() {
  jq --argjson first "$1" --argjson count "$2" '
    .body.messages = [range($count) as $i | .body.messages[]
      | if has("topic_id") then .topic_id = ($first + $i | tostring) else . end]' \
    | together "$((100000 + $2 * $3))"
}

# Signs the transaction on standard input as the wallet $from (admin), sends it, waits until it is in a block.
submit() {
  local what=$1 signed=$home/tx.$BASHPID.json answer
  cat >"$signed.unsigned"
  [[ -s $signed.unsigned ]] || die "could not make '$what': $(tail -n 1 "$home/setup.log")"
  allorad tx sign "$signed.unsigned" --from "${from:-admin}" --keyring-backend test --chain-id "$chain_id" \
    --node "tcp://127.0.0.1:$port" --output-document "$signed" 2>>"$home/setup.log" \
    || die "could not sign '$what'; see $home/setup.log"
  answer=$(allorad tx broadcast "$signed" --node "tcp://127.0.0.1:$port" --output json 2>&1) || die "could not send '$what': $answer"
  rm -f "$signed" "$signed.unsigned"
  [[ $(jq -r .code <<<"$answer") == 0 ]] || die "the node refused '$what': $(jq -r .raw_log <<<"$answer")"
  await_transaction "$what" "$(jq -r .txhash <<<"$answer")"
}

# Waits until a transaction is in a block and was accepted: WHAT HASH.
await_transaction() {
  local what=$1 hash=$2 result tries
  for ((tries = 0; tries < 300; tries++)); do
    if result=$(curl -sf -m 2 "$rpc/tx?hash=0x$hash" 2>/dev/null) && jq -e .result <<<"$result" >/dev/null; then
      [[ $(jq -r .result.tx_result.code <<<"$result") == 0 ]] \
        || die "'$what' failed in block $(jq -r .result.height <<<"$result"): $(jq -r .result.tx_result.log <<<"$result")"
      say "$what: in block $(jq -r .result.height <<<"$result")"
      return
    fi
    sleep 0.2
  done
  die "'$what' ($hash) is in no block after 60 s; see $home/node.log"
}

# Signs the transactions on standard input, one a line, with sequences in a row, and prints them
# as the base64 that a node takes, one a line.
sign_ahead() {
  local batch=$home/batch.$BASHPID account number sequence line
  jq -c . >"$batch"
  account=$(allorad query auth account-info "$(address admin)" --node "tcp://127.0.0.1:$port" --output json) \
    || die "the account of admin can't be read; see $home/node.log"
  number=$(jq -r '.info.account_number // 0' <<<"$account")
  sequence=$(jq -r '.info.sequence // 0' <<<"$account")
  allorad tx sign-batch "$batch" --from admin --keyring-backend test --chain-id "$chain_id" \
    --offline --account-number "$number" --sequence "$sequence" >"$batch.signed" 2>>"$home/setup.log" \
    || die "could not sign transactions ahead; see $home/setup.log"
  while read -r line; do
    allorad tx encode <(printf '%s\n' "$line") || die "could not encode a signed transaction"
  done <"$batch.signed"
  rm -f "$batch" "$batch.signed"
}

# Hands base64 bytes to the node and prints the transaction's hash: WHAT BYTES.
send_bytes() {
  local answer
  answer=$(printf '{"jsonrpc":"2.0","id":1,"method":"broadcast_tx_sync","params":{"tx":"%s"}}' "$2" \
    | curl -sf -m 5 -H 'content-type: application/json' --data-binary @- "$rpc") || die "the node at $rpc did not take '$1'"
  jq -er 'select(.result.code == 0).result.hash' <<<"$answer" || die "the node refused '$1': $(jq -r '.error.data // .result.log' <<<"$answer")"
}

fund() {
  local to=${1:?"usage: scripts/localnet.sh fund ADDRESS [ALLO]"} allo=${2:-10}
  must_run
  [[ $to =~ ^allo1[0-9a-z]{38,58}$ ]] || die "'$to' is no address; it must look like allo1…"
  [[ $allo =~ ^[1-9][0-9]*$ ]] || die "'$allo' is no whole number of ALLO"
  unsigned bank send admin "$to" "${allo}000000000000000000uallo" | submit "sent $allo ALLO to $to"
}
