//! The vitals as metrics, in `OpenMetrics`' text. All is read when it is asked for: the path pays nothing.

use std::fmt;

use prometheus_client::{collector::Collector, encoding::DescriptorEncoder};
use time::OffsetDateTime;

use super::{
    Reason, Role, Vitals,
    sheet::{Labels, Sheet, flag, seconds, text_of},
    usage::Usage,
};
use crate::{chain::Uallo, types::TopicId};

/// What every metric's name begins with.
const PREFIX: &str = "allora_worker";
/// Uallo in one ALLO.
const ALLO: f64 = 1e18;

/// What the alerts did, for their counters: kind, outcome, how often.
type Delivered = Vec<(&'static str, &'static str, u64)>;

/// All metrics at a time, as text.
pub(super) fn render(vitals: Vitals, now: OffsetDateTime, deliveries: Delivered) -> String {
    let reading = Reading {
        vitals,
        now,
        deliveries,
        usage: Usage::now(),
    };
    text_of(PREFIX, reading)
}

struct Reading {
    vitals: Vitals,
    now: OffsetDateTime,
    deliveries: Delivered,
    usage: Usage,
}

impl fmt::Debug for Reading {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reading").finish_non_exhaustive()
    }
}

impl Collector for Reading {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut sheet = Sheet(encoder);
        self.process(&mut sheet)?;
        self.windows(&mut sheet)?;
        self.forecasts(&mut sheet)?;
        self.nodes(&mut sheet)?;
        self.wallet(&mut sheet)
    }
}

impl Reading {
    fn process(&self, to: &mut Sheet<'_>) -> fmt::Result {
        let (vitals, process) = (&self.vitals, &self.vitals.process);
        let build = vec![
            ("version", process.version.clone()),
            ("network", process.network.clone()),
            ("chain_id", process.chain_id.clone()),
            ("address", process.address.clone()),
        ];
        let row = std::iter::once((build, Some(1.0)));
        to.gauges("build_info", "What runs here, always 1", row)?;
        let started = seconds(process.started);
        to.gauge("start_timestamp_seconds", "When the process began", started)?;
        to.phase(process.phase)?;
        let hindrances = vitals.hindrances(self.now);
        let ready = flag(hindrances.is_empty());
        to.gauge(
            "ready",
            "1 when a window could be answered now",
            Some(ready),
        )?;
        let reasons = Reason::ALL.iter().map(|reason| {
            let is = hindrances.iter().any(|it| it.reason == *reason);
            (vec![("reason", reason.name().to_owned())], Some(flag(is)))
        });
        to.gauges("not_ready", "1 for what stands in the way", reasons)?;
        let troubles = vitals.trouble_count as f64;
        to.counter("troubles", "Warnings and failures that were told", troubles)?;
        let stuck = vitals.stuck.len() as f64;
        to.gauge("stuck_tasks", "Tasks without a sign of life", Some(stuck))?;
        let anew = f64::from(process.begun_anew);
        let help = "New beginnings in a row after failures";
        to.gauge("begun_anew", help, Some(anew))?;
        let standby = vitals.standby.as_ref();
        let leads = standby.map(|it| flag(matches!(it.role, Role::Leads | Role::Alone)));
        let help = "1 while this worker leads its wallet; absent where it is the only one";
        to.gauge("standby_leads", help, leads)?;
        let competition = &vitals.competition;
        let help = "When the competition ends";
        to.gauge(
            "competition_end_timestamp_seconds",
            help,
            seconds(competition.end),
        )?;
        to.usage(&self.usage)?;
        let alerts = self.deliveries.iter().map(|(kind, outcome, count)| {
            let labels = vec![("kind", (*kind).into()), ("outcome", (*outcome).into())];
            (labels, *count)
        });
        to.counters("alerts", "Alerts by what became of them", alerts)
    }

