//! Whether a window could be answered now, and if not, why and what to do.

use time::OffsetDateTime;

use super::{Hindrance, Reason, Role, Topic, Vitals};
use crate::{
    chain::Uallo,
    forecast::{Fallback, Source},
    ops::{Need, Phase},
    types::TopicId,
};

/// Seconds without a block after which nodes are taken as cut off, and the block times that it is at least.
const SILENT_SECONDS: f64 = 30.0;
const SILENT_BLOCKS: f64 = 3.0;
/// Seconds after which a ready worker is expected to have a forecast.
const FORECAST_SECONDS: f64 = 30.0;

impl Vitals {
    /// What stands in the way of answering a window now; nothing when the worker is ready.
    #[must_use]
    pub fn hindrances(&self, now: OffsetDateTime) -> Vec<Hindrance> {
        let mut found: Vec<_> = self.of_phase().into_iter().collect();
        let is_over = matches!(
            self.process.phase,
            Some(Phase::Failed | Phase::Stopped | Phase::Waiting)
        );
        if is_over {
            return found;
        }
        found.extend(self.of_nodes(now));
        found.extend(self.of_coins());
        if self.limits.forecasts {
            found.extend(self.of_prices(now));
        }
        for (id, topic) in &self.topics {
            let closed = topic.obstacle.as_ref().map(|it| Hindrance {
                topic: Some(*id),
                ..Hindrance::new(Reason::TopicClosed, &it.cause, &it.remedy)
            });
            found.extend(closed);
        }
        if let Some(standby) = self.standby.as_ref().filter(|it| it.role == Role::Silent) {
            let cause = standby.cause.clone().unwrap_or_default();
            let remedy =
                "see to the database of STANDBY_DATABASE_URL; another worker may take over";
            found.push(Hindrance::new(Reason::Silent, cause, remedy));
        }
        for task in self.stuck.keys() {
            let cause = format!("the task {task:?} gives no sign of life");
            let remedy = "check the disk's load and its space; see the log";
            found.push(Hindrance::new(Reason::Stuck, cause, remedy));
        }
        found
    }

    fn of_phase(&self) -> Option<Hindrance> {
        let process = &self.process;
        let wait = "nothing has to be done: it is ready within seconds, or tells what it waits for";
        let again = "nothing has to be done: it begins anew by itself; see the log for the cause";
        let (reason, remedy) = match process.phase {
            Some(Phase::Ready) => return None,
            None | Some(Phase::Starting) => (Reason::Starting, wait),
            Some(Phase::Waiting) => (Reason::Waiting, "nothing has to be done until then"),
            Some(Phase::Standby) => (
                Reason::Standby,
                "nothing has to be done: it takes over when the leader fails",
            ),
            Some(Phase::Restarting) => (Reason::Restarting, again),
            Some(Phase::Failed) => (Reason::Failed, &*process.remedy),
            Some(Phase::Stopping) => (Reason::Stopping, "start it again when that is meant"),
            Some(Phase::Stopped) => (Reason::Stopped, "start it again: ./start_worker.sh"),
        };
        let cause = match (&*process.message, reason) {
            ("", _) => "the worker has not told anything yet".to_owned(),
            (reason, Reason::Stopped) => format!("it has stopped: {reason}"),
            (message, _) => message.to_owned(),
        };
        Some(Hindrance::new(reason, cause, remedy))
    }

    fn of_nodes(&self, now: OffsetDateTime) -> Option<Hindrance> {
        let remedy = "check the machine's network, and name further endpoints (rpc and ws of the network, or --rpc and --ws)";
        if let Some(waiting) = self.waiting.as_ref().filter(|it| it.need == Need::Nodes) {
            let cause = waiting.cause.clone();
            return Some(Hindrance::new(Reason::NoNodes, cause, &waiting.remedy));
        }
        let is_deaf = !self.socket.is_connected && self.socket.since.0.is_some();
        let all_fail = !self.endpoints.is_empty() && self.endpoints.iter().all(|it| !it.is_healthy);
        if is_deaf && all_fail {
            let cause = self.endpoints.iter().find_map(|it| it.cause.clone());
            let cause = cause.unwrap_or_else(|| self.socket.cause.clone());
            let cause = format!("no node answers: {cause}");
            return Some(Hindrance::new(Reason::NoNodes, cause, remedy));
        }
        let block = self.head.block_ms.unwrap_or_default() / 1e3;
        let most = SILENT_SECONDS.max(block * SILENT_BLOCKS);
        let silent = self.head.heard.age(now).filter(|age| *age > most)?;
        let cause = format!("no block was heard of for {silent:.0} s");
        let remedy = format!("the chain stands still, or {remedy}");
        Some(Hindrance::new(Reason::NoBlocks, cause, remedy))
    }

