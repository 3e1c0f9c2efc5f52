//! The whole worker on the embedded chain: each test is a scenario, and each says so in its name.
//!
//! What is claimed of submissions is read from the chain's blocks, not from what the worker tells.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "these are tests, their helpers included"
)]

// The stage and its hands.
mod ahead;
#[path = "../conformance/mod.rs"]
mod conformance;
mod doubles;
mod events;
mod gate;
#[path = "../guide/mod.rs"]
mod guide;
mod harness;
#[path = "../journal_suite/mod.rs"]
mod journal_suite;
mod machine;
mod operator;
mod pages;
#[path = "../real/gate.rs"]
#[allow(dead_code, reason = "the tests on the real node use more of it")]
mod postgres_gate;
#[path = "../real/postgres_server.rs"]
#[allow(dead_code, reason = "the tests on the real node use more of it")]
mod postgres_server;
#[path = "../prediction_store/mod.rs"]
mod prediction_store;
mod running;
#[path = "../search/mod.rs"]
mod search;
mod truth;
mod twin;

// The scenarios: the worker.
mod a_journal_is_kept_in_sqlite;
mod a_journal_or_a_forecast_that_fails;
mod a_killed_worker_answers_once;
mod a_model_of_the_operators_own;
mod a_network_earns_its_say;
mod a_network_of_models_answers;
mod a_node_of_another_chain_comes_back;
mod a_rough_day;
mod a_second_node_helps_out;
mod a_stop_finishes_what_is_in_the_air;
mod a_transaction_that_lingers;
mod answers_are_signed_ahead;
mod blocks_that_went_by_unheard;
mod each_refusal_has_its_outcome;
mod endpoints_that_fail_are_passed_over;
mod every_line_of_the_guide_runs;
mod every_window_is_answered_once;
mod obstacles_are_told_and_waited_for;
mod one_node_refuses_all;
mod predictions_are_stored_in_sqlite;
mod prices_and_gas;
mod several_answers_share_a_transaction;
mod the_embedded_chain_answers_as_a_node;
mod the_sequence_is_taken_up_again;
mod versions_of_the_chain;
mod what_others_answer_is_learnt_beside_the_path;
mod windows_are_found_without_events;

// The scenarios: the built program.
mod a_check_before_the_start;
mod a_wallet_is_made_and_filled;
mod a_worker_says_how_it_fares;
mod a_worker_that_hangs_begins_anew;
mod a_worker_without_tiingo_forecasts;
mod models_are_scored_and_ranked;
mod models_are_told_asked_and_stored;
mod nothing_secret_gets_out;
mod prices_are_kept_by_hand;
mod the_disk_does_what_it_likes;
mod the_examples_in_python;
mod the_operator_knows_within_a_minute;
mod the_operator_sees_how_it_fares;
mod the_page_is_read_while_no_worker_runs;
mod the_past_is_walked_again;
mod the_predict_worker_says_how_it_fares;
mod the_program_on_the_embedded_chain;
mod the_program_says_what_is_wrong;
mod the_shell_and_man_know_the_program;
mod the_wallet_is_found_nowhere_else;
mod two_workers_share_a_wallet;
