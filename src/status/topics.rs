//! Each topic.

use std::collections::BTreeMap;

use time::{Duration, OffsetDateTime};

use super::{
    Spans, TopicStatus,
    earned::{rewards, scores},
};
use crate::{
    ops::Status as Answer,
    store::{BlockClock, Earnings, JournaledWindow, Past, Span, StateName, Terms, Window, count},
    types::{Height, TopicId},
    vitals::{self, ForecastNow, Moment, Next, Vitals},
};

/// What is known of a topic. While the worker is down, the journal and the clock tell.
pub(super) fn topic(
    id: TopicId,
    vitals: &Vitals,
    past: &Past,
    windows: &[Window],
    clock: &BlockClock,
    (spans, now): (&Spans<Span>, OffsetDateTime),
    earned: &BTreeMap<TopicId, Earnings>,
) -> TopicStatus {
    let known = vitals.topics.get(&id).cloned().unwrap_or_default();
    let own: Vec<_> = windows.iter().filter(|it| it.key.topic == id).collect();
    let tally = |span: Span| count(own.iter().copied(), span);
    let journaled = past.windows.iter().rfind(|it| {
        let is_open = !matches!(it.state, StateName::Prepared | StateName::Superseded);
        it.key.topic == id && is_open
    });
    let newer = journaled.filter(|it| known.window.as_ref().is_none_or(|w| w.nonce < it.key.nonce));
    let last = newer.map(|it| from_journal(it, &own)).or(known.window);
    let next = known.next.filter(|next| is_to_come(next, vitals, now));
    let next = next.or_else(|| expected(id, &own, &past.terms, clock, now));
    let (score, ema) = scores(earned, id);
    TopicStatus {
        id,
        windows: Spans {
            today: tally(spans.today),
            week: tally(spans.week),
            period: tally(spans.period),
        },
        last,
        next,
        why: known.forecast.as_ref().map(why),
        forecast: known.forecast,
        score: score.or(known.score),
        score_ema: known.score_ema.or(ema),
        rewards: rewards(earned.get(&id).as_slice(), spans),
        record: known.record,
    }
}

/// Where a forecast comes from, and why it is not the wanted one.
fn why(forecast: &ForecastNow) -> String {
    let source = serde_json::to_value(forecast.source).ok();
    let source = source.and_then(|it| it.as_str().map(str::to_owned));
    let source = source.unwrap_or_else(|| "unknown".into());
    match &forecast.fallback {
        Some(fallback) => format!("{source}: {fallback}"),
        None => source,
    }
}

fn from_journal(window: &JournaledWindow, own: &[&Window]) -> vitals::Window {
    let counted = own.iter().find(|it| it.key == window.key);
    let status = match window.state {
        StateName::Broadcast => Some(Answer::Submitted),
        StateName::Included => Some(Answer::Included),
        StateName::Counted => Some(Answer::Counted),
        StateName::Outranked => Some(Answer::Outranked),
        StateName::Rejected => Some(Answer::Refused),
        StateName::Expired => Some(Answer::Missed),
        _ => None,
    };
    vitals::Window {
        end: Some(window.end),
        opened: Moment(counted.map(|it| it.at)),
        status,
        status_at: window.last.into(),
        value: window.value.clone(),
        height: window.blocks.map(|it| window.key.nonce.height().plus(it)),
        cause: window.cause.clone(),
        ..vitals::Window::new(window.key.nonce)
    }
}

/// Whether a window that was foretold is still to come.
fn is_to_come(next: &Next, vitals: &Vitals, now: OffsetDateTime) -> bool {
    let is_late = next
        .expected
        .0
        .is_some_and(|at| at + Duration::minutes(1) < now);
    let is_past = vitals.head.height.is_some_and(|head| head > next.opens);
    !is_late && !is_past
}

/// The next window by the topic's epoch length.
fn expected(
    id: TopicId,
    own: &[&Window],
    terms: &[Terms],
    clock: &BlockClock,
    now: OffsetDateTime,
) -> Option<Next> {
    let newest = terms.iter().rfind(|it| it.topic == id && it.is_active)?;
    let last = own.iter().map(|it| it.key.nonce.0).max();
    let last = last.max(newest.last_opened)?;
    let head = clock.height(now)?;
    let epochs = ((head - last).max(0) / newest.epoch.max(1)).saturating_add(1);
    let opens = last + epochs * newest.epoch;
    Some(Next {
        opens: Height(opens),
        closes: Some(Height(opens + newest.blocks)),
        expected: Moment(clock.at(opens)),
    })
}
