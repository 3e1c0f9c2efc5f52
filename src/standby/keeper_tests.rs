use std::sync::{
    Mutex,
    atomic::{AtomicI64, Ordering},
};

use async_trait::async_trait;
use tokio::{
    sync::Notify,
    time::{advance, sleep},
};

use super::*;
use crate::{
    ops::Recording,
    pulse::{Pulses, Weight},
    store::{Survey, Taken, sample::wallet},
};

const SECOND: Duration = Duration::from_secs(1);
const HEARTBEAT: Duration = Duration::from_secs(3);

/// How the server is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Server {
    Up,
    Silent,
    Down,
    /// It answers questions and takes no change, as after a failover.
    Reads,
}

/// A lease in memory, by the tests' clock.
struct Table {
    row: Mutex<Option<(Option<String>, i64, Instant)>>,
    server: Mutex<Server>,
    given: Notify,
    renewals: AtomicI64,
    /// Changes that were asked for.
    changes: AtomicI64,
    /// Other wallets that somebody leads.
    others: Vec<String>,
    /// How far the server's clock is ahead.
    drift: Duration,
}

impl Table {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            row: Mutex::default(),
            server: Mutex::new(Server::Up),
            given: Notify::new(),
            renewals: AtomicI64::new(0),
            changes: AtomicI64::new(0),
            others: Vec::new(),
            drift: Duration::ZERO,
        })
    }

    fn set(&self, server: Server) {
        *self.server.lock().unwrap() = server;
    }

    async fn reached(&self) -> Result<(), StoreError> {
        let server = *self.server.lock().unwrap();
        match server {
            Server::Up | Server::Reads => Ok(()),
            Server::Silent => std::future::pending().await,
            Server::Down => Err(StoreError::Server {
                place: "here".into(),
                cause: std::io::Error::from(std::io::ErrorKind::ConnectionRefused).into(),
            }),
        }
    }

    /// As [`Table::reached`], to change something.
    async fn written(&self) -> Result<(), StoreError> {
        self.changes.fetch_add(1, Ordering::Relaxed);
        if *self.server.lock().unwrap() == Server::Reads {
            // As a server says it, it is down for all.
            return Err(StoreError::Server {
                place: "here".into(),
                cause: std::io::Error::from(std::io::ErrorKind::ConnectionRefused).into(),
            });
        }
        self.reached().await
    }

    fn token(&self) -> i64 {
        self.row.lock().unwrap().as_ref().map_or(0, |it| it.1)
    }

    /// Another worker renews, or takes what has lapsed.
    fn hold_as(&self, owner: &str) {
        let mut row = self.row.lock().unwrap();
        let token = match &*row {
            Some((Some(holder), token, _)) if holder == owner => *token,
            other => other.as_ref().map_or(0, |it| it.1) + 1,
        };
        self.renewals.fetch_add(1, Ordering::Relaxed);
        *row = Some((Some(owner.into()), token, Instant::now() + HEARTBEAT));
    }
}

#[async_trait]
impl WalletLeases for Table {
    async fn look(&self, _: &Wallet) -> Result<Option<Seen>, StoreError> {
        self.reached().await?;
        let row = self.row.lock().unwrap();
        Ok(row.as_ref().map(|(owner, token, until)| Seen {
            owner: owner.clone(),
            token: *token,
            left: until.saturating_duration_since(Instant::now()),
            sign: self.renewals.load(Ordering::Relaxed),
        }))
    }

    async fn survey(&self, _: &Wallet) -> Result<Survey, StoreError> {
        self.reached().await?;
        Ok(Survey {
            others: self.others.clone(),
            now: OffsetDateTime::now_utc() + self.drift,
        })
    }

    async fn take(&self, _: &Wallet, claim: &Claim) -> Result<Option<Taken>, StoreError> {
        self.written().await?;
        let mut row = self.row.lock().unwrap();
        let (from, token) = match &*row {
            None => (None, 0),
            Some((owner, token, until)) => {
                let is_own = owner.as_ref() == Some(&claim.owner) && Some(*token) == claim.own;
                let has_lapsed = claim.may_bury && *until < Instant::now();
                if owner.is_some() && !is_own && !has_lapsed {
                    return Ok(None);
                }
                (owner.clone(), *token)
            }
        };
        self.renewals.fetch_add(1, Ordering::Relaxed);
        let until = Instant::now() + claim.lapse;
        *row = Some((Some(claim.owner.clone()), token + 1, until));
        Ok(Some(Taken {
            token: token + 1,
            from,
            silent: Duration::ZERO,
        }))
    }

