//! What the submitter is made of, told, and tells.

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::{mpsc, watch},
    time::Instant,
};

use super::{Chain, scribe::Scribe, windows::Told};
use crate::{
    chain::{GasPrice, OpenWindow, jsonrpc::TxResult},
    clock::SharedClock,
    forecast::DeskHandle,
    ops::{Reporter, Shutdown},
    pulse::Pulse,
    store::{State, Transition},
    types::{Height, TopicId, WindowKey},
};

/// What the submitter is told. It is told the same window any number of times and answers it once.
#[derive(Debug)]
pub(super) enum Report {
    /// Windows are open: those of one block, or what a question to the chain found.
    Opened {
        windows: Vec<OpenWindow>,
        seen: Instant,
    },
    /// A window is open and holds an inference of ours already: what an earlier run left is the one.
    Held(WindowKey),
    /// The next block in which a topic's window may open; none when it is not to be answered.
    Foretold {
        topic: TopicId,
        next: Option<OpenWindow>,
    },
    /// A block has passed.
    Block(Height),
    /// A transaction of ours is in a block.
    Included {
        hash: String,
        height: Height,
        result: TxResult,
    },
    /// The wallet is to be registered in a topic.
    Register(TopicId),
}

/// Windows that came to their end in this run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// With an inference of ours on the chain (or shown, in a dry run).
    pub answered: u32,
    /// Without.
    pub missed: u32,
}

/// Everything that the submitter needs of the other rooms.
pub(super) struct Parts {
    pub(super) chain: Arc<Chain>,
    pub(super) scribe: Scribe,
    pub(super) desk: DeskHandle,
    pub(super) reporter: Reporter,
    pub(super) clock: SharedClock,
    pub(super) prices: watch::Receiver<GasPrice>,
    /// Tells when to stop, and why.
    pub(super) shutdown: Shutdown,
    /// Tells the windows' task what became of its reports.
    pub(super) told: mpsc::Sender<Told>,
    /// Sign and show, broadcast nothing.
    pub(super) dry_run: bool,
    /// End after the first window.
    pub(super) once: bool,
    /// How long a stop waits for transactions that are in the air.
    pub(super) stop_grace: Duration,
    /// The submitter's sign of life.
    pub(super) life: Pulse,
}

impl Parts {
    /// A step of a submission, now.
    pub(super) fn transition(
        &self,
        key: WindowKey,
        window_end: Height,
        value: Option<String>,
        state: State,
    ) -> Transition {
        Transition {
            at: self.clock.now(),
            wallet: self.chain.wallet(),
            key,
            window_end,
            value,
            report: None,
            state,
        }
    }
}
