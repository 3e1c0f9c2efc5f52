//! The windows' task, where it asks the chain: what is open, and where the wallet stands.

use std::sync::Arc;

use tokio::time::Instant;

use super::{Chain, nonces::Obstacle, parts::Report, windows::Windows};
use crate::{
    chain::{ChainError, OpenWindow, WindowStatus},
    ops::{Event, GaugeEvent, WindowSource},
    types::{Nonce, TopicId, WindowKey},
};

/// What the chain says of a topic.
#[derive(Debug)]
pub(super) struct Answer {
    status: WindowStatus,
    /// The nonces that it still takes submissions for.
    open: Vec<Nonce>,
    /// The nonce of our newest inference in it.
    answered: Option<Nonce>,
}

impl Windows {
    pub(super) fn ask_all(&mut self) {
        let topics: Vec<_> = self.tracker.topics().collect();
        for topic in topics {
            self.ask(topic);
        }
    }

    pub(super) fn ask(&mut self, topic: TopicId) {
        if self.asking.insert(topic) {
            let chain = Arc::clone(&self.chain);
            self.asked.spawn(async move {
                let _turn = chain.turn().await;
                (topic, confirm(&chain, topic).await)
            });
        } else {
            // The question that is out may have been asked before what is to be learnt.
            self.again.insert(topic);
        }
    }

    pub(super) async fn learn(&mut self, topic: TopicId, answer: Result<Answer, ChainError>) {
        self.asking.remove(&topic);
        let Answer {
            status,
            open,
            answered,
        } = match answer {
            Ok(answer) => answer,
            Err(error) => {
                self.again.insert(topic);
                if self.failing.insert(topic) {
                    let cause = error.to_string();
                    let remedy = "asking again at each block".into();
                    self.tell(Event::TopicUnavailable {
                        topic,
                        cause,
                        remedy,
                    });
                }
                return;
            }
        };
        self.failing.remove(&topic);
        let nonce = status.open.map(|window| window.key.nonce);
        let confirmed = nonce.is_some_and(|nonce| open.contains(&nonce));
        if nonce.is_some() && !confirmed {
            // Nodes of different heights answered.
            self.again.insert(topic);
        }
        if let Some(nonce) = nonce.filter(|nonce| Some(*nonce) == answered) {
            let key = WindowKey { topic, nonce };
            self.tracker.answered(key);
            self.report(Report::Held(key)).await;
        }
        let (window, changed) = self.tracker.told(topic, &status, confirmed);
        match self.tracker.obstacle(topic) {
            // Windows that opened while something stood in the way can be answered now.
            None if changed => {
                let windows = self.tracker.open_windows(topic);
                let seen = Instant::now();
                self.report(Report::Opened { windows, seen }).await;
            }
            // At every poll: an earlier attempt may have failed.
            Some(Obstacle::Unregistered) if self.config.auto_register => {
                self.report(Report::Register(topic)).await;
            }
            Some(obstacle) if changed => self.explain(topic, obstacle),
            _ => {}
        }
        if let Some(window) = window {
            let opened = window.key.nonce.height();
            if self.connected && self.heard_from.is_some_and(|from| from < opened) {
                // Its event was not heard though blocks were: it may have another name by now.
                self.redetect();
            }
            self.due(vec![window], Instant::now(), WindowSource::Poll)
                .await;
        }
        let next = next_window(topic, &status).filter(|_| self.tracker.obstacle(topic).is_none());
        self.tell_standing(topic, next);
        self.report(Report::Foretold { topic, next }).await;
        self.perhaps_ready();
    }

    /// For those who follow how the worker fares.
    fn tell_standing(&self, topic: TopicId, next: Option<OpenWindow>) {
        if self.tracker.obstacle(topic).is_none() {
            self.tell(GaugeEvent::TopicOpen { topic }.into());
        }
        let (opens, closes) = (next.map(|it| it.key.nonce.height()), next.map(|it| it.end));
        let next = GaugeEvent::NextWindow {
            topic,
            opens,
            closes,
        };
        self.tell(next.into());
    }

    fn explain(&self, topic: TopicId, obstacle: Obstacle) {
        let (cause, remedy) = match obstacle {
            Obstacle::Unregistered => (
                "the wallet is not registered in the topic",
                "start without --no-register, or register the wallet by hand",
            ),
            Obstacle::NotWhitelisted => (
                "the wallet is not on the topic's whitelist",
                "ask the topic's creator to add its address; the worker looks again at each poll",
            ),
            Obstacle::Inactive => (
                "the topic does not exist or is not active: it opens no windows",
                "check the number, or wait until it is funded; the worker looks again at each poll",
            ),
        };
        self.tell(Event::TopicUnavailable {
            topic,
            cause: cause.into(),
            remedy: remedy.into(),
        });
    }

    /// Ready means subscribed, and every topic's standing known.
    fn perhaps_ready(&mut self) {
        if !self.connected || !self.tracker.knows_all() {
            return;
        }
        let registering = |topic| self.tracker.obstacle(topic) == Some(Obstacle::Unregistered);
        if self.config.auto_register && self.tracker.topics().any(registering) {
            return;
        }
        if let Some(started) = self.started.take() {
            let topics = self.tracker.topics().collect();
            let start_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
            self.tell(Event::Ready { topics, start_ms });
        }
    }
}

/// The next window that may open. Its nonce is known in advance: the height of its first block.
fn next_window(topic: TopicId, status: &WindowStatus) -> Option<OpenWindow> {
    let (start, end) = (status.next_start?, status.next_end?);
    let nonce = Nonce(start.0);
    let key = WindowKey { topic, nonce };
    (end > start).then_some(OpenWindow { key, end })
}

/// Asks the chain about a topic: the nonce of an open window has to be among the unfulfilled ones,
/// and may have been answered by an earlier run that left no journal.
async fn confirm(chain: &Chain, topic: TopicId) -> Result<Answer, ChainError> {
    let address = chain.signer.address();
    let status = chain.emissions.window_status(topic, address).await?;
    if status.open.is_none() {
        return Ok(Answer {
            status,
            open: Vec::new(),
            answered: None,
        });
    }
    let open = chain.emissions.unfulfilled_nonces(topic).await?;
    let answered = chain.emissions.latest_nonce(topic, address).await?;
    Ok(Answer {
        status,
        open,
        answered,
    })
}