    async fn renew(&self, _: &Wallet, lead: &Lead, lapse: Duration) -> Result<bool, StoreError> {
        self.written().await?;
        let mut row = self.row.lock().unwrap();
        let Some((owner, token, until)) = row.as_mut() else {
            return Ok(false);
        };
        let is_ours = owner.as_ref() == Some(&lead.owner) && *token == lead.token;
        if is_ours {
            *until = Instant::now() + lapse;
            self.renewals.fetch_add(1, Ordering::Relaxed);
        }
        Ok(is_ours)
    }

    async fn give_back(&self, _: &Wallet, lead: &Lead) -> Result<(), StoreError> {
        self.written().await?;
        let mut row = self.row.lock().unwrap();
        if let Some((owner, token, until)) = row.as_mut()
            && *token == lead.token
        {
            (*owner, *until) = (None, Instant::now());
            self.given.notify_waiters();
        }
        Ok(())
    }

    async fn given_back(&self, _: &Wallet) {
        self.given.notified().await;
    }
}

/// A worker and what it tells.
struct Stand {
    leash: Leash,
    role: watch::Receiver<Role>,
    told: Recording,
    shutdown: Shutdown,
    cancel: CancellationToken,
    pulses: Pulses,
    note: std::path::PathBuf,
}

impl Stand {
    fn start(table: &Arc<Table>, name: &str, folder: &std::path::Path) -> Self {
        Self::start_with(table, name, folder, WithoutDatabase::GoOn)
    }

    fn start_with(
        table: &Arc<Table>,
        name: &str,
        folder: &std::path::Path,
        without_database: WithoutDatabase,
    ) -> Self {
        let (reporter, told) = Reporter::recording();
        let leash = Leash::drawn_on_paused_time();
        let role = watch::Sender::new(Role::Waiting);
        let (shutdown, cancel) = (Shutdown::new(), CancellationToken::new());
        let note = folder.join(name);
        let pulses = Pulses::default();
        let stand = Self {
            pulses: pulses.clone(),
            leash: leash.clone(),
            role: role.subscribe(),
            told,
            shutdown: shutdown.clone(),
            cancel: cancel.clone(),
            note: note.clone(),
        };
        let keeper = Keeper::new(KeeperParts {
            wallet: wallet(),
            name: name.into(),
            config: StandbyConfig {
                heartbeat: HEARTBEAT,
                without_database,
                ..StandbyConfig::default()
            },
            leases: Arc::clone(table) as _,
            leash,
            note: LeadNote::of(note, &wallet()),
            role,
            reporter,
            shutdown,
        });
        let keeper = keeper.watched(pulses.pulse("standby", Weight::Vital));
        tokio::spawn(keeper.run(cancel));
        stand
    }

    fn leads(&self) -> bool {
        self.role.borrow().token().is_some()
    }

    fn may_send(&self) -> bool {
        self.leash.check().is_ok()
    }

    fn was_told(&self, fits: impl Fn(&StandbyEvent) -> bool) -> usize {
        let fits = |event: &Event| matches!(event, Event::Standby(event) if fits(event));
        self.told.count(fits)
    }

    fn beats(&self) -> u64 {
        self.pulses.show()[0].beats
    }

    /// As kill -9.
    async fn kill(&self) {
        self.cancel.cancel();
        sleep(Duration::from_millis(1)).await;
    }
}

