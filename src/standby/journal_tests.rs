use std::sync::Mutex as Lock;

use time::OffsetDateTime;

use super::*;
use crate::store::{
    SignedTx, State, StateName,
    sample::{step, wallet},
};

const HEARTBEAT: Duration = Duration::from_millis(300);

/// How the shared journal is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Server {
    Up,
    Silent,
    Down,
}

/// A shared journal in memory, which belongs to one token.
struct Shared {
    store: Store,
    steps: Lock<Vec<(i64, Transition)>>,
    server: Lock<Server>,
    token: Lock<i64>,
    /// Whether it gives its steps to those that copy all of them.
    copies: Lock<bool>,
}

impl Shared {
    async fn new() -> Arc<Self> {
        Arc::new(Self {
            store: Store::in_memory().await.unwrap(),
            steps: Lock::default(),
            server: Lock::new(Server::Up),
            token: Lock::new(1),
            copies: Lock::new(true),
        })
    }

    fn set(&self, server: Server) {
        *self.server.lock().unwrap() = server;
    }

    async fn reached(&self) -> Result<(), StoreError> {
        let server = *self.server.lock().unwrap();
        match server {
            Server::Up => Ok(()),
            Server::Silent => std::future::pending().await,
            Server::Down => Err(StoreError::Server {
                place: "here".into(),
                cause: std::io::Error::from(std::io::ErrorKind::ConnectionRefused).into(),
            }),
        }
    }

    fn nonces(&self) -> Vec<i64> {
        let steps = self.steps.lock().unwrap();
        steps.iter().map(|(_, it)| it.key.nonce.0).collect()
    }
}

#[async_trait]
impl SharedSteps for Shared {
    async fn write(
        &self,
        wallet: &Wallet,
        lead: &Lead,
        steps: &[Transition],
    ) -> Result<i64, StoreError> {
        self.reached().await?;
        if *self.token.lock().unwrap() != lead.token {
            let address = wallet.address.clone();
            return Err(StoreError::Fenced { address });
        }
        self.store.append(steps).await?;
        let mut all = self.steps.lock().unwrap();
        for step in steps {
            let number = i64::try_from(all.len()).unwrap() + 1;
            all.push((number, step.clone()));
        }
        Ok(i64::try_from(all.len()).unwrap())
    }

    async fn after(
        &self,
        _: &Wallet,
        after: i64,
        limit: u32,
    ) -> Result<Vec<(i64, Transition)>, StoreError> {
        self.reached().await?;
        let gives = *self.copies.lock().unwrap();
        if !gives && limit > 1 {
            std::future::pending::<()>().await;
        }
        let all = self.steps.lock().unwrap();
        let new = all.iter().filter(|(number, _)| *number > after);
        Ok(new.take(limit as usize).cloned().collect())
    }

    async fn unfinished(&self, wallet: &Wallet) -> Result<Vec<Submission>, StoreError> {
        self.reached().await?;
        self.store.unfinished(wallet).await
    }

    async fn recent(&self, wallet: &Wallet, limit: u32) -> Result<Vec<Submission>, StoreError> {
        self.reached().await?;
        self.store.recent(wallet, limit).await
    }

    async fn sent_since(
        &self,
        wallet: &Wallet,
        since: OffsetDateTime,
    ) -> Result<Vec<Sent>, StoreError> {
        self.reached().await?;
        self.store.sent_since(wallet, since).await
    }

    async fn before_newest(&self, _: &Wallet, count: u32) -> Result<i64, StoreError> {
        self.reached().await?;
        let all = self.steps.lock().unwrap();
        let before = all.iter().rev().nth(count as usize);
        Ok(before.map_or(0, |(number, _)| *number))
    }

    async fn set_aside(&self, wallet: &Wallet, _: &Lead, chain_id: &str) -> Result<(), StoreError> {
        self.reached().await?;
        self.store.set_aside(wallet, chain_id).await
    }
}

fn prepared(nonce: i64) -> Transition {
    let tx = SignedTx {
        bytes: vec![1, 2, 3],
        hash: format!("HASH{nonce}"),
        sequence: 7,
    };
    step(nonce, State::Prepared(Arc::new(tx)))
}