    fn windows(&self, to: &mut Sheet<'_>) -> fmt::Result {
        let topics = || self.vitals.topics.iter();
        let opened = topics().map(|(id, it)| (topic(*id), it.counts.opened));
        to.counters("windows_opened", "Windows that were heard of", opened)?;
        let closed = topics().flat_map(|(id, it)| {
            let counts = &it.counts;
            let all = [
                ("counted", counts.counted),
                ("outranked", counts.outranked),
                ("missed", counts.missed),
            ];
            all.map(|(outcome, count)| (outcome_of(*id, outcome), count))
        });
        to.counters("windows", "Windows that closed, by outcome", closed)?;
        let sent = topics().flat_map(|(id, it)| {
            let counts = &it.counts;
            let all = [
                ("submitted", counts.submitted),
                ("resent", counts.resent),
                ("included", counts.included),
                ("refused", counts.refused),
                ("delayed", counts.delayed),
            ];
            all.map(|(outcome, count)| (outcome_of(*id, outcome), count))
        });
        to.counters("submissions", "Submissions, by what became of them", sent)?;
        let help = "From a window's event to a node's mempool";
        to.histogram("submission_latency_seconds", help, &self.vitals.latency)?;
        let nonces = topics().map(|(id, it)| {
            let nonce = it.window.as_ref().map(|it| it.nonce.0 as f64);
            (topic(*id), nonce)
        });
        to.gauges("window_nonce", "The newest window's nonce", nonces)?;
        let next = topics().map(|(id, it)| {
            let expected = it.next.as_ref().and_then(|it| seconds(it.expected));
            (topic(*id), expected)
        });
        let help = "When the next window opens, by the pace of blocks";
        to.gauges("next_window_timestamp_seconds", help, next)?;
        let open = topics().map(|(id, it)| (topic(*id), Some(flag(it.obstacle.is_none()))));
        let help = "1 while nothing stands in the way of answering the topic";
        to.gauges("topic_open", help, open)
    }

    fn forecasts(&self, to: &mut Sheet<'_>) -> fmt::Result {
        let topics = || self.vitals.topics.iter();
        let now = |(id, it): (&TopicId, &super::Topic),
                   value: fn(&super::ForecastNow) -> Option<f64>| {
            (topic(*id), it.forecast.as_ref().and_then(value))
        };
        let values = topics().map(|it| now(it, |it| Some(it.value)));
        to.gauges(
            "forecast_value",
            "The newest forecast, in the target's unit",
            values,
        )?;
        let made = topics().map(|it| now(it, |it| seconds(it.made)));
        let help = "When the newest forecast was made";
        to.gauges("forecast_timestamp_seconds", help, made)?;
        let fallback = topics().map(|it| now(it, |it| Some(flag(it.fallback.is_some()))));
        let help = "1 while the forecast is a fallback or stands in for the wanted one";
        to.gauges("forecast_fallback", help, fallback)?;
        let answers = topics().map(|(id, it)| (topic(*id), it.counts.fallbacks));
        to.counters("fallback_answers", "Answers that were a fallback", answers)?;
        let record = |(id, it): (&TopicId, &super::Topic),
                      value: fn(&super::Record) -> Option<f64>| {
            (topic(*id), it.record.as_ref().and_then(value))
        };
        let ratios = topics().map(|it| record(it, |it| it.ratio));
        let help = "Root mean square deviation of our forecasts against that of zero";
        to.gauges("forecast_error_ratio", help, ratios)?;
        let places = topics().map(|it| record(it, |it| it.mean_place));
        let help = "Mean place among the others, from 0 (the best) to 1";
        to.gauges("mean_place", help, places)?;
        let emas = topics().map(|(id, it)| (topic(*id), it.score_ema));
        to.gauges(
            "score_ema",
            "The chain's moving average of our scores",
            emas,
        )?;
        let scores = topics().map(|(id, it)| (topic(*id), it.score));
        let help = "The chain's newest score of an answer of ours";
        to.gauges("score", help, scores)?;
        let rewards = topics().map(|(id, it)| (topic(*id), it.rewards.map(allo)));
        let help = "Rewards that the chain has paid since the start";
        to.amounts("rewards_allo", help, rewards)?;
        let prices = || self.vitals.prices.iter();
        let closes = prices().map(|(id, it)| (ticker(id), Some(it.closes as f64)));
        to.gauges("candles", "Closes that are known", closes)?;
        let until = prices().map(|(id, it)| (ticker(id), seconds(it.until)));
        let help = "End of the newest candle";
        to.gauges("newest_candle_timestamp_seconds", help, until)?;
        let stand_ins = prices().map(|(id, it)| (ticker(id), Some(flag(it.stand_in.is_some()))));
        let help = "1 while another source of prices stands in for the first";
        to.gauges("prices_stand_in", help, stand_ins)?;
        let missing = prices().map(|(id, it)| (ticker(id), Some(flag(it.obstacle.is_some()))));
        to.gauges("prices_unavailable", "1 while prices can't be had", missing)
    }

