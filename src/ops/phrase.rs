//! The pieces that events are worded with.

use serde::{Deserialize, Serialize};
use time::{OffsetDateTime, format_description::BorrowedFormatItem, macros::format_description};

use crate::{
    forecast::{Forecast, Labelled, Report, Source},
    learning::Verdict,
};

const SECONDS: &[BorrowedFormatItem<'_>] =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]Z");
const MILLISECONDS: &[BorrowedFormatItem<'_>] =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z");

/// How much an event matters to the operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// All is well.
    Info,
    /// The worker copes by itself; worth a look when it goes on.
    Warn,
    /// A window was missed or will be, or somebody has to do something.
    Error,
}

/// An event in words.
#[derive(Clone, Debug)]
pub struct Words {
    /// How much it matters.
    pub level: Level,
    /// One sentence for the event log; details are in the event's fields.
    pub message: String,
    /// The lines of the output log, without their time.
    pub lines: Vec<String>,
}

impl Words {
    /// Adds details to the newest line.
    pub(super) fn with(mut self, details: impl AsRef<str>) -> Self {
        if let Some(line) = self.lines.last_mut() {
            let details = details.as_ref();
            if !details.starts_with(':') {
                line.push(' ');
            }
            line.push_str(details);
        }
        self
    }

    /// Raises a healthy event to a warning when its content is not healthy.
    pub(super) fn at(mut self, level: Level) -> Self {
        self.level = level;
        if level == Level::Warn
            && let Some(line) = self.lines.last_mut()
        {
            *line = format!("⚠️ {line}");
        }
        self
    }
}

pub(super) fn good(icon: &str, message: &str) -> Words {
    Words {
        level: Level::Info,
        message: message.to_owned(),
        lines: vec![format!("{icon} {message}")],
    }
}

pub(super) fn warning(message: String) -> Words {
    let lines = vec![format!("⚠️ {message}")];
    Words {
        level: Level::Warn,
        message,
        lines,
    }
}

pub(super) fn bad(message: String) -> Words {
    let lines = vec![format!("❌ ERROR {message}")];
    Words {
        level: Level::Error,
        message,
        lines,
    }
}

pub(super) fn generated(forecast: &Forecast) -> Words {
    good("🎯", "Model trained and prediction generated")
        .with(format!("(value={}, {})", value(forecast), basis(forecast)))
        .at(forecast_level(forecast))
}

/// What is answered: a number, or labels with theirs.
pub(super) fn value(forecast: &Forecast) -> String {
    if forecast.values.is_empty() {
        return forecast.value.to_string();
    }
    let one = |it: &Labelled| format!("{}={}", it.label, it.value);
    let all: Vec<_> = forecast.values.iter().map(one).collect();
    all.join(" ")
}

/// A forecast that is 0.0 for want of a better one is worth a look. One that stands in for another is
/// told of by itself, and not for each window.
pub(super) fn forecast_level(forecast: &Forecast) -> Level {
    if forecast.fallback.is_some() && !forecast.is_stand_in() {
        Level::Warn
    } else {
        Level::Info
    }
}

/// What a forecast rests on: its source, what it has seen, and the weights in it.
pub(super) fn basis(forecast: &Forecast) -> String {
    let source = source(forecast.source);
    let took = forecast.took.as_secs_f64() * 1e3;
    let made = match (&forecast.report, forecast.closes) {
        (Some(report), closes) => format!("from {closes} closes, {}", weights(report)),
        (None, 0) => "from no closes of ours".to_owned(),
        (None, closes) => format!("from {closes} closes"),
    };
    let made = format!("source {source}, {made}, {took:.1} ms");
    match &forecast.fallback {
        Some(why) if forecast.source == Source::Fallback => format!("the fallback: {why}"),
        Some(why) => format!("{made}; it stands in: {why}"),
        None => made,
    }
}

fn weights(report: &Report) -> String {
    let t = |t: Option<f64>| t.map_or_else(|| "-".to_owned(), |t| format!("{t:.2}"));
    let mut parts = vec![format!(
        "prior {:.2} (t {})",
        report.prior_weight,
        t(report.prior_t)
    )];
    for it in &report.challengers {
        parts.push(format!("{} {:.2} (t {})", it.name, it.weight, t(it.t)));
    }
    if let Some(network) = &report.network {
        let (models, answered) = (network.models, network.answered);
        let weight = format!("{:.2} (t {})", network.weight, t(network.t));
        parts.push(format!("{models} of {answered} models {weight}"));
    }
    parts.join(", ")
}

/// A source's name, as the event log has it.
fn source(source: Source) -> String {
    let name = serde_json::to_value(source).unwrap_or_default();
    name.as_str().unwrap_or_default().to_owned()
}

/// How old the newest candle was when a forecast was made.
pub(super) fn age(forecast: &Forecast) -> String {
    match forecast.data_until {
        Some(until) => {
            let seconds = (forecast.made_at - until).whole_seconds().max(0);
            format!("from data {} old", span(seconds))
        }
        None => "from data of its own".to_owned(),
    }
}

/// Our value among the others', by how unusual it is.
pub(super) fn compared(verdict: Verdict, ours: &str, theirs: &str) -> Words {
    match verdict {
        Verdict::Usual => {
            good("🔭", "Forecast compared with the network").with(format!("({ours}: {theirs})"))
        }
        Verdict::Notice => {
            good("🔭", "Forecast is far from the others'").with(format!("({ours}: {theirs})"))
        }
        Verdict::Warning => warning(format!(
            "Forecast is very far from the others' ({ours}: {theirs}); check the prices and the model"
        )),
    }
}

pub(super) fn among(
    z: Option<f64>,
    count: usize,
    mean: Option<f64>,
    combined: Option<f64>,
) -> String {
    let network = combined.map(|it| format!(", the network says {it:.6}"));
    let network = network.unwrap_or_default();
    match (z, mean) {
        (Some(z), Some(mean)) => {
            format!(
                "{z:+.2} standard deviations from the mean {mean:.6} of {count} others{network}"
            )
        }
        _ => format!("{count} others are too few to compare with{network}"),
    }
}

/// A running ratio with its interval, and how little it says over a short span.
pub(super) fn record(n: usize, ratio: Option<f64>, interval: Option<(f64, f64)>) -> String {
    let ratio = ratio.map_or_else(|| "none yet".into(), |it| format!("{it:.4}"));
    let interval = match interval {
        Some((low, high)) => format!("95 % {low:.4} to {high:.4}"),
        None => "too few for an interval".into(),
    };
    format!("ratio to zero {ratio} over {n} forecasts, {interval}")
}

pub(super) fn list<T: ToString>(items: &[T]) -> String {
    let items: Vec<_> = items.iter().map(ToString::to_string).collect();
    items.join(", ")
}

pub(super) fn span(seconds: i64) -> String {
    let (days, hours) = (seconds / 86_400, seconds % 86_400 / 3_600);
    let (minutes, seconds) = (seconds % 3_600 / 60, seconds % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, _) => format!("{minutes} min"),
        (0, _, _) => format!("{hours} h {minutes} min"),
        _ => format!("{days} d {hours} h"),
    }
}

/// How long a quota makes something take.
pub(super) fn within(seconds: u64) -> String {
    match seconds {
        0 => String::new(),
        _ => format!(", about {} under the quota", span(seconds.cast_signed())),
    }
}

/// What is said when there is no log yet, in the output log's form: the start script brings standard
/// error there.
#[must_use]
pub fn complaint(at: OffsetDateTime, refused: &dyn std::fmt::Display) -> String {
    let at = iso_seconds(at);
    let refused = refused.to_string();
    let lines = refused
        .lines()
        .map(|line| format!("[{at}] ❌ ERROR {line}"));
    lines.collect::<Vec<_>>().join("\n")
}

/// A time as the output log writes it, `2025-09-16T13:00:00Z`.
pub(super) fn iso_seconds(at: OffsetDateTime) -> String {
    at.to_offset(time::UtcOffset::UTC)
        .format(SECONDS)
        .unwrap_or_default()
}

/// A time as the event log writes it, `2025-09-16T13:00:00.000Z`.
pub(super) fn iso_milliseconds(at: OffsetDateTime) -> String {
    at.to_offset(time::UtcOffset::UTC)
        .format(MILLISECONDS)
        .unwrap_or_default()
}
