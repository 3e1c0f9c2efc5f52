//! Looks, before a worker is started, whether it could do its work here, and what is to be done where it
//! could not. Nothing is changed by looking: no file is made, nothing is sent to the chain, no database is
//! brought up to date.
//!
//! What is asked stands apart from what is said of the answers; how it is shown is the command line's.

mod chain;
mod config;
mod databases;
mod effort;
mod funds;
mod host;
mod line;
mod models;
mod nodes;
mod prices;
mod reach;
mod rivals;
mod stored;
mod topics;
mod words;

use std::{collections::HashMap, sync::Arc, time::Duration};

use time::OffsetDateTime;
use tokio::{
    sync::{OnceCell, mpsc},
    task::JoinSet,
    time::{Instant, timeout_at},
};

pub use effort::Effort;
pub use line::{Area, Check, Counts, Level, Report};
pub use models::Heard;
pub use prices::PricesFrom;

use crate::{
    config::{Settings, Surveyed},
    ops::{Artifacts, holder_of_folder, holder_of_wallet},
    store::{Glance, Journal as _, Store, StoreError, Wallet, glance},
};

/// What is to be looked at.
#[derive(Debug)]
pub struct Plan {
    /// The configuration as far as it can be read; the wallet's secret is not needed any more.
    pub surveyed: Surveyed,
    /// The wallet's address, when its secret can be read.
    pub address: Option<String>,
    /// Words of its mnemonic; none of a private key.
    pub words: Option<usize>,
    /// Where prices come from.
    pub prices: Option<PricesFrom>,
    /// The pairs that the topics ask for.
    pub tickers: Vec<String>,
    /// Topics that models answer.
    pub heard: Vec<Heard>,
    /// Why a topic's forecaster can't be used.
    pub forecasters: Option<String>,
    /// Whether nothing is to be sent.
    pub dry_run: bool,
    /// How long is looked.
    pub effort: Effort,
}

/// A plan, and what several look at.
struct Look {
    plan: Plan,
    now: OffsetDateTime,
    database: OnceCell<Result<Glance, StoreError>>,
}

/// Where findings go, as they come.
type Tell = mpsc::UnboundedSender<Vec<Check>>;

/// Looks at everything at once. What is not done in time, or breaks, is told as such and hides nothing
/// else.
pub async fn examine(plan: Plan) -> Report {
    let began = Instant::now();
    let whole = plan.effort.whole;
    let look = Arc::new(Look {
        plan,
        now: OffsetDateTime::now_utc(),
        database: OnceCell::new(),
    });
    let (tell, mut told) = mpsc::unbounded_channel();
    let mut tasks = JoinSet::new();
    let mut areas = HashMap::new();
    let (here, stored, answered) = (Arc::clone(&look), Arc::clone(&look), Arc::clone(&look));
    let (chained, to) = (Arc::clone(&look), tell.clone());
    let task = tasks.spawn_blocking(move || drop(to.send(here.local())));
    areas.insert(task.id(), Area::Host);
    let to = tell.clone();
    areas.insert(
        tasks.spawn(async move { stored.stored(&to).await }).id(),
        Area::Databases,
    );
    let to = tell.clone();
    areas.insert(
        tasks.spawn(async move { answered.models(&to).await }).id(),
        Area::Models,
    );
    areas.insert(
        tasks
            .spawn(async move { reach::nodes(&chained, &tell).await })
            .id(),
        Area::Nodes,
    );
    let end = began + whole;
    while let Ok(Some(done)) = timeout_at(end, tasks.join_next_with_id()).await {
        let broken = done.as_ref().err().map(tokio::task::JoinError::id);
        let id = done.map_or_else(|error| error.id(), |it| it.0);
        let area = areas.remove(&id);
        if let (Some(area), Some(_)) = (area, broken) {
            areas.insert(id, area);
        }
    }
    let mut checks = Vec::new();
    while let Ok(more) = told.try_recv() {
        checks.extend(more);
    }
    checks.extend(areas.into_values().map(|area| unfinished(area, whole)));
    checks.sort_by_key(|it| it.area);
    tasks.detach_all();
    look.report(checks, began.elapsed())
}