    fn of_coins(&self) -> Option<Hindrance> {
        if let Some(waiting) = self.waiting.as_ref().filter(|it| it.need == Need::Coins) {
            let cause = waiting.cause.clone();
            return Some(Hindrance::new(Reason::NoCoins, cause, &waiting.remedy));
        }
        let wallet = &self.wallet;
        let windows = self.topics.values().filter_map(|it| it.window.as_ref());
        // What the newest answer paid; none at all is too little in any case.
        let fee = windows.filter_map(|it| it.fee).max().unwrap_or(Uallo(1));
        let is_short = wallet.balance.is_some_and(|it| it < fee.max(Uallo(1)));
        let is_refused = wallet.refused_since.0.is_some();
        if !is_short && !is_refused {
            return None;
        }
        let balance = wallet.balance.unwrap_or_default();
        let cause = format!("the wallet holds {balance}, too little for a submission's fee");
        let remedy = match &*wallet.remedy {
            "" => format!("send ALLO to {}", self.process.address),
            remedy => remedy.to_owned(),
        };
        Some(Hindrance::new(Reason::NoCoins, cause, remedy))
    }

    fn of_prices(&self, now: OffsetDateTime) -> Vec<Hindrance> {
        let starved = |(id, topic): (&TopicId, &Topic)| {
            let cause = self.starved(topic, now)?;
            let unavailable = self.prices.values().find_map(|it| it.obstacle.as_ref());
            let (cause, remedy) = match unavailable {
                Some(it) => (format!("{cause}: {}", it.cause), it.remedy.clone()),
                None => (
                    cause,
                    "check TIINGO_API_KEY and market.stand_in, or `prices import` newer candles"
                        .to_owned(),
                ),
            };
            Some(Hindrance {
                topic: Some(*id),
                ..Hindrance::new(Reason::NoPrices, cause, remedy)
            })
        };
        let found: Vec<_> = self.topics.iter().filter_map(starved).collect();
        if found.is_empty() {
            return self.of_sources().into_iter().collect();
        }
        found
    }

    /// A source that fails while another stands in is the stand-in's matter.
    fn of_sources(&self) -> Option<Hindrance> {
        let alone = self.prices.iter().filter(|(_, it)| it.stand_in.is_none());
        let mut without = alone.filter_map(|(ticker, it)| Some((ticker, it.obstacle.as_ref()?)));
        let (ticker, it) = without.next()?;
        let cause = format!(
            "prices of {ticker} can't be had, and forecasts are made from older ones: {}",
            it.cause
        );
        Some(Hindrance::new(Reason::NoNewPrices, cause, &it.remedy))
    }

    /// What a topic's forecast lacks.
    fn starved(&self, topic: &Topic, now: OffsetDateTime) -> Option<String> {
        let Some(forecast) = &topic.forecast else {
            let is_ready = self.process.phase == Some(Phase::Ready);
            let waits = self.process.since.age(now).filter(|_| is_ready)?;
            return (waits > FORECAST_SECONDS).then(|| "there is no forecast".to_owned());
        };
        if let Some(
            lack @ (Fallback::ShortHistory { .. }
            | Fallback::StaleHistory { .. }
            | Fallback::NoPrice { .. }),
        ) = &forecast.fallback
        {
            return Some(lack.to_string());
        }
        let needs_prices = !matches!(
            forecast.source,
            Source::Http | Source::Command | Source::Models | Source::Zero
        );
        let age = forecast.data_until.age(now).filter(|_| needs_prices)?;
        (age > self.limits.candle_seconds)
            .then(|| format!("the newest candle is {:.1} hours old", age / 3_600.0))
    }
}

#[cfg(test)]
#[path = "ready_tests.rs"]
mod tests;
