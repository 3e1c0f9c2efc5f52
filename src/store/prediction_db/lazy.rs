//! A database that need not be there yet.

use std::{collections::BTreeMap, ops::Range, path::Path, sync::Arc, time::Duration};

use async_trait::async_trait;
use time::OffsetDateTime;
use tokio::sync::OnceCell;

use super::{
    super::{
        Close, CloseRepository, ConfigKey, Deployment, ModelRecord, ModelRepository, Packed,
        PartAfter, Prediction, PredictionConfig, PredictionConfigRepository, PredictionFilter,
        PredictionRepository, PredictionStore, ResolvedAfter, RoundAnswer, RoundRepository,
        RoundSummary, Score, ScoreRepository, ScoredPart, Snapshot, StoreError, StoredConfig,
        StoredPrediction, Waiting,
    },
    postgres::Postgres,
    showing::Showing,
    sqlite::Sqlite,
    url::{DatabaseUrl, Kind},
};

/// All that a database of predictions keeps.
trait AllStored: PredictionStore + ScoreRepository + RoundRepository + Showing {}

impl<T: PredictionStore + ScoreRepository + RoundRepository + Showing> AllStored for T {}

/// The store of predictions. It is opened, and its tables are made or brought up to date, with the first
/// question that reaches the database: a worker may start while its database is away.
pub struct PredictionDb {
    url: DatabaseUrl,
    write_timeout: Option<Duration>,
    reads: bool,
    opened: OnceCell<Arc<dyn AllStored>>,
}

impl std::fmt::Debug for PredictionDb {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "PredictionDb({})", self.url)
    }
}

impl PredictionDb {
    /// A store that is opened when it is needed. Each method fails while it can't be opened, and tries
    /// it again the next time.
    #[must_use]
    pub fn new(url: DatabaseUrl) -> Self {
        Self {
            url,
            write_timeout: None,
            reads: false,
            opened: OnceCell::new(),
        }
    }

    /// The same, whose server gives up a write that takes longer than whoever writes waits for it: what
    /// was given up here is then not in the way of what follows.
    #[must_use]
    pub const fn within(mut self, write_timeout: Duration) -> Self {
        self.write_timeout = Some(write_timeout);
        self
    }

    /// A store that is only read, by someone who waits for `limit` at most: nothing is made or brought up to
    /// date. One without tables, or with those of an earlier version, can't be read.
    #[must_use]
    pub fn reading(url: DatabaseUrl, limit: Duration) -> Self {
        Self {
            write_timeout: Some(limit),
            reads: true,
            ..Self::new(url)
        }
    }

    /// What became of a crunch's newest round; none before the first.
    ///
    /// # Errors
    /// When the database can't be read.
    pub async fn newest_round(&self, crunch_id: &str) -> Result<Option<RoundSummary>, StoreError> {
        self.ready().await?.newest_round(crunch_id).await
    }

    /// Closes its connections.
    pub async fn close(&self) {
        if let Some(opened) = self.opened.get() {
            opened.close().await;
        }
    }

    /// Opens a store, makes its file when it is missing (a server's database must be there), and brings
    /// its tables up to date. Several processes may do so at once.
    ///
    /// # Errors
    /// When the database can't be reached or written, or a newer worker has changed its tables.
    pub async fn connect(url: &DatabaseUrl) -> Result<Self, StoreError> {
        Self::new(url.clone()).opened().await
    }

    /// Opens it now, as [`PredictionDb::connect`] does.
    ///
    /// # Errors
    /// As those of [`PredictionDb::connect`].
    pub async fn opened(self) -> Result<Self, StoreError> {
        self.ready().await?;
        Ok(self)
    }

    /// An empty database in memory, for tests.
    ///
    /// # Errors
    /// When SQLite refuses.
    pub async fn in_memory() -> Result<Self, StoreError> {
        let opened: Arc<dyn AllStored> = Arc::new(Sqlite::in_memory().await?);
        Ok(Self {
            url: DatabaseUrl::file(Path::new(":memory:")),
            write_timeout: None,
            reads: false,
            opened: OnceCell::new_with(Some(opened)),
        })
    }

    /// Where it is.
    #[must_use]
    pub const fn url(&self) -> &DatabaseUrl {
        &self.url
    }

    async fn ready(&self) -> Result<&Arc<dyn AllStored>, StoreError> {
        let open = || async {
            let opened: Arc<dyn AllStored> = match &self.url.0 {
                Kind::Sqlite(path) if self.reads => Arc::new(Sqlite::read(path).await?),
                Kind::Postgres(options) if self.reads => {
                    let place = self.url.to_string();
                    Arc::new(Postgres::read(options, place, self.write_timeout).await?)
                }
                Kind::Sqlite(path) => Arc::new(Sqlite::open(path).await?),
                Kind::Postgres(options) => {
                    let place = self.url.to_string();
                    Arc::new(Postgres::connect(options, place, self.write_timeout).await?)
                }
            };
            Ok(opened)
        };
        self.opened.get_or_try_init(open).await
    }
}

#[async_trait]
impl PredictionRepository for PredictionDb {
    async fn save_all(&self, predictions: &[Prediction]) -> Result<u64, StoreError> {
        self.ready().await?.save_all(predictions).await
    }

    async fn predictions(
        &self,
        filter: &PredictionFilter,
        after: i64,
        most: u32,
    ) -> Result<Vec<StoredPrediction>, StoreError> {
        self.ready().await?.predictions(filter, after, most).await
    }

