//! Figures in words.

use time::{OffsetDateTime, UtcOffset, macros::format_description};

use crate::{chain::Uallo, vitals::Moment};

/// A date and time to the second, in UTC.
pub(super) fn date(at: OffsetDateTime) -> String {
    let format = format_description!("[year]-[month]-[day] [hour]:[minute]:[second] UTC");
    at.to_offset(UtcOffset::UTC)
        .format(&format)
        .unwrap_or_default()
}

/// How long, in the two largest units that matter.
pub(super) fn span(seconds: f64) -> String {
    let whole = seconds.abs().round().min(1e12);
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a number of seconds, above zero"
    )]
    let whole = whole as u64;
    let (days, hours) = (whole / 86_400, whole / 3_600 % 24);
    let (minutes, seconds) = (whole / 60 % 60, whole % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, 1..5) => format!("{minutes} min {seconds} s"),
        (0, 0, _) => format!("{minutes} min"),
        (0, _, _) => format!("{hours} h {minutes} min"),
        (1..3, _, _) => format!("{days} d {hours} h"),
        _ => format!("{days} days"),
    }
}

/// How long ago, or how long from now.
pub(super) fn ago(at: Moment, now: OffsetDateTime) -> String {
    match at.age(now) {
        None => "at a time that is not known".into(),
        Some(age) if age < -0.5 => format!("in {}", span(age)),
        Some(age) => format!("{} ago", span(age)),
    }
}

/// A share in percent, which reaches 100 only when it is whole.
pub(super) fn percent(share: f64) -> String {
    let floor = (share * 1_000.0).floor() / 10.0;
    format!("{floor:.1} %")
}

/// An amount, short: six digits of it.
pub(super) fn coins(amount: Uallo) -> String {
    const PER_ALLO: f64 = 1e18;
    let allo = amount.0 as f64 / PER_ALLO;
    if amount.0 == 0 {
        "0".into()
    } else if allo >= 1_000.0 {
        format!("{allo:.1} ALLO")
    } else if allo >= 1e-6 {
        let text = format!("{allo:.6}");
        let text = text.trim_end_matches('0').trim_end_matches('.');
        format!("{text} ALLO")
    } else {
        format!("{} uallo", amount.0)
    }
}

/// An address or a hash, cut in its middle.
pub(super) fn cut(text: &str, most: usize) -> String {
    let count = text.chars().count();
    if count <= most || most < 5 {
        return text.to_owned();
    }
    let half = (most - 1) / 2;
    let head: String = text.chars().take(half).collect();
    let tail: String = text.chars().skip(count - (most - 1 - half)).collect();
    format!("{head}…{tail}")
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    #[test]
    fn spans_have_the_units_that_matter() {
        for (seconds, told) in [
            (0.4, "0 s"),
            (59.0, "59 s"),
            (61.0, "1 min 1 s"),
            (600.0, "10 min"),
            (3_700.0, "1 h 1 min"),
            (90_000.0, "1 d 1 h"),
            (1e6, "11 days"),
        ] {
            assert_eq!(span(seconds), told);
        }
        let now = datetime!(2025-09-16 12:00 UTC);
        assert_eq!(
            ago((now - time::Duration::MINUTE).into(), now),
            "1 min 0 s ago"
        );
        assert_eq!(
            ago((now + time::Duration::HOUR).into(), now),
            "in 1 h 0 min"
        );
        assert_eq!(ago(Moment(None), now), "at a time that is not known");
    }

    #[test]
    fn figures_promise_nothing_that_is_not_so() {
        assert_eq!(percent(0.999_9), "99.9 %");
        assert_eq!(percent(1.0), "100.0 %");
        assert_eq!(coins(Uallo(2_500_000)), "2500000 uallo");
        assert_eq!(coins(Uallo(1_500_000_000_000_000_000)), "1.5 ALLO");
        assert_eq!(coins(Uallo(0)), "0");
        assert_eq!(
            cut("allo19rl4cm2hmr8afy4kldpxz3fka4jguq0ajnh7gv", 15),
            "allo19r…jnh7gv".replace("jnh7gv", "ajnh7gv")
        );
        assert_eq!(cut("short", 15), "short");
    }
}
