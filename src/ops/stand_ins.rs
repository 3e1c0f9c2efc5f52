//! Tells of forecasters outside the process that fail: when it begins, seldom while it goes on, and when
//! it is over.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use super::Event;
use crate::{
    forecast::{Fallback, Forecast, Source},
    types::TopicId,
};

/// The least time between two warnings of one topic.
const SELDOM: Duration = Duration::from_hours(6);

/// What has been told of each topic whose forecaster fails.
#[derive(Debug, Default)]
pub struct StandIns(BTreeMap<TopicId, Told>);

#[derive(Debug)]
struct Told {
    at: Instant,
    /// Forecasts in a row that stood in.
    count: u64,
    is_over: bool,
}

impl StandIns {
    /// What to tell the operator of a forecast that was made now, if anything.
    pub fn hear(&mut self, forecast: &Forecast, now: Instant) -> Option<Event> {
        let topic = forecast.topic;
        let known = self.0.get_mut(&topic);
        let Some(Fallback::Outside { detail }) = &forecast.fallback else {
            // Another reason says nothing of the forecaster.
            let told = known.filter(|_| forecast.fallback.is_none())?;
            let missed = std::mem::take(&mut told.count);
            let is_news = !std::mem::replace(&mut told.is_over, true);
            return is_news.then_some(Event::ForecasterBack { topic, missed });
        };
        let told = self.0.entry(topic).or_insert(Told {
            at: now,
            count: 0,
            is_over: true,
        });
        told.count += 1;
        // One that fails off and on is told of as seldom as one that always does.
        if told.at != now && now.duration_since(told.at) < SELDOM {
            return None;
        }
        (told.at, told.is_over) = (now, false);
        let so_far = match told.count {
            1 => String::new(),
            count => format!(" ({count} times in a row)"),
        };
        Some(Event::ForecasterFails {
            topic,
            cause: format!("{detail}{so_far}"),
            remedy: stand_in(forecast),
        })
    }
}

/// What is answered instead.
fn stand_in(forecast: &Forecast) -> String {
    let instead = match (forecast.source, forecast.values.is_empty()) {
        (Source::Fallback, true) => "0.0 stands in",
        (Source::Fallback, false) => "a neutral answer stands in",
        (_, false) => "its last good answer stands in",
        (_, true) => "the built-in forecast stands in",
    };
    format!("{instead}; look after it, this is told again after 6 hours at the earliest")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::samples::{forecast, stand_in_forecast};

    fn cause(event: Option<Event>) -> String {
        match event {
            Some(Event::ForecasterFails { cause, .. }) => cause,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_failure_is_told_at_once_and_then_seldom() {
        let (mut all, start) = (StandIns::default(), Instant::now());
        let at = |minutes| start + Duration::from_mins(minutes);
        assert_eq!(cause(all.hear(&stand_in_forecast(), at(0))), "no answer");
        for minutes in [1, 60, 359] {
            assert!(all.hear(&stand_in_forecast(), at(minutes)).is_none());
        }
        let again = cause(all.hear(&stand_in_forecast(), at(360)));
        assert_eq!(again, "no answer (5 times in a row)");
        let back = all.hear(&forecast(), at(361));
        assert!(matches!(
            back,
            Some(Event::ForecasterBack { missed: 5, .. })
        ));
        assert!(all.hear(&forecast(), at(362)).is_none());
    }

    #[test]
    fn one_that_fails_off_and_on_is_told_of_as_seldom() {
        let (mut all, start) = (StandIns::default(), Instant::now());
        let mut told = 0;
        for minute in 0..600 {
            let now = start + Duration::from_mins(minute);
            let given = if minute % 2 == 0 {
                stand_in_forecast()
            } else {
                forecast()
            };
            told += usize::from(all.hear(&given, now).is_some());
        }
        assert_eq!(told, 4, "twice that it fails, twice that it is back");
    }

    #[test]
    fn a_topic_without_one_is_never_told_of() {
        let mut all = StandIns::default();
        assert!(all.hear(&forecast(), Instant::now()).is_none());
    }
}