/// A worker's journal, its copy and its role.
struct Desk {
    journal: Arc<StandbyJournal>,
    local: Store,
    role: watch::Sender<Role>,
    leash: Leash,
}

impl Desk {
    fn of(shared: &Arc<Shared>, local: &Store, goes_on: bool) -> Self {
        let token = *shared.token.lock().unwrap();
        let alone = false;
        let role = watch::Sender::new(Role::Leading { token, alone });
        let leash = Leash::unlimited();
        let journal = StandbyJournal::new(
            Arc::clone(shared) as _,
            local.clone(),
            (wallet(), "one".into()),
            (goes_on, HEARTBEAT),
            role.subscribe(),
            leash.clone(),
        );
        Self {
            journal: Arc::new(journal),
            local: local.clone(),
            role,
            leash,
        }
    }

    fn is(&self, token: i64, alone: bool) {
        self.role.send_replace(Role::Leading { token, alone });
    }

    async fn copied(&self) -> Vec<i64> {
        let recent = self.local.recent(&wallet(), 100).await.unwrap();
        recent.iter().rev().map(|it| it.key.nonce.0).collect()
    }

    async fn settled(&self) {
        self.journal.settle().await.unwrap();
    }
}

async fn desk(goes_on: bool) -> (Arc<Shared>, Desk) {
    let shared = Shared::new().await;
    let local = Store::in_memory().await.unwrap();
    let desk = Desk::of(&shared, &local, goes_on);
    desk.journal.take_up(None, 1).await;
    (shared, desk)
}

#[tokio::test]
async fn what_is_written_is_shared_and_copied() {
    let (shared, desk) = desk(true).await;
    desk.journal.append(&[prepared(1)]).await.unwrap();
    desk.settled().await;
    assert_eq!((shared.nonces(), desk.copied().await), (vec![1], vec![1]));
    // Another worker of the wallet has all of it, too.
    let other = Desk::of(&shared, &Store::in_memory().await.unwrap(), true);
    other.role.send_replace(Role::Waiting);
    other.settled().await;
    assert_eq!(other.copied().await, [1]);
    assert_eq!(desk.journal.patience(), HEARTBEAT);
}

#[tokio::test]
async fn what_was_written_while_the_server_was_down_is_handed_on_in_order() {
    let (shared, desk) = desk(true).await;
    desk.journal.append(&[prepared(1)]).await.unwrap();
    shared.set(Server::Down);
    desk.journal.append(&[prepared(2)]).await.unwrap();
    desk.is(1, true);
    desk.journal.append(&[prepared(3)]).await.unwrap();
    assert_eq!(shared.nonces(), [1]);
    // It was started again meanwhile: its own copy tells what it has sent.
    let again = Desk::of(&shared, &desk.local, true);
    again.is(1, true);
    let open = again.journal.unfinished(&wallet()).await.unwrap();
    assert_eq!(open.last().unwrap().key.nonce.0, 3);
    assert_eq!(open.last().unwrap().state.name(), StateName::Prepared);
    shared.set(Server::Up);
    again.is(1, false);
    again.journal.append(&[prepared(4)]).await.unwrap();
    assert_eq!(shared.nonces(), [1, 2, 3, 4]);
    again.settled().await;
    again.settled().await;
    assert_eq!(again.copied().await, [1, 2, 3, 4]);
    assert_eq!(shared.nonces(), [1, 2, 3, 4], "once");
}

