use time::{Duration, macros::datetime};

use super::*;
use crate::{
    clock::SimulatedClock,
    density::Unit,
    store::{
        Packed, Prediction, PredictionConfig, PredictionDb, PredictionRepository as _,
        PredictionStatus, Snapshot, WindowScore,
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

fn answered(model: &str, at: OffsetDateTime, text: &str) -> Prediction {
    let config = PredictionConfig {
        asset: "BTC".into(),
        horizon: 604_800,
        step: 604_800,
        interval: 3_600,
        active: true,
        order: 0,
        best: None,
    };
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

fn snapshot(model: &str, at: OffsetDateTime, score: f64) -> Snapshot {
    let anchor = WindowScore {
        score: Some(score),
        ..WindowScore::default()
    };
    Snapshot {
        at,
        model_id: model.into(),
        rank: Some(1),
        recent: WindowScore::default(),
        steady: WindowScore::default(),
        anchor,
    }
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
    let old = NOW - Duration::days(40);
    db.save_all(&[
        answered("a", old, "0.01"),
        answered(
            "b",
            old,
            r#"[{"type": "builtin", "name": "norm", "params": {"loc": 0.02, "scale": 0.1}}]"#,
        ),
        // Of the same day: not its first round.
        answered("a", old + HOURS, "0.5"),
        answered("a", NOW - HOURS, "0.03"),
        answered("b", NOW - HOURS * 2, "\"nonsense\""),
        answered("c", NOW - HOURS * 4, "0.07"),
    ])
    .await
    .unwrap();
    db.keep_snapshots("synth", &[snapshot("a", old, 0.25)])
        .await
        .unwrap();

    reader.look().await.unwrap();
    let first = seen.borrow().clone();
    assert_eq!((first.edition, first.record), (1, 1));
    // The first round of each day, the last day's among them.
    assert_eq!(first.daily.len(), 2);
    let values: Vec<_> = first.daily[0]
        .answers
        .iter()
        .map(|it| it.log_return)
        .collect();
    assert_eq!(values, [0.01, 0.02]);
    let newest = said(&first);
    assert_eq!(newest[0], ("a".into(), 0.03));
    // What can't be read is no number, and what is older than three hours is not there.
    assert!(newest.len() == 2 && newest[1].1.is_nan(), "{newest:?}");
    let later = (old + HOURS).unix_timestamp();
    assert_eq!(
        first.standings.of("a", later, &BlendConfig::default()),
        Some(0.25)
    );

    reader.look().await.unwrap();
    assert_eq!(seen.borrow().edition, 1, "nothing is new");

    db.save_all(&[answered("b", NOW, "0.04")]).await.unwrap();
    reader.look().await.unwrap();
    let second = seen.borrow().clone();
    assert_eq!((second.edition, second.record), (2, 1));
    assert_eq!(said(&second)[1], ("b".into(), 0.04));
    assert!(Arc::ptr_eq(&first.daily, &second.daily));

    // A new day, a new score, and an answer that has grown too old.
    let day = NOW + Duration::days(1);
    clock.set(day);
    db.save_all(&[answered("a", day - HOURS, "0.05")])
        .await
        .unwrap();
    db.keep_snapshots("synth", &[snapshot("a", day - HOURS, 0.5)])
        .await
        .unwrap();
    reader.look().await.unwrap();
    let third = seen.borrow().clone();
    assert_eq!((third.edition, third.record, third.daily.len()), (3, 2, 3));
    assert_eq!(said(&third), [("a".into(), 0.05)]);
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
