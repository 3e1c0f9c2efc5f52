//! `run` among other workers of its wallet: who leads, and what is done until this one does.

use std::{path::PathBuf, sync::Arc, time::Duration};

use secrecy::ExposeSecret as _;
use sha2::{Digest as _, Sha256};
use tokio::{
    sync::watch,
    time::{sleep, timeout},
};

use super::{failure::Failure, rooms};
use crate::{
    config::Settings,
    leash::Leash,
    ops::{Reporter, TaskGroup},
    standby::{
        Keeper, KeeperParts, LeadNote, Role, StandbyConfig, StandbyJournal, WithoutDatabase,
        own_name,
    },
    store::{DatabaseUrl, Lead, StandbyDb, Store, Wallet, WalletLeases as _},
    worker::Chain,
};

/// How often a standby makes sure that it knows the chain.
const LOOK: Duration = Duration::from_secs(5);
/// How many such looks there are until the chain's version is asked for.
const SELDOM: u32 = 12;
/// How long giving the lease back may take at the end.
const FAREWELL: Duration = Duration::from_secs(2);

/// The database that a worker shares with others of its wallet.
pub(super) struct Standby {
    db: Arc<StandbyDb>,
    config: StandbyConfig,
    name: String,
    wallet: Wallet,
    note: LeadNote,
    leash: Leash,
    role: watch::Sender<Role>,
}

impl Standby {
    /// What `STANDBY_DATABASE_URL` names; none without it, for a dry run, and on an embedded chain, which
    /// nobody else can reach.
    pub(super) fn of(
        settings: &Settings,
        address: &str,
        dry_run: bool,
    ) -> Result<Option<Self>, Failure> {
        let Some(url) = &settings.standby_database_url else {
            return Ok(None);
        };
        if dry_run || settings.network.rpc.is_empty() {
            return Ok(None);
        }
        let url: DatabaseUrl = url
            .expose_secret()
            .parse()
            .map_err(|cause| Failure::lasting(format!("STANDBY_DATABASE_URL: {cause}")))?;
        let config = settings.standby.clone();
        let db = StandbyDb::at(&url, config.heartbeat).ok_or_else(|| {
            let cause = "STANDBY_DATABASE_URL names a file: the workers of a wallet share a PostgreSQL \
                         database; write postgres://user:password@host:5432/database";
            Failure::lasting(cause.into())
        })?;
        let wallet = rooms::wallet(settings, address);
        let artifacts = &settings.artifacts;
        let name = match &config.name {
            Some(name) => name.clone(),
            None => own_name(&artifacts.standby_id())?,
        };
        let of = hex::encode(&Sha256::digest(db.place())[..4]);
        let note = LeadNote::of(artifacts.standby_lead(&of), &wallet);
        Ok(Some(Self {
            db: Arc::new(db),
            config,
            name,
            wallet,
            note,
            leash: Leash::drawn(),
            role: watch::Sender::new(Role::Waiting),
        }))
    }

    /// The database, without a password.
    pub(super) fn place(&self) -> &str {
        self.db.place()
    }

    /// How long a worker that stops waits for what is in the air: no longer than a takeover takes. The next
    /// leader sends the same bytes, and answers what opens meanwhile.
    pub(super) fn stop_grace(&self, configured: Duration) -> Duration {
        configured.min(self.config.heartbeat)
    }

    /// What holds everything that is sent.
    pub(super) fn leash(&self) -> Leash {
        self.leash.clone()
    }

    /// How the lease is given back at the end, whatever the end is.
    pub(super) fn farewell(&self) -> Farewell {
        Farewell {
            db: Arc::clone(&self.db),
            wallet: self.wallet.clone(),
            name: self.name.clone(),
            note: self.note.path().to_owned(),
            leash: self.leash.clone(),
            role: self.role.subscribe(),
        }
    }

    /// Follows the chain and the journal until this worker leads its wallet; gives the journal to lead with.
    pub(super) async fn lead(
        self,
        group: &mut TaskGroup,
        chain: &Arc<Chain>,
        local: Store,
        reporter: &Reporter,
    ) -> Result<Arc<StandbyJournal>, Failure> {
        let own = self.note.token();
        let goes_on = self.config.without_database == WithoutDatabase::GoOn;
        let journal = StandbyJournal::new(
            Arc::clone(&self.db) as _,
            local,
            (self.wallet.clone(), self.name.clone()),
            (goes_on, self.config.heartbeat),
            self.role.subscribe(),
            self.leash.clone(),
        );
        let journal = Arc::new(journal.telling(reporter.clone()));
        chain.stand_by();
        let mut role = self.role.subscribe();
        let keeper = Keeper::new(KeeperParts {
            wallet: self.wallet,
            name: self.name,
            config: self.config,
            leases: self.db,
            leash: self.leash,
            note: self.note,
            role: self.role,
            reporter: reporter.clone(),
            shutdown: group.shutdown(),
        });
        let keeper = keeper.watched(group.pulse("standby"));
        group.spawn("standby", keeper.run(group.token()));
        let copied = Arc::clone(&journal);
        group.spawn_minor("journal copy", move || {
            let copied = Arc::clone(&copied);
            async move { copied.follow().await }
        });
        let token = tokio::select! {
            token = led(&mut role) => token,
            () = follow(chain, reporter) => None,
        };
        let gone = || Failure::passing("the task \"standby\" ended by itself".into());
        journal.take_up(own, token.ok_or_else(gone)?).await;
        Ok(journal)
    }
}

/// Waits until this worker leads; none when its keeper is gone.
async fn led(role: &mut watch::Receiver<Role>) -> Option<i64> {
    let role = role.wait_for(|role| role.token().is_some()).await;
    role.ok().and_then(|role| role.token())
}

/// Keeps what a leader needs of the chain at hand, for ever: sound endpoints, the newest block, the version.
async fn follow(chain: &Chain, reporter: &Reporter) {
    let mut looks = 0_u32;
    loop {
        chain.rpc.warm().await;
        chain.rpc.probe().await;
        for news in chain.node_news() {
            reporter.emit(news);
        }
        looks = looks.wrapping_add(1);
        if looks.is_multiple_of(SELDOM) {
            // It is asked again when it matters.
            let _ = chain.emissions.redetect().await;
        }
        sleep(LOOK).await;
    }
}

/// Gives a lease back.
pub(super) struct Farewell {
    db: Arc<StandbyDb>,
    wallet: Wallet,
    name: String,
    note: PathBuf,
    leash: Leash,
    role: watch::Receiver<Role>,
}

impl Farewell {
    /// Gives the lease back, if this worker has it, so that another one takes over at once. Nothing is sent
    /// from here on.
    pub(super) async fn leave(self) {
        self.leash.cut();
        let Some(token) = self.role.borrow().token() else {
            return;
        };
        let lead = Lead {
            owner: self.name,
            token,
        };
        let given = timeout(FAREWELL, self.db.give_back(&self.wallet, &lead)).await;
        // Otherwise it lapses, or is this worker's still when it is started again.
        if matches!(given, Ok(Ok(()))) {
            LeadNote::of(self.note, &self.wallet).clear();
        }
    }
}
