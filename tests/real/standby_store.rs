//! The suite of the journal on a real PostgreSQL server, and the leases of wallets.

use std::{sync::Arc, time::Duration};

use allora_worker::store::{
    Claim, Down, Journal, Lead, Seen, Sent, SharedSteps as _, StandbyDb, State, StoreError,
    Submission, Transition, Wallet, WalletLeases as _,
};
use async_trait::async_trait;
use time::OffsetDateTime;
use tokio::time::{Instant, sleep, timeout};

use crate::{
    journal_suite::{journal_suite, signed, step, wallet},
    postgres_server::{own, shared},
    prediction_store,
};

const LIMIT: Duration = Duration::from_secs(5);
const LAPSE: Duration = Duration::from_millis(500);
const LONG: Duration = Duration::from_secs(30);

/// The shared journal in the hands of one worker that leads.
struct LedJournal {
    db: Arc<StandbyDb>,
    lead: Lead,
}

impl LedJournal {
    const fn new(db: Arc<StandbyDb>, lead: Lead) -> Self {
        Self { db, lead }
    }
}

#[async_trait]
impl Journal for LedJournal {
    async fn append(&self, steps: &[Transition]) -> Result<(), StoreError> {
        let wallet = &steps[0].wallet;
        self.db.write(wallet, &self.lead, steps).await.map(drop)
    }

    async fn unfinished(&self, wallet: &Wallet) -> Result<Vec<Submission>, StoreError> {
        self.db.unfinished(wallet).await
    }

    async fn recent(&self, wallet: &Wallet, limit: u32) -> Result<Vec<Submission>, StoreError> {
        self.db.recent(wallet, limit).await
    }

    async fn sent_since(
        &self,
        wallet: &Wallet,
        since: OffsetDateTime,
    ) -> Result<Vec<Sent>, StoreError> {
        self.db.sent_since(wallet, since).await
    }

    async fn set_aside(&self, wallet: &Wallet, chain_id: &str) -> Result<(), StoreError> {
        self.db.set_aside(wallet, &self.lead, chain_id).await
    }
}

struct Place {
    schema: prediction_store::Place,
    db: Arc<StandbyDb>,
    journal: LedJournal,
}

impl Place {
    async fn clear(self) {
        self.schema.clear().await;
    }

    fn another(&self) -> StandbyDb {
        StandbyDb::at(&self.schema.url(), LIMIT).expect("a server")
    }
}

fn claim(owner: &str, lapse: Duration) -> Claim {
    Claim {
        owner: owner.into(),
        own: None,
        lapse,
        may_bury: true,
    }
}

async fn take(db: &StandbyDb, owner: &str, lapse: Duration) -> Option<Lead> {
    let taken = db.take(&wallet(), &claim(owner, lapse)).await;
    taken.expect("the server answers").map(|it| Lead {
        owner: owner.into(),
        token: it.token,
    })
}

async fn postgres() -> Option<Place> {
    let place = prediction_store::Place::postgres(&shared()?).await;
    let db = Arc::new(StandbyDb::at(&place.url(), LIMIT).expect("a server"));
    let lead = take(&db, "one", LONG).await.expect("it is free");
    let journal = LedJournal::new(Arc::clone(&db), lead);
    let schema = place;
    Some(Place {
        schema,
        db,
        journal,
    })
}

journal_suite!(postgres);

#[tokio::test]
async fn one_of_many_takes_a_lease_and_its_token_grows() {
    let Some(place) = postgres().await else {
        return;
    };
    let other = place.another();
    assert_eq!(take(&other, "two", LONG).await, None, "it is held");
    let first = Lead {
        owner: "one".into(),
        token: 1,
    };
    place.db.give_back(&wallet(), &first).await.unwrap();
    let claims = (0..8).map(|it| {
        let db = place.another();
        tokio::spawn(async move { take(&db, &format!("w{it}"), LONG).await })
    });
    let mut leads = Vec::new();
    for claim in claims.collect::<Vec<_>>() {
        leads.extend(claim.await.unwrap());
    }
    assert_eq!(leads.len(), 1, "{leads:?}");
    assert_eq!(leads[0].token, 2);
    let seen = other.look(&wallet()).await.unwrap().unwrap();
    assert_eq!(seen.owner, Some(leads[0].owner.clone()));
    assert!(seen.left > LONG / 2 && seen.left <= LONG, "{seen:?}");
    place.clear().await;
}

#[tokio::test]
async fn who_else_is_there_is_told_with_the_servers_time() {
    let Some(place) = postgres().await else {
        return;
    };
    let own = place.db.survey(&wallet()).await.unwrap();
    assert!(own.others.is_empty(), "{own:?}");
    let drift = time::OffsetDateTime::now_utc() - own.now;
    assert!(drift.unsigned_abs() < LIMIT, "{drift}");
    let other = allora_worker::store::Wallet {
        address: "allo1other".into(),
        ..wallet()
    };
    let seen = place.db.survey(&other).await.unwrap();
    assert_eq!(seen.others, [wallet().address]);
    place.clear().await;
}

