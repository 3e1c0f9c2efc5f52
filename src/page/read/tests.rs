//! Against folders as a worker, or another hand, leaves them.

use std::{collections::BTreeMap, fs, path::PathBuf};

use tempfile::TempDir;
use time::{Duration, macros::datetime};

use super::*;
use crate::{
    forecast::Target,
    ops::Artifacts,
    page::{Track, sample::Season},
    status::{Life, State},
    store::{DatabaseUrl, Journal as _, Outcome, Store, Tally},
};

const UNTIL: OffsetDateTime = datetime!(2025-12-01 12:20 UTC);
const TOPIC: TopicId = TopicId(67);
const WEEK: std::time::Duration = std::time::Duration::from_secs(7 * 24 * 3600);

struct Folder {
    _kept: TempDir,
    artifacts: Artifacts,
    season: Season,
}

impl Folder {
    /// With a season of so many windows; none leaves it empty.
    async fn of(windows: usize) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let prices = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
        let prices = prices.join("data/btcusd_1h_2023-01_2025-12.csv");
        let season = Season::of_prices(&prices, windows, UNTIL).unwrap();
        if windows > 0 {
            season.fill(folder.path()).await.unwrap();
        }
        Self {
            artifacts: Artifacts::new(folder.path()),
            _kept: folder,
            season,
        }
    }

    fn plan(&self) -> BoardPlan {
        let asked = Asked {
            asset: "BTC/USD".into(),
            target: Target::LogReturn,
            horizon: WEEK,
        };
        let database = Artifacts::predict(self.artifacts.data_dir()).database();
        BoardPlan {
            topics: [(TOPIC, asked)].into_iter().collect(),
            explorer: Some("https://explorer.example/{hash}".into()),
            models: Some(ModelsPlan {
                crunch_id: "condorgame".into(),
                database: DatabaseUrl::file(database),
            }),
            patience: std::time::Duration::from_secs(60),
            ..BoardPlan::of(self.artifacts.clone())
        }
    }

    fn reader(&self) -> Reader {
        Reader::new(self.plan())
    }

    async fn board(&self) -> Board {
        self.reader().board(None, UNTIL).await
    }

    fn file(&self, name: &str) -> PathBuf {
        self.artifacts.folder().join(name)
    }
}

fn told<'a>(board: &'a Board, about: &str) -> Option<&'a str> {
    let found = board.status.advice.iter().find(|it| it.about == about);
    found.map(|it| it.cause.as_str())
}

fn near(a: Option<f64>, b: Option<f64>) -> bool {
    a.zip(b).is_some_and(|(a, b)| (a - b).abs() < 1e-9)
}

#[tokio::test]
async fn a_folder_in_which_nothing_ran_has_a_board_and_nothing_is_made() {
    let folder = Folder::of(0).await;
    let board = folder.board().await;
    assert_eq!(board.status.state, State::NeverStarted);
    assert_eq!(board.told, Told::Files);
    assert!(board.topics.is_empty() && board.log.is_empty() && board.models.is_none());
    assert!(!folder.artifacts.folder().exists());
    let json = serde_json::to_value(&board).unwrap();
    assert_eq!(json["told"], "files");
    // With the vitals of a worker that has only begun.
    let board = folder.reader().board(Some(&Vitals::default()), UNTIL).await;
    assert_eq!(
        (board.told, board.status.process.life),
        (Told::Worker, Life::Runs)
    );
}

#[tokio::test]
async fn a_season_of_2160_windows_is_shown_whole() {
    let folder = Folder::of(2_160).await;
    let mut reader = folder.reader();
    let vitals = folder.season.vitals();
    let board = reader.board(Some(&vitals), UNTIL).await;
    assert_eq!(board.status.process.life, Life::Runs);
    assert!(told(&board, "database").is_none() && told(&board, "log").is_none());
    let [topic] = &board.topics[..] else {
        panic!("{} topics", board.topics.len())
    };
    assert_eq!((topic.id, topic.asset.as_deref()), (TOPIC, Some("BTC/USD")));

    let tally = &board.status.windows.period;
    windows_are_those_of(&folder.season, topic, tally);
    forecasts_are_held_against_prices(&topic.track);
    all_else_is_there(topic, &vitals);
    models_log_and_latencies_are_there(&board);

    // A window more.
    let store = Store::open(&folder.artifacts.database()).await.unwrap();
    folder.season.more(&store, 0).await.unwrap();
    let later = reader.board(Some(&vitals), UNTIL + Duration::HOUR).await;
    let next = &later.topics[0];
    assert_eq!(next.windows.len(), 2_161);
    assert_eq!(next.windows[..2_159], topic.windows[..2_159]);
    assert_eq!(
        next.track.points.len() + next.track.pending.len(),
        topic.track.points.len() + topic.track.pending.len() + 1
    );
    assert_eq!(later.latency.count, board.latency.count + 1);
    // Read anew, it is the same.
    let anew = folder
        .reader()
        .board(Some(&vitals), UNTIL + Duration::HOUR)
        .await;
    let json = |board: &Board| serde_json::to_value(board).unwrap();
    assert_eq!(json(&anew), json(&later));
}

