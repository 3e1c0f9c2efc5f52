# Turns a fresh genesis into one for a local chain: no whitelist that is enabled, except that a topic may
# enable its own (it is moot while all are allowed globally), topic 67 next, short epochs,
# so many topics open at once as asked for, the testnet's gas price, and votes that last seconds.
.app_state.emissions |= (
  .core_team_addresses += [$admin]
  | .next_topic_id = $topic
  | .params |= (
      .global_whitelist_enabled = true
      | .topic_creator_whitelist_enabled = false
      | .global_worker_whitelist_enabled = true
      | .global_reputer_whitelist_enabled = false
      | .min_epoch_length = "3"
      | .min_topic_weight = "0.0001"
      | .max_active_topics_per_block = $max_active_topics
      | .max_top_inferers_to_reward = $max_top_inferers
    )
)
| .app_state.feemarket |= (
    .params.fee_denom = "uallo"
    | .params.min_base_gas_price = $gas_price
    | .state.base_gas_price = $gas_price
  )
| .app_state.gov.params |= (
    .min_deposit = [{denom: "uallo", amount: "10"}]
    | .expedited_min_deposit = [{denom: "uallo", amount: "20"}]
    | .voting_period = "15s"
    | .expedited_voting_period = "8s"
  )
