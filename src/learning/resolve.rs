//! What the price did from a window's opening to its horizon's end.

use time::OffsetDateTime;

use super::prices::Closes;
use crate::{
    forecast::{HOUR, Target},
    store::{Noted, OpenedBy, Resolution},
};

/// The journal writes a submission down so long after its block at most, seconds.
const JOURNAL_LAG: i64 = 120;

/// What can be said of a forecast by now.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Finding {
    /// Its horizon has passed, and both closes are known.
    Resolved(Resolution),
    /// Not yet.
    Pending,
}

/// The unix second at which the newest close is known that a window opened with: the last full hour.
pub(super) fn base_end(opened: OffsetDateTime) -> i64 {
    opened.unix_timestamp().div_euclid(HOUR) * HOUR
}

/// Whether the journal's time leaves open in which hour the window opened.
pub(super) fn is_ambiguous(forecast: &Noted) -> bool {
    let at = forecast.opened.unix_timestamp();
    forecast.clock == OpenedBy::Journal && at.rem_euclid(HOUR) < JOURNAL_LAG
}

/// Resolves a forecast: from the close known when its window opened to the one `horizon` seconds
/// later. With `lenient`, a close that is missing is replaced by one up to three hours before it.
pub(super) fn resolve(
    forecast: &Noted,
    target: Target,
    horizon: i64,
    closes: &Closes,
    lenient: bool,
) -> Finding {
    let base_end = base_end(forecast.opened);
    let end = base_end.saturating_add(horizon);
    // A gap is filled only once the hours after it are known.
    if closes.until().is_none_or(|until| until < end) {
        return Finding::Pending;
    }
    let back = if lenient { 3 } else { 0 };
    let close = |end: i64| closes.ending_at(end, back);
    let (Some(base), Some(close)) = (close(base_end), close(end)) else {
        return Finding::Pending;
    };
    Finding::Resolved(resolution(forecast.value, target, base, close))
}

fn resolution(value: f64, target: Target, base: f64, close: f64) -> Resolution {
    let (outcome, zero) = match target {
        Target::LogReturn => ((close / base).ln(), 0.0),
        Target::PercentReturn => (100.0 * (close / base - 1.0), 0.0),
        // For a price, "zero" is a price that stays.
        Target::Price => (close, base),
    };
    let loss = |value: f64| (value - outcome).powi(2);
    Resolution {
        base,
        close,
        outcome,
        loss: loss(value),
        zero_loss: loss(zero),
    }
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;
    use crate::types::{Height, Nonce, TopicId, WindowKey};

    const DAY: i64 = 24 * HOUR;
    const OPENED: OffsetDateTime = datetime!(2025-03-01 13:07:05 UTC);

    fn noted(opened: OffsetDateTime, clock: OpenedBy, value: f64) -> Noted {
        let key = WindowKey {
            topic: TopicId(67),
            nonce: Nonce(148),
        };
        Noted {
            key,
            window_end: Height(158),
            value,
            source: None,
            opened,
            clock,
            is_asked: false,
        }
    }

    /// Closes at full hours: the one that ends at 13:00 is 100, and each later one 1 more.
    fn closes(hours: std::ops::Range<i64>, without: &[i64]) -> Closes {
        let at = datetime!(2025-03-01 13:00 UTC).unix_timestamp();
        let hours = hours.filter(|hour| !without.contains(hour));
        Closes::new(hours.map(|hour| (at + hour * HOUR, 100.0 + hour as f64)))
    }

    fn found(target: Target, value: f64, closes: &Closes, lenient: bool) -> Option<Resolution> {
        let forecast = noted(OPENED, OpenedBy::Header, value);
        match resolve(&forecast, target, DAY, closes, lenient) {
            Finding::Resolved(it) => Some(it),
            Finding::Pending => None,
        }
    }

    #[test]
    fn from_the_close_that_was_known_to_the_one_a_horizon_later() {
        let all = closes(-5..30, &[]);
        let it = found(Target::LogReturn, 0.2, &all, false).expect("resolved");
        assert!((it.base - 100.0).abs() < 1e-12 && (it.close - 124.0).abs() < 1e-12);
        let outcome = 1.24_f64.ln();
        assert!((it.outcome - outcome).abs() < 1e-12);
        assert!((it.loss - (0.2 - outcome).powi(2)).abs() < 1e-12);
        assert!((it.zero_loss - outcome * outcome).abs() < 1e-12);

        let it = found(Target::PercentReturn, 20.0, &all, false).expect("resolved");
        assert!((it.outcome - 24.0).abs() < 1e-9);
        assert!((it.loss - 16.0).abs() < 1e-9 && (it.zero_loss - 576.0).abs() < 1e-9);

        let it = found(Target::Price, 120.0, &all, false).expect("resolved");
        assert!((it.outcome - 124.0).abs() < 1e-12);
        assert!((it.loss - 16.0).abs() < 1e-9 && (it.zero_loss - 576.0).abs() < 1e-9);
    }

    #[test]
    fn a_full_hour_knows_its_own_close() {
        assert_eq!(base_end(datetime!(2025-03-01 13:00 UTC)), base_end(OPENED));
        assert_eq!(
            base_end(datetime!(2025-03-01 12:59:59 UTC)),
            base_end(OPENED) - HOUR
        );
    }

    #[test]
    fn nothing_is_resolved_before_its_last_close_is_known() {
        assert_eq!(
            found(Target::LogReturn, 0.0, &closes(-5..24, &[]), true),
            None
        );
        assert!(found(Target::LogReturn, 0.0, &closes(-5..25, &[]), false).is_some());
        assert_eq!(
            found(Target::LogReturn, 0.0, &closes(0..0, &[]), true),
            None
        );
    }

    #[test]
    fn a_missing_close_is_waited_for_and_in_the_end_replaced_by_one_shortly_before() {
        let gap = closes(-5..30, &[-1, 0, 24]);
        assert_eq!(found(Target::LogReturn, 0.0, &gap, false), None);
        let it = found(Target::LogReturn, 0.0, &gap, true).expect("resolved");
        assert!((it.base - 98.0).abs() < 1e-12 && (it.close - 123.0).abs() < 1e-12);
        let wide = closes(-9..30, &[-3, -2, -1, 0]);
        assert_eq!(found(Target::LogReturn, 0.0, &wide, true), None);
    }

    #[test]
    fn only_the_journals_time_just_after_the_hour_leaves_the_hour_open() {
        let ambiguous = |opened, clock| is_ambiguous(&noted(opened, clock, 0.0));
        let after = datetime!(2025-03-01 13:00:20 UTC);
        assert!(ambiguous(after, OpenedBy::Journal));
        assert!(!ambiguous(after, OpenedBy::Block));
        assert!(!ambiguous(OPENED, OpenedBy::Journal));
    }
}