/// Every window of the season is there, with what became of it.
fn windows_are_those_of(season: &Season, topic: &TopicBoard, tally: &Tally) {
    assert_eq!(topic.windows.len(), 2_160);
    assert_eq!(tally.opened, 2_160);
    let mut outcomes: BTreeMap<String, u64> = BTreeMap::new();
    for window in &topic.windows {
        let name = match &window.outcome {
            Outcome::Missed(_) => "missed".to_owned(),
            other => format!("{other:?}"),
        };
        *outcomes.entry(name).or_default() += 1;
        let is_answered = !matches!(window.outcome, Outcome::Missed(_));
        assert_eq!(window.latency_ms.is_some(), is_answered, "{window:?}");
        assert_eq!(window.endpoint.is_some(), is_answered);
        assert_eq!(
            window.height.is_some() && window.hash.is_some(),
            is_answered
        );
        assert_eq!(window.value.is_none(), window.is_estimated);
        let late = window.at - season.opened_at(window.nonce);
        assert!(late.abs() < Duration::seconds(5), "{window:?}");
    }
    assert_eq!(
        (outcomes["Counted"], outcomes["Outranked"]),
        (tally.counted, tally.outranked)
    );
    assert_eq!(
        (outcomes["missed"], outcomes["Included"]),
        (tally.missed, 1)
    );
    assert!(tally.estimated > 30 && tally.missed_while_down > 25);
    assert!(topic.windows.is_sorted_by_key(|it| it.nonce));
}

fn forecasts_are_held_against_prices(track: &Track) {
    let standing = track.standing.as_ref().unwrap();
    assert_eq!(track.points.len(), standing.n);
    assert!(track.points.len() > 1_900 && track.pending.len() > 150);
    let newest = track.points.last().unwrap();
    assert!(
        near(newest.ratio, standing.ratio),
        "{newest:?} {standing:?}"
    );
    assert!(
        newest
            .place
            .is_some_and(|(place, of)| place <= of && of == 18)
    );
    assert!(
        (1..=24).contains(&track.bands.len()),
        "{}",
        track.bands.len()
    );
    for band in &track.bands {
        let at = track.points.iter().find(|it| it.opened == band.at).unwrap();
        assert!(
            at.ratio.is_some_and(|it| band.low < it && it < band.high),
            "{band:?} {at:?}"
        );
    }
}

fn all_else_is_there(topic: &TopicBoard, vitals: &Vitals) {
    let network = topic.network.as_ref().unwrap();
    assert_eq!(
        (network.nonce, network.others.len()),
        (topic.windows[2_159].nonce, 17)
    );
    assert!(network.z.is_some() && network.verdict.is_some());
    assert!(near(network.z, vitals.topics[&TOPIC].z));

    assert!(topic.earnings.scores.len() > 1_900 && topic.earnings.rewards.len() == 90);
    let anatomy = topic.anatomy.as_ref().unwrap();
    assert_eq!(anatomy.report.as_ref().unwrap().challengers.len(), 3);
    assert!(anatomy.data_age_seconds.is_some_and(|it| it > 0.0));
}

fn models_log_and_latencies_are_there(board: &Board) {
    let tally = &board.status.windows.period;
    assert_eq!(board.latency.count, tally.answered);
    assert_eq!(board.latency.counts.iter().sum::<u64>(), tally.answered);
    assert!(board.latency.p50_ms.unwrap() < board.latency.p99_ms.unwrap());
    let models = board.models.as_ref().unwrap();
    assert_eq!((models.rows.len(), models.trouble.as_ref()), (12, None));
    assert_eq!(models.rows[0].rank, Some(1));
    let round = models.round.as_ref().unwrap();
    assert_eq!(
        (round.asset.as_str(), round.horizon_seconds),
        ("BTC", 7 * 24 * 3600)
    );
    let expected = [("ABSENT", 1), ("SUCCESS", 10), ("TIMEOUT", 1)];
    let expected: BTreeMap<String, u64> = expected.map(|(a, b)| (a.to_owned(), b)).into();
    assert_eq!(round.by_status, expected);
    assert_eq!(board.log.len(), 500);
    assert!(board.log.is_sorted_by_key(|it| it.at));
}