    fn nodes(&self, to: &mut Sheet<'_>) -> fmt::Result {
        let (vitals, head) = (&self.vitals, &self.vitals.head);
        let height = head.height.map(|it| it.0 as f64);
        to.gauge("block_height", "The newest block that was heard of", height)?;
        let help = "When it was heard of";
        to.gauge("block_timestamp_seconds", help, seconds(head.heard))?;
        let pace = head.block_ms.map(|it| it / 1e3);
        to.gauge(
            "block_time_seconds",
            "The usual time between two blocks",
            pace,
        )?;
        let connected = Some(flag(vitals.socket.is_connected));
        let help = "1 while the socket that brings windows is open";
        to.gauge("websocket_connected", help, connected)?;
        let losses = vitals.socket.losses as f64;
        to.counter("websocket_losses", "How often it was lost", losses)?;
        let nodes = || vitals.endpoints.iter();
        let healthy = nodes().map(|it| (endpoint(it), Some(flag(it.is_healthy))));
        to.gauges("endpoint_healthy", "1 while a node is asked", healthy)?;
        let heights = nodes().map(|it| (endpoint(it), it.height.map(|it| it.0 as f64)));
        to.gauges(
            "endpoint_height",
            "The height of its newest answer",
            heights,
        )?;
        let latencies = nodes().map(|it| (endpoint(it), it.latency_ms.map(|it| it / 1e3)));
        let help = "The moving average of the time that its answers take";
        to.gauges("endpoint_latency_seconds", help, latencies)?;
        let failures = nodes().map(|it| (endpoint(it), Some(f64::from(it.failures))));
        to.gauges(
            "endpoint_failures",
            "Failures since it answered last",
            failures,
        )
    }

    fn wallet(&self, to: &mut Sheet<'_>) -> fmt::Result {
        let wallet = &self.vitals.wallet;
        let balance = wallet.balance.map(allo);
        to.gauge("balance_allo", "The wallet's balance", balance)?;
        let least = allo(self.vitals.limits.low_balance);
        let help = "The balance below which it is low";
        to.gauge("low_balance_allo", help, Some(least))?;
        let paid = allo(wallet.fees.paid);
        to.counter("fees_allo", "Fees that were paid", paid)?;
        let day = wallet.fees.day.map(allo);
        to.gauge("fees_of_day_allo", "Fees of the last 24 hours", day)?;
        let most = wallet.fees.day_most.map(allo);
        to.gauge("fees_of_day_limit_allo", "The most that they may be", most)
    }
}

fn topic(id: TopicId) -> Labels {
    vec![("topic", id.to_string())]
}

fn outcome_of(id: TopicId, outcome: &str) -> Labels {
    vec![("topic", id.to_string()), ("outcome", outcome.to_owned())]
}

fn ticker(name: &str) -> Labels {
    vec![("ticker", name.to_owned())]
}

fn endpoint(of: &super::Endpoint) -> Labels {
    vec![("endpoint", of.endpoint.clone())]
}

fn allo(amount: Uallo) -> f64 {
    amount.0 as f64 / ALLO
}

#[cfg(test)]
#[path = "metrics_tests.rs"]
mod tests;
