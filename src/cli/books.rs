//! What is noted beside the path: when the worker ran, and what the chain says of topics and scores.

use std::{sync::Arc, time::Duration};

use tokio::sync::watch;

use crate::{
    clock::SharedClock,
    ops::{Reporter, TaskGroup},
    store::{Store, Wallet},
    vitals::Attendant,
    worker::{Bookkeeper, Chain, Hindered, Tally, follow_scores, follow_terms},
};

/// Has it noted when the worker of a wallet runs, and when it is not ready as the attendant knows; its process
/// is as old as told.
pub(super) fn open(
    group: &mut TaskGroup,
    runs: &Arc<Store>,
    (whose, age, attendant): (Wallet, Duration, Option<Arc<Attendant>>),
    clock: &SharedClock,
    reporter: &Reporter,
) -> Arc<Bookkeeper> {
    let hindered: Hindered = Arc::new(move |now| attendant.as_ref()?.downtime(now));
    let kept = Bookkeeper::new(
        Arc::clone(runs) as _,
        whose,
        Arc::clone(clock),
        age,
        hindered,
    );
    let kept = Arc::new(kept);
    let (books, reporter) = (Arc::clone(&kept), reporter.clone());
    group.spawn_minor("books", move || {
        let (books, heard) = (Arc::clone(&books), reporter.listen());
        async move { books.run(heard).await }
    });
    kept
}

/// Has it noted what the chain says of the topics and of our answers.
pub(super) fn follow_chain(
    group: &mut TaskGroup,
    chain: &Arc<Chain>,
    runs: &Arc<Store>,
    tally: &watch::Receiver<Tally>,
    (reporter, clock): (&Reporter, &SharedClock),
) {
    let (asked, runs, date) = (Arc::clone(chain), Arc::clone(runs), Arc::clone(clock));
    group.spawn_minor("topics' terms", move || {
        follow_terms(
            Arc::clone(&asked),
            Arc::clone(&runs) as _,
            Arc::clone(&date),
        )
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
