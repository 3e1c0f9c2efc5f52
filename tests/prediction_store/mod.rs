//! One suite for every database that predictions can be stored in.

mod closes;
mod configs;
mod failures;
mod make;
mod models;
mod place;
mod rounds;
mod scores;
mod standings;
mod together;

#[allow(
    unused_imports,
    reason = "each binary has tests of its own besides the suite"
)]
pub(crate) use self::{make::prediction, place::Place, rounds::all};

/// The suite's cases.
pub(crate) mod cases {
    pub(crate) use super::{
        closes::*, configs::*, failures::*, models::*, rounds::*, scores::*, standings::*,
        together::*,
    };
}

/// Makes a test of each case, on a place that `$place` gives; none is skipped.
macro_rules! suite {
    ($place:path) => {
        $crate::prediction_store::suite!($place:
            a_round_is_stored_once,
            an_answer_takes_the_place_of_an_absence,
            the_order_is_kept_over_many,
            filters_have_both_ends,
            whatever_a_model_sends_is_stored,
            a_config_need_not_be_declared_first,
            old_predictions_are_pruned_oldest_first,
            the_best_are_those_that_answer,
            models_are_kept_as_they_are_now,
            a_model_named_twice_in_a_batch_is_kept_once,
            deployments_are_noted_once,
            configs_follow_the_configuration_file,
            what_others_wrote_stays,
            rounds_that_are_done_only_go_forward,
            closes_are_replaced,
            nothing_changes_nothing,
            two_writers_store_a_round_once,
            many_may_open_it_at_once,
            a_batch_is_stored_whole_or_not_at_all,
            a_row_that_makes_no_sense_is_named,
            a_newer_database_is_refused,
            what_is_scored_waits_no_more,
            what_comes_late_waits_for_its_score,
            scores_go_with_their_predictions,
            scores_and_predictions_are_written_at_once,
            parts_are_read_round_by_round,
            prices_tell_how_far_time_has_come,
            what_makes_no_sense_stops_no_ranking,
            a_leaderboard_gives_models_their_scores,
            a_past_leaderboard_gives_no_scores,
            snapshots_are_thinned_to_days,
            the_newest_round_before_a_time_is_read,
            each_models_newest_answer_is_read,
            the_newest_round_is_summed_up_for_whoever_only_looks,
            what_was_stored_before_scores_were_is_scored,
        );
    };
    ($place:path: $($case:ident),* $(,)?) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() {
                if let Some(place) = $place().await {
                    $crate::prediction_store::cases::$case(&place).await;
                    place.clear().await;
                }
            }
        )*
    };
}
pub(crate) use suite;
