//! The built program scores what a database holds, and tells who is how good.

use std::{fmt::Write as _, process::Output, time::Duration};

use allora_worker::store::{
    Close, CloseRepository as _, ConfigKey, DatabaseUrl, ModelRecord, ModelRepository as _, Packed,
    Prediction, PredictionDb, PredictionRepository as _, PredictionStatus,
};
use serde_json::Value;
use sqlx::{Connection as _, SqliteConnection};
use time::OffsetDateTime;

use crate::operator::Home;

const STEPS: i64 = 12;
const ROUNDS: i64 = 20;
const FIRST: i64 = 1_767_225_600;

fn at(seconds: i64) -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp(FIRST + seconds).unwrap()
}

/// Moves by about 20 each five minutes, up and down.
fn price(seconds: i64) -> f64 {
    let minute = (seconds / 60) as f64;
    90_000.0 + 60.0 * (minute * 0.61).sin() + 30.0 * (minute * 0.17).cos()
}

/// A normal density a step: as wide as given, around the move that comes and an error.
fn answer(slot: i64, scale: f64, skill: Option<f64>) -> String {
    let mut text = String::from("[");
    for k in 1..=STEPS {
        let comma = if k > 1 { ", " } else { "" };
        let came = price(slot + 300 * k) - price(slot + 300 * (k - 1));
        let loc = skill.map_or(0.0, |skill| came * skill);
        let _ = write!(
            text,
            "{comma}{{\"step\": {}, \"type\": \"builtin\", \"name\": \"norm\", \
             \"params\": {{\"loc\": {loc}, \"scale\": {scale}}}}}",
            300 * k
        );
    }
    text + "]"
}

fn prediction(slot: i64, model: &str, answer: Option<&str>) -> Prediction {
    let horizon = u32::try_from(300 * STEPS).unwrap();
    Prediction {
        crunch_id: "condorgame".into(),
        config: ConfigKey(format!("BTC/{horizon}/300")),
        slot: FIRST + slot,
        model_id: model.into(),
        deployment_id: "1".into(),
        status: if answer.is_some() {
            PredictionStatus::Success
        } else {
            PredictionStatus::Timeout
        },
        asset: "BTC".into(),
        horizon,
        step: 300,
        exec_time_us: 1_000,
        payload: answer.map(Packed::new),
        detail: None,
        base: Some(price(slot)),
        performed_at: at(slot),
        resolvable_at: at(slot + 300 * STEPS),
    }
}

fn model(id: &str, name: &str) -> ModelRecord {
    ModelRecord {
        crunch_id: "condorgame".into(),
        model_id: id.into(),
        model_name: Some(name.into()),
        cruncher_id: None,
        cruncher_name: Some("Ada".into()),
        deployment_id: "1".into(),
        first_seen: at(-90_000),
        last_seen: at(0),
        metrics_since: at(-90_000),
    }
}

/// What a Predict worker would have stored: five models of known merit, and prices.
async fn fill(home: &Home) -> PredictionDb {
    let file = home.folder.path().join("data/artifacts/predict.db");
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    let db = PredictionDb::connect(&DatabaseUrl::file(file))
        .await
        .unwrap();
    let models = ["1", "2", "3", "4", "5"].map(|id| model(id, &format!("model {id}")));
    db.keep_models(&models).await.unwrap();
    let minutes = -1_500..=(ROUNDS * 5 + 61);
    let closes: Vec<_> = minutes
        .map(|minute| Close {
            at: FIRST + 60 * minute,
            price: price(60 * minute),
        })
        .collect();
    db.keep_closes("BTC", &closes).await.unwrap();
    for slot in (0..ROUNDS).map(|it| 300 * it) {
        let round = [
            // Knows half of the move, is far too wide, answers every other time, is about right.
            prediction(slot, "3", Some(&answer(slot, 30.0, Some(0.5)))),
            prediction(slot, "1", Some(&answer(slot, 3_000.0, None))),
            prediction(
                slot,
                "4",
                (slot % 600 == 0)
                    .then(|| answer(slot, 40.0, Some(0.5)))
                    .as_deref(),
            ),
            prediction(slot, "2", Some(&answer(slot, 60.0, None))),
            prediction(slot, "5", None),
        ];
        db.save_all(&round).await.unwrap();
    }
    db
}