/// Lets time go by in steps as small as the tasks need.
async fn pass(time: Duration) {
    let end = Instant::now() + time;
    while Instant::now() < end {
        sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn one_leads_and_the_other_takes_over_as_soon_as_the_lease_has_lapsed() {
    let (table, folder) = (Table::new(), tempfile::tempdir().unwrap());
    let one = Stand::start(&table, "one", folder.path());
    pass(SECOND).await;
    let two = Stand::start(&table, "two", folder.path());
    pass(SECOND * 20).await;
    assert!(one.leads() && one.may_send(), "it is renewed");
    assert!(!two.leads() && !two.may_send());
    let waits = |it: &StandbyEvent| matches!(it, StandbyEvent::StandbyWaiting { leader: Some(it), .. } if it == "one");
    assert_eq!(two.was_told(waits), 1, "once");
    one.kill().await;
    let dead = Instant::now();
    while !two.leads() {
        assert!(!(one.may_send() && two.may_send()));
        sleep(Duration::from_millis(1)).await;
    }
    assert!(!one.may_send(), "before the other one may");
    assert!(
        dead.elapsed() <= HEARTBEAT + SURELY * 3,
        "{:?}",
        dead.elapsed()
    );
    assert_eq!(table.token(), 2);
}

#[tokio::test(start_paused = true)]
async fn what_is_given_back_is_taken_at_once() {
    let (table, folder) = (Table::new(), tempfile::tempdir().unwrap());
    let one = Stand::start(&table, "one", folder.path());
    pass(SECOND).await;
    let two = Stand::start(&table, "two", folder.path());
    pass(SECOND * 10).await;
    one.kill().await;
    let lead = Lead {
        owner: "one".into(),
        token: 1,
    };
    table.give_back(&wallet(), &lead).await.unwrap();
    sleep(Duration::from_millis(50)).await;
    assert!(two.leads() && two.may_send());
}

#[tokio::test(start_paused = true)]
async fn one_that_slept_finds_that_it_may_not_send_and_begins_anew() {
    let (table, folder) = (Table::new(), tempfile::tempdir().unwrap());
    let one = Stand::start(&table, "one", folder.path());
    pass(SECOND * 5).await;
    assert!(one.leads() && one.note.exists());
    // As after SIGSTOP: time goes by and nothing runs. Another one took over meanwhile.
    table.set(Server::Silent);
    advance(HEARTBEAT * 2).await;
    assert!(!one.may_send(), "before anybody has told it");
    table.hold_as("two");
    table.set(Server::Up);
    pass(SECOND * 2).await;
    assert_eq!(*one.role.borrow(), Role::Lost);
    assert!(one.shutdown.yields() && !one.may_send());
    assert_eq!(
        one.was_told(|it| matches!(it, StandbyEvent::StandbyLost { token: 1 })),
        1
    );
    assert!(!one.note.exists());
    pass(HEARTBEAT * 3).await;
    assert!(
        !one.may_send(),
        "it does not take the lease again by itself"
    );
}

#[tokio::test(start_paused = true)]
async fn one_that_is_cut_off_is_silent_from_its_leases_end_until_it_is_renewed() {
    let (table, folder) = (Table::new(), tempfile::tempdir().unwrap());
    let one = Stand::start(&table, "one", folder.path());
    pass(SECOND * 5).await;
    table.set(Server::Silent);
    let cut = Instant::now();
    while one.may_send() {
        sleep(Duration::from_millis(10)).await;
    }
    assert!(cut.elapsed() < HEARTBEAT, "{:?}", cut.elapsed());
    pass(SECOND * 10).await;
    assert!(!one.may_send());
    let silent = |it: &StandbyEvent| matches!(it, StandbyEvent::StandbySilent { .. });
    assert_eq!(one.was_told(silent), 1);
    // Nobody took it.
    table.set(Server::Up);
    pass(SECOND * 2).await;
    assert!(one.may_send() && !one.shutdown.wants_restart());
    let renewed = |it: &StandbyEvent| {
        matches!(
            it,
            StandbyEvent::StandbyRenewed {
                was_silent: true,
                ..
            }
        )
    };
    assert_eq!(one.was_told(renewed), 1);
}

#[tokio::test(start_paused = true)]
async fn while_the_server_is_down_the_last_leader_goes_on_and_nobody_takes_over() {
    let (table, folder) = (Table::new(), tempfile::tempdir().unwrap());
    let one = Stand::start(&table, "one", folder.path());
    pass(SECOND).await;
    let two = Stand::start(&table, "two", folder.path());
    pass(SECOND * 5).await;
    table.set(Server::Down);
    for _ in 0..600 {
        sleep(Duration::from_millis(100)).await;
        assert!(one.may_send() && !two.leads());
    }
    assert!(one.role.borrow().is_alone());
    // It has lapsed long ago, and the leader is given the time to renew it.
    table.set(Server::Up);
    for _ in 0..200 {
        sleep(Duration::from_millis(100)).await;
        assert!(one.may_send() && !two.leads());
    }
    assert!(!one.role.borrow().is_alone());
    assert_eq!(table.token(), 1);
    let alone = |it: &StandbyEvent| matches!(it, StandbyEvent::StandbyAlone { .. });
    assert_eq!((one.was_told(alone), two.was_told(alone)), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn one_whose_lease_has_ended_does_not_go_on_though_the_server_is_down() {
    // Paused, or cut off, until the lease was over.
    for is_paused in [true, false] {
        let (table, folder) = (Table::new(), tempfile::tempdir().unwrap());
        let one = Stand::start(&table, "one", folder.path());
        pass(SECOND * 5).await;
        table.set(Server::Silent);
        if is_paused {
            advance(HEARTBEAT * 2).await;
        } else {
            pass(HEARTBEAT * 2).await;
        }
        table.hold_as("two");
        table.set(Server::Down);
        for _ in 0..100 {
            sleep(Duration::from_millis(100)).await;
            assert!(!one.may_send(), "another one leads; paused: {is_paused}");
        }
        table.set(Server::Up);
        pass(SECOND * 2).await;
        assert_eq!(*one.role.borrow(), Role::Lost);
    }
}

#[tokio::test(start_paused = true)]
async fn while_the_server_takes_no_change_nobody_is_deposed_and_it_is_asked_seldom() {
    let (table, folder) = (Table::new(), tempfile::tempdir().unwrap());
    let one = Stand::start(&table, "one", folder.path());
    pass(SECOND).await;
    let two = Stand::start(&table, "two", folder.path());
    pass(SECOND * 5).await;
    for outage in 0_u64..10 {
        table.set(Server::Reads);
        let before = table.changes.load(Ordering::Relaxed);
        pass(SECOND * 12 + Duration::from_millis(130 * outage)).await;
        assert!(one.may_send() && one.role.borrow().is_alone());
        let asked = table.changes.load(Ordering::Relaxed) - before;
        assert!((12..=32).contains(&asked), "{asked}");
        // Its owner has the time to renew.
        table.set(Server::Up);
        for _ in 0..100 {
            sleep(Duration::from_millis(100)).await;
            assert!(one.may_send() && !two.leads());
        }
    }
    let complained = |it: &Event| matches!(it, Event::Trouble { .. });
    assert_eq!(two.told.count(complained), 1, "once in a while");
    table.set(Server::Reads);
    pass(SECOND * 5).await;
    one.kill().await;
    let one = Stand::start(&table, "one", folder.path());
    pass(HEARTBEAT * 2).await;
    assert!(one.leads() && one.may_send(), "it led last");
    // One that led before another did stays silent.
    one.kill().await;
    table.hold_as("two");
    let one = Stand::start(&table, "one", folder.path());
    pass(HEARTBEAT * 4).await;
    assert!(!one.leads() && !one.note.exists());
}

#[tokio::test(start_paused = true)]
async fn one_that_is_to_stop_without_the_database_does() {
    let (table, folder) = (Table::new(), tempfile::tempdir().unwrap());
    let one = Stand::start_with(&table, "one", folder.path(), WithoutDatabase::Stop);
    pass(SECOND * 5).await;
    table.set(Server::Down);
    pass(HEARTBEAT).await;
    assert!(!one.may_send());
    one.kill().await;
    let again = Stand::start_with(&table, "one", folder.path(), WithoutDatabase::Stop);
    pass(HEARTBEAT * 5).await;
    assert!(!again.leads());
    table.set(Server::Up);
    pass(SECOND * 2).await;
    assert!(again.leads() && again.may_send(), "its own lease, at once");
}

#[tokio::test(start_paused = true)]
async fn one_that_was_killed_takes_its_own_lease_again_at_once() {
    let (table, folder) = (Table::new(), tempfile::tempdir().unwrap());
    let one = Stand::start(&table, "one", folder.path());
    pass(SECOND * 5).await;
    one.kill().await;
    let again = Stand::start(&table, "one", folder.path());
    sleep(Duration::from_millis(50)).await;
    assert!(again.leads() && again.may_send());
    assert_eq!(table.token(), 2);
    // A copy of its folder, made before, is another worker.
    let copy = tempfile::tempdir().unwrap();
    std::fs::write(copy.path().join("one"), "1 allora-localnet-1/allo1x\n").unwrap();
    let copy = Stand::start(&table, "one", copy.path());
    pass(HEARTBEAT * 4).await;
    assert!(again.leads() && !copy.leads());
}

#[tokio::test(start_paused = true)]
async fn the_last_leader_goes_on_when_it_is_started_while_the_server_is_down() {
    let (table, folder) = (Table::new(), tempfile::tempdir().unwrap());
    let one = Stand::start(&table, "one", folder.path());
    pass(SECOND).await;
    let two = Stand::start(&table, "two", folder.path());
    pass(SECOND * 5).await;
    one.kill().await;
    table.set(Server::Down);
    let one = Stand::start(&table, "one", folder.path());
    pass(SECOND).await;
    assert!(!one.leads(), "a moment may pass");
    pass(HEARTBEAT).await;
    assert!(one.leads() && one.may_send() && one.role.borrow().is_alone());
    assert!(!two.leads(), "it never led");
    table.set(Server::Up);
    pass(HEARTBEAT * 2).await;
    assert!(one.may_send() && !one.role.borrow().is_alone() && !two.leads());
}

#[tokio::test(start_paused = true)]
async fn one_that_led_before_another_did_does_not_go_on() {
    let (table, folder) = (Table::new(), tempfile::tempdir().unwrap());
    let one = Stand::start(&table, "one", folder.path());
    pass(SECOND * 5).await;
    one.kill().await;
    pass(HEARTBEAT * 2).await;
    table.hold_as("two");
    let one = Stand::start(&table, "one", folder.path());
    sleep(Duration::from_millis(100)).await;
    table.set(Server::Down);
    pass(HEARTBEAT * 5).await;
    assert!(!one.leads() && !one.note.exists());
    let complained = |it: &Event| matches!(it, Event::Trouble { .. });
    assert_eq!(one.told.count(complained), 1);
}

#[tokio::test(start_paused = true)]
async fn a_lapsed_lease_is_taken_only_after_a_heartbeat_in_which_it_could_have_been_renewed() {
    let (table, folder) = (Table::new(), tempfile::tempdir().unwrap());
    table.hold_as("gone");
    pass(HEARTBEAT * 3).await;
    let two = Stand::start(&table, "two", folder.path());
    pass(HEARTBEAT * 9 / 10).await;
    assert!(!two.leads());
    pass(SECOND / 2).await;
    assert!(two.leads());
}

#[tokio::test(start_paused = true)]
async fn a_server_whose_clock_jumps_makes_nobody_lapse() {
    let (table, folder) = (Table::new(), tempfile::tempdir().unwrap());
    let one = Stand::start(&table, "one", folder.path());
    pass(SECOND).await;
    let two = Stand::start(&table, "two", folder.path());
    pass(SECOND * 9).await;
    for _ in 0..20 {
        // An hour ahead: what was renewed has lapsed at once.
        if let Some((_, _, until)) = table.row.lock().unwrap().as_mut() {
            *until = (*until).min(Instant::now());
        }
        sleep(Duration::from_millis(300)).await;
        assert!(one.leads() && !two.leads());
    }
}

#[tokio::test(start_paused = true)]
async fn it_gives_signs_of_life_whatever_the_server_does() {
    let (table, folder) = (Table::new(), tempfile::tempdir().unwrap());
    let one = Stand::start(&table, "one", folder.path());
    pass(SECOND).await;
    let two = Stand::start(&table, "two", folder.path());
    pass(SECOND).await;
    let both = || [one.beats(), two.beats()];
    for server in [Server::Up, Server::Silent, Server::Down, Server::Up] {
        table.set(server);
        let before = both();
        pass(SECOND * 20).await;
        let after = both();
        for (before, after) in before.iter().zip(after) {
            assert!(after >= before + 10, "{server:?}: {before} {after}");
        }
    }
    // Until the process begins anew.
    table.hold_as("two");
    pass(SECOND * 2).await;
    assert_eq!(*one.role.borrow(), Role::Lost);
    let before = one.beats();
    pass(SECOND * 20).await;
    assert!(one.beats() >= before + 10);
}

#[tokio::test(start_paused = true)]
async fn another_wallet_and_a_clock_that_is_off_are_told_once() {
    let (mut table, folder) = (Table::new(), tempfile::tempdir().unwrap());
    let server = Arc::get_mut(&mut table).unwrap();
    server.others = vec!["allo1y".into()];
    server.drift = SECOND * 60;
    table.hold_as("two");
    let one = Stand::start(&table, "one", folder.path());
    pass(HEARTBEAT * 5).await;
    assert!(one.leads());
    let stranger = |it: &StandbyEvent| {
        matches!(it, StandbyEvent::StandbyStrangers { own, others }
            if own == "allo1x" && *others == ["allo1y"])
    };
    let clock = |it: &StandbyEvent| matches!(it, StandbyEvent::StandbyClock { seconds } if (-61..=-59).contains(seconds));
    assert_eq!((one.was_told(stranger), one.was_told(clock)), (1, 1));
}
