use rstest::rstest;
use time::macros::datetime;

use super::*;
use crate::{clock::SimulatedClock, forecast::Candle};

#[rstest]
#[case::of_this_hour(0, true)]
#[case::an_hour_behind(1, false)]
#[case::of_yesterday(24, false)]
fn what_is_stored_and_old_is_not_current(#[case] hours: i64, #[case] expected: bool) {
    let now = datetime!(2025-10-01 12:30 UTC);
    let full_hour = datetime!(2025-10-01 12:00 UTC).unix_timestamp();
    let candle = Candle {
        start: full_hour - (hours + 1) * 3600,
        open: 1.0,
        high: 1.0,
        low: 1.0,
        close: 1.0,
        volume: 1.0,
    };
    let clock: SharedClock = Arc::new(SimulatedClock::starting_at(now));
    let history = History::new("btcusd", [candle]);
    assert_eq!(is_current(&history, &clock), expected);
    assert!(!is_current(&History::default(), &clock));
}
