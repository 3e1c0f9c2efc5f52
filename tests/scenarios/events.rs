//! What a worker told, in short: the usual things to wait for.

use std::fmt::Write as _;

use allora_worker::{ops::Event, types::TopicId};

use crate::{harness::TOPIC, running::Running};

/// All events, one a line.
pub(crate) fn story(events: &[Event]) -> String {
    let mut text = String::new();
    for event in events {
        let line = serde_json::to_string(event).unwrap();
        writeln!(text, "  {line}").unwrap();
    }
    text
}

impl Running {
    pub(crate) async fn ready(&self) {
        self.expect("ready", |event| matches!(event, Event::Ready { .. }))
            .await;
    }

    pub(crate) async fn window_open(&self, nonce: i64) -> Event {
        self.expect(
            &format!("window {nonce} is open"),
            |event| matches!(event, Event::WindowOpen { nonce: n, .. } if n.0 == nonce),
        )
        .await
    }

    pub(crate) async fn submitted(&self, nonce: i64) -> Event {
        self.submitted_in(TOPIC, nonce).await
    }

    pub(crate) async fn submitted_in(&self, topic: TopicId, nonce: i64) -> Event {
        self.expect(&format!("{topic}/{nonce} is submitted"), |event| {
            matches!(event, Event::Submitted { topic: t, nonce: n, .. }
                if n.0 == nonce && *t == topic)
        })
        .await
    }

    /// Gives the block that holds the answer.
    pub(crate) async fn successful(&self, nonce: i64) -> i64 {
        self.successful_in(TOPIC, nonce).await
    }

    pub(crate) async fn successful_in(&self, topic: TopicId, nonce: i64) -> i64 {
        let event = self
            .expect(&format!("{topic}/{nonce} is in a block"), |event| {
                matches!(event, Event::SubmissionSuccessful { topic: t, nonce: n, .. }
                    if n.0 == nonce && *t == topic)
            })
            .await;
        match event {
            Event::SubmissionSuccessful { height, .. } => height.0,
            _ => unreachable!("it fits"),
        }
    }

    pub(crate) async fn counted(&self, nonce: i64) {
        self.counted_in(TOPIC, nonce).await;
    }

    pub(crate) async fn counted_in(&self, topic: TopicId, nonce: i64) {
        self.expect(&format!("{topic}/{nonce} is counted"), |event| {
            matches!(event, Event::Counted { topic: t, nonce: n } if n.0 == nonce && *t == topic)
        })
        .await;
    }

    /// Gives the cause.
    pub(crate) async fn missed(&self, nonce: i64) -> String {
        let event = self
            .expect(
                &format!("{nonce} is missed"),
                |event| matches!(event, Event::WindowMissed { nonce: n, .. } if n.0 == nonce),
            )
            .await;
        match event {
            Event::WindowMissed { cause, .. } => cause,
            _ => unreachable!("it fits"),
        }
    }

    /// Waits for the n-th refusal, and gives what is done about it.
    pub(crate) async fn refused(&self, nth: usize, code: u32) -> String {
        let event = self
            .expect_nth(
                nth,
                &format!("a refusal with code {code}"),
                |event| matches!(event, Event::SubmissionRefused { code: c, .. } if *c == code),
            )
            .await;
        match event {
            Event::SubmissionRefused { next, .. } => next,
            _ => unreachable!("it fits"),
        }
    }

    /// Waits for a delay whose cause holds these words; gives what is done about it.
    pub(crate) async fn delayed(&self, words: &str) -> String {
        let event = self
            .expect(&format!("a delay because of {words:?}"), |event| {
                matches!(event, Event::SubmissionDelayed { cause, .. } if cause.contains(words))
            })
            .await;
        match event {
            Event::SubmissionDelayed { next, .. } => next,
            _ => unreachable!("it fits"),
        }
    }

    /// Waits for a trouble whose cause holds these words; gives its remedy.
    pub(crate) async fn trouble(&self, words: &str) -> String {
        let event = self
            .expect(
                &format!("a trouble with {words:?}"),
                |event| matches!(event, Event::Trouble { cause, .. } if cause.contains(words)),
            )
            .await;
        match event {
            Event::Trouble { remedy, .. } => remedy,
            _ => unreachable!("it fits"),
        }
    }

    /// Waits for an endpoint that is told to be no good.
    pub(crate) async fn node_trouble(&self, url: &str) {
        let told = format!("trouble with the node {url}");
        self.expect(
            &told,
            |event| matches!(event, Event::NodeTrouble { endpoint, .. } if endpoint == url),
        )
        .await;
    }

    /// Waits for a topic that can't be served for a cause with these words; gives the remedy.
    pub(crate) async fn unavailable(&self, words: &str) -> String {
        let event = self
            .expect(&format!("a topic unavailable: {words:?}"), |event| {
                matches!(event, Event::TopicUnavailable { cause, .. } if cause.contains(words))
            })
            .await;
        match event {
            Event::TopicUnavailable { remedy, .. } => remedy,
            _ => unreachable!("it fits"),
        }
    }
}
