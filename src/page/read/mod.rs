//! Boards, read from where things stand: the worker's files, its database, and the models'.
//!
//! Reading goes on on a thread for blocking work, so that a slow disk holds up nobody but who asked; what
//! has not changed is not read again. What can't be read is told of in the board, and the rest is shown.

mod anatomy;
mod bands;
mod books;
mod latency;
mod log;
mod models;
mod network;
mod plan;
mod track;
mod windows;

use time::OffsetDateTime;
use tokio::{runtime::Handle, task::JoinHandle};

use self::{books::Books, log::Tail, models::Models};
use super::{Board, Told, TopicBoard};
use crate::{
    status::{Advice, Desk, Look, Severity},
    types::TopicId,
    vitals::Vitals,
};

pub use plan::{Asked, BoardPlan, ModelsPlan};

/// Reads boards, any number of times; what has not changed is not read again.
#[derive(Debug)]
pub struct Reader {
    plan: BoardPlan,
    work: Option<Box<Work>>,
    /// A board that is being read: nobody may have waited for the last one.
    running: Option<JoinHandle<(Box<Work>, Board)>>,
}

/// What was read so far.
#[derive(Debug)]
struct Work {
    plan: BoardPlan,
    desk: Desk,
    books: Books,
    tail: Tail,
    models: Option<Models>,
}

impl Reader {
    /// For a worker of this plan. Nothing is read yet.
    #[must_use]
    pub const fn new(plan: BoardPlan) -> Self {
        Self {
            plan,
            work: None,
            running: None,
        }
    }

    /// How all stands now. `live`: the vitals of this very process, where it is the worker's; none: its
    /// files tell. May be dropped at any time: the next one goes on from there.
    pub async fn board(&mut self, live: Option<&Vitals>, now: OffsetDateTime) -> Board {
        if let Some(running) = &mut self.running {
            let (work, _of_then) = joined(running.await).await;
            (self.work, self.running) = (Some(work), None);
        }
        let work = self.work.take();
        let mut work = work.unwrap_or_else(|| Box::new(Work::new(self.plan.clone())));
        let (live, handle) = (live.cloned(), Handle::current());
        let running = self.running.insert(tokio::task::spawn_blocking(move || {
            let board = handle.block_on(work.board(live.as_ref(), now));
            (work, board)
        }));
        let (work, board) = joined(running.await).await;
        (self.work, self.running) = (Some(work), None);
        board
    }
}

/// A panic goes on; where the runtime ends, nothing more comes.
async fn joined<T>(done: Result<T, tokio::task::JoinError>) -> T {
    match done {
        Ok(done) => done,
        Err(cause) => match cause.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(_) => std::future::pending().await,
        },
    }
}

impl Work {
    fn new(plan: BoardPlan) -> Self {
        Self {
            desk: Desk::new(plan.status.clone()),
            books: Books::default(),
            tail: Tail::new(plan.status.artifacts.event_log()),
            models: plan.models.clone().map(Models::new),
            plan,
        }
    }

    async fn board(&mut self, live: Option<&Vitals>, now: OffsetDateTime) -> Board {
        let mut look = self.desk.look(live, now).await;
        let ids: Vec<TopicId> = look.status.topics.iter().map(|it| it.id).collect();
        let read = self.books.read(&self.desk, &self.plan, &ids, now).await;
        if let Err(error) = read {
            tell(&mut look, "database", error.to_string());
        }
        if let Err(error) = self.tail.read() {
            let path = self.tail.path().display();
            tell(&mut look, "log", format!("{path} can't be read: {error}"));
        }
        let models = match &mut self.models {
            Some(models) => models.look(self.plan.patience).await,
            None => None,
        };
        let topics = ids.iter().map(|id| self.topic(*id, &look, now));
        let topics = topics.collect();
        let latency = latency::board(self.books.latencies(), &look);
        Board {
            told: if live.is_some() {
                Told::Worker
            } else {
                Told::Files
            },
            explorer: self.plan.explorer.clone(),
            topics,
            latency,
            models,
            log: self.tail.lines(),
            status: look.status,
        }
    }

    fn topic(&self, id: TopicId, look: &Look, now: OffsetDateTime) -> TopicBoard {
        let asked = self.plan.topics.get(&id);
        let status = look.status.topics.iter().find(|it| it.id == id);
        let learnt = self.books.topic(id);
        TopicBoard {
            id,
            asset: asked.map(|it| it.asset.clone()),
            target: asked.map(|it| it.target),
            horizon_seconds: asked.and_then(|it| i64::try_from(it.horizon.as_secs()).ok()),
            windows: windows::rows(id, look, self.desk.past(), self.books.latencies()),
            track: learnt.map(|it| it.track.clone()).unwrap_or_default(),
            network: learnt.and_then(|it| it.network.clone()),
            earnings: learnt.map(|it| it.earnings.clone()).unwrap_or_default(),
            anatomy: status.and_then(|it| anatomy::anatomy(it, self.plan.oldest_data, now)),
        }
    }
}

/// Tells of what could not be read.
fn tell(look: &mut Look, about: &'static str, cause: String) {
    let advice = &mut look.status.advice;
    // The same cause, told of the status.
    if advice.iter().any(|it| it.about == about) {
        return;
    }
    advice.push(Advice {
        severity: Severity::Warning,
        about,
        topic: None,
        cause,
        remedy: "what it would tell is left out here; the worker itself goes on".into(),
    });
    advice.sort_by_key(|it| it.severity);
}

#[cfg(test)]
mod tests;
