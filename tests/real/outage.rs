//! A PostgreSQL server that is away, and processes that are killed, while predictions come in: all is
//! there afterwards, in order, and nothing twice.

use std::{
    collections::HashSet,
    path::Path,
    process::{Command, Stdio},
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use allora_worker::{
    ops::{Event, PredictEvent, Recording, Reporter},
    predict::{Connect, Fact, Facts as _, Outbox, OutboxOptions, PredictConfig, Waiting},
    store::{
        ConfigKey, DatabaseUrl, PredictionConfig, PredictionConfigRepository as _, PredictionDb,
        PredictionStore, StoreError,
    },
};
use rand::{Rng, SeedableRng, rngs::StdRng};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::{
    gate::{number, say, setting},
    postgres_server::{Server, own},
    prediction_store::{Place, all, prediction},
};

const CHILD: &str = "ALLORA_TEST_OUTAGE_CHILD";
const CRUNCH: &str = "condorgame";
/// From one round to the next, in the time of slots.
const INTERVAL: i64 = 60;
const MODELS: i64 = 20;
const USUAL: Limits = Limits {
    here: Duration::from_secs(30),
    there: Duration::from_secs(30),
};

/// How long a write may take by the worker's clock and by the server's.
#[derive(Clone, Copy)]
pub(crate) struct Limits {
    pub(crate) here: Duration,
    pub(crate) there: Duration,
}

pub(crate) struct Running {
    pub(crate) outbox: Outbox,
    pub(crate) recording: Recording,
    cancel: CancellationToken,
    task: JoinHandle<()>,
}

fn connecting(url: &DatabaseUrl, limit: Duration) -> impl Connect + use<> {
    let url = url.clone();
    move || {
        let db = PredictionDb::new(url.clone()).within(limit);
        async move {
            let opened: Arc<dyn PredictionStore> = Arc::new(db.opened().await?);
            Ok::<_, StoreError>(opened)
        }
    }
}

pub(crate) async fn start(file: &Path, url: &DatabaseUrl, limits: Limits) -> Running {
    let (reporter, recording) = Reporter::recording();
    let config = PredictConfig {
        retry_min: Duration::from_millis(100),
        retry_max: Duration::from_secs(2),
        write_timeout: limits.here,
        ..PredictConfig::default()
    };
    let mut options = OutboxOptions::new(&config, CRUNCH, url.to_string(), reporter);
    options.configs = vec![PredictionConfig {
        asset: "BTC".into(),
        horizon: 3_600,
        step: 60,
        interval: 60,
        active: true,
        order: 0,
        best: None,
    }];
    let (outbox, task) = Outbox::open(file, options).await.expect("it opens");
    let cancel = CancellationToken::new();
    let task = tokio::spawn(task.run(connecting(url, limits.there), cancel.clone()));
    Running {
        outbox,
        recording,
        cancel,
        task,
    }
}

impl Running {
    pub(crate) async fn drained(&self) {
        while self.outbox.waiting().facts > 0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    pub(crate) async fn stop(self) -> Recording {
        self.cancel.cancel();
        self.task.await.expect("the outbox ends well");
        self.recording
    }
}

/// All parts of a round, then its end.
pub(crate) fn round(slot: i64) -> Vec<Fact> {
    let part = |model| Fact::Prediction(prediction(slot, &format!("m{model:02}")));
    let mut facts: Vec<_> = (0..MODELS).map(part).collect();
    let first = prediction(slot, "m00");
    facts.push(Fact::Performed {
        crunch_id: CRUNCH.into(),
        config: first.config,
        slot: first.slot,
    });
    facts
}

/// Checks that the rounds up to the last one done are whole, in order, and there once; gives how many.
async fn check(place: &Place) -> usize {
    let db = place.open().await;
    let stored: Vec<_> = all(&db).await.into_iter().map(|it| it.prediction).collect();
    let keys = stored.iter().map(|it| (it.slot, it.model_id.clone()));
    assert_eq!(
        keys.collect::<HashSet<_>>().len(),
        stored.len(),
        "none twice"
    );
    let rounds = (0..).map(|round| round * INTERVAL);
    let parts = rounds.flat_map(|slot| (0..MODELS).map(move |it| (slot, format!("m{it:02}"))));
    for (there, (slot, model)) in stored.iter().zip(parts) {
        assert_eq!(there, &prediction(slot, &model), "all in order");
    }
    let newest = stored.last().map(|it| it.slot);
    let configs = db.configs(CRUNCH).await.expect("the configs");
    assert_eq!(configs.len(), 1);
    assert!(
        configs[0].performed <= newest,
        "no round ends before its parts are in"
    );
    let (whole, rest) = (stored.len() / 20, stored.len() % 20);
    let end = configs[0].performed.expect("a round is done");
    assert_eq!(
        end,
        prediction(INTERVAL * (i64::try_from(whole).expect("few") - 1), "").slot
    );
    assert_eq!(rest, 0, "the last round is whole");
    stored.len()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_away_gets_all_afterwards_in_order_and_once() {
    let away = Duration::from_secs(number("ALLORA_REAL_OUTAGE", 10));
    outage("away", away, USUAL, |server, wait| {
        server.command("stop");
        wait();
        server.command("start");
    })
    .await;
}

/// Its connections stay, and nothing comes back on them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_frozen_gets_all_afterwards_in_order_and_once() {
    let limit = Duration::from_secs(1);
    let limits = Limits {
        here: limit,
        there: limit,
    };
    outage("frozen", 6 * limit, limits, |server, wait| {
        let frozen = server.freeze();
        wait();
        drop(frozen);
    })
    .await;
}

/// Makes rounds before, while and after a server is away by `leave`.
async fn outage(
    word: &str,
    away: Duration,
    limits: Limits,
    leave: impl FnOnce(&Server, &mut dyn FnMut()),
) {
    let Some(server) = own() else {
        return;
    };
    let place = Place::postgres(server.url()).await;
    let folder = tempfile::tempdir().expect("a folder");
    let running = start(&folder.path().join("outbox.db"), &place.url(), limits).await;
    let (outbox, done) = (running.outbox.clone(), CancellationToken::new());
    let asked = done.clone();
    let asking = tokio::spawn(async move {
        let (mut rounds, mut longest) = (0_i64, Duration::ZERO);
        while !asked.is_cancelled() {
            let begun = Instant::now();
            outbox.put(round(rounds * INTERVAL));
            longest = longest.max(begun.elapsed());
            rounds += 1;
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        (rounds, longest)
    });
    tokio::time::sleep(Duration::from_secs(2)).await;
    let mut waited = Waiting::default();
    let mut began = Instant::now();
    tokio::task::block_in_place(|| {
        leave(&server, &mut || {
            thread::sleep(away);
            (waited, began) = (running.outbox.waiting(), Instant::now());
        });
    });
    let caught = |it: &Event| matches!(it, Event::Predict(PredictEvent::StoreCaughtUp { .. }));
    running.recording.wait_for(caught).await;
    let took = began.elapsed();
    tokio::time::sleep(Duration::from_secs(1)).await;
    done.cancel();
    let (rounds, longest) = asking.await.expect("rounds went on");
    running.drained().await;
    let recording = running.stop().await;
    let stored = check(&place).await;
    assert_eq!(stored, usize::try_from(rounds * MODELS).expect("few"));
    let told = |it: &Event| matches!(it, Event::Predict(PredictEvent::StoreUnavailable { .. }));
    assert_eq!((recording.count(told), recording.count(caught)), (1, 1));
    assert!(waited.facts > 0, "the server was away");
    say(&format!(
        "outage: PostgreSQL was {word} for {} s; {} facts ({} KiB) waited and were in {:.1} s after its \
         start began; {rounds} rounds, {stored} predictions, all in order, none twice; the longest \
         put took {:.2} ms",
        away.as_secs(),
        waited.facts,
        waited.bytes >> 10,
        took.as_secs_f64(),
        longest.as_secs_f64() * 1e3,
    ));
}

/// The slot, in the time of rounds, that comes after those that are done by the database or the outbox.
async fn next(running: &Running) -> i64 {
    let pending = running.outbox.pending().await.expect("the outbox");
    let mut shown = running.outbox.store();
    let store = shown
        .wait_for(Option::is_some)
        .await
        .expect("the outbox runs")
        .clone();
    let configs = store.expect("a database").configs(CRUNCH).await;
    let stored = configs.expect("the configs").into_iter();
    let key = ConfigKey("BTC/3600/60".into());
    let done = stored
        .filter_map(|it| it.performed)
        .chain(pending.performed.get(&key).copied());
    done.max()
        .map_or(0, |slot| slot - prediction(0, "").slot + INTERVAL)
}

/// Runs as the child of the next test: makes rounds as fast as it can, from where an earlier life left
/// off, a part at a time.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn makes_rounds_until_it_is_killed() {
    let (Some(file), Some(url)) = (setting(CHILD), setting("DATABASE_URL")) else {
        return;
    };
    let running = start(Path::new(&file), &url.parse().expect("an address"), USUAL).await;
    let mut slot = next(&running).await;
    loop {
        for fact in round(slot) {
            running.outbox.put(vec![fact]);
            tokio::time::sleep(Duration::from_micros(50)).await;
        }
        slot += INTERVAL;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_processes_store_nothing_twice_and_go_on_where_they_were() {
    let Some(server) = own() else {
        return;
    };
    let place = Place::postgres(server.url()).await;
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("outbox.db");
    let (kills, seed) = (
        number("ALLORA_REAL_KILLS", 3),
        number("ALLORA_REAL_SEED", rand::random()),
    );
    let mut dice = StdRng::seed_from_u64(seed);
    let mut rounds = Vec::new();
    for _ in 0..kills {
        let mut child = Command::new(std::env::current_exe().expect("this binary"))
            .args(["--exact", "outage::makes_rounds_until_it_is_killed"])
            .env(CHILD, &file)
            .env("DATABASE_URL", place.address())
            .stdout(Stdio::null())
            .spawn()
            .expect("a child");
        let life = Duration::from_millis(dice.random_range(700..1_500));
        tokio::task::block_in_place(|| thread::sleep(life));
        child.kill().expect("it ran to the end");
        child.wait().expect("it ended");
        let db = place.open().await;
        let known = db.configs(CRUNCH).await.expect("the configs");
        let done = known.first().and_then(|it| it.performed);
        rounds.push(done.map_or(0, |slot| (slot - prediction(0, "").slot) / INTERVAL + 1));
    }
    // The last life makes the round anew in whose middle it was killed.
    let running = start(&file, &place.url(), USUAL).await;
    let slot = next(&running).await;
    running.drained().await;
    running.outbox.put(round(slot));
    running.stop().await;
    let stored = check(&place).await;
    assert!(stored > 20, "there was something to lose");
    say(&format!(
        "outage: {kills} kills (seed {seed}), rounds in the database after each {rounds:?}, {stored} \
         predictions in the end, all in order, none twice"
    ));
}
