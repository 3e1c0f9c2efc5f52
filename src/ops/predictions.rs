//! `predictions.json`: the newest predictions with what became of them.

use std::{collections::VecDeque, fs, io, path::PathBuf};

use serde::{Deserialize, Serialize};

use super::{Event, files};
use crate::{
    forecast::{Fallback, Forecast, Report, Source},
    limits,
    types::{Height, Nonce, TopicId},
};

/// The largest file that is read, bytes.
const LARGEST: usize = 64 << 20;
/// Entries kept.
const KEPT: usize = 1_000;
/// Forecasts whose submission has not been heard of yet.
const PENDING: usize = 256;

/// One entry of `predictions.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Prediction {
    /// When it was sent, ISO 8601 in UTC.
    pub timestamp: String,
    /// The topic.
    pub topic: TopicId,
    /// The window.
    pub nonce: Nonce,
    /// The value as signed.
    pub value: String,
    /// Where the value comes from, when known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<Source>,
    /// How it came about, when known.
    #[serde(flatten)]
    pub basis: Basis,
    /// What became of it.
    pub status: Status,
    /// The transaction.
    pub hash: String,
    /// The block that holds it, once there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub height: Option<Height>,
}

/// How a prediction's value came about.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Basis {
    /// Closes that it was made from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closes: Option<usize>,
    /// How long it took to make, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub took_ms: Option<f64>,
    /// Why it is 0, or why it stands in for another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fallback: Option<Fallback>,
    /// The weights in it and the t by which they are given, for the built-in forecast.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub report: Option<Report>,
}

impl From<&Forecast> for Basis {
    fn from(forecast: &Forecast) -> Self {
        Self {
            closes: Some(forecast.closes),
            took_ms: Some((forecast.took.as_secs_f64() * 1e6).round() / 1e3),
            fallback: forecast.fallback.clone(),
            report: forecast.report.clone(),
        }
    }
}

/// What became of a prediction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Signed, not sent.
    DryRun,
    /// In a node's mempool.
    Submitted,
    /// In a block.
    Included,
    /// In the set that counts.
    Counted,
    /// In a block, but better inferers took all places.
    Outranked,
    /// Refused by the chain; a later attempt takes its place.
    Refused,
    /// The window closed without it.
    Missed,
}

/// The file and what it shall hold.
#[derive(Debug)]
pub(super) struct Predictions {
    path: PathBuf,
    entries: VecDeque<Prediction>,
    pending: VecDeque<(TopicId, Nonce, Source, Basis)>,
    loaded: bool,
    dirty: bool,
    /// Where an unreadable file went, until that is told.
    aside: Option<PathBuf>,
}

impl Predictions {
    pub(super) fn new(path: PathBuf) -> Self {
        Self {
            path,
            entries: VecDeque::new(),
            pending: VecDeque::new(),
            loaded: false,
            dirty: false,
            aside: None,
        }
    }

    /// Whether the file is behind.
    pub(super) fn is_behind(&self) -> bool {
        self.dirty
    }

    /// Takes from an event what concerns a prediction. `timestamp` is the event's.
    pub(super) fn observe(&mut self, event: &Event, timestamp: &str) {
        match event {
            Event::ForecastUsed {
                topic,
                nonce,
                forecast,
            }
            | Event::ForecastTrained {
                topic,
                nonce,
                forecast,
            } => self.expect(*topic, *nonce, forecast),
            Event::Submitted {
                topic,
                nonce,
                value,
                hash,
                ..
            } => self.enter(*topic, *nonce, value, hash, Status::Submitted, timestamp),
            Event::DryRun {
                topic,
                nonce,
                value,
                hash,
                ..
            } => self.enter(*topic, *nonce, value, hash, Status::DryRun, timestamp),
            Event::SubmissionSuccessful {
                topic,
                nonce,
                height,
                ..
            } => self.update(*topic, *nonce, Status::Included, Some(*height)),
            Event::Counted { topic, nonce } => self.update(*topic, *nonce, Status::Counted, None),
            Event::Outranked { topic, nonce, .. } => {
                self.update(*topic, *nonce, Status::Outranked, None);
            }
            Event::SubmissionRefused { topic, nonce, .. } => {
                self.update(*topic, *nonce, Status::Refused, None);
            }
            Event::WindowMissed { topic, nonce, .. } => {
                self.update(*topic, *nonce, Status::Missed, None);
            }
            _ => {}
        }
    }

