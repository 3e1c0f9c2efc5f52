//! Folding what is told into what is known: topics, their windows and forecasts.

use super::{
    ForecastNow, Moment, Next, Record, Topic, Vitals, Window,
    hear::{MOST, cut, obstacle},
};
use crate::{
    forecast::Forecast,
    ops::{Event, GaugeEvent, Status},
    types::{Nonce, TopicId},
};

/// The chain's code for a wallet that can't pay, in the codespace `sdk`.
const INSUFFICIENT_FUNDS: u32 = 5;

impl Vitals {
    pub(super) fn hear_topics(&mut self, at: Moment, event: &Event) {
        match event {
            Event::WorkerInitialized { topics, .. } | Event::Ready { topics, .. } => {
                for topic in topics {
                    let _known = self.topic(*topic);
                }
            }
            Event::TopicUnavailable {
                topic,
                cause,
                remedy,
            } => self.hinder(*topic, at, cause, remedy),
            Event::Registering { topic, .. } => {
                let cause = "the wallet is being registered in the topic";
                self.hinder(*topic, at, cause, "nothing has to be done");
            }
            Event::Registered { topic, .. } | Event::Gauge(GaugeEvent::TopicOpen { topic }) => {
                if let Some(topic) = self.topic(*topic) {
                    topic.obstacle = None;
                }
            }
            Event::Gauge(GaugeEvent::NextWindow {
                topic,
                opens,
                closes,
            }) => {
                if let Some(topic) = self.topic(*topic) {
                    topic.next = opens.map(|opens| Next {
                        opens,
                        closes: *closes,
                        expected: Moment(None),
                    });
                }
                self.expect();
            }
            Event::Gauge(GaugeEvent::Score { topic, ema, .. }) => {
                if let Some(topic) = self.topic(*topic) {
                    topic.score_ema = *ema;
                }
            }
            Event::Gauge(GaugeEvent::Scored {
                topic, score, ema, ..
            }) => {
                if let Some(topic) = self.topic(*topic) {
                    topic.score = score.or(topic.score);
                    topic.score_ema = ema.or(topic.score_ema);
                }
            }
            Event::Gauge(GaugeEvent::Reward { topic, amount, .. }) => {
                if let Some(topic) = self.topic(*topic) {
                    let before = topic.rewards.unwrap_or_default();
                    topic.rewards = Some(before.plus(*amount));
                }
            }
            Event::ForecastPrepared { forecast } => self.forecast(at, forecast, false),
            Event::ForecastUsed { forecast, .. } | Event::ForecastTrained { forecast, .. } => {
                self.forecast(at, forecast, true);
            }
            Event::ForecastCompared { topic, z, .. } => {
                if let Some(topic) = self.topic(*topic) {
                    topic.z = *z;
                }
            }
            Event::ForecastResolved {
                topic,
                n,
                ratio,
                mean_place,
                place,
                places,
                ..
            } => {
                if let Some(topic) = self.topic(*topic) {
                    topic.record = Some(Record {
                        n: *n,
                        ratio: *ratio,
                        mean_place: *mean_place,
                        place: *place,
                        places: *places,
                    });
                }
            }
            _ => self.hear_windows(at, event),
        }
    }

    fn hear_windows(&mut self, at: Moment, event: &Event) {
        match event {
            Event::WindowOpen {
                topic,
                nonce,
                window_end,
                source,
            } => {
                let Some(known) = self.topic(*topic) else {
                    return;
                };
                known.counts.opened += 1;
                // It is open: the next one is not known yet.
                known.next = known.next.take().filter(|it| it.opens.0 > nonce.0);
                if let Some(window) = self.window(*topic, *nonce) {
                    (window.end, window.opened) = (Some(*window_end), at);
                    window.source = Some(*source);
                }
            }
            Event::Submitted {
                topic,
                nonce,
                value,
                hash,
                fee,
                endpoint,
                presigned,
                latency_ms,
                ..
            } => {
                self.latency.note(*latency_ms);
                self.count(*topic, |counts| counts.submitted += 1);
                self.wallet.refused_since = Moment(None);
                if let Some(window) = self.became(*topic, *nonce, Status::Submitted, at) {
                    window.value = Some(cut(value));
                    window.hash = Some(hash.clone());
                    (window.fee, window.presigned) = (Some(*fee), Some(*presigned));
                    window.endpoint = Some(endpoint.clone());
                    window.latency_ms = Some(*latency_ms);
                    window.cause = None;
                }
            }
            Event::SubmissionResent { topic, .. } => {
                self.count(*topic, |counts| counts.resent += 1);
            }
            Event::DryRun {
                topic,
                nonce,
                value,
                ..
            } => {
                if let Some(window) = self.became(*topic, *nonce, Status::DryRun, at) {
                    window.value = Some(cut(value));
                }
            }
            Event::SubmissionDelayed {
                topic,
                nonce,
                cause,
                ..
            } => {
                self.count(*topic, |counts| counts.delayed += 1);
                if let Some(window) = self.window(*topic, *nonce) {
                    window.cause = Some(cut(cause));
                }
            }
            _ => self.hear_outcomes(at, event),
        }
    }