    async fn newest(&self, crunch_id: &str) -> Result<Option<OffsetDateTime>, StoreError> {
        self.ready().await?.newest(crunch_id).await
    }

    async fn prune(
        &self,
        crunch_id: &str,
        before: OffsetDateTime,
        most: u32,
    ) -> Result<u64, StoreError> {
        self.ready().await?.prune(crunch_id, before, most).await
    }

    async fn best(
        &self,
        crunch_id: &str,
        since: OffsetDateTime,
        most: u32,
    ) -> Result<Vec<String>, StoreError> {
        self.ready().await?.best(crunch_id, since, most).await
    }
}

#[async_trait]
impl ModelRepository for PredictionDb {
    async fn keep_models(&self, models: &[ModelRecord]) -> Result<(), StoreError> {
        self.ready().await?.keep_models(models).await
    }

    async fn models(&self, crunch_id: &str) -> Result<Vec<ModelRecord>, StoreError> {
        self.ready().await?.models(crunch_id).await
    }

    async fn deployed(&self, deployments: &[Deployment]) -> Result<(), StoreError> {
        self.ready().await?.deployed(deployments).await
    }

    async fn deployments(
        &self,
        crunch_id: &str,
        model_id: &str,
    ) -> Result<Vec<Deployment>, StoreError> {
        self.ready().await?.deployments(crunch_id, model_id).await
    }
}

#[async_trait]
impl PredictionConfigRepository for PredictionDb {
    async fn declare(
        &self,
        crunch_id: &str,
        configs: &[PredictionConfig],
    ) -> Result<(), StoreError> {
        self.ready().await?.declare(crunch_id, configs).await
    }

    async fn configs(&self, crunch_id: &str) -> Result<Vec<StoredConfig>, StoreError> {
        self.ready().await?.configs(crunch_id).await
    }

    async fn performed(
        &self,
        crunch_id: &str,
        rounds: &[(ConfigKey, i64)],
    ) -> Result<(), StoreError> {
        self.ready().await?.performed(crunch_id, rounds).await
    }
}

#[async_trait]
impl CloseRepository for PredictionDb {
    async fn keep_closes(&self, asset: &str, closes: &[Close]) -> Result<(), StoreError> {
        self.ready().await?.keep_closes(asset, closes).await
    }

    async fn closes(&self, asset: &str, range: Range<i64>) -> Result<Vec<Close>, StoreError> {
        self.ready().await?.closes(asset, range).await
    }
}

#[async_trait]
impl ScoreRepository for PredictionDb {
    async fn newest_closes(
        &self,
        crunch_id: &str,
        now: OffsetDateTime,
    ) -> Result<BTreeMap<String, i64>, StoreError> {
        self.ready().await?.newest_closes(crunch_id, now).await
    }

    async fn unscored(
        &self,
        crunch_id: &str,
        until: OffsetDateTime,
        after: Option<ResolvedAfter>,
        most: u32,
    ) -> Result<Waiting, StoreError> {
        let store = self.ready().await?;
        store.unscored(crunch_id, until, after, most).await
    }

    async fn payloads(&self, predictions: &[i64]) -> Result<BTreeMap<i64, Packed>, StoreError> {
        self.ready().await?.payloads(predictions).await
    }

    async fn keep_scores(&self, scores: &[Score]) -> Result<(), StoreError> {
        self.ready().await?.keep_scores(scores).await
    }

    async fn parts(
        &self,
        crunch_id: &str,
        from: OffsetDateTime,
        until: OffsetDateTime,
        after: Option<&PartAfter>,
        most: u32,
    ) -> Result<Vec<ScoredPart>, StoreError> {
        let store = self.ready().await?;
        store.parts(crunch_id, from, until, after, most).await
    }

    async fn keep_snapshots(
        &self,
        crunch_id: &str,
        snapshots: &[Snapshot],
    ) -> Result<(), StoreError> {
        let store = self.ready().await?;
        store.keep_snapshots(crunch_id, snapshots).await
    }

    async fn snapshots(
        &self,
        crunch_id: &str,
        from: OffsetDateTime,
        until: OffsetDateTime,
        daily: bool,
    ) -> Result<Vec<Snapshot>, StoreError> {
        let store = self.ready().await?;
        store.snapshots(crunch_id, from, until, daily).await
    }

    async fn leaderboard(&self, crunch_id: &str) -> Result<Vec<Snapshot>, StoreError> {
        self.ready().await?.leaderboard(crunch_id).await
    }

    async fn thin_snapshots(
        &self,
        crunch_id: &str,
        before: OffsetDateTime,
    ) -> Result<u64, StoreError> {
        self.ready().await?.thin_snapshots(crunch_id, before).await
    }
}

#[async_trait]
impl RoundRepository for PredictionDb {
    async fn answers_before(
        &self,
        crunch_id: &str,
        asset: &str,
        horizon: u32,
        times: &[i64],
        age: i64,
    ) -> Result<Vec<RoundAnswer>, StoreError> {
        let store = self.ready().await?;
        store
            .answers_before(crunch_id, asset, horizon, times, age)
            .await
    }

    async fn newest_answers(
        &self,
        crunch_id: &str,
        asset: &str,
        horizon: u32,
        slots: Range<i64>,
    ) -> Result<Vec<RoundAnswer>, StoreError> {
        let store = self.ready().await?;
        store.newest_answers(crunch_id, asset, horizon, slots).await
    }
}
