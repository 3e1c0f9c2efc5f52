//! What faults do while they hold.

use std::time::Duration;

use super::{Fault, fault::refusal};
use crate::devnet::{
    control::{Answer, Indexer},
    refusal::Refusal,
};

/// How an endpoint's WebSockets deliver events of blocks and transactions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::devnet) enum Delivery {
    /// As they come.
    #[default]
    Live,
    /// Each twice.
    Twice,
    /// After so many blocks.
    Late(i64),
    /// Not at all.
    Never,
}

/// What the faults that hold do to one endpoint.
#[derive(Clone, Debug, Default)]
#[allow(
    clippy::struct_excessive_bools,
    reason = "each is a fault that holds or not"
)]
pub(in crate::devnet) struct Effects {
    pub(in crate::devnet) drops: bool,
    pub(in crate::devnet) silent: bool,
    pub(in crate::devnet) refuses_subscribes: bool,
    pub(in crate::devnet) subscribe_delay: Option<Duration>,
    pub(in crate::devnet) delivery: Delivery,
    pub(in crate::devnet) lag: i64,
    pub(in crate::devnet) accounts_lag: i64,
    pub(in crate::devnet) catching_up: bool,
    pub(in crate::devnet) indexer: Option<Indexer>,
    pub(in crate::devnet) another_chain: bool,
    pub(in crate::devnet) answer: Option<Answer>,
    pub(in crate::devnet) black_hole: bool,
    pub(in crate::devnet) refusal: Option<Refusal>,
}

impl Effects {
    /// Of these faults together; of two that do the same, the later one counts.
    pub(in crate::devnet) fn of<'a>(faults: impl Iterator<Item = &'a Fault>) -> Self {
        faults.fold(Self::default(), |mut all, fault| {
            all.add(fault);
            all
        })
    }

    fn add(&mut self, fault: &Fault) {
        match fault {
            Fault::DropSockets => self.drops = true,
            Fault::Silence => self.silent = true,
            Fault::RefuseSubscribes => self.refuses_subscribes = true,
            Fault::DelaySubscribes { ms } => {
                self.subscribe_delay = Some(Duration::from_millis(*ms));
            }
            Fault::EventsTwice => self.delivery = Delivery::Twice,
            Fault::EventsLate { blocks } => self.delivery = Delivery::Late(i64::from(*blocks)),
            Fault::EventsNever => self.delivery = Delivery::Never,
            Fault::StaleHeights { blocks } => self.lag = i64::from(*blocks),
            Fault::StaleSequences { blocks } => self.accounts_lag = i64::from(*blocks),
            Fault::CatchingUp => {
                self.catching_up = true;
                self.silent = true;
            }
            Fault::IndexerOff => self.indexer = Some(Indexer::Off),
            Fault::IndexerBehind { blocks } => {
                self.indexer = Some(Indexer::Behind(i64::from(*blocks)));
            }
            Fault::AnotherChain => self.another_chain = true,
            Fault::BlackHole => self.black_hole = true,
            Fault::RefuseCheck { codespace, code } => {
                self.refusal = Some(refusal(codespace, *code));
            }
            other => self.answer = answer(other).or(self.answer.take()),
        }
    }
}

fn answer(fault: &Fault) -> Option<Answer> {
    let page = |status, content_type: &str, body: &str| Answer::Http {
        status,
        content_type: content_type.into(),
        body: body.into(),
    };
    match fault {
        Fault::TooManyRequests => Some(Answer::Busy {
            retry_after: Duration::from_secs(1),
        }),
        Fault::ServerError => Some(page(500, "text/plain", "internal server error")),
        Fault::BadGateway => Some(page(
            502,
            "text/html",
            "<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>",
        )),
        Fault::Truncate => Some(Answer::Truncate),
        Fault::TimeOut => Some(Answer::Swallow),
        Fault::Slow { ms } => Some(Answer::Delay(Duration::from_millis(*ms))),
        _ => None,
    }
}

/// What the faults that hold do to the chain.
#[derive(Clone, Debug)]
pub(in crate::devnet) struct ChainEffects {
    pub(in crate::devnet) evicts: bool,
    pub(in crate::devnet) hold: i64,
    pub(in crate::devnet) price_times: u128,
    pub(in crate::devnet) refusal: Option<Refusal>,
}

impl Default for ChainEffects {
    fn default() -> Self {
        Self {
            evicts: false,
            hold: 0,
            price_times: 1,
            refusal: None,
        }
    }
}

impl ChainEffects {
    /// Of these faults together.
    pub(in crate::devnet) fn of<'a>(faults: impl Iterator<Item = &'a Fault>) -> Self {
        faults.fold(Self::default(), |mut all, fault| {
            match fault {
                Fault::Evict => all.evicts = true,
                Fault::Hold { blocks } => all.hold = i64::from(*blocks),
                Fault::GasPrice { times } => all.price_times = u128::from(*times),
                Fault::RefuseInBlock { codespace, code } => {
                    all.refusal = Some(refusal(codespace, *code));
                }
                _ => {}
            }
            all
        })
    }
}
