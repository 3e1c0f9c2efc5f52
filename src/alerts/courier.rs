//! Delivering messages: one after the other, again after a pause when the webhook is down.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use reqwest::{Client, Response, StatusCode, header::RETRY_AFTER, redirect::Policy};
use secrecy::{ExposeSecret as _, SecretString};
use tokio::{
    sync::{mpsc, oneshot},
    time::{Instant, sleep_until, timeout_at},
};

use super::{Form, Kind, Message, Who};
use crate::ops::{Event, Mask, Reporter};

/// Messages that wait; the oldest give way.
const WAITING: usize = 64;
/// How long one delivery may take.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Pauses after failures.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_mins(5);
/// How long the last messages may take at the end.
pub(crate) const LAST_WORDS: Duration = Duration::from_secs(3);

/// Where messages go.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    /// The webhook.
    pub(crate) url: SecretString,
    /// How it wants its messages.
    pub(crate) form: Form,
    /// The chat of a bot.
    pub(crate) chat_id: String,
}

/// How often what became of messages, by kind and outcome.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tally(Arc<Mutex<BTreeMap<(&'static str, &'static str), u64>>>);

impl Tally {
    fn count(&self, kind: Option<Kind>, outcome: &'static str) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let kind = kind.map_or("summary", Kind::name);
        *counts.entry((kind, outcome)).or_default() += 1;
    }

    /// Kind, outcome, how often.
    pub(crate) fn show(&self) -> Vec<(&'static str, &'static str, u64)> {
        let counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let all = counts.iter();
        all.map(|((kind, outcome), count)| (*kind, *outcome, *count))
            .collect()
    }
}

/// Brings messages to a webhook.
pub(crate) struct Courier {
    pub(crate) target: Target,
    pub(crate) reporter: Reporter,
    pub(crate) mask: Arc<Mask>,
    pub(crate) tally: Tally,
}

/// Why a message was not taken.
enum Failure {
    /// Later it may be.
    Passing(String, Option<Duration>),
    /// It never will.
    Lasting(String),
}

impl Courier {
    /// Delivers until it is told to end; then what waits has a last chance, the newest first.
    pub(crate) async fn run(
        self,
        mut messages: mpsc::Receiver<(Message, Who)>,
        mut end: oneshot::Receiver<()>,
    ) {
        crate::tls::install();
        let client = Client::builder()
            .timeout(TIMEOUT)
            .redirect(Policy::none())
            .user_agent(concat!("allora-worker/", env!("CARGO_PKG_VERSION")))
            .build();
        let client = match client {
            Ok(client) => client,
            Err(error) => {
                self.tell(&error.to_string());
                return;
            }
        };
        let mut waiting: VecDeque<(Message, Who)> = VecDeque::new();
        let (mut pause, mut next, mut is_told) = (FIRST_PAUSE, Instant::now(), false);
        loop {
            let is_due = !waiting.is_empty();
            tokio::select! {
                biased;
                _ = &mut end => break,
                Some(message) = messages.recv() => self.queue(&mut waiting, message),
                () = sleep_until(next), if is_due => {
                    let Some((message, who)) = waiting.front() else { continue };
                    let sent = tokio::select! {
                        biased;
                        _ = &mut end => break,
                        sent = self.send(&client, message, who) => sent,
                    };
                    let kind = message.kind;
                    match sent {
                        Ok(()) => {
                            self.tally.count(kind, "sent");
                            waiting.pop_front();
                            (pause, is_told) = (FIRST_PAUSE, false);
                        }
                        Err(Failure::Passing(cause, wait)) => {
                            self.tally.count(kind, "retried");
                            if !std::mem::replace(&mut is_told, true) {
                                self.tell(&cause);
                            }
                            let wait = wait.unwrap_or(pause).min(LONGEST_PAUSE);
                            next = Instant::now() + wait;
                            pause = LONGEST_PAUSE.min(pause * 2);
                        }
                        Err(Failure::Lasting(cause)) => {
                            self.tally.count(kind, "refused");
                            waiting.pop_front();
                            if !std::mem::replace(&mut is_told, true) {
                                self.tell(&cause);
                            }
                        }
                    }
                }
            }
        }
        while let Ok(message) = messages.try_recv() {
            self.queue(&mut waiting, message);
        }
        let bound = Instant::now() + LAST_WORDS;
        while let Some((message, who)) = waiting.pop_back() {
            let sent = timeout_at(bound, self.send(&client, &message, &who)).await;
            let outcome = if matches!(sent, Ok(Ok(()))) {
                "sent"
            } else {
                "lost"
            };
            self.tally.count(message.kind, outcome);
        }
    }

    fn queue(&self, waiting: &mut VecDeque<(Message, Who)>, message: (Message, Who)) {
        if waiting.len() == WAITING
            && let Some((oldest, _)) = waiting.pop_front()
        {
            self.tally.count(oldest.kind, "lost");
        }
        waiting.push_back(message);
    }

    async fn send(&self, client: &Client, message: &Message, who: &Who) -> Result<(), Failure> {
        let Target { url, form, chat_id } = &self.target;
        let body = message.body(*form, chat_id, who).to_string();
        let mut address = url.expose_secret().trim_end_matches('/').to_owned();
        if *form == Form::Telegram && !address.ends_with("/sendMessage") {
            address.push_str("/sendMessage");
        }
        let sent = client
            .post(address)
            .header("content-type", "application/json")
            .body(self.mask.clean(body))
            .send()
            .await;
        // The URL is a secret.
        let answer = sent.map_err(|error| {
            let error = error.without_url();
            Failure::Passing(format!("no answer: {}", whole(&error)), None)
        })?;
        judge(&answer)
    }

    fn tell(&self, cause: &str) {
        self.reporter.emit(Event::Notice {
            cause: format!("alerts can't be delivered: {cause}"),
            remedy: "check ALERT_WEBHOOK_URL, alerts.form and alerts.chat_id; what may be taken later is sent again".into(),
        });
    }
}

/// An error with all its causes.
fn whole(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text = format!("{text}: {cause}");
        next = cause.source();
    }
    text
}

fn judge(answer: &Response) -> Result<(), Failure> {
    let status = answer.status();
    if status.is_success() {
        return Ok(());
    }
    let cause = format!("the webhook answers {status}");
    let is_passing = status.is_server_error()
        || [StatusCode::TOO_MANY_REQUESTS, StatusCode::REQUEST_TIMEOUT].contains(&status);
    if !is_passing {
        return Err(Failure::Lasting(cause));
    }
    let wait = answer.headers().get(RETRY_AFTER);
    let wait = wait.and_then(|it| it.to_str().ok()?.trim().parse().ok());
    Err(Failure::Passing(cause, wait.map(Duration::from_secs)))
}