#[tokio::test]
async fn it_is_handed_on_without_another_step_and_not_after_another_has_led() {
    let (shared, desk) = desk(true).await;
    desk.journal.append(&[prepared(1)]).await.unwrap();
    shared.set(Server::Down);
    desk.journal.append(&[prepared(2)]).await.unwrap();
    shared.set(Server::Up);
    desk.settled().await;
    assert_eq!(shared.nonces(), [1, 2]);
    shared.set(Server::Down);
    desk.journal.append(&[prepared(3)]).await.unwrap();
    shared.set(Server::Up);
    *shared.token.lock().unwrap() = 2;
    let refused = desk.journal.settle().await;
    assert!(
        matches!(refused, Err(Fault::Shared(StoreError::Fenced { .. }))),
        "{refused:?}"
    );
    // It leads once more, after the other one.
    *shared.token.lock().unwrap() = 3;
    let again = Desk::of(&shared, &desk.local, true);
    again.journal.take_up(Some(1), 3).await;
    again.journal.append(&[prepared(4)]).await.unwrap();
    assert_eq!(shared.nonces(), [1, 2, 4]);
}

#[tokio::test]
async fn one_that_is_fenced_writes_nothing_and_sends_nothing() {
    let (shared, desk) = desk(true).await;
    *shared.token.lock().unwrap() = 2;
    // Even where it believes itself alone.
    desk.is(1, true);
    assert!(desk.leash.check().is_ok());
    let refused = desk.journal.append(&[prepared(1)]).await;
    assert!(
        matches!(refused, Err(StoreError::Fenced { .. })),
        "{refused:?}"
    );
    assert!(desk.leash.check().is_err(), "at once");
    assert!(shared.nonces().is_empty() && desk.copied().await.is_empty());
    desk.role.send_replace(Role::Lost);
    assert!(desk.journal.recent(&wallet(), 9).await.is_err());
}

#[tokio::test]
async fn a_server_that_is_silent_is_waited_for() {
    for (server, goes_on) in [(Server::Silent, true), (Server::Down, false)] {
        let (shared, desk) = desk(goes_on).await;
        shared.set(server);
        let journal = Arc::clone(&desk.journal);
        let writing = tokio::spawn(async move { journal.append(&[prepared(1)]).await });
        sleep(HEARTBEAT * 2).await;
        assert!(!writing.is_finished(), "{server:?}");
        shared.set(Server::Up);
        writing.await.unwrap().unwrap();
        assert_eq!(shared.nonces(), [1]);
    }
}

#[tokio::test]
async fn a_journal_of_ones_own_is_what_an_empty_shared_one_begins_with() {
    let shared = Shared::new().await;
    let local = Store::in_memory().await.unwrap();
    local.append(&[prepared(1), prepared(2)]).await.unwrap();
    let desk = Desk::of(&shared, &local, true);
    desk.settled().await;
    desk.journal.take_up(None, 1).await;
    let open = desk.journal.unfinished(&wallet()).await.unwrap();
    assert_eq!(open.len(), 2);
    desk.settled().await;
    assert_eq!(
        (shared.nonces(), desk.copied().await),
        (vec![1, 2], vec![1, 2])
    );

    // The next one's own is not: the shared one has begun.
    let local = Store::in_memory().await.unwrap();
    local.append(&[prepared(9)]).await.unwrap();
    let other = Desk::of(&shared, &local, true);
    other.journal.take_up(None, 1).await;
    other.journal.append(&[prepared(3)]).await.unwrap();
    assert_eq!(shared.nonces(), [1, 2, 3]);
}

#[tokio::test]
async fn the_fees_of_another_leader_count_too() {
    let shared = Shared::new().await;
    let local = Store::in_memory().await.unwrap();
    let desk = Desk::of(&shared, &local, true);
    desk.journal.take_up(None, 1).await;
    shared.store.append(&[prepared(9)]).await.unwrap();
    shared.steps.lock().unwrap().push((1, prepared(9)));
    let since = OffsetDateTime::now_utc() - Duration::from_secs(60);
    let sent = desk.journal.sent_since(&wallet(), since).await.unwrap();
    assert_eq!(sent.len(), 1);
    assert_eq!(sent[0].hash, "HASH9");
}

