//! How the newest forecast came about.

use std::time::Duration;

use time::OffsetDateTime;

use crate::{page::Anatomy, status::TopicStatus};

/// Of a topic's newest forecast; none before the first. `oldest` is the age of data from which nothing is
/// forecast.
pub(super) fn anatomy(
    topic: &TopicStatus,
    oldest: Duration,
    now: OffsetDateTime,
) -> Option<Anatomy> {
    let forecast = topic.forecast.clone()?;
    Some(Anatomy {
        why: topic.why.clone().unwrap_or_default(),
        report: forecast.report.clone(),
        data_age_seconds: forecast.data_until.age(now),
        data_age_limit_seconds: oldest.as_secs_f64(),
        forecast,
    })
}
