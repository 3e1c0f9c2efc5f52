//! Figures in words.

use sha2::{Digest, Sha256};
use time::{
    Date, OffsetDateTime, UtcOffset, format_description::BorrowedFormatItem,
    format_description::well_known::Rfc3339, macros::format_description,
};

use crate::{chain::Uallo, forecast::Target};

/// A time as HTML has it: to be read by programs, and by people.
#[derive(Debug)]
pub(super) struct Stamp {
    /// RFC 3339.
    pub iso: String,
    /// In words, in UTC.
    pub text: String,
}

/// The day and the time to the second.
pub(super) fn exact(at: OffsetDateTime) -> Stamp {
    stamp(
        at,
        format_description!(
            "[day padding:none] [month repr:short] [year], [hour]:[minute]:[second] UTC"
        ),
    )
}

/// The day and the time to the minute, of this year.
pub(super) fn short(at: OffsetDateTime) -> Stamp {
    stamp(
        at,
        format_description!("[day padding:none] [month repr:short], [hour]:[minute]"),
    )
}

/// The time to the second.
pub(super) fn clock(at: OffsetDateTime) -> Stamp {
    stamp(
        at,
        format_description!("[day] [month repr:short] [hour]:[minute]:[second]"),
    )
}

fn stamp(at: OffsetDateTime, format: &[BorrowedFormatItem<'_>]) -> Stamp {
    let at = at.to_offset(UtcOffset::UTC);
    Stamp {
        iso: at.format(&Rfc3339).unwrap_or_default(),
        text: at.format(format).unwrap_or_default(),
    }
}

/// The hour and the minute.
pub(super) fn minute(at: OffsetDateTime) -> String {
    at.to_offset(UtcOffset::UTC)
        .format(format_description!("[hour]:[minute]"))
        .unwrap_or_default()
}

/// A day: `1 October`.
pub(super) fn day(day: Date) -> String {
    day.format(format_description!("[day padding:none] [month repr:long]"))
        .unwrap_or_default()
}

/// A day, short: `1 Oct`.
pub(super) fn short_day(day: Date) -> String {
    day.format(format_description!("[day padding:none] [month repr:short]"))
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
        (0, 0, _) if seconds == 0 => format!("{minutes} min"),
        (0, 0, 1..5) => format!("{minutes} min {seconds} s"),
        (0, 0, _) => format!("{minutes} min"),
        (0, _, 0) => format!("{hours} h"),
        (0, _, _) => format!("{hours} h {minutes} min"),
        (1, 0, _) => "1 day".into(),
        (2, 0, _) => "2 days".into(),
        (1..3, _, _) => format!("{days} d {hours} h"),
        (..=730, _, _) => format!("{days} days"),
        (..=3_650, _, _) => format!("{} years", days / 365),
        _ => "more than 10 years".into(),
    }
}

/// A share in percent, which reaches 100 only when it is whole.
pub(super) fn percent(share: f64, digits: usize) -> String {
    let scale = 10_f64.powi(i32::try_from(digits).unwrap_or(2) + 2);
    // A hair's breadth, so that 0.29 · 100 is 29.
    let floor = (share * scale + 1e-9).floor() / scale;
    format!("{:.digits$} %", floor * 100.0)
}

/// A share that is a goal.
pub(super) fn goal(share: f64) -> String {
    let text = format!("{:.2}", share * 100.0);
    format!("{} %", text.trim_end_matches('0').trim_end_matches('.'))
}

/// An amount, short: six decimals of it.
pub(super) fn coins(amount: Uallo) -> String {
    uallo(amount.0 as f64)
}

/// An amount of uallo, short.
pub(super) fn uallo(amount: f64) -> String {
    const PER_ALLO: f64 = 1e18;
    let allo = amount / PER_ALLO;
    if amount == 0.0 {
        "0 ALLO".into()
    } else if allo >= 1_000.0 {
        format!("{allo:.1} ALLO")
    } else if allo >= 1e-6 {
        let text = format!("{allo:.6}");
        let text = text.trim_end_matches('0').trim_end_matches('.');
        format!("{text} ALLO")
    } else {
        format!("{amount:.0} uallo")
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

/// A number with so many decimals and a true minus sign; no zero is below zero.
pub(super) fn number(value: f64, digits: usize) -> String {
    let text = format!("{:.digits$}", value.abs());
    let is_zero = text.chars().all(|it| matches!(it, '0' | '.'));
    let sign = if value < 0.0 && !is_zero { "−" } else { "" };
    format!("{sign}{text}")
}

/// The same, with its sign in any case.
pub(super) fn signed(value: f64, digits: usize) -> String {
    let text = number(value, digits);
    if value > 0.0 && text.chars().any(|it| it.is_ascii_digit() && it != '0') {
        format!("+{text}")
    } else {
        text
    }
}

/// Milliseconds, or seconds from a second on.
pub(super) fn millis(ms: f64) -> String {
    match ms {
        ms if ms >= 10_000.0 => format!("{:.0} s", ms / 1e3),
        ms if ms >= 1_000.0 => format!("{:.1} s", ms / 1e3),
        ms if ms >= 10.0 => format!("{ms:.0} ms"),
        ms => format!("{ms:.1} ms"),
    }
}

/// A count with its thousands apart: `2,160`.
pub(super) fn grouped(count: u64) -> String {
    let digits = count.to_string();
    let first = digits.len() % 3;
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && at % 3 == first {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A count and its thing: `1 window`, `2 windows`.
pub(super) fn many(count: u64, one: &str) -> String {
    match count {
        1 => format!("1 {one}"),
        _ => format!("{} {one}s", grouped(count)),
    }
}

/// The first 12 hexadecimal digits of a text's SHA-256.
pub(super) fn hex_of(text: &str) -> String {
    let mut hex = hex::encode(Sha256::digest(text.as_bytes()));
    hex.truncate(12);
    hex
}

/// How a topic's values are shown.
#[derive(Clone, Copy, Debug)]
pub(super) struct Unit {
    /// What a value is multiplied with.
    pub factor: f64,
    /// What follows the number.
    pub suffix: &'static str,
    /// Decimals.
    pub digits: usize,
    /// Whether zero is the middle.
    pub is_return: bool,
}

impl Unit {
    pub(super) const fn of(target: Option<Target>) -> Self {
        let (factor, suffix, digits, is_return) = match target {
            Some(Target::LogReturn) => (100.0, " %", 3, true),
            Some(Target::PercentReturn) => (1.0, " %", 3, true),
            Some(Target::Price) => (1.0, "", 2, false),
            None => (1.0, "", 6, true),
        };
        Self {
            factor,
            suffix,
            digits,
            is_return,
        }
    }

    /// A value in words.
    pub(super) fn show(self, value: f64) -> String {
        let value = value * self.factor;
        let text = if self.is_return {
            signed(value, self.digits)
        } else {
            number(value, self.digits)
        };
        format!("{text}{}", self.suffix)
    }

    /// What the number is.
    pub(super) const fn about(target: Option<Target>) -> &'static str {
        match target {
            Some(Target::LogReturn) => "log-return × 100, nearly a change in percent",
            Some(Target::PercentReturn) => "change in percent",
            Some(Target::Price) => "price in the quote currency",
            None => "in the topic's unit",
        }
    }
}

#[cfg(test)]
#[path = "words_tests.rs"]
mod tests;
