use time::{Duration, macros::datetime};

use super::*;
use crate::{
    clock::SimulatedClock,
    density::Unit,
    store::{
        Packed, Prediction, PredictionConfig, PredictionDb, PredictionRepository as _,
        PredictionStatus, Score, ScoreRepository as _,
    },
};

const NOW: OffsetDateTime = datetime!(2026-03-10 12:00 UTC);
const HOURS: Duration = Duration::HOUR;

fn subject() -> Subject {
    Subject {
        crunch_id: "synth".into(),
        asset: "BTC".into(),
        horizon: 604_800,
        unit: Unit::LogReturn,
    }
}

fn asked(best: Option<u32>) -> PredictionConfig {
    PredictionConfig {
        asset: "BTC".into(),
        horizon: 604_800,
        step: 604_800,
        interval: 3_600,
        active: true,
        order: 0,
        best,
    }
}

fn answered(model: &str, at: OffsetDateTime, text: &str) -> Prediction {
    let config = asked(None);
    Prediction {
        crunch_id: "synth".into(),
        config: config.key(),
        slot: at.unix_timestamp(),
        model_id: model.into(),
        deployment_id: "d".into(),
        status: PredictionStatus::Success,
        asset: "BTC".into(),
        horizon: 604_800,
        step: 604_800,
        exec_time_us: 1,
        payload: Some(Packed::new(text)),
        detail: None,
        base: Some(60_000.0),
        performed_at: at + Duration::SECOND,
        resolvable_at: at + Duration::days(7),
    }
}

/// Scores all whose horizon has passed: each saved so much of a reference of 1.
async fn score(db: &PredictionDb, until: OffsetDateTime, saved: f64) {
    let waiting = db.unscored("synth", until, None, 999).await.unwrap();
    let of = |id| Score {
        prediction: id,
        crps: Some(1.0 - saved),
        log_score: None,
        crps_reference: Some(1.0),
        log_reference: None,
        detail: None,
        scored_at: until,
    };
    let scores: Vec<_> = waiting.iter().map(|it| of(it.id)).collect();
    db.keep_scores(&scores).await.unwrap();
}

struct Scene {
    db: Arc<PredictionDb>,
    clock: SimulatedClock,
    reader: Reader,
    seen: watch::Receiver<NetworkState>,
}

async fn scene() -> Scene {
    let db = Arc::new(PredictionDb::in_memory().await.unwrap());
    let clock = SimulatedClock::starting_at(NOW);
    let (store, told) = (Arc::clone(&db) as _, Arc::new(clock.clone()) as _);
    let (reader, seen) = Reader::new(store, subject(), BlendConfig::default(), told);
    Scene {
        db,
        clock,
        reader,
        seen,
    }
}

fn said(state: &NetworkState) -> Vec<(String, f64)> {
    let of = |it: &Expected| (it.model.to_string(), it.log_return);
    state.newest.iter().map(of).collect()
}

#[tokio::test]
async fn the_past_is_read_once_and_then_what_is_new() {
    let Scene {
        db,
        clock,
        mut reader,
        seen,
    } = scene().await;
    let old = datetime!(2026-01-29 00:30 UTC);
    db.save_all(&[
        answered("a", old, "0.01"),
        answered(
            "b",
            old,
            r#"[{"type": "builtin", "name": "norm", "params": {"loc": 0.02, "scale": 0.1}}]"#,
        ),
        // Of the same day: not the newest before 01:00, and none.
        answered("a", old - HOURS, "0.5"),
        answered("a", old + HOURS, "0.5"),
        answered("a", NOW - HOURS, "0.03"),
        answered("b", NOW - HOURS * 2, "\"nonsense\""),
        answered("c", NOW - HOURS * 4, "0.07"),
        answered("d", NOW + HOURS, "0.07"),
    ])
    .await
    .unwrap();
    score(&db, NOW, 0.25).await;

    reader.look().await.unwrap();
    let first = seen.borrow().clone();
    assert_eq!((first.edition, first.record), (1, 1));
    assert_eq!(first.daily.len(), 1);
    assert_eq!(
        first.daily[0].at,
        (old + Duration::minutes(30)).unix_timestamp()
    );
    let values: Vec<_> = first.daily[0]
        .answers
        .iter()
        .map(|it| it.log_return)
        .collect();
    assert_eq!(values, [0.01, 0.02]);
    let newest = said(&first);
    assert_eq!(newest[0], ("a".into(), 0.03));
    // What can't be read is no number, and what is older than three hours or of the future is not there.
    assert!(newest.len() == 2 && newest[1].1.is_nan(), "{newest:?}");
    let known = (old + Duration::days(7)).unix_timestamp();
    assert_eq!(first.standings.of("a", known), None);
    assert_eq!(first.standings.of("a", known + 1), Some(0.25));

    reader.look().await.unwrap();
    assert_eq!(seen.borrow().edition, 1, "nothing is new");

    db.save_all(&[answered("b", NOW, "0.04")]).await.unwrap();
    reader.look().await.unwrap();
    let second = seen.borrow().clone();
    assert_eq!((second.edition, second.record), (2, 1));
    assert_eq!(said(&second)[1], ("b".into(), 0.04));
    assert!(Arc::ptr_eq(&first.daily, &second.daily));

    // A new day, and answers that have grown too old.
    let day = NOW + Duration::days(1);
    clock.set(day);
    db.save_all(&[
        answered("a", day - HOURS * 12, "0.06"),
        answered("a", day - HOURS, "0.05"),
    ])
    .await
    .unwrap();
    reader.look().await.unwrap();
    let third = seen.borrow().clone();
    assert_eq!((third.record, third.daily.len()), (2, 2));
    assert_eq!(said(&third), [("a".into(), 0.05)]);
}

