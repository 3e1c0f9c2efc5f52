//! Folding what is told into what is known: the process and its wallet.

use super::{Moment, Obstacle, Prices, Role, StandIn, Standby, Trouble, Vitals, Waiting};
use crate::{
    chain::Uallo,
    ops::{Event, GaugeEvent, Level, Phase, Stamped, StandbyEvent, WatchEvent},
};

/// Troubles that are kept.
const TROUBLES: usize = 20;
/// Tickers, topics and endpoints that are kept of each: more than anyone configures.
pub(super) const MOST: usize = 512;
/// Bytes of a text that is kept: nodes answer at length.
pub(super) const TEXT: usize = 600;

impl Vitals {
    /// Takes note of what was told.
    pub fn hear(&mut self, told: &Stamped) {
        let (at, event) = (Moment::from(told.at), &told.event);
        self.at = at;
        self.hear_process(at, event);
        self.hear_wallet(at, event);
        self.hear_prices(at, event);
        self.hear_topics(at, event);
        self.hear_nodes(at, event);
        if let Event::Standby(event) = event {
            self.hear_standby(at, event);
        }
        self.hear_trouble(at, event);
    }

    fn hear_process(&mut self, at: Moment, event: &Event) {
        match event {
            Event::Starting {
                version,
                network,
                chain_id,
                pid,
            } => {
                let process = &mut self.process;
                (process.pid, process.started) = (*pid, at);
                (*version).clone_into(&mut process.version);
                process.network.clone_from(network);
                process.chain_id.clone_from(chain_id);
            }
            Event::EnvironmentLoaded { address, .. } => self.process.address.clone_from(address),
            Event::CompetitionActive { end } => {
                (self.competition.start, self.competition.end) = (Moment(None), Moment(*end));
            }
            Event::CompetitionWaiting { start, .. } => self.competition.start = (*start).into(),
            Event::CompetitionEnded { end } => self.competition.end = (*end).into(),
            Event::Ready { start_ms, .. } => {
                self.process.start_ms = Some(*start_ms);
                self.waiting = None;
            }
            Event::Gauge(GaugeEvent::Waiting {
                need,
                cause,
                remedy,
            }) => {
                let before = self.waiting.take().filter(|it| it.need == *need);
                self.waiting = Some(Waiting {
                    need: *need,
                    cause: cut(cause),
                    remedy: cut(remedy),
                    since: before.map_or(at, |it| it.since),
                });
            }
            Event::Watch(event) => self.hear_watch(at, event),
            _ => {}
        }
        let Some(phase) = Phase::after(self.process.phase, event) else {
            return;
        };
        let process = &mut self.process;
        (process.phase, process.since) = (Some(phase), at);
        let (message, remedy) = match event {
            Event::Stopped { reason } => (reason.clone(), String::new()),
            Event::Fatal { cause, remedy } => (cause.clone(), remedy.clone()),
            other => (other.message(), String::new()),
        };
        (process.message, process.remedy) = (cut(&message), cut(&remedy));
    }

    fn hear_watch(&mut self, at: Moment, event: &WatchEvent) {
        match event {
            WatchEvent::TaskStuck { task, .. } if self.stuck.len() < MOST => {
                self.stuck.entry(task.clone()).or_insert(at);
            }
            WatchEvent::TaskMoves { task, .. } => {
                self.stuck.remove(task);
            }
            WatchEvent::ClockOff { seconds } => self.process.clock_lead = Some(*seconds),
            WatchEvent::BegunAnew { count, .. } => self.process.begun_anew = *count,
            _ => {}
        }
    }

    fn hear_wallet(&mut self, at: Moment, event: &Event) {
        match event {
            Event::WorkerInitialized {
                address,
                balance,
                height,
                emissions,
                ..
            } => {
                self.process.address.clone_from(address);
                self.head.emissions.clone_from(emissions);
                self.head.height = self.head.height.max(Some(*height));
                self.waiting = None;
                self.has(at, *balance);
            }
            Event::Balance { balance } | Event::Gauge(GaugeEvent::Coins { balance }) => {
                self.has(at, *balance);
            }
            Event::BalanceLow {
                balance,
                threshold,
                remedy,
            } => {
                self.wallet.threshold = Some(*threshold);
                self.wallet.remedy.clone_from(remedy);
                self.has(at, *balance);
            }
            Event::Gauge(GaugeEvent::FeePaid { hash, fee }) if *hash != self.wallet.fees.newest => {
                let fees = &mut self.wallet.fees;
                fees.newest.clone_from(hash);
                fees.paid = fees.paid.plus(*fee);
                fees.transactions += 1;
            }
            Event::Gauge(GaugeEvent::FeesOfDay { paid, most }) => {
                let fees = &mut self.wallet.fees;
                (fees.day, fees.day_most) = (Some(*paid), Some(*most));
            }
            _ => {}
        }
    }