    /// Brings the file up to date. Gives the name under which an unreadable file was set aside.
    ///
    /// # Errors
    /// When the disk refuses; nothing is forgotten, the next call tries again.
    pub(super) fn settle(&mut self) -> io::Result<Option<PathBuf>> {
        if !self.dirty {
            return Ok(None);
        }
        self.load()?;
        files::replace(&self.path, self.render()?.as_bytes())?;
        self.dirty = false;
        Ok(self.aside.take())
    }

    /// Puts what the file holds from earlier runs before this run's entries, once.
    fn load(&mut self) -> io::Result<()> {
        if self.loaded {
            return Ok(());
        }
        match limits::read(&self.path, LARGEST) {
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => {}
            // None that we write is as large.
            Err(cause) if cause.kind() == io::ErrorKind::FileTooLarge => {
                self.aside = Some(self.set_aside()?);
            }
            Err(cause) => return Err(cause),
            Ok(bytes) => match serde_json::from_slice::<Vec<Prediction>>(&bytes) {
                Ok(earlier) => self.prepend(earlier),
                Err(_) => self.aside = Some(self.set_aside()?),
            },
        }
        self.loaded = true;
        Ok(())
    }

    fn prepend(&mut self, earlier: Vec<Prediction>) {
        for entry in earlier.into_iter().rev() {
            if self.find(entry.topic, entry.nonce).is_none() {
                self.entries.push_front(entry);
            }
        }
        self.trim();
    }

    fn set_aside(&self) -> io::Result<PathBuf> {
        let mut number = 1;
        let aside = loop {
            let aside = self
                .path
                .with_extension(format!("unreadable-{number}.json"));
            if !aside.exists() {
                break aside;
            }
            number += 1;
        };
        fs::rename(&self.path, &aside)?;
        Ok(aside)
    }

    fn render(&self) -> io::Result<String> {
        let lines: Result<Vec<_>, _> = self.entries.iter().map(serde_json::to_string).collect();
        Ok(format!("[\n{}\n]\n", lines?.join(",\n")))
    }

    fn expect(&mut self, topic: TopicId, nonce: Nonce, forecast: &Forecast) {
        let (source, basis) = (forecast.source, Basis::from(forecast));
        // What was signed ahead may be sent, and told, before what it is made from.
        if let Some(entry) = self.find(topic, nonce) {
            (entry.source, entry.basis) = (Some(source), basis);
            self.dirty = true;
            return;
        }
        if self.pending.len() >= PENDING {
            self.pending.pop_front();
        }
        self.pending.push_back((topic, nonce, source, basis));
    }

    fn enter(
        &mut self,
        topic: TopicId,
        nonce: Nonce,
        value: &str,
        hash: &str,
        status: Status,
        timestamp: &str,
    ) {
        let is_it = |it: &&(TopicId, Nonce, Source, Basis)| it.0 == topic && it.1 == nonce;
        let known = self.pending.iter().rev().find(is_it);
        let known = known.map(|it| (Some(it.2), it.3.clone()));
        self.pending.retain(|it| !is_it(&it));
        let earlier = self.find(topic, nonce);
        let earlier = earlier.map(|entry| (entry.source, entry.basis.clone()));
        let (source, basis) = known.or(earlier).unwrap_or_default();
        self.entries
            .retain(|entry| entry.topic != topic || entry.nonce != nonce);
        self.entries.push_back(Prediction {
            timestamp: timestamp.to_owned(),
            topic,
            nonce,
            value: value.to_owned(),
            source,
            basis,
            status,
            hash: hash.to_owned(),
            height: None,
        });
        self.trim();
        self.dirty = true;
    }

    fn update(&mut self, topic: TopicId, nonce: Nonce, status: Status, height: Option<Height>) {
        // The entry may be of an earlier run. When the file can't be read now, `settle` will tell.
        let _ = self.load();
        if let Some(entry) = self.find(topic, nonce) {
            entry.status = status;
            entry.height = height.or(entry.height);
            self.dirty = true;
        }
    }

    fn find(&mut self, topic: TopicId, nonce: Nonce) -> Option<&mut Prediction> {
        let mut newest_first = self.entries.iter_mut().rev();
        newest_first.find(|entry| entry.topic == topic && entry.nonce == nonce)
    }

    fn trim(&mut self) {
        while self.entries.len() > KEPT {
            self.entries.pop_front();
        }
    }
}

#[cfg(test)]
#[path = "predictions_tests.rs"]
mod tests;