#[tokio::test]
async fn what_has_lapsed_is_taken_and_its_owner_writes_no_more() {
    let Some(place) = postgres().await else {
        return;
    };
    let (one, two) = (place.another(), place.another());
    place
        .db
        .give_back(&wallet(), &lead("one", 1))
        .await
        .unwrap();
    let old = take(&one, "one", LAPSE).await.unwrap();
    let journal = LedJournal::new(Arc::new(place.another()), old.clone());
    journal
        .append(&[step(1, State::Prepared(signed(1)))])
        .await
        .unwrap();
    let seen = two.look(&wallet()).await.unwrap().unwrap();
    sleep(seen.left + Duration::from_millis(30)).await;
    // It may go on as long as nobody took it.
    journal
        .append(&[step(2, State::Prepared(signed(2)))])
        .await
        .unwrap();
    let hesitant = Claim {
        may_bury: false,
        ..claim("two", LONG)
    };
    assert_eq!(two.take(&wallet(), &hesitant).await.unwrap(), None);
    let taken = two
        .take(&wallet(), &claim("two", LONG))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        (taken.token, taken.from.as_deref()),
        (old.token + 1, Some("one"))
    );
    assert!(taken.silent >= LAPSE, "{taken:?}");
    let refused = journal.append(&[step(3, State::Prepared(signed(3)))]).await;
    assert!(
        matches!(refused, Err(StoreError::Fenced { .. })),
        "{refused:?}"
    );
    let refused = journal.set_aside(&wallet(), "elsewhere").await;
    assert!(
        matches!(refused, Err(StoreError::Fenced { .. })),
        "{refused:?}"
    );
    assert!(!one.renew(&wallet(), &old, LONG).await.unwrap());
    one.give_back(&wallet(), &old).await.unwrap();
    assert_eq!(
        take(&one, "one", LONG).await,
        None,
        "what is another's is not given back"
    );
    let open = journal.unfinished(&wallet()).await.unwrap();
    let nonces: Vec<_> = open.iter().map(|it| it.key.nonce.0).collect();
    assert_eq!(nonces, [1, 2], "all that was written is handed on");
    place.clear().await;
}

#[tokio::test]
async fn a_server_whose_clock_was_set_back_keeps_nobody_from_leading() {
    let Some(place) = postgres().await else {
        return;
    };
    let other = place.another();
    // As a lease looks that was taken an hour ahead of now.
    let own = lead("one", 1);
    let hour = Duration::from_hours(1);
    assert!(place.db.renew(&wallet(), &own, hour).await.unwrap());
    let seen = other.look(&wallet()).await.unwrap().unwrap();
    assert_eq!(seen.left, Duration::ZERO);
    // Its owner renews it by the new time.
    assert!(place.db.renew(&wallet(), &own, LAPSE * 4).await.unwrap());
    let seen = other.look(&wallet()).await.unwrap().unwrap();
    assert!(
        !seen.left.is_zero() && seen.left <= LAPSE * 4,
        "{:?}",
        seen.left
    );
    assert_eq!(take(&other, "two", LONG).await, None);
    assert!(place.db.renew(&wallet(), &own, hour).await.unwrap());
    let taken = take(&other, "two", LONG).await;
    assert_eq!(taken, Some(lead("two", 2)));
    place.clear().await;
}

#[tokio::test]
async fn a_lease_that_is_renewed_does_not_lapse_and_ones_own_is_taken_at_once() {
    let Some(place) = postgres().await else {
        return;
    };
    let other = place.another();
    let own = lead("one", 1);
    let lapse = LAPSE * 4;
    let begun = Instant::now();
    place.db.give_back(&wallet(), &own).await.unwrap();
    let own = take(&place.db, "one", lapse).await.unwrap();
    while begun.elapsed() < lapse + lapse / 4 {
        assert!(place.db.renew(&wallet(), &own, lapse).await.unwrap());
        assert_eq!(take(&other, "two", lapse).await, None);
        sleep(lapse / 20).await;
    }
    assert!(place.db.renew(&wallet(), &own, LONG).await.unwrap());
    let stranger = Claim {
        own: Some(own.token - 1),
        ..claim("one", LONG)
    };
    assert_eq!(
        other.take(&wallet(), &stranger).await.unwrap(),
        None,
        "a copy of its folder"
    );
    let again = Claim {
        own: Some(own.token),
        ..claim("one", LONG)
    };
    let taken = other.take(&wallet(), &again).await.unwrap().unwrap();
    assert_eq!(taken.token, own.token + 1);
    place.clear().await;
}

