//! `predictions.json`: the newest predictions with what became of them.

use std::{
    collections::VecDeque,
    fs,
    io::{self, Write},
    path::PathBuf,
};

use serde_json::value::RawValue;

use super::{
    Event, files,
    prediction::{Basis, Prediction, Status},
};
use crate::{
    forecast::{Forecast, Source},
    limits,
    types::{Height, Nonce, TopicId},
};

/// The largest file that is read, bytes.
const LARGEST: usize = 64 << 20;
/// Entries kept.
const KEPT: usize = 1_000;
/// Forecasts whose submission has not been heard of yet.
const PENDING: usize = 256;

/// The file and what it shall hold.
#[derive(Debug)]
pub(super) struct Predictions {
    path: PathBuf,
    entries: VecDeque<Entry>,
    pending: VecDeque<(TopicId, Nonce, Source, Basis)>,
    loaded: bool,
    dirty: bool,
    /// Where an unreadable file went, until that is told.
    aside: Option<PathBuf>,
}

/// An entry as its line of the file: in one piece it takes half the memory, and the file is written from
/// it without a copy.
#[derive(Debug)]
struct Entry {
    topic: TopicId,
    nonce: Nonce,
    line: Box<str>,
}

impl Entry {
    fn new(prediction: &Prediction) -> io::Result<Self> {
        Ok(Self {
            topic: prediction.topic,
            nonce: prediction.nonce,
            line: serde_json::to_string(prediction)?.into(),
        })
    }

    fn read(&self) -> io::Result<Prediction> {
        Ok(serde_json::from_str(&self.line)?)
    }
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
        files::replace_with(&self.path, |file| write(&self.entries, file))?;
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
            Ok(bytes) => match parse(&bytes) {
                Ok(earlier) => self.prepend(earlier),
                Err(_) => self.aside = Some(self.set_aside()?),
            },
        }
        self.loaded = true;
        Ok(())
    }

    fn prepend(&mut self, earlier: Vec<Entry>) {
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

    fn expect(&mut self, topic: TopicId, nonce: Nonce, forecast: &Forecast) {
        let (source, basis) = (forecast.source, Basis::from(forecast));
        // What was signed ahead may be sent, and told, before what it is made from.
        let known = self.amend(topic, nonce, |entry| {
            (entry.source, entry.basis) = (Some(source), basis.clone());
        });
        if known {
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
        let earlier = self.find(topic, nonce).and_then(|it| it.read().ok());
        let earlier = earlier.map(|it| (it.source, it.basis));
        let (source, basis) = known.or(earlier).unwrap_or_default();
        self.entries
            .retain(|entry| entry.topic != topic || entry.nonce != nonce);
        let entry = Entry::new(&Prediction {
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
        self.entries.extend(entry.ok());
        self.trim();
        self.dirty = true;
    }

    fn update(&mut self, topic: TopicId, nonce: Nonce, status: Status, height: Option<Height>) {
        // The entry may be of an earlier run. When the file can't be read now, `settle` will tell.
        let _ = self.load();
        self.amend(topic, nonce, |entry| {
            entry.status = status;
            entry.height = height.or(entry.height);
        });
    }

    /// Changes an entry; false when there is none.
    fn amend(
        &mut self,
        topic: TopicId,
        nonce: Nonce,
        change: impl FnOnce(&mut Prediction),
    ) -> bool {
        let Some(entry) = self.find(topic, nonce) else {
            return false;
        };
        let changed = entry.read().and_then(|mut prediction| {
            change(&mut prediction);
            Entry::new(&prediction)
        });
        // What was rendered can be read, and rendered again.
        if let Ok(changed) = changed {
            *entry = changed;
            self.dirty = true;
        }
        true
    }

    fn find(&mut self, topic: TopicId, nonce: Nonce) -> Option<&mut Entry> {
        let mut newest_first = self.entries.iter_mut().rev();
        newest_first.find(|entry| entry.topic == topic && entry.nonce == nonce)
    }

    fn trim(&mut self) {
        while self.entries.len() > KEPT {
            self.entries.pop_front();
        }
    }
}

/// The file's entries, one by one.
fn parse(bytes: &[u8]) -> io::Result<Vec<Entry>> {
    let entries: Vec<&RawValue> = serde_json::from_slice(bytes)?;
    let read = |entry: &&RawValue| Entry::new(&serde_json::from_str(entry.get())?);
    entries.iter().map(read).collect()
}

fn write(entries: &VecDeque<Entry>, file: &mut dyn Write) -> io::Result<()> {
    file.write_all(b"[")?;
    for (place, entry) in entries.iter().enumerate() {
        file.write_all(if place == 0 { b"\n" } else { b",\n" })?;
        file.write_all(entry.line.as_bytes())?;
    }
    file.write_all(b"\n]\n")
}

#[cfg(test)]
#[path = "predictions_tests.rs"]
mod tests;