/// All that a state says of the record, to the bit.
fn record(state: &NetworkState) -> String {
    format!("{:?} {:?} {:?}", state.daily, state.standings, state.newest)
}

#[tokio::test]
async fn a_restart_knows_what_was_known() {
    let Scene {
        db,
        clock,
        mut reader,
        seen,
    } = scene().await;
    let fresh = async || {
        let (store, told) = (Arc::clone(&db) as _, Arc::new(clock.clone()) as _);
        let (mut reader, seen) = Reader::new(store, subject(), BlendConfig::default(), told);
        reader.look().await.unwrap();
        let state = seen.borrow().clone();
        record(&state)
    };
    let morning = datetime!(2026-03-10 01:00 UTC);
    // The day's round is read while answers to it, and another round, are yet to come.
    clock.set(morning + Duration::seconds(5));
    db.save_all(&[answered("a", morning - HOURS, "0.01")])
        .await
        .unwrap();
    reader.look().await.unwrap();
    assert_eq!(record(&seen.borrow()), fresh().await);
    let last = morning - Duration::minutes(12);
    db.save_all(&[
        answered("a", last, "0.02"),
        answered("b", last, "0.03"),
        answered("b", morning - HOURS, "0.04"),
    ])
    .await
    .unwrap();
    clock.set(morning + Duration::minutes(20));
    reader.look().await.unwrap();
    assert_eq!(record(&seen.borrow()), fresh().await);
    assert_eq!(seen.borrow().daily[0].answers.len(), 2);
    // Scored when it is due, or late; other days' answers wait for theirs.
    for (days, saved) in [(8, 0.25), (30, 0.5)] {
        let before = morning + Duration::days(days - 7);
        db.save_all(&[answered("a", before - HOURS, "0.05")])
            .await
            .unwrap();
        clock.set(morning + Duration::days(days) - HOURS);
        reader.look().await.unwrap();
        clock.set(morning + Duration::days(days) + HOURS);
        score(&db, morning + Duration::days(days), saved).await;
        reader.look().await.unwrap();
        assert_eq!(record(&seen.borrow()), fresh().await, "{days}");
    }
    let now = morning + Duration::days(40);
    let worth = seen.borrow().standings.of("a", now.unix_timestamp());
    assert!(worth > Some(0.25), "{worth:?}");
}

#[tokio::test]
async fn a_schedule_of_the_best_alone_is_named_as_the_cause() {
    let Scene {
        db,
        mut reader,
        seen,
        clock,
    } = scene().await;
    db.declare("synth", &[asked(Some(3))]).await.unwrap();
    reader.look().await.unwrap();
    let missing = seen.borrow().missing.clone().unwrap();
    assert!(missing.contains("`best` models alone"), "{missing}");
    db.declare("synth", &[asked(None)]).await.unwrap();
    clock.set(NOW + HOURS);
    reader.look().await.unwrap();
    assert_eq!(seen.borrow().missing, None);
}

#[tokio::test]
async fn models_that_fall_silent_are_forgotten() {
    let Scene {
        db,
        clock,
        mut reader,
        seen,
    } = scene().await;
    db.save_all(&[answered("a", NOW, "0.01")]).await.unwrap();
    reader.look().await.unwrap();
    assert_eq!(seen.borrow().newest.len(), 1);
    clock.set(NOW + HOURS * 4);
    reader.look().await.unwrap();
    let state = seen.borrow().clone();
    assert_eq!((state.newest.len(), state.edition), (0, 2));
}

#[tokio::test]
async fn a_database_that_is_away_is_told_of_once() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}/no/such/folder/p.db", folder.path().display());
    // A file stands where a folder is needed.
    std::fs::write(folder.path().join("no"), "").unwrap();
    let db = Arc::new(PredictionDb::new(url.parse().unwrap()));
    let clock = Arc::new(SimulatedClock::starting_at(NOW));
    let config = BlendConfig {
        poll: std::time::Duration::from_millis(5),
        ..BlendConfig::default()
    };
    let (mut reader, seen) = Reader::new(db, subject(), config, clock);
    let told = Arc::new(std::sync::Mutex::new(Vec::new()));
    let hear = Arc::clone(&told);
    let tell: Tell = Box::new(move |why| hear.lock().unwrap().push(why));
    let cancel = CancellationToken::new();
    let reading = async { reader.run(&cancel, &tell).await };
    let looks = async {
        while told.lock().unwrap().is_empty() {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
        // Some looks more.
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        cancel.cancel();
    };
    tokio::join!(reading, looks);
    let told = told.lock().unwrap();
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].as_ref().unwrap().contains("p.db"), "{told:?}");
    assert_eq!(seen.borrow().edition, 0);
}