#[tokio::test]
async fn whoever_waits_hears_that_a_lease_is_given_back() {
    let Some(place) = postgres().await else {
        return;
    };
    let waiting = place.another();
    let heard = tokio::spawn(async move { waiting.given_back(&wallet()).await });
    // Until it listens, nothing is heard.
    let (begun, mut own) = (Instant::now(), lead("one", 1));
    while !heard.is_finished() {
        assert!(begun.elapsed() < LONG, "it is never heard");
        place.db.give_back(&wallet(), &own).await.unwrap();
        sleep(Duration::from_millis(50)).await;
        own = take(&place.db, "one", LONG).await.expect("it is free");
    }
    timeout(LIMIT, heard).await.unwrap().unwrap();
    place.clear().await;
}

#[tokio::test]
async fn steps_are_read_from_where_one_stood() {
    let Some(place) = postgres().await else {
        return;
    };
    let db = &place.db;
    assert!(db.after(&wallet(), 0, 9).await.unwrap().is_empty());
    let steps = [step(1, State::Prepared(signed(1))), step(1, State::Due)];
    let last = db.write(&wallet(), &lead("one", 1), &steps).await.unwrap();
    let read = db.after(&wallet(), 0, 1).await.unwrap();
    assert_eq!(read[0].1.state, State::Prepared(signed(1)));
    let read = db.after(&wallet(), read[0].0, 9).await.unwrap();
    assert_eq!((read.len(), read[0].0), (1, last));
    assert!(db.after(&wallet(), last, 9).await.unwrap().is_empty());
    place.clear().await;
}

#[tokio::test]
async fn what_may_be_out_is_told_with_its_bytes_and_how_far_the_newest_go_back() {
    let Some(place) = postgres().await else {
        return;
    };
    let broadcast = State::Broadcast {
        hash: signed(2).hash.clone(),
        endpoint: "http://node".into(),
    };
    let steps = [
        step(1, State::Prepared(signed(1))),
        step(2, State::Prepared(signed(2))),
        step(2, broadcast),
        step(3, State::Prepared(signed(3))),
        step(3, State::Superseded),
    ];
    place.journal.append(&steps).await.unwrap();
    let since = OffsetDateTime::now_utc() - LONG;
    let sent = place.journal.sent_since(&wallet(), since).await.unwrap();
    let told: Vec<_> = sent.into_iter().map(|it| (it.hash, it.bytes)).collect();
    let expected = [1, 2].map(|it| (signed(it).hash.clone(), signed(it).bytes.clone()));
    assert_eq!(told, expected);
    let later = OffsetDateTime::now_utc() + LONG;
    assert!(
        place
            .journal
            .sent_since(&wallet(), later)
            .await
            .unwrap()
            .is_empty()
    );
    let all = place.db.after(&wallet(), 0, 9).await.unwrap();
    let before = place.db.before_newest(&wallet(), 2).await.unwrap();
    assert_eq!(before, all[2].0);
    assert_eq!(place.db.before_newest(&wallet(), 5).await.unwrap(), 0);
    place.clear().await;
}

#[tokio::test]
async fn words_that_the_server_does_not_take_are_cleaned() {
    let Some(place) = postgres().await else {
        return;
    };
    let reason = "zero \0 byte".to_owned();
    place
        .journal
        .append(&[step(1, State::Expired { reason })])
        .await
        .unwrap();
    let read = place.journal.recent(&wallet(), 1).await.unwrap();
    let reason = "zero \u{fffd} byte".to_owned();
    assert_eq!(read[0].state, State::Expired { reason });
    place.clear().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_down_is_told_from_one_that_is_silent() {
    let Some(server) = own() else {
        return;
    };
    let place = prediction_store::Place::postgres(server.url()).await;
    let db = StandbyDb::at(&place.url(), LIMIT).expect("a server");
    let own = take(&db, "one", LONG).await.expect("it is free");
    {
        let _frozen = server.freeze();
        let silent = timeout(LAPSE, db.renew(&wallet(), &own, LONG)).await;
        assert!(silent.is_err(), "{silent:?}");
    }
    assert!(db.renew(&wallet(), &own, LONG).await.unwrap());
    tokio::task::block_in_place(|| server.command("stop"));
    let gone = db.renew(&wallet(), &own, LONG).await.unwrap_err();
    let gone = match gone.down() {
        None => db.renew(&wallet(), &own, LONG).await.unwrap_err(),
        Some(_) => gone,
    };
    assert!(
        matches!(gone.down(), Some(Down::Refused | Down::Said)),
        "{gone}"
    );
    tokio::task::block_in_place(|| server.command("start"));
    let begun = Instant::now();
    while !matches!(db.renew(&wallet(), &own, LONG).await, Ok(true)) {
        assert!(begun.elapsed() < LONG, "it is still the owner's");
        sleep(Duration::from_millis(50)).await;
    }
    let seen = db.look(&wallet()).await.unwrap();
    let Some(Seen { owner, token, .. }) = seen else {
        panic!("it is there");
    };
    assert_eq!((owner.as_deref(), token), (Some("one"), own.token));
}

fn lead(owner: &str, token: i64) -> Lead {
    Lead {
        owner: owner.into(),
        token,
    }
}