fn unfinished(area: Area, whole: Duration) -> Check {
    Check::warning(
        area,
        "not finished",
        format!(
            "some of this was not answered within {}, or broke",
            words::span(whole)
        ),
        "check again; if it stays so, see what of it is slow or out of reach",
    )
}

impl Look {
    fn settings(&self) -> Option<&Settings> {
        self.plan.surveyed.settings.as_ref()
    }

    fn artifacts(&self) -> Option<&Artifacts> {
        self.plan.surveyed.artifacts.as_ref()
    }

    /// What this host tells at once.
    fn local(&self) -> Vec<Check> {
        let plan = &self.plan;
        let wallet = config::Wallet {
            address: plan.address.as_deref(),
            words: plan.words,
        };
        let mut all = config::judge(&plan.surveyed, wallet, plan.dry_run, self.now);
        all.extend(plan.forecasters.iter().map(|cause| {
            let (what, remedy) = config::halves(cause);
            Check::error(Area::Configuration, "forecaster", what, remedy).ends_a_start()
        }));
        let Some(artifacts) = self.artifacts() else {
            return all;
        };
        all.extend(host::look(artifacts));
        let ours = holder_of_folder(artifacts).is_some();
        let listen = self.settings().filter(|_| !ours);
        let listen = listen.and_then(|it| it.ops.http.address().ok().flatten());
        all.extend(listen.and_then(host::port));
        let rivals = rivals::Rivals {
            folder: holder_of_folder(artifacts),
            wallet: self.rival(),
        };
        all.extend(rivals::judge(
            &rivals,
            artifacts.data_dir(),
            plan.effort.starts,
        ));
        all
    }

    /// Who has the wallet. On an embedded chain it is each process's own.
    fn rival(&self) -> Option<crate::ops::Holder> {
        let settings = self.settings().filter(|it| !it.network.rpc.is_empty())?;
        let database = stored::standby(settings).and_then(Result::ok);
        let place = database.map(|it| it.to_string());
        let address = self.plan.address.as_deref()?;
        holder_of_wallet(&settings.network.chain_id, address, place.as_deref())
    }

    /// The worker's file, looked at once for all who ask.
    async fn database(&self) -> Option<&Result<Glance, StoreError>> {
        let path = self.artifacts()?.database();
        let limit = self.plan.effort.database / 2;
        Some(
            self.database
                .get_or_init(|| async move { glance(&path, limit).await })
                .await,
        )
    }

    async fn store(&self) -> Option<&Store> {
        match self.database().await {
            Some(Ok(Glance::Sound { store, .. })) => Some(store),
            _ => None,
        }
    }

    /// Whether an earlier run has answered on this very chain.
    async fn was_here(&self) -> bool {
        let (Some(settings), Some(store)) = (self.settings(), self.store().await) else {
            return false;
        };
        let wallet = Wallet {
            chain_id: settings.network.chain_id.clone(),
            address: self.plan.address.clone().unwrap_or_default(),
        };
        let recent = store.recent(&wallet, 1).await;
        recent.is_ok_and(|found| !found.is_empty())
    }

    async fn models(&self, tell: &Tell) {
        let Some(settings) = self.settings() else {
            return;
        };
        let (age, limit) = (settings.blend.max_age, self.plan.effort.database);
        let asked = self.plan.heard.iter().map(|it| models::ask(it, age, limit));
        let _ = tell.send(futures_util::future::join_all(asked).await);
    }

    fn report(&self, checks: Vec<Check>, took: Duration) -> Report {
        let settings = self.settings();
        Report {
            version: env!("CARGO_PKG_VERSION").into(),
            network: settings.map(|it| it.network_name.clone()),
            chain_id: settings.map(|it| it.network.chain_id.clone()),
            address: self.plan.address.clone(),
            took_ms: u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
            counts: Counts::of(&checks),
            checks,
        }
    }
}

#[cfg(test)]
mod tests;