    fn hear_outcomes(&mut self, at: Moment, event: &Event) {
        match event {
            Event::SubmissionSuccessful {
                topic,
                nonce,
                height,
                hash,
                ..
            } => {
                self.count(*topic, |counts| counts.included += 1);
                if let Some(window) = self.became(*topic, *nonce, Status::Included, at) {
                    (window.height, window.hash) = (Some(*height), Some(hash.clone()));
                }
            }
            Event::Counted { topic, nonce } => {
                self.count(*topic, |counts| counts.counted += 1);
                self.became(*topic, *nonce, Status::Counted, at);
            }
            Event::Outranked { topic, nonce, .. } => {
                self.count(*topic, |counts| counts.outranked += 1);
                self.became(*topic, *nonce, Status::Outranked, at);
            }
            Event::SubmissionRefused {
                topic,
                nonce,
                codespace,
                code,
                log,
                ..
            } => {
                self.count(*topic, |counts| counts.refused += 1);
                if codespace == "sdk" && *code == INSUFFICIENT_FUNDS {
                    let since = &mut self.wallet.refused_since;
                    *since = since.0.map_or(at, Moment::from);
                }
                if let Some(window) = self.became(*topic, *nonce, Status::Refused, at) {
                    window.cause = Some(cut(log));
                }
            }
            Event::WindowMissed {
                topic,
                nonce,
                window_end,
                cause,
            } => {
                self.count(*topic, |counts| counts.missed += 1);
                if let Some(window) = self.became(*topic, *nonce, Status::Missed, at) {
                    (window.end, window.cause) = (Some(*window_end), Some(cut(cause)));
                }
            }
            _ => {}
        }
    }

    pub(super) fn topic(&mut self, id: TopicId) -> Option<&mut Topic> {
        let has_room = self.topics.len() < MOST || self.topics.contains_key(&id);
        has_room.then(|| self.topics.entry(id).or_default())
    }

    fn count(&mut self, topic: TopicId, add: impl FnOnce(&mut super::Counts)) {
        if let Some(topic) = self.topic(topic) {
            add(&mut topic.counts);
        }
    }

    fn hinder(&mut self, topic: TopicId, at: Moment, cause: &str, remedy: &str) {
        if let Some(topic) = self.topic(topic) {
            topic.obstacle = Some(obstacle(topic.obstacle.take(), at, cause, remedy));
        }
    }

    /// The window with this nonce, if it is the newest or newer.
    fn window(&mut self, topic: TopicId, nonce: Nonce) -> Option<&mut Window> {
        let topic = self.topic(topic)?;
        let newest = topic.window.get_or_insert_with(|| Window::new(nonce));
        if newest.nonce < nonce {
            *newest = Window::new(nonce);
        }
        (newest.nonce == nonce).then_some(newest)
    }

    fn became(
        &mut self,
        topic: TopicId,
        nonce: Nonce,
        status: Status,
        at: Moment,
    ) -> Option<&mut Window> {
        let window = self.window(topic, nonce)?;
        (window.status, window.status_at) = (Some(status), at);
        Some(window)
    }

    fn forecast(&mut self, at: Moment, forecast: &Forecast, is_used: bool) {
        let Some(topic) = self.topic(forecast.topic) else {
            return;
        };
        let is_fallback = forecast.fallback.is_some();
        topic.counts.fallbacks += u64::from(is_used && is_fallback);
        topic.fallback_since = match (is_fallback, topic.fallback_since.0) {
            (true, None) => at,
            (true, _) => topic.fallback_since,
            (false, _) => Moment(None),
        };
        topic.forecast = Some(ForecastNow {
            value: forecast.value,
            values: forecast.values.iter().take(MOST).cloned().collect(),
            source: forecast.source,
            fallback: forecast.fallback.clone(),
            made: forecast.made_at.into(),
            data_until: Moment(forecast.data_until),
            closes: forecast.closes,
            took_ms: (forecast.took.as_secs_f64() * 1e6).round() / 1e3,
            report: forecast.report.clone(),
        });
    }

    /// When the topics' next windows open, by the newest block and the usual time between two.
    pub(super) fn expect(&mut self) {
        let head = &self.head;
        let known = (head.height, head.heard.0, head.block_ms);
        let (Some(height), Some(heard), Some(block_ms)) = known else {
            return;
        };
        for next in self.topics.values_mut().filter_map(|it| it.next.as_mut()) {
            let blocks = (next.opens.0 - height.0).max(0);
            let span = time::Duration::seconds_f64(blocks as f64 * block_ms / 1e3);
            next.expected = Moment(heard.checked_add(span));
        }
    }
}
