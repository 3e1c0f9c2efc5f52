//! The outbox at work, and what the database knows before it begins.

use std::{sync::Arc, time::Duration};

use sha2::{Digest as _, Sha256};
use tokio::{
    task::JoinHandle,
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;

use super::database;
use crate::{
    cli::failure::Failure,
    config::Predicting,
    ops::{Event, Reporter, TaskGroup},
    predict::{Outbox, OutboxOptions},
    store::{
        DatabaseUrl, PredictionConfigRepository as _, PredictionDb, PredictionStore, StoreError,
        StoredConfig,
    },
};

/// How long the start waits for a database that is slow to answer.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);
/// Pause before the worker begins anew because of a damaged outbox: one that is damaged again and again
/// must not keep it from its work.
const LEAST: Duration = Duration::from_secs(10);

/// The way into the database. It ends last, so that what the others put at their end is kept.
pub(super) struct Storing {
    pub(super) outbox: Outbox,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Storing {
    /// Opens the outbox of a database and sets it to work; when it ends before its time, the group does.
    pub(super) async fn open(
        group: &mut TaskGroup,
        settings: &Predicting,
        database: DatabaseUrl,
        reporter: &Reporter,
    ) -> Result<Self, Failure> {
        let path = settings.artifacts.outbox(&slug(&database));
        let (crunch, name) = (&*settings.models.crunch_id, database.to_string());
        let options = OutboxOptions::new(&settings.predict, crunch, name, reporter.clone());
        let (outbox, task) = Outbox::open(&path, options).await?;
        let task = task.watched(group.slow_pulse("outbox"));
        let limit = settings.predict.write_timeout;
        let connect = move || {
            let db = PredictionDb::new(database.clone()).within(limit);
            async move {
                let db = db.opened().await?;
                Ok::<_, StoreError>(Arc::new(db) as Arc<dyn PredictionStore>)
            }
        };
        let (stop, ended) = (CancellationToken::new(), CancellationToken::new());
        let (tells_its_end, stopped) = (ended.clone().drop_guard(), stop.clone());
        let task = tokio::spawn(async move {
            let _tells_its_end = tells_its_end;
            task.run(connect, stopped).await;
        });
        let token = group.token();
        group.spawn("outbox", async move {
            tokio::select! {
                () = ended.cancelled() => {}
                () = token.cancelled() => {}
            }
        });
        Ok(Self { outbox, stop, task })
    }

    /// Has the worker begin anew when the outbox is found damaged: the start mends it. Where nothing begins
    /// anew, it goes on as it is.
    pub(super) fn follow(&self, group: &mut TaskGroup, begins_anew: bool, reporter: &Reporter) {
        let (damaged, shutdown) = (self.outbox.damaged(), group.shutdown());
        let reporter = reporter.clone();
        group.spawn_minor("outbox's file", move || {
            let (mut damaged, shutdown) = (damaged.clone(), shutdown.clone());
            let reporter = reporter.clone();
            async move {
                if damaged.wait_for(|it| *it).await.is_ok() {
                    let when = if begins_anew {
                        "the worker begins anew in a moment and"
                    } else {
                        "the next start"
                    };
                    reporter.emit(Event::Trouble {
                        cause: "the outbox is damaged".into(),
                        remedy: format!(
                            "{when} keeps all that can be read and sets the damaged file aside"
                        ),
                    });
                    sleep(LEAST).await;
                    if begins_anew {
                        shutdown.request_restart("the outbox is damaged");
                    }
                }
                std::future::pending::<()>().await;
            }
        });
    }

    /// Keeps what was put, and waits for that.
    pub(super) async fn close(self) {
        self.stop.cancel();
        // What one that panicked had appended waits on disk.
        let _ = self.task.await;
    }
}

/// Names the outbox of a database in a file's name.
pub(super) fn slug(database: &DatabaseUrl) -> String {
    let digest = Sha256::digest(database.to_string());
    hex::encode(&digest[..4])
}

/// What a database knows of what was asked for in a crunch.
pub(super) async fn known_configs(
    database: &DatabaseUrl,
    crunch: &str,
) -> Result<Vec<StoredConfig>, Failure> {
    let db = PredictionDb::new(database.clone());
    let Ok(configs) = timeout(PATIENCE, db.configs(crunch)).await else {
        return Err(Failure::passing(format!(
            "the database {database} does not answer, which knows where the replay stood"
        )));
    };
    configs.map_err(|it| database::failed(&it))
}