async fn board(home: &Home, args: &[&str]) -> Value {
    let output = said(home, args).await;
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    serde_json::from_slice(&output.stdout).expect("nothing but JSON on standard output")
}

async fn said(home: &Home, args: &[&str]) -> Output {
    let output = home.command(args).output();
    let limit = Duration::from_secs(60);
    tokio::time::timeout(limit, output).await.unwrap().unwrap()
}

fn ranks(board: &Value) -> Vec<(&str, u64)> {
    let models = board["models"].as_array().unwrap();
    let row = |it: &Value| it["rank"].as_u64().unwrap();
    models
        .iter()
        .map(|it| (it["model_id"].as_str().unwrap(), row(it)))
        .collect()
}

#[tokio::test]
async fn one_pass_ranks_them_by_merit_and_another_changes_nothing() {
    let home = Home::new();
    let db = fill(&home).await;
    let once = ["score", "--once", "--leaderboard", "--json"];
    let first = board(&home, &once).await;
    // 3 before 2; who is silent takes the worst of the round, which is that of 1: it is so
    // far off that it counts as five losses of the reference.
    assert_eq!(
        ranks(&first),
        [("3", 1), ("2", 2), ("4", 3), ("1", 4), ("5", 5)]
    );
    let row = &first["models"][2];
    assert_eq!(row["model_name"], "model 4");
    assert_eq!(row["cruncher_name"], "Ada");
    assert_eq!(
        (&row["anchor"]["rounds"], &row["anchor"]["answered"]),
        (&20.into(), &10.into())
    );
    let score = |place: usize| first["models"][place]["anchor"]["score"].as_f64().unwrap();
    assert!(
        score(0) > 0.2 && (score(3) + 4.0).abs() < 1e-9 && (score(3) - score(4)).abs() < 1e-12,
        "{first}"
    );
    assert_eq!(board(&home, &once).await, first);
    // It is also shown without scoring, with names as they are now.
    db.keep_models(&[model("4", "renamed")]).await.unwrap();
    let shown = board(&home, &["score", "--json"]).await;
    assert_eq!(shown["models"][2]["model_name"], "renamed");
    assert_eq!(ranks(&shown), ranks(&first));
    let table = said(&home, &["score", "--leaderboard"]).await;
    let table = String::from_utf8(table.stdout).unwrap();
    let line = table.lines().find(|it| it.contains("renamed")).unwrap();
    assert!(line.contains("50.0 % of 20"), "{table}");
    // The best performers are told by it.
    assert_eq!(db.best("condorgame", at(-1), 2).await.unwrap(), ["3", "2"]);
}

#[tokio::test]
async fn killed_in_the_middle_it_goes_on_to_the_same_scores() {
    let (home, other) = (Home::new(), Home::new());
    drop(fill(&home).await);
    drop(fill(&other).await);
    let expected = board(&other, &["score", "--once", "--json"]).await;
    let file = home.folder.path().join("data/artifacts/predict.db");
    let address = format!("sqlite://{}", file.display());
    let count = async || {
        let mut connection = SqliteConnection::connect(&address).await.unwrap();
        let all = sqlx::query_scalar::<_, i64>("SELECT count(*) FROM scores");
        all.fetch_one(&mut connection).await.unwrap()
    };
    let mut killed = home.command(&["score"]).spawn().unwrap();
    while count().await == 0 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    killed.start_kill().unwrap();
    killed.wait().await.unwrap();
    assert_eq!(board(&home, &["score", "--once", "--json"]).await, expected);
    assert_eq!(count().await, 70);
}

#[tokio::test]
async fn without_a_database_it_says_so() {
    let home = Home::new();
    let output = said(&home, &["score", "--leaderboard"]).await;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(78), "{said}");
    assert!(said.contains("there is no database at"), "{said}");
}
