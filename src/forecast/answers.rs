//! Answers from outside the process: judged, and replaced where there is none.

use std::{sync::Arc, time::Duration};

use time::OffsetDateTime;

use super::{
    Answer, Fallback, Forecast, History, Labelled, Labels, Source,
    bound::implied_return,
    outside::{Post, outside},
};

impl Post {
    /// Prices that it is to be shown must be young enough.
    pub(super) fn check_prices(&self, history: &History) -> Result<(), Fallback> {
        if self.outside.closes == 0 {
            return Ok(());
        }
        match history.age(self.clock.now()) {
            None => Err(outside("no prices are known that it could be shown")),
            Some(age) if age > self.config.max_age => Err(Fallback::StaleHistory {
                age_seconds: age.as_secs(),
            }),
            Some(_) => Ok(()),
        }
    }

    /// The values of an answer for several labels, none for a single number; or what is wrong with it.
    pub(super) fn judge(
        &self,
        answer: &Answer,
        close: Option<f64>,
    ) -> Result<Vec<Labelled>, String> {
        match (self.labels.get(), answer.values.is_empty()) {
            (Some(Some(_)), true) => {
                let wanted = r#"the topic has several outputs: answer {"values": {label: value}}"#;
                Err(format!("it gave one number, and {wanted}"))
            }
            (Some(None), false) => Err("it gave values for labels, and the topic takes one".into()),
            (Some(Some(labels)), false) => labels.check(&answer.values),
            // The chain has not been asked.
            (None, false) => match answer.values.iter().find(|it| !it.value.is_finite()) {
                Some(Labelled { label, value }) => {
                    Err(format!("the value of {label:?} is {value}"))
                }
                None => Ok(answer.values.clone()),
            },
            (_, true) => self.check_number(answer.value, close).map(|()| Vec::new()),
        }
    }

    /// A value that is far off is more likely a mistaken unit than an opinion: it is not brought back
    /// to the bound but refused.
    fn check_number(&self, value: f64, close: Option<f64>) -> Result<(), String> {
        if !value.is_finite() {
            return Err(format!("it answered {value}"));
        }
        let bound = self.config.max_abs;
        match implied_return(self.spec.target, close, value) {
            Some(implied) if implied.is_nan() || implied.abs() > bound => Err(format!(
                "it answered {value}, a log-return of {implied:.4}, beyond forecast.max_abs = {bound}"
            )),
            _ => Ok(()),
        }
    }

    /// What is answered for several labels when there is no answer: the last good one while it is not
    /// older than `max_age`, else the neutral one.
    pub(super) fn labelled_stand_in(&self, labels: &Labels, reason: Fallback) -> Forecast {
        let now = self.clock.now();
        let last = self.last_good();
        let young = |it: &Arc<Forecast>| is_young(it.made_at, now, self.config.max_age);
        match last.filter(|it| !it.values.is_empty() && young(it)) {
            Some(last) => Forecast {
                fallback: Some(reason),
                ..last.as_ref().clone()
            },
            None => self.neutral(labels, reason, now),
        }
    }

    /// The neutral answer to several labels.
    pub(super) fn neutral(
        &self,
        labels: &Labels,
        reason: Fallback,
        now: OffsetDateTime,
    ) -> Forecast {
        Forecast {
            topic: self.spec.topic,
            value: 0.0,
            values: labels.neutral(),
            source: Source::Fallback,
            fallback: Some(reason),
            made_at: now,
            data_until: None,
            closes: 0,
            took: Duration::ZERO,
            report: None,
        }
    }
}

fn is_young(made_at: OffsetDateTime, now: OffsetDateTime, max_age: Duration) -> bool {
    now - made_at <= max_age
}
