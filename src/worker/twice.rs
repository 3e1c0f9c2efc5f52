//! What two holders of a wallet's key both sent: the chain takes one answer and refuses the other.

use super::submitter::Submitter;
use crate::{ops::StandbyEvent, types::WindowKey};

impl Submitter {
    /// A transaction with the answers to these windows was refused because its sequence number was spent, or
    /// because the chain had an answer: another one of this wallet may have been taken. Blocks tell when the
    /// window is closed. A worker that may send no more does not live to see it, so it tells at once: the
    /// bytes left under its lease, and the one that leads now was before it.
    pub(super) fn contest(&mut self, keys: &[WindowKey], hash: &str) {
        let may_send = self.parts.chain.rpc.may_send();
        for &key in keys {
            if !may_send {
                self.tell_sent_twice(key, hash.to_owned(), None);
            } else if let Some(flight) = self.flights.get_mut(&key) {
                flight.contested = Some(hash.to_owned());
            }
        }
    }

    /// Tells what stands in the blocks of a window in which a transaction of ours was refused: nothing, where
    /// an earlier one of ours was taken. `taken` are the hashes of this wallet's answers there.
    pub(super) fn tell_twice(&mut self, key: WindowKey, taken: &[String]) {
        let Some(flight) = self.flights.get_mut(&key) else {
            return;
        };
        let Some(refused) = flight.contested.take() else {
            return;
        };
        if taken.len() > 1 {
            let WindowKey { topic, nonce } = key;
            let hashes = taken.to_vec();
            let event = StandbyEvent::AnsweredTwice {
                topic,
                nonce,
                hashes,
            };
            self.tell(event.into());
        } else if let Some(other) = taken.iter().find(|it| !flight.signed(it)) {
            let other = other.clone();
            self.tell_sent_twice(key, refused, Some(other));
        }
    }

    fn tell_sent_twice(&self, key: WindowKey, hash: String, other: Option<String>) {
        let WindowKey { topic, nonce } = key;
        let event = StandbyEvent::SentTwice {
            topic,
            nonce,
            hash,
            other,
        };
        self.tell(event.into());
    }
}