#[tokio::test]
async fn what_is_damaged_is_told_and_the_rest_is_shown() {
    let folder = Folder::of(60).await;
    let whole = folder.board().await;
    assert_eq!(whole.topics[0].windows.len(), 60);
    assert_eq!(whole.status.process.life, Life::Gone);

    fs::write(folder.file("predict.db"), [7; 9_000]).unwrap();
    let log = folder.artifacts.event_log();
    fs::remove_file(&log).unwrap();
    fs::create_dir(&log).unwrap();
    let board = folder.board().await;
    let models = board.models.as_ref().unwrap();
    assert!(
        models.rows.is_empty() && models.trouble.is_some(),
        "{models:?}"
    );
    assert!(told(&board, "log").unwrap().contains("can't be read"));
    assert_eq!(board.topics[0].windows, whole.topics[0].windows);

    for file in ["worker.db-wal", "worker.db-shm"] {
        let _there_or_not = fs::remove_file(folder.file(file));
    }
    fs::write(folder.artifacts.database(), vec![7; 9_000]).unwrap();
    let board = folder.board().await;
    assert!(told(&board, "database").unwrap().contains("damaged"));
    // The vitals tell of the topic.
    assert!(board.topics[0].windows.is_empty() && board.topics[0].anatomy.is_some());

    fs::write(folder.artifacts.vitals(), "{").unwrap();
    let board = folder.board().await;
    assert!(told(&board, "vitals").unwrap().contains("makes no sense"));
}

#[tokio::test]
async fn another_database_in_the_same_place_is_read() {
    let folder = Folder::of(40).await;
    let other = Folder::of(25).await;
    let mut reader = folder.reader();
    assert_eq!(reader.board(None, UNTIL).await.topics[0].windows.len(), 40);
    fs::rename(other.artifacts.database(), folder.artifacts.database()).unwrap();
    for file in ["worker.db-wal", "worker.db-shm"] {
        let _there_or_not = fs::remove_file(folder.file(file));
    }
    assert_eq!(reader.board(None, UNTIL).await.topics[0].windows.len(), 25);
    // A chain that begins anew.
    let store = Store::open(&folder.artifacts.database()).await.unwrap();
    store
        .set_aside(folder.season.wallet(), "before")
        .await
        .unwrap();
    let board = reader.board(None, UNTIL).await;
    let topic = &board.topics[0];
    let answered = topic.windows.iter().filter(|it| it.hash.is_some()).count();
    assert_eq!(
        (answered, topic.track.points.len(), board.latency.count > 0),
        (0, 0, true)
    );
    assert!(topic.earnings.scores.is_empty());
}

#[tokio::test]
async fn a_board_that_nobody_waits_for_hinders_none_after_it() {
    let folder = Folder::of(30).await;
    let mut reader = folder.reader();
    for _ in 0..3 {
        let mut board = Box::pin(reader.board(None, UNTIL));
        let polled = futures_util::poll!(&mut board);
        drop((polled, board));
    }
    assert_eq!(reader.board(None, UNTIL).await.topics[0].windows.len(), 30);
}

#[tokio::test]
async fn a_server_that_does_not_answer_holds_no_board_up() {
    let folder = Folder::of(20).await;
    // It takes connections and says nothing.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = silent.local_addr().unwrap().port();
    let url = format!("postgres://me:hushhush@127.0.0.1:{port}/them");
    let mut plan = folder.plan();
    plan.patience = std::time::Duration::from_millis(5);
    plan.models = plan.models.map(|it| ModelsPlan {
        database: url.parse().unwrap(),
        ..it
    });
    let mut reader = Reader::new(plan);
    let board = reader.board(None, UNTIL).await;
    assert_eq!(board.topics[0].windows.len(), 20);
    let told = async {
        loop {
            let board = reader.board(None, UNTIL).await;
            if let Some(trouble) = board.models.and_then(|it| it.trouble) {
                return trouble;
            }
        }
    };
    let limit = std::time::Duration::from_secs(60);
    let trouble = tokio::time::timeout(limit, told).await.unwrap();
    assert!(
        trouble.contains(&format!("postgres://me@127.0.0.1:{port}/them")),
        "{trouble}"
    );
    assert!(!trouble.contains("hushhush"));
}
