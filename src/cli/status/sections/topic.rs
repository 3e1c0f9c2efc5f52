//! One topic: its windows, its forecast, its score.

use time::OffsetDateTime;

use super::{Line, Mark, line, mark};
use crate::{
    chain::Uallo,
    cli::status::words::{ago, coins, percent},
    ops::Status as Answer,
    status::{Status, TopicStatus},
    vitals::{ForecastNow, Window},
};

pub(super) fn lines(topic: &TopicStatus, now: OffsetDateTime) -> Vec<Line> {
    let mut lines = vec![last(topic.last.as_ref(), now), next(topic, now)];
    lines.push(match &topic.forecast {
        Some(it) => forecast(it, topic.why.as_deref().unwrap_or_default(), now),
        None => line(Mark::None, "forecast", "none is known"),
    });
    lines.push(score(topic));
    if let Some(record) = topic.record.as_ref().filter(|it| it.n > 0) {
        let ratio = record
            .ratio
            .map(|it| format!(", {it:.3} of zero's deviation"));
        let place = record.place.zip(record.places);
        let place = place.map(|(place, of)| format!(", place {place} of {of}"));
        let text = format!(
            "{} forecasts judged{}{}",
            record.n,
            ratio.unwrap_or_default(),
            place.unwrap_or_default()
        );
        let short = record.ratio.map_or_else(
            || format!("{} judged", record.n),
            |ratio| format!("{} judged, ratio {ratio:.3}", record.n),
        );
        lines.push(line(Mark::None, "record", text).short(short));
    }
    lines
}

fn score(topic: &TopicStatus) -> Line {
    let score = match (topic.score, topic.score_ema) {
        (Some(score), Some(ema)) => format!("{score:.4}, {ema:.4} (EMA)"),
        (Some(score), None) => format!("{score:.4}"),
        (None, Some(ema)) => format!("{ema:.4} (EMA)"),
        (None, None) => "not known".into(),
    };
    let rewards = &topic.rewards;
    let text = if rewards.period == Uallo(0) {
        score.clone()
    } else {
        format!(
            "{score}, rewards {} today, {} in 7 days, {} in all",
            coins(rewards.today),
            coins(rewards.week),
            coins(rewards.period)
        )
    };
    line(Mark::None, "score", text).short(score)
}

fn last(window: Option<&Window>, now: OffsetDateTime) -> Line {
    let Some(window) = window else {
        return line(Mark::None, "last", "no window is known yet");
    };
    let (mark, word) = verdict(window);
    let value = window.value.as_deref().map(|it| format!(", value {it}"));
    let value = value.unwrap_or_default();
    let blocks = window.height.map(|it| it.0 - window.nonce.0);
    let blocks = blocks.map(|it| format!(", in block +{it}"));
    let latency = window.latency_ms.map(|it| format!(", {it:.0} ms"));
    let cause = window.cause.as_deref().filter(|_| mark == Mark::Bad);
    let cause = cause.map(|it| format!(": {it}")).unwrap_or_default();
    let when = if window.opened.0.is_some() {
        format!(", {}", ago(window.opened, now))
    } else {
        String::new()
    };
    let text = format!(
        "nonce {} {word}{when}{value}{}{}{cause}",
        window.nonce,
        blocks.unwrap_or_default(),
        latency.unwrap_or_default()
    );
    let short = format!("{} {word}{when}{cause}", window.nonce);
    line(mark, "last", text).short(short)
}

fn verdict(window: &Window) -> (Mark, &'static str) {
    match window.status {
        None => (Mark::None, "open"),
        Some(Answer::DryRun) => (Mark::None, "shown, not sent"),
        Some(Answer::Submitted) => (Mark::None, "submitted"),
        Some(Answer::Included) => (Mark::Good, "included"),
        Some(Answer::Counted) => (Mark::Good, "counted"),
        Some(Answer::Outranked) => (Mark::Good, "outranked"),
        Some(Answer::Refused) => (Mark::Warn, "refused"),
        Some(Answer::Missed) => (Mark::Bad, "missed"),
    }
}

fn next(topic: &TopicStatus, now: OffsetDateTime) -> Line {
    let text = match &topic.next {
        None => "not known".to_owned(),
        Some(next) if next.expected.0.is_none() => format!("block {}", next.opens),
        Some(next) => format!("block {}, {}", next.opens, ago(next.expected, now)),
    };
    line(Mark::None, "next", text)
}

fn forecast(forecast: &ForecastNow, why: &str, now: OffsetDateTime) -> Line {
    let mark = if forecast.fallback.is_some() {
        Mark::Warn
    } else {
        Mark::Good
    };
    let data = match forecast.data_until.0 {
        Some(_) => format!(
            ", from {} closes, the newest {}",
            forecast.closes,
            ago(forecast.data_until, now)
        ),
        None => String::new(),
    };
    let value = if forecast.values.is_empty() {
        format!("{:.6}", forecast.value)
    } else {
        format!("{} values", forecast.values.len())
    };
    let text = format!("{value}, {why}{data}");
    line(mark, "forecast", text).short(format!("{value}, {why}"))
}

/// One of many topics.
pub(super) fn in_a_line(topic: &TopicStatus, status: &Status) -> Line {
    let goal = status.goals.windows;
    let rate = topic.windows.week.rate;
    let told = rate.map_or_else(|| "–".to_owned(), percent);
    let last = topic.last.as_ref().map(|it| (it.nonce, verdict(it).1));
    let last = last.map_or_else(String::new, |(nonce, word)| format!(", {nonce} {word}"));
    let value = topic
        .forecast
        .as_ref()
        .map(|it| format!(", {:.6}", it.value));
    let text = format!("{told} in 7 days{last}{}", value.unwrap_or_default());
    let reached = mark(rate.map(|rate| rate >= goal));
    line(reached, &topic.id.to_string(), text).short(format!("{told}{last}"))
}