#[tokio::test]
async fn a_disk_that_hangs_holds_up_neither_the_journal_nor_the_start() {
    let (shared, desk) = desk(true).await;
    let hung = desk.local.hung().await;
    let begun = tokio::time::Instant::now();
    desk.journal.append(&[prepared(1)]).await.unwrap();
    let since = OffsetDateTime::now_utc() - Duration::from_secs(60);
    let sent = desk.journal.sent_since(&wallet(), since).await.unwrap();
    assert_eq!(sent.len(), 1);
    assert_eq!(desk.journal.unfinished(&wallet()).await.unwrap().len(), 1);
    for nonce in 2..20 {
        desk.journal.append(&[prepared(nonce)]).await.unwrap();
    }
    assert!(begun.elapsed() < HEARTBEAT * 4, "it is waited for once");
    assert_eq!(shared.nonces(), (1..20).collect::<Vec<_>>());
    drop(hung);
    desk.settled().await;
    assert_eq!(desk.copied().await, (1..20).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_disk_that_fails_holds_up_nothing_and_is_told_of_once() {
    let shared = Shared::new().await;
    let local = Store::in_memory().await.unwrap();
    let mut desk = Desk::of(&shared, &local, true);
    let (reporter, recording) = Reporter::recording();
    let journal = Arc::into_inner(desk.journal).unwrap();
    desk.journal = Arc::new(journal.telling(reporter));
    local.broken().await;
    desk.journal.take_up(Some(1), 1).await;
    desk.journal.append(&[prepared(1)]).await.unwrap();
    assert_eq!(desk.journal.unfinished(&wallet()).await.unwrap().len(), 1);
    assert_eq!(shared.nonces(), [1]);
    for _ in 0..9 {
        let settled = desk.journal.settle().await;
        desk.journal.copy.judge(&settled);
    }
    assert_eq!(recording.events().len(), 1, "{:?}", recording.events());
}

#[tokio::test]
async fn what_was_handed_on_is_not_handed_on_again() {
    let (shared, desk) = desk(true).await;
    desk.journal.append(&[prepared(1)]).await.unwrap();
    shared.set(Server::Down);
    desk.journal.append(&[prepared(2)]).await.unwrap();
    let trigger = "CREATE TRIGGER full BEFORE DELETE ON journal_waiting \
                   BEGIN SELECT RAISE(ABORT, 'full'); END";
    let run = async |sql: &'static str| {
        let mut local = desk.local.hung().await;
        sqlx::raw_sql(sql).execute(&mut *local).await.unwrap();
    };
    run(trigger).await;
    shared.set(Server::Up);
    desk.journal.append(&[prepared(3)]).await.unwrap();
    desk.journal.append(&[prepared(4)]).await.unwrap();
    assert_eq!(shared.nonces(), [1, 2, 3, 4]);
    // It is killed, and finds in the shared journal what it has handed on.
    run("DROP TRIGGER full").await;
    let again = Desk::of(&shared, &desk.local, true);
    again.journal.take_up(Some(1), 1).await;
    again.journal.append(&[prepared(5)]).await.unwrap();
    again.settled().await;
    assert_eq!(shared.nonces(), [1, 2, 3, 4, 5]);
    assert_eq!(desk.local.count_waiting().await.unwrap(), 0);
    let mut copied = again.copied().await;
    copied.sort_unstable();
    assert_eq!(copied, [1, 2, 3, 4, 5]);
}

#[tokio::test]
async fn what_waits_on_a_full_disk_is_handed_on_once() {
    let (shared, desk) = desk(true).await;
    desk.journal.append(&[prepared(1)]).await.unwrap();
    shared.set(Server::Down);
    let (second, third) = (prepared(2), prepared(3));
    desk.journal
        .append(std::slice::from_ref(&second))
        .await
        .unwrap();
    desk.journal.append(&[third]).await.unwrap();
    let mut local = desk.local.hung().await;
    for change in [
        "INSERT ON journal",
        "DELETE ON journal_waiting",
        "INSERT ON journal_copied",
    ] {
        let name = change.replace(' ', "_");
        let sql =
            format!("CREATE TRIGGER {name} BEFORE {change} BEGIN SELECT RAISE(ABORT, 'full'); END");
        let sql = sqlx::AssertSqlSafe(sql);
        sqlx::raw_sql(sql).execute(&mut *local).await.unwrap();
    }
    drop(local);
    // It was killed before it noted that the second one was handed on.
    shared.set(Server::Up);
    let lead = desk.journal.lead().unwrap();
    shared.write(&wallet(), &lead, &[second]).await.unwrap();
    let again = Desk::of(&shared, &desk.local, true);
    again.journal.take_up(Some(1), 1).await;
    let open = again.journal.unfinished(&wallet()).await.unwrap();
    assert_eq!(open.len(), 3, "none of them is answered again");
    again.journal.append(&[prepared(4)]).await.unwrap();
    assert_eq!(shared.nonces(), [1, 2, 3, 4]);
}

#[tokio::test]
async fn a_copy_that_is_not_complete_holds_up_nothing() {
    let (shared, desk) = desk(true).await;
    for nonce in 1..3 {
        shared.store.append(&[prepared(nonce)]).await.unwrap();
    }
    *shared.copies.lock().unwrap() = false;
    let follower = Arc::clone(&desk.journal);
    let follower = tokio::spawn(async move { follower.follow().await });
    let work = async {
        desk.journal.append(&[prepared(3)]).await.unwrap();
        let open = desk.journal.unfinished(&wallet()).await.unwrap();
        let since = OffsetDateTime::now_utc() - Duration::from_secs(60);
        let sent = desk.journal.sent_since(&wallet(), since).await.unwrap();
        (open.len(), sent.len())
    };
    assert_eq!(timeout(HEARTBEAT, work).await.unwrap(), (3, 3));
    follower.abort();
}

#[tokio::test]
async fn the_copy_holds_what_its_leader_wrote_when_the_server_goes_down() {
    let (shared, desk) = desk(true).await;
    desk.settled().await;
    desk.journal.append(&[prepared(1)]).await.unwrap();
    // It is killed.
    shared.set(Server::Down);
    let again = Desk::of(&shared, &desk.local, true);
    again.is(1, true);
    let open = again.journal.unfinished(&wallet()).await.unwrap();
    assert_eq!(open.len(), 1);
    let sent = Transition {
        state: State::Counted,
        ..prepared(1)
    };
    again.journal.append(&[sent]).await.unwrap();
    shared.set(Server::Up);
    again.is(1, false);
    again.settled().await;
    let found = again.local.recent(&wallet(), 9).await.unwrap();
    assert_eq!(found[0].state, State::Counted, "in its order");
}

#[tokio::test]
async fn a_first_hand_over_that_a_kill_cut_short_goes_on() {
    let shared = Shared::new().await;
    let local = Store::in_memory().await.unwrap();
    let own = [prepared(1), prepared(2), prepared(3)];
    local.append(&own).await.unwrap();
    let desk = Desk::of(&shared, &local, true);
    desk.journal.take_up(None, 1).await;
    let lead = desk.journal.lead().unwrap();
    shared.write(&wallet(), &lead, &own[..2]).await.unwrap();
    let again = Desk::of(&shared, &local, true);
    again.journal.take_up(Some(1), 1).await;
    again.journal.append(&[prepared(4)]).await.unwrap();
    assert_eq!(shared.nonces(), [1, 2, 3, 4]);
}

#[tokio::test]
async fn fees_are_told_within_a_heartbeat_whatever_the_server_does() {
    let (shared, desk) = desk(true).await;
    desk.journal.append(&[prepared(1)]).await.unwrap();
    desk.settled().await;
    shared.set(Server::Silent);
    let since = OffsetDateTime::now_utc() - Duration::from_secs(60);
    let wallet = wallet();
    let asked = timeout(HEARTBEAT * 3, desk.journal.sent_since(&wallet, since));
    assert_eq!(asked.await.unwrap().unwrap().len(), 1, "from the copy");
}

#[tokio::test]
async fn a_database_in_memory_is_begun_with_the_newest_steps() {
    let (shared, desk) = desk(true).await;
    let steps = (1..=20_100).map(|number| (number, prepared(number)));
    shared.steps.lock().unwrap().extend(steps);
    let until = desk.journal.copy.copied_until(HEARTBEAT).await.unwrap();
    assert_eq!(until, 100);
}
