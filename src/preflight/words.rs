//! Times, spans and sizes in words.

use std::time::Duration;

use time::{OffsetDateTime, macros::format_description};

/// A number with a comma between thousands.
pub(super) fn number(of: i64) -> String {
    let digits = of.unsigned_abs().to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    if of < 0 { format!("-{text}") } else { text }
}

/// A span by its two largest units at most.
pub(super) fn span(of: Duration) -> String {
    let seconds = of.as_secs();
    let both = |large: u64, unit: &str, small: u64, part: &str| match small {
        0 => format!("{large} {unit}"),
        small => format!("{large} {unit} {small} {part}"),
    };
    match seconds {
        0 => format!("{} ms", of.as_millis()),
        1..120 => format!("{seconds} s"),
        120..7_200 => format!("{} min", (seconds + 30) / 60),
        7_200..172_800 => {
            let minutes = (seconds + 30) / 60;
            both(minutes / 60, "h", minutes % 60, "min")
        }
        _ => format!("{} days", (seconds + 43_200) / 86_400),
    }
}

/// A span of either sign.
pub(super) fn signed(of: time::Duration) -> Duration {
    of.unsigned_abs()
}

/// Minutes, or seconds where that says more.
pub(super) fn minutes(of: Duration) -> String {
    let seconds = of.as_secs_f64();
    if seconds >= 90.0 {
        format!("{:.0} min", seconds / 60.0)
    } else {
        format!("{seconds:.0} s")
    }
}

/// A moment, UTC.
pub(super) fn moment(at: OffsetDateTime) -> String {
    let format = format_description!("[year]-[month]-[day] [hour]:[minute]:[second] UTC");
    let text = at.to_offset(time::UtcOffset::UTC).format(format);
    text.unwrap_or_default()
}

/// Bytes.
pub(super) fn bytes(of: u64) -> String {
    let mib = of >> 20;
    if mib >= 10_240 {
        format!("{} GiB", mib >> 10)
    } else if mib >= 1_024 {
        format!("{:.1} GiB", mib as f64 / 1_024.0)
    } else {
        format!("{mib} MiB")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_numbers_and_sizes_are_said_shortly() {
        let spans = [
            0, 40, 119, 120, 3_600, 7_200, 9_000, 172_799, 172_800, 7_776_000,
        ];
        let said = spans.map(|seconds| span(Duration::from_secs(seconds)));
        let wanted = [
            "0 ms",
            "40 s",
            "119 s",
            "2 min",
            "60 min",
            "2 h",
            "2 h 30 min",
            "48 h",
            "2 days",
            "90 days",
        ];
        assert_eq!(said, wanted);
        assert_eq!(number(1_234_567), "1,234,567");
        assert_eq!(number(-100), "-100");
        assert_eq!(minutes(Duration::from_secs(48)), "48 s");
        assert_eq!(minutes(Duration::from_secs(3_590)), "60 min");
        assert_eq!(bytes(3 << 30), "3.0 GiB");
        assert_eq!(bytes(200 << 20), "200 MiB");
    }
}
