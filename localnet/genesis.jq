# Turns a fresh genesis into one for a local chain: no whitelists, topic 67 next, short epochs,
# every due topic opens at once, and the testnet's gas price.
.app_state.emissions |= (
  .core_team_addresses += [$admin]
  | .next_topic_id = $topic
  | .params |= (
      .global_whitelist_enabled = false
      | .topic_creator_whitelist_enabled = false
      | .global_worker_whitelist_enabled = false
      | .global_reputer_whitelist_enabled = false
      | .min_epoch_length = "3"
      | .min_topic_weight = "0.0001"
      | .max_active_topics_per_block = "1000"
      | .max_top_inferers_to_reward = $max_top_inferers
    )
)
| .app_state.feemarket |= (
    .params.fee_denom = "uallo"
    | .params.min_base_gas_price = $gas_price
    | .state.base_gas_price = $gas_price
  )
