//! What a worker tells while it answers, and the vitals that follow from it.

use std::time::Duration as Span;

use time::{Duration, OffsetDateTime};

use super::{
    BLOCKS, EPOCH, Fate, Season, TOPIC, chance,
    journal::{blocks, hash, latency_ms},
};
use crate::{
    chain::Uallo,
    forecast::{ChallengerReport, Forecast, Report, Source},
    learning::{LearningConfig, compare},
    ops::{EndpointGauge, Event, GaugeEvent, Stamped, WindowSource},
    types::{Height, Nonce},
    vitals::Vitals,
};

/// Windows that the log tells of.
const TOLD: usize = 150;
const NODE: &str = "https://allora-rpc.testnet.allora.network";

impl Season {
    /// The forecast that answers a window.
    pub(super) fn forecast(&self, window: usize) -> Forecast {
        let opened = self.opened(window);
        let value = self.value(window);
        let challenger = |name: &str, of: u64| ChallengerReport {
            name: name.into(),
            value: Some(value * (0.5 + chance(window, of))),
            weight: (chance(window, of + 1) - 0.6).max(0.0),
            t: Some(3.0 * chance(window, of + 2) - 1.0),
            days: 312,
        };
        Forecast {
            topic: TOPIC,
            value,
            values: Vec::new(),
            source: Source::Gated,
            fallback: None,
            made_at: opened - Duration::minutes(50),
            data_until: Some(opened - Duration::minutes(52)),
            closes: 8_760,
            took: Span::from_micros(148),
            report: Some(Report {
                sigma: 0.0052,
                momentum: 2.0 * chance(window, 8) - 1.0,
                prior: 0.7 * value,
                prior_weight: 1.0,
                prior_t: Some(-0.4),
                challengers: vec![
                    challenger("ridge", 10),
                    challenger("elastic-net", 13),
                    challenger("svr", 16),
                ],
                closes: 8_760,
                clamped: false,
                live_weight: Some(1.0),
                live_t: Some(0.8),
                network: None,
            }),
        }
    }

    /// What a worker tells of its start and of the newest windows, in order of time.
    pub(super) fn told(&self) -> Vec<Stamped> {
        let first = self.windows.saturating_sub(TOLD);
        let began = self.opened(first) - Duration::minutes(10);
        let start = [
            Event::Starting {
                version: env!("CARGO_PKG_VERSION"),
                network: "testnet".into(),
                chain_id: self.wallet.chain_id.clone(),
                pid: 1,
            },
            Event::EnvironmentLoaded {
                address: self.wallet.address.clone(),
                prices: "Tiingo".into(),
            },
            Event::WorkerInitialized {
                address: self.wallet.address.clone(),
                balance: Uallo(4_200_000_000_000_000_000),
                topics: vec![TOPIC],
                height: Height(Self::key(first).nonce.0 - 120),
                emissions: "v10".into(),
            },
            Event::WebsocketConnected {
                endpoint: NODE.replace("https", "wss") + "/websocket",
            },
            Event::Ready {
                topics: vec![TOPIC],
                start_ms: 42,
            },
        ];
        let mut all: Vec<Stamped> = start
            .into_iter()
            .map(|event| Stamped { at: began, event })
            .collect();
        for window in first..self.windows {
            all.extend(self.told_of(window));
        }
        all.extend(self.readings());
        all
    }

