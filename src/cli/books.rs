//! What is noted beside the path: when the worker ran, how fast its answers were, and what the chain says
//! of topics and makes of the answers.

use std::{sync::Arc, time::Duration};

use tokio::sync::watch;

use crate::{
    clock::SharedClock,
    ops::{Reporter, TaskGroup},
    store::{Store, Wallet},
    vitals::Attendant,
    worker::{Bookkeeper, Cashbook, Chain, Earner, Hindered, Tally, follow_scores, follow_terms},
};

/// Those who note what is told.
pub(super) struct Books {
    runs: Arc<Bookkeeper>,
    answers: Arc<Cashbook>,
}

impl Books {
    /// Has it noted when the worker of a wallet runs, whose process is as old as told, when it is not ready
    /// as the attendant knows, and how its answers fare.
    pub(super) fn open(
        group: &mut TaskGroup,
        store: &Arc<Store>,
        (whose, age, attendant): (Wallet, Duration, Option<Arc<Attendant>>),
        clock: &SharedClock,
        reporter: &Reporter,
    ) -> Self {
        let hindered: Hindered = Arc::new(move |now| attendant.as_ref()?.downtime(now));
        let runs = Bookkeeper::new(
            Arc::clone(store) as _,
            whose.clone(),
            Arc::clone(clock),
            age,
            hindered,
        );
        let runs = Arc::new(runs);
        let (kept, told) = (Arc::clone(&runs), reporter.clone());
        group.spawn_minor("books", move || {
            let (books, heard) = (Arc::clone(&kept), told.listen());
            async move { books.run(heard).await }
        });
        let answers = Cashbook::new(Arc::clone(store) as _, whose, Arc::clone(clock));
        let answers = Arc::new(answers);
        let (kept, told) = (Arc::clone(&answers), reporter.clone());
        group.spawn_minor("cashbook", move || {
            let (answers, heard) = (Arc::clone(&kept), told.listen());
            async move { answers.run(heard).await }
        });
        Self { runs, answers }
    }

    /// Notes what is left, and why it ended.
    pub(super) async fn close(&self, why: &str) {
        self.answers.close().await;
        self.runs.close(why).await;
    }
}

/// Has it noted what the chain says of the topics and makes of our answers.
pub(super) fn follow_chain(
    group: &mut TaskGroup,
    chain: &Arc<Chain>,
    store: &Arc<Store>,
    tally: &watch::Receiver<Tally>,
    (reporter, clock): (&Reporter, &SharedClock),
) {
    let (asked, runs, date) = (Arc::clone(chain), Arc::clone(store), Arc::clone(clock));
    group.spawn_minor("topics' terms", move || {
        follow_terms(
            Arc::clone(&asked),
            Arc::clone(&runs) as _,
            Arc::clone(&date),
        )
    });
    let earner = Earner::new(
        Arc::clone(chain),
        Arc::clone(store) as _,
        reporter.clone(),
        Arc::clone(clock),
    );
    let (earner, told) = (Arc::new(earner), reporter.clone());
    group.spawn_minor("earnings", move || {
        let (earner, heard) = (Arc::clone(&earner), told.listen());
        async move { earner.run(heard).await }
    });
    let (asked, tally) = (Arc::clone(chain), tally.clone());
    let (told, date) = (reporter.clone(), Arc::clone(clock));
    group.spawn_minor("scores", move || {
        follow_scores(
            Arc::clone(&asked),
            tally.clone(),
            told.clone(),
            Arc::clone(&date),
        )
    });
}
