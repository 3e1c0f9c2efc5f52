//! The worker through kills and stops, and when it ran.

use std::{fs, process::Command, time::Duration};

use serde_json::Value;
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use super::track::Track;
use crate::{site::Site, worker::Worker};

/// A worker counts as running so long after its start, even if it has not said that it is ready.
const START: Duration = Duration::from_secs(8);

/// One folder's worker, run after run.
pub(crate) struct Runs<'a> {
    site: &'a Site<'a>,
    worker: Option<Worker>,
    is_stopped: bool,
    /// Of each run: its start, and when it was killed.
    lives: Vec<(OffsetDateTime, Option<OffsetDateTime>)>,
    stops: Vec<(OffsetDateTime, Option<OffsetDateTime>)>,
}

impl<'a> Runs<'a> {
    /// Starts the first run and waits until it is prepared.
    pub(crate) fn begin(site: &'a Site<'a>) -> Self {
        let lives = vec![(OffsetDateTime::now_utc(), None)];
        let mut worker = site.start();
        worker.wait_until_prepared(1);
        Self {
            site,
            worker: Some(worker),
            is_stopped: false,
            lives,
            stops: Vec::new(),
        }
    }

    /// kill -9, which reaches one that is stopped, too.
    pub(crate) fn kill(&mut self) {
        if let Some(worker) = self.worker.take() {
            if let Some(run) = self.lives.last_mut() {
                run.1 = Some(OffsetDateTime::now_utc());
            }
            worker.kill();
            self.is_awake();
        }
    }

    /// Starts a run where none is.
    pub(crate) fn start(&mut self) {
        if self.worker.is_none() {
            self.lives.push((OffsetDateTime::now_utc(), None));
            self.worker = Some(self.site.start());
        }
    }

    /// SIGSTOP, where one runs.
    pub(crate) fn stop(&mut self) {
        if let Some(worker) = self.worker.as_ref().filter(|_| !self.is_stopped) {
            self.stops.push((OffsetDateTime::now_utc(), None));
            signal("-STOP", worker.pid());
            self.is_stopped = true;
        }
    }

    /// SIGCONT, where one is stopped.
    pub(crate) fn go_on(&mut self) {
        if let Some(worker) = self.worker.as_ref().filter(|_| self.is_stopped) {
            signal("-CONT", worker.pid());
            self.is_awake();
        }
    }

    fn is_awake(&mut self) {
        self.is_stopped = false;
        if let Some((_, until)) = self.stops.last_mut() {
            until.get_or_insert_with(OffsetDateTime::now_utc);
        }
    }

    /// Kills and stops by now.
    pub(crate) fn counts(&self) -> (usize, usize) {
        let kills = self.lives.iter().filter(|(_, end)| end.is_some()).count();
        (kills, self.stops.len())
    }

    /// When it ran, from its word that it is ready until it was killed; and when it was not stopped.
    pub(crate) fn tracks(&self) -> [Track; 2] {
        let log = self.log();
        let ready: Vec<OffsetDateTime> = log
            .iter()
            .filter(|event| event["event"] == "ready")
            .filter_map(at)
            .collect();
        let (mut ran, mut awake) = (Track::bad(), Track::good());
        for (start, end) in &self.lives {
            let until = end.unwrap_or_else(OffsetDateTime::now_utc);
            let said = ready.iter().find(|at| *start <= **at && **at < until);
            let from = said.map_or(*start + START, |at| (*start + START).min(*at));
            if from < until {
                ran.turn_at(from, true);
                ran.turn_at(until, false);
            }
        }
        for (from, until) in &self.stops {
            awake.turn_at(*from, false);
            awake.turn_at(until.unwrap_or_else(OffsetDateTime::now_utc), true);
        }
        [ran, awake]
    }

    /// All that was ever logged, of all runs; a line that a kill cut short is left out.
    pub(crate) fn log(&self) -> Vec<Value> {
        let path = "data/artifacts/logs/worker_continuous.log";
        let text = fs::read_to_string(self.site.path().join(path)).unwrap_or_default();
        let lines = text.lines();
        lines
            .filter_map(|line| serde_json::from_str(line).ok())
            .collect()
    }

    /// The run that goes on.
    pub(crate) fn worker(&mut self) -> &mut Worker {
        self.worker.as_mut().expect("a run that goes on")
    }

    /// Ends the run that goes on well.
    pub(crate) fn end(mut self) {
        let worker = self.worker.take();
        worker.expect("a run that goes on").stop();
    }
}

/// When an event was logged.
pub(crate) fn at(event: &Value) -> Option<OffsetDateTime> {
    OffsetDateTime::parse(event["timestamp"].as_str()?, &Rfc3339).ok()
}

fn signal(name: &str, pid: u32) {
    let sent = Command::new("kill").args([name, &pid.to_string()]).status();
    assert!(sent.expect("kill runs").success(), "the worker was gone");
}
