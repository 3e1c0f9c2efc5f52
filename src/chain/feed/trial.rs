//! One connection on trial: opened and subscribed as the feed does it, and left again.

use std::time::Duration;

use futures_util::StreamExt as _;
use tokio::{
    sync::{mpsc, watch},
    time::{Instant, timeout},
};
use tokio_tungstenite::tungstenite::Message;

use super::{Feed, FeedEvent, connection::Socket, frame::Loss};
use crate::{
    chain::{ChainConfig, Version},
    types::Height,
};

/// Events that may come before the last subscription is granted.
const EVENTS: usize = 256;

/// What a WebSocket has shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trial {
    /// From opening it to the last of its subscriptions.
    pub granted: Duration,
    /// The first block that it told of in time.
    pub block: Option<Height>,
}

/// What is asked of a WebSocket on trial.
#[derive(Clone, Debug)]
pub struct TrialOf<'a> {
    /// `ws(s)://…`
    pub url: &'a str,
    /// The chain that it has to belong to.
    pub chain_id: &'a str,
    /// Whose transactions are subscribed to.
    pub address: &'a str,
    /// The version whose events are subscribed to.
    pub version: Version,
    /// How long opening and subscribing may take.
    pub setup: Duration,
    /// How long a block is waited for after that; zero waits for none.
    pub block: Duration,
}

impl TrialOf<'_> {
    /// Opens it, subscribes as the feed does, and waits for a block.
    ///
    /// # Errors
    /// Why a feed would leave it, in words.
    pub async fn run(&self, config: &ChainConfig) -> Result<Trial, String> {
        // Both ends of the channels live for as long as the trial.
        let (_version, versions) = watch::channel(self.version);
        let (_head, heads) = watch::channel(Height::default());
        let (events, _heard) = mpsc::channel(EVENTS);
        let (url, chain) = (self.url.to_owned(), self.chain_id.to_owned());
        let address = self.address.to_owned();
        let feed = Feed::new(
            config.clone(),
            vec![url],
            chain,
            address,
            versions,
            heads,
            events,
        );
        let feed = feed.map_err(|error| error.to_string())?;
        let began = Instant::now();
        let opened = timeout(self.setup, feed.open(self.url, self.version)).await;
        let mut socket = opened
            .unwrap_or(Err(Loss::NoAnswer(self.setup)))
            .map_err(|loss| loss.to_string())?;
        let granted = began.elapsed();
        let block = match timeout(self.block, feed.first_block(&mut socket, self.version)).await {
            Ok(block) => Some(block.map_err(|loss| loss.to_string())?),
            Err(_) => None,
        };
        Ok(Trial { granted, block })
    }
}

impl Feed {
    async fn first_block(&self, socket: &mut Socket, version: Version) -> Result<Height, Loss> {
        loop {
            let text = match socket.next().await {
                Some(Ok(Message::Text(text))) => text,
                Some(Ok(_)) => continue,
                Some(Err(error)) => return Err(Loss::Closed(error.to_string())),
                None => return Err(Loss::Closed("end of stream".into())),
            };
            for event in self.read(&text, version, Instant::now())? {
                if let FeedEvent::Block { height, .. } = event {
                    return Ok(height);
                }
            }
        }
    }
}
