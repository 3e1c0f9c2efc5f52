//! The worker's database, whatever its disk does: opened, mended, sheltered in memory and brought home.

use std::{path::Path, path::PathBuf, sync::Arc, time::Duration};

use tokio::{
    sync::{Mutex, watch},
    time::{sleep, timeout},
};

use crate::{
    learning::Network as _,
    ops::{Event, Reporter, TaskGroup},
    store::{Mended, Shelter, Store, StoreError},
    worker::{Bystander, Chain},
};

/// How often a disk that can't be written to is tried again.
const AGAIN: Duration = Duration::from_secs(30);
/// Pause before the worker begins anew because of a damaged database: one that can't be mended must not
/// keep it from its work.
const LEAST: Duration = Duration::from_secs(10);

/// How long a further connection may take to open: the journal's has been opened already.
const OPENING: Duration = Duration::from_secs(5);

/// The database.
pub(super) struct Database {
    path: PathBuf,
    journal: Arc<Store>,
    /// What is in memory until the disk takes it.
    shelter: Option<Arc<Mutex<Shelter>>>,
    reporter: Reporter,
}

impl Database {
    /// Opens it, and tells what was wrong with it.
    ///
    /// # Errors
    /// See [`Store::open_anyhow`].
    pub(super) async fn open(path: &Path, reporter: &Reporter) -> Result<Self, StoreError> {
        let opened = Store::open_anyhow(path).await?;
        if let Some(mended) = &opened.mended {
            tell_mended(reporter, mended);
        }
        if let Some(shelter) = &opened.shelter {
            tell_sheltered(reporter, shelter);
        }
        Ok(Self {
            path: path.to_owned(),
            journal: Arc::new(opened.store),
            shelter: opened.shelter.map(|it| Arc::new(Mutex::new(it))),
            reporter: reporter.clone(),
        })
    }

    /// The journal's connection.
    pub(super) fn journal(&self) -> Arc<Store> {
        Arc::clone(&self.journal)
    }

    /// A connection of its own, so that the journal waits for nothing that is written there. In memory
    /// there is but one, and where none can be opened it is shared as well.
    pub(super) async fn beside(&self) -> Arc<Store> {
        if self.shelter.is_some() {
            return self.journal();
        }
        match timeout(OPENING, Store::open(&self.path)).await {
            Ok(Ok(store)) => Arc::new(store),
            _ => self.journal(),
        }
    }

    /// Has the worker begin anew at a quiet moment when the disk takes the database again, or when one
    /// of these connections finds it damaged. Where nothing begins anew, it goes on as it is.
    pub(super) fn follow(
        &self,
        group: &mut TaskGroup,
        begins_anew: bool,
        chain: &Arc<Chain>,
        beside: &[&Store],
    ) {
        let (shutdown, reporter) = (group.shutdown(), self.reporter.clone());
        let quiet = Arc::new(Bystander::new(Arc::clone(chain)));
        if let Some(shelter) = &self.shelter {
            let shelter = Arc::clone(shelter);
            group.spawn_minor("disk", move || {
                let (shelter, quiet) = (Arc::clone(&shelter), Arc::clone(&quiet));
                let (shutdown, reporter) = (shutdown.clone(), reporter.clone());
                async move {
                    come_home(&shelter, &quiet, &reporter).await;
                    if !begins_anew {
                        loop {
                            // What the disk refuses now is brought the next time.
                            let _later = keep_home(&shelter, &quiet).await;
                        }
                    }
                    quiet.calm().await;
                    shutdown.request_restart("the disk takes the journal again");
                    std::future::pending::<()>().await;
                }
            });
            return;
        }
        let all = beside.iter().copied().chain([&*self.journal]);
        let damaged: Vec<_> = all.map(Store::damaged).collect();
        group.spawn_minor("disk", move || {
            let (damaged, quiet) = (damaged.clone(), Arc::clone(&quiet));
            let (shutdown, reporter) = (shutdown.clone(), reporter.clone());
            async move {
                any(damaged).await;
                let remedy = if begins_anew {
                    "windows are answered all the same; the worker begins anew at the next quiet moment, keeps all that can be read and sets the damaged file aside"
                } else {
                    "windows are answered all the same; the next start keeps all that can be read and sets the damaged file aside"
                };
                reporter.emit(Event::Trouble {
                    cause: "the database is damaged".into(),
                    remedy: remedy.into(),
                });
                if begins_anew {
                    sleep(LEAST).await;
                    quiet.calm().await;
                    shutdown.request_restart("the database is damaged");
                }
                std::future::pending::<()>().await;
            }
        });
    }