    fn told_of(&self, window: usize) -> Vec<Stamped> {
        let (topic, key, opened) = (TOPIC, Self::key(window), self.opened(window));
        let nonce = key.nonce;
        let mut all = Vec::new();
        let mut tell = |after: Duration, event| {
            let at = opened + after;
            all.push(Stamped { at, event });
        };
        let fate = self.fate(window);
        if fate == Fate::Unseen {
            return all;
        }
        let forecast = self.forecast(window);
        tell(
            Duration::minutes(-50),
            Event::ForecastPrepared {
                forecast: forecast.clone(),
            },
        );
        let window_end = nonce.height().plus(BLOCKS);
        let source = WindowSource::Event;
        tell(
            Duration::ZERO,
            Event::WindowOpen {
                topic,
                nonce,
                window_end,
                source,
            },
        );
        if let Fate::Missed(cause) = fate {
            let cause = cause.to_owned();
            let missed = Event::WindowMissed {
                topic,
                nonce,
                window_end,
                cause,
            };
            tell(Duration::minutes(2), missed);
            return all;
        }
        let millis = latency_ms(window);
        tell(
            Duration::ZERO,
            Event::ForecastUsed {
                topic,
                nonce,
                forecast,
            },
        );
        let submitted = Event::Submitted {
            topic,
            nonce,
            value: self.value(window).to_string(),
            hash: hash(window),
            sequence: 1,
            fee: Uallo(3_750_000),
            endpoint: NODE.into(),
            presigned: true,
            latency_ms: millis,
        };
        tell(Duration::seconds_f64(millis / 1e3), submitted);
        let successful = Event::SubmissionSuccessful {
            topic,
            nonce,
            height: nonce.height().plus(blocks(window)),
            hash: hash(window),
            blocks_after_nonce: blocks(window),
            gas_used: 145_210,
        };
        tell(Duration::seconds(5), successful);
        match fate {
            Fate::Counted => tell(Duration::minutes(2), Event::Counted { topic, nonce }),
            Fate::Outranked => {
                let places = 32;
                let outranked = Event::Outranked {
                    topic,
                    nonce,
                    places,
                };
                tell(Duration::minutes(2), outranked);
            }
            _ => {}
        }
        tell(Duration::minutes(3), self.compared(window));
        all
    }

    fn compared(&self, window: usize) -> Event {
        let peers = self.peers(window);
        let others: Vec<f64> = peers.inferers.values().copied().collect();
        let value = self.value(window);
        let found = compare(
            &LearningConfig::default(),
            crate::forecast::Target::LogReturn,
            value,
            &others,
            peers.combined,
        );
        Event::ForecastCompared {
            topic: TOPIC,
            nonce: Self::key(window).nonce,
            value,
            z: found.z,
            count: found.count,
            mean: found.mean,
            spread: found.spread,
            combined: found.combined,
            verdict: found.verdict,
        }
    }

    /// What only those hear who listen.
    fn readings(&self) -> Vec<Stamped> {
        let newest = Self::key(self.windows.saturating_sub(1)).nonce.0;
        let events: [Event; 5] = [
            Event::Balance {
                balance: Uallo(4_100_000_000_000_000_000),
            },
            Event::PricesUpdated {
                ticker: "btcusd".into(),
                closes: 8_760,
                added: 1,
                until: Some(self.until - Duration::minutes(10)),
            },
            GaugeEvent::Endpoints {
                endpoints: vec![EndpointGauge {
                    endpoint: NODE.into(),
                    is_healthy: true,
                    is_pinned: true,
                    height: Some(self.head()),
                    latency_ms: Some(38.5),
                    ..EndpointGauge::default()
                }],
            }
            .into(),
            GaugeEvent::NextWindow {
                topic: TOPIC,
                opens: Some(Height(newest + EPOCH)),
                closes: Some(Height(newest + EPOCH + BLOCKS)),
            }
            .into(),
            GaugeEvent::Head {
                height: self.head(),
                block_ms: 5_000.0,
            }
            .into(),
        ];
        let at = self.until - Duration::seconds(1);
        let stamped = |event| Stamped { at, event };
        events.into_iter().map(stamped).collect()
    }

    /// How the worker fares at the season's end.
    #[must_use]
    pub fn vitals(&self) -> Vitals {
        let mut vitals = Vitals::default();
        for told in self.told() {
            vitals.hear(&told);
        }
        vitals
    }

    /// When a window of the season opened, by its nonce.
    #[must_use]
    pub fn opened_at(&self, nonce: Nonce) -> OffsetDateTime {
        self.at(nonce.0)
    }
}