    /// The wallet holds so much. What is low is so from the first time that it was told.
    fn has(&mut self, at: Moment, balance: Uallo) {
        let wallet = &mut self.wallet;
        (wallet.balance, wallet.balance_at) = (Some(balance), at);
        let is_low = wallet.threshold.is_some_and(|least| balance < least);
        wallet.low_since = match (is_low, wallet.low_since.0) {
            (true, None) => at,
            (true, _) => wallet.low_since,
            (false, _) => Moment(None),
        };
    }

    fn hear_prices(&mut self, at: Moment, event: &Event) {
        match event {
            Event::PricesUpdated {
                ticker,
                closes,
                until,
                ..
            } => {
                if let Some(prices) = self.prices(ticker) {
                    (prices.closes, prices.until) = (*closes, Moment(*until));
                    (prices.updated, prices.obstacle) = (at, None);
                    prices.hours_left = None;
                }
            }
            Event::PricesBackfill {
                ticker,
                closes,
                hours_left,
                ..
            } => {
                if let Some(prices) = self.prices(ticker) {
                    (prices.closes, prices.hours_left) = (*closes, Some(*hours_left));
                }
            }
            Event::PricesStandIn {
                ticker,
                source,
                first,
                cause,
            } => {
                if let Some(prices) = self.prices(ticker) {
                    prices.stand_in = Some(StandIn {
                        source: source.clone(),
                        first: first.clone(),
                        cause: cut(cause),
                        since: at,
                    });
                }
            }
            Event::PricesBack { ticker, .. } => {
                if let Some(prices) = self.prices(ticker) {
                    prices.stand_in = None;
                }
            }
            Event::PricesUnavailable {
                ticker,
                cause,
                remedy,
                ..
            } => {
                if let Some(prices) = self.prices(ticker) {
                    prices.obstacle = Some(obstacle(prices.obstacle.take(), at, cause, remedy));
                }
            }
            _ => {}
        }
    }

    fn prices(&mut self, ticker: &str) -> Option<&mut Prices> {
        let has_room = self.prices.len() < MOST || self.prices.contains_key(ticker);
        has_room.then(|| self.prices.entry(ticker.to_owned()).or_default())
    }

    fn hear_standby(&mut self, at: Moment, event: &StandbyEvent) {
        let standby = self.standby.get_or_insert_with(Standby::default);
        let (role, cause) = match event {
            StandbyEvent::StandbyWaiting { name, leader, .. } => {
                standby.name.clone_from(name);
                standby.leader.clone_from(leader);
                (Role::Waits, None)
            }
            StandbyEvent::StandbyTookOver { name, .. } => {
                standby.name.clone_from(name);
                standby.leader = None;
                (Role::Leads, None)
            }
            StandbyEvent::StandbyRenewed { .. } => (Role::Leads, None),
            StandbyEvent::StandbyLost { .. } => (Role::Waits, None),
            StandbyEvent::StandbySilent { cause } => (Role::Silent, Some(cut(cause))),
            StandbyEvent::StandbyAlone { cause } => (Role::Alone, Some(cut(cause))),
            _ => return,
        };
        if role != standby.role || standby.since.0.is_none() {
            standby.since = at;
        }
        (standby.role, standby.cause) = (role, cause);
    }

    fn hear_trouble(&mut self, at: Moment, event: &Event) {
        if matches!(event, Event::Gauge(_)) {
            return;
        }
        let words = event.words();
        if words.level == Level::Info {
            return;
        }
        self.trouble_count += 1;
        if self.troubles.len() == TROUBLES {
            self.troubles.pop_front();
        }
        self.troubles.push_back(Trouble {
            at,
            level: words.level,
            message: cut(&words.message),
        });
    }
}

/// What stands in the way: since when it does, whatever it is called meanwhile.
pub(super) fn obstacle(
    before: Option<Obstacle>,
    at: Moment,
    cause: &str,
    remedy: &str,
) -> Obstacle {
    Obstacle {
        cause: cut(cause),
        remedy: cut(remedy),
        since: before.map_or(at, |it| it.since),
    }
}

pub(super) fn cut(text: &str) -> String {
    crate::limits::cut(text.to_owned(), TEXT)
}