    /// Writes to the disk what is in memory still, at the end.
    pub(super) async fn close(&self) {
        let Some(shelter) = &self.shelter else {
            return;
        };
        let mut shelter = shelter.lock().await;
        match shelter.bring_home().await {
            // All was brought home before.
            Ok((0, None)) => {}
            Ok((steps, mended)) => tell_home(&self.reporter, steps, mended.as_ref()),
            Err(error) => {
                let steps = shelter.waiting().await.unwrap_or_default();
                self.reporter.emit(Event::Trouble {
                    cause: format!("{steps} steps of submissions were only in memory: {error}"),
                    remedy: "free or repair the disk; the next start asks the chain what it holds"
                        .into(),
                });
            }
        }
    }
}

/// Opens a database of candles alone, whatever its disk does: what is in memory is fetched again by the next
/// start.
///
/// # Errors
/// See [`Store::open_anyhow`].
pub(super) async fn open_candles(path: &Path, reporter: &Reporter) -> Result<Store, StoreError> {
    let opened = Store::open_anyhow(path).await?;
    if let Some(mended) = &opened.mended {
        tell_mended(reporter, mended);
    }
    if let Some(shelter) = &opened.shelter {
        reporter.emit(Event::Trouble {
            cause: format!("prices are kept in memory: {}", shelter.cause),
            remedy: "free or repair the disk; the next start fetches again what is not on it"
                .into(),
        });
    }
    Ok(opened.store)
}

/// Tries until the disk takes what is in memory.
async fn come_home(shelter: &Mutex<Shelter>, quiet: &Bystander, reporter: &Reporter) {
    loop {
        if let Ok((steps, mended)) = keep_home(shelter, quiet).await {
            tell_home(reporter, steps, mended.as_ref());
            return;
        }
    }
}

/// Writes to the disk what is in memory, after a pause and at a quiet moment: meanwhile no step can be
/// journaled.
async fn keep_home(
    shelter: &Mutex<Shelter>,
    quiet: &Bystander,
) -> Result<(u64, Option<Mended>), StoreError> {
    sleep(AGAIN).await;
    quiet.calm().await;
    shelter.lock().await.bring_home().await
}

/// Waits until one of them is true.
async fn any(all: Vec<watch::Receiver<bool>>) {
    let mut waiting = tokio::task::JoinSet::new();
    for mut one in all {
        waiting.spawn(async move { one.wait_for(|it| *it).await.is_ok() });
    }
    while let Some(found) = waiting.join_next().await {
        if matches!(found, Ok(true)) {
            return;
        }
    }
    // All connections are gone, and with them the worker.
    std::future::pending::<()>().await;
}

fn tell_mended(reporter: &Reporter, mended: &Mended) {
    reporter.emit(Event::Trouble {
        cause: format!(
            "the database was damaged ({}); what could be read of it is carried over: {}",
            mended.cause,
            mended.salvage.told()
        ),
        remedy: format!(
            "a window of which nothing is known is asked of the chain before it is answered; the damaged file is kept as {}; check the disk",
            mended.aside.display()
        ),
    });
}

fn tell_sheltered(reporter: &Reporter, shelter: &Shelter) {
    let known = match &shelter.blind {
        None => String::new(),
        Some(error) => format!(", and nothing of an earlier run can be read ({error})"),
    };
    reporter.emit(Event::Trouble {
        cause: format!("the journal is kept in memory: {}{known}", shelter.cause),
        remedy: format!(
            "windows are answered all the same; free or repair the disk: it is tried every {} s, and what was journaled meanwhile is written to it",
            AGAIN.as_secs()
        ),
    });
}

fn tell_home(reporter: &Reporter, steps: u64, mended: Option<&Mended>) {
    if let Some(mended) = mended {
        tell_mended(reporter, mended);
    }
    reporter.emit(Event::Notice {
        cause: format!(
            "the disk takes the journal again: {steps} steps that were in memory are written"
        ),
        remedy: "nothing has to be done".into(),
    });
}
