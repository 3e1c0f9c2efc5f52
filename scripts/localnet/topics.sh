# Topics: created, staked, funded, registered in; sourced by localnet.sh.
# shellcheck shell=bash

# Measured with room: creating a topic with its reputer and funds, staking in one, registering in one.
gas_create=350000
gas_register=70000
# The stake that starts a topic costs 72 000 and 6 500 more for each that starts before it in its block.
gas_stake=600000
# A block has room for 30 million; this leaves space for others.
gas_most=17000000

topic_exists() { allorad query emissions topic "$1" --node "tcp://127.0.0.1:$port" --output json >/dev/null 2>&1; }

# The settings that the chain was made with.
read_settings() {
  { read -r epoch; read -r window; read -r topics || topics=1; read -r active_per_block || active_per_block=1000; } <"$home/topic"
  last=$((topic + topics - 1))
}

# Short names: "topic 67", "topics 67–130".
name_topics() { if (($1 == $2)); then printf 'topic %s' "$1"; else printf 'topics %s–%s' "$1" "$2"; fi; }

create_topics() {
  must_run
  read_settings
  if topic_exists "$last"; then
    say "$(name_topics "$topic" "$last"): there already"
    return
  fi
  topic_exists "$topic" && die "topic $topic is there and topic $last is not: an earlier setup broke off; 'reset' starts afresh"
  local admin template=$home/topics.$BASHPID
  admin=$(address admin)
  {
    create_message
    unsigned emissions register "$admin" "$topic" "$admin" true
    unsigned emissions fund-topic "$admin" "$topic" 1000000000000000000
  } | together 0 >"$template.create"
  unsigned emissions add-stake "$admin" "$topic" 1000000000000000000 >"$template.stake"
  [[ -s $template.create && -s $template.stake ]] || die "the topics' messages could not be made; see $home/setup.log"
  if ((topics * (gas_create + gas_stake) <= gas_most && topics <= active_per_block)); then
    {
      for_topics "$topic" "$topics" "$gas_create" <"$template.create"
      for_topics "$topic" "$topics" "$gas_stake" <"$template.stake"
    } | together "$((200000 + topics * (gas_create + gas_stake)))" \
      | submit "$(name_topics "$topic" "$last") created (epoch $epoch, window $window blocks), reputer registered, funded, staked"
  else
    create_in_parts "$template"
    stake_in_step "$template"
  fi
  rm -f "$template.create" "$template.stake"
}

# What creates a topic; the older chain knows no topic types, and no labels.
create_message() {
  local kind=()
  [[ $(allorad tx emissions create-topic --help 2>&1) == *'[topic_type]'* ]] && kind=(regression single false 0 1 '' 0 false)
  unsigned emissions create-topic "$(address admin)" "BTC/USD 7-day log-return (local)" mse \
    "$epoch" "$epoch" "$window" 3 0.1 true 0.01 0.1 0.25 0.25 0.25 false false 0.75 "${kind[@]}" \
    | jq --arg labels "$labels" '
      if $labels == "" then . else
        ($labels / ",") as $all
        | .body.messages[0] |= (.output_arity = "TOPIC_OUTPUT_ARITY_MULTI"
          | .max_labels_per_submission = ($all | length | tostring) | .label_whitelist = $all)
      end'
}

create_in_parts() {
  local first count most=$((gas_most / gas_create))
  for ((first = topic; first <= last; first += most)); do
    count=$((last - first + 1 < most ? last - first + 1 : most))
    for_topics "$first" "$count" "$gas_create" <"$1.create" \
      | submit "$(name_topics "$first" "$((first + count - 1))") created (epoch $epoch, window $window blocks), reputer registered, funded"
  done
}

# A topic's epoch counts from the block that gives it its stake. So those that shall open together are
# staked in one block, the next ones in the next: all are signed ahead, and each new block releases a share.
stake_in_step() {
  local first count step left hashes=() hash bytes block=0 at most=$((gas_most / gas_stake))
  local -a shares=() ahead
  for ((first = topic; first <= last; first += step)); do
    step=$((last - first + 1 < active_per_block ? last - first + 1 : active_per_block))
    shares+=($(((step + most - 1) / most)))
  done
  mapfile -t ahead < <(stake_transactions "$1" "$most" | sign_ahead)
  ((${#ahead[@]})) || die "the topics could not be staked; see $home/setup.log"
  # From a fresh block on, so that one block takes a whole share.
  local next=0 share
  block=$(height)
  for share in "${shares[@]}"; do
    while at=$(height) && ((at <= block)); do sleep 0.05; done
    block=$at
    for bytes in "${ahead[@]:next:share}"; do
      hash=$(send_bytes "the topics' stakes" "$bytes") || exit 1
      hashes+=("$hash")
    done
    next=$((next + share))
  done
  await_stakes "${hashes[@]}"
}

# Waits for all, and says only where the first and the last are: HASH…
await_stakes() {
  local hash first='' at
  for hash in "$@"; do
    at=$(await_transaction "stakes" "$hash") || exit 1
    at=${at##* }
    first=${first:-$at}
  done
  say "$(name_topics "$topic" "$last") staked: in blocks $first to $at"
}

# The transactions that stake in the topics, in their order, one a line.
stake_transactions() {
  local first group end count
  for ((group = topic; group <= last; group += active_per_block)); do
    end=$((group + active_per_block - 1 < last ? group + active_per_block - 1 : last))
    for ((first = group; first <= end; first += $2)); do
      count=$((end - first + 1 < $2 ? end - first + 1 : $2))
      for_topics "$first" "$count" "$gas_stake" <"$1.stake" | jq -c .
    done
  done
}

# Registers a wallet as worker in all topics.
register() {
  must_run
  read_settings
  topic_exists "$last" || die "$(name_topics "$topic" "$last"): not there; create with 'scripts/localnet.sh topic'"
  local from=$1 whose
  whose=$(address "$from" 2>/dev/null) || die "there is no wallet '$from'; take worker, second or third"
  unsigned emissions register "$whose" "$topic" "$whose" false | for_topics "$topic" "$topics" "$gas_register" \
    | submit "wallet $from registered in $(name_topics "$topic" "$last")"
}

topics_status() {
  read_settings
  local id
  for id in $(printf '%s\n' "$topic" "$last" | uniq); do
    topic_exists "$id" || { say "topic $id does not exist; create it with 'scripts/localnet.sh topic'"; return; }
    allorad query emissions worker-submission-window-status "$id" "$(address worker)" \
      --node "tcp://127.0.0.1:$port" --output json | jq -r --arg topic "$id" \
      '"localnet: topic \($topic): \(if .is_topic_active then "active" else "inactive" end), "
       + (if .is_open then "window open (nonce \(.current_nonce_block_height), until block \(.window_end_block))" else "no window open" end)
       + ", next at block \(.next_window_start_block); worker \(if .is_registered then "registered" else "not registered" end)"'
  done
}
