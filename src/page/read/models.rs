//! The network of models, from its own database: asked seldom, and beside the board, so that a server that
//! does not answer holds nothing up.

use std::time::Duration;

use tokio::{
    task::JoinHandle,
    time::{Instant, timeout},
};

use super::ModelsPlan;
use crate::{
    page::{ModelsBoard, Round},
    score,
    store::{PredictionDb, RoundSummary, StoreError},
};

/// How often it is asked at most.
const EVERY: Duration = Duration::from_secs(30);
/// How long it may take to answer.
const LIMIT: Duration = Duration::from_secs(2);

/// What was read last.
#[derive(Debug)]
pub(super) struct Models {
    plan: ModelsPlan,
    asked: Option<Instant>,
    running: Option<JoinHandle<Result<Option<ModelsBoard>, String>>>,
    known: Option<ModelsBoard>,
}

impl Models {
    pub(super) const fn new(plan: ModelsPlan) -> Self {
        Self {
            plan,
            asked: None,
            running: None,
            known: None,
        }
    }

    /// What is known, after `patience` at most; none where there is no network of models.
    pub(super) async fn look(&mut self, patience: Duration) -> Option<ModelsBoard> {
        let is_due = self.asked.is_none_or(|at| at.elapsed() >= EVERY);
        if self.running.is_none() && is_due {
            self.asked = Some(Instant::now());
            self.running = Some(tokio::spawn(ask(self.plan.clone())));
        }
        if let Some(running) = &mut self.running
            && let Ok(done) = timeout(patience, running).await
        {
            self.running = None;
            match done {
                Ok(Ok(known)) => self.known = known,
                Ok(Err(trouble)) => self.fail(trouble),
                Err(cause) => self.fail(format!("it could not be asked: {cause}")),
            }
        }
        self.known.clone()
    }

    /// What was known stays, and is said to be old.
    fn fail(&mut self, trouble: String) {
        let crunch_id = &self.plan.crunch_id;
        let known = self.known.get_or_insert_with(|| ModelsBoard {
            crunch_id: crunch_id.clone(),
            at: None,
            rows: Vec::new(),
            round: None,
            trouble: None,
        });
        known.trouble = Some(trouble);
    }
}

async fn ask(plan: ModelsPlan) -> Result<Option<ModelsBoard>, String> {
    // Its file is made by a Predict worker: without one there is no network.
    if plan.database.path().is_some_and(|file| !file.is_file()) {
        return Ok(None);
    }
    let read = timeout(LIMIT, read(&plan)).await;
    match read {
        Ok(read) => read.map(Some).map_err(|error| error.to_string()),
        Err(_) => Err(format!(
            "the database {} gave no answer within {} s; see that it runs and can be reached from here",
            plan.database,
            LIMIT.as_secs()
        )),
    }
}

async fn read(plan: &ModelsPlan) -> Result<ModelsBoard, StoreError> {
    let store = PredictionDb::reading(plan.database.clone(), LIMIT);
    let board = score::leaderboard(&store, &plan.crunch_id).await?;
    let round = store.newest_round(&plan.crunch_id).await?;
    store.close().await;
    Ok(ModelsBoard {
        crunch_id: board.crunch_id,
        at: board.at,
        rows: board.models,
        round: round.map(shown),
        trouble: None,
    })
}

fn shown(round: RoundSummary) -> Round {
    Round {
        at: round.performed_at,
        asset: round.asset,
        horizon_seconds: round.horizon.into(),
        by_status: round.by_status,
    }
}
