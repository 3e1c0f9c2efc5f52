//! The Predict worker against real model servers, each a process of its own.

use std::collections::{BTreeMap, BTreeSet};

use allora_worker::store::{Prediction, PredictionStatus};
use serde_json::Value;

use crate::{
    gate::say,
    models_gate,
    models_server::Server,
    predict_stand::{MONTH, Stand, of, statuses, table, told, wait},
    worker::Worker,
};

fn is(event: &Value, name: &str, model: &str) -> bool {
    event["event"] == name && event["model_id"] == model
}

fn count(worker: &Worker, name: &str, model: &str) -> usize {
    let events = worker.events();
    events.iter().filter(|it| is(it, name, model)).count()
}

/// Each round has each of these models once, but for those that were under way when the worker was
/// killed: from `cut` on, for the hours that a round may last.
fn assert_complete(rows: &[Prediction], models: &[&str], cut: Option<i64>) {
    let mut rounds: BTreeMap<i64, Vec<&str>> = BTreeMap::new();
    for row in rows {
        assert_eq!(row.slot % 3_600, 0);
        assert_eq!(row.config.0, "BTC/86400/3600");
        rounds.entry(row.slot).or_default().push(&row.model_id);
    }
    // A model is due from its first round on. Answers are stored as they come: the newest rounds may
    // lack some.
    let first = |model: &&str| of(rows, model).map(|row| row.slot).min();
    let newest = |model: &&str| of(rows, model).map(|row| row.slot).max();
    let begun = models.iter().filter_map(first).max().unwrap_or_default();
    let done = models.iter().filter_map(newest).min().unwrap_or_default();
    rounds.retain(|slot, _| (begun..done).contains(slot));
    assert!(rounds.len() >= 8, "{}", table(rows));
    for (slot, mut found) in rounds {
        found.sort_unstable();
        if cut.is_some_and(|cut| (cut..=cut + 3 * 3_600).contains(&slot)) {
            assert!(found.iter().all(|model| models.contains(model)));
            continue;
        }
        assert_eq!(found, models, "slot {slot}{}", table(rows));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_becomes_of_each_model_is_stored() {
    let roles = ["garbled", "hangs", "raises", "sound"];
    let Some(stand) = Stand::of(&roles).await else {
        return;
    };
    let worker = stand.start();
    let rows = stand
        .stored(&worker, "ten rounds", |rows| {
            of(rows, "hangs").count() >= 10
        })
        .await;
    say(&table(&rows));
    assert_complete(&rows, &roles, None);
    // Nobody else's trouble touches the sound one, which knew the past before it was first asked.
    let mut before = MONTH;
    for row in of(&rows, "sound") {
        assert_eq!(row.status, PredictionStatus::Success, "{row:?}");
        assert!(told(row) >= before, "{} after {before}", told(row));
        assert!(
            row.exec_time_us < 2_000_000,
            "the one that hangs delays nobody"
        );
        assert!(row.base.is_some_and(|price| price > 1_000.0));
        before = told(row);
    }
    for (role, word) in [("raises", "boom"), ("garbled", "")] {
        // It takes its ticks, which does not excuse it: at the tenth failure it is disconnected.
        let all = statuses(&rows, role);
        let (asked, gone) = all.split_at(all.len().min(10));
        assert!(asked.iter().all(|it| *it == "FAILURE"), "{role}: {all:?}");
        assert!(gone.iter().all(|it| *it == "ABSENT"), "{role}: {all:?}");
        let first = of(&rows, role).next().expect("a row");
        assert!(first.payload.is_none());
        let detail = first.detail.as_deref().unwrap_or_default();
        assert!(!detail.is_empty() && detail.contains(word), "{first:?}");
    }
    let all = statuses(&rows, "hangs");
    assert!(all.iter().all(|it| *it == "TIMEOUT"), "{all:?}");
    for role in roles {
        assert_eq!(count(&worker, "model_first_seen", role), 1);
        assert!(count(&worker, "model_replayed", role) >= 1);
    }
    assert_eq!(stand.orchestrator.complaints(), Vec::<String>::new());
    worker.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn models_that_change_and_a_worker_that_is_killed() {
    let Some(mut stand) = Stand::of(&["other", "sound"]).await else {
        return;
    };
    let worker = stand.start();
    stand
        .stored(&worker, "two rounds", |rows| {
            rows.len() >= 4 && statuses(rows, "sound").ends_with(&["SUCCESS"])
        })
        .await;
    restart_in_place(&mut stand, &worker).await;
    let new = redeploy(&stand, &worker).await;
    freeze(&mut stand, &worker).await;

    // Killed in the middle, it goes on where it stood.
    let before = stand
        .stored(&worker, "a round", |rows| !rows.is_empty())
        .await;
    worker.kill();
    let worker = stand.start();
    let rows = stand
        .stored(&worker, "rounds of a second run", |rows| {
            rows.len() >= before.len() + 8
        })
        .await;
    say(&table(&rows));
    assert_eq!(rows[..before.len()], before, "what is stored stays");
    let cut = before.iter().map(|row| row.slot).max().unwrap_or_default();
    assert_complete(&rows, &["other", "sound"], Some(cut - 2 * 3_600));
    let twice: BTreeSet<_> = rows.iter().map(|row| (row.slot, &row.model_id)).collect();
    assert_eq!(twice.len(), rows.len(), "nothing is there twice");
    let slots: Vec<_> = of(&rows, "sound").map(|row| row.slot).collect();
    assert!(slots.is_sorted_by(|one, next| one < next), "{slots:?}");
    let hours = (slots[slots.len() - 1] - slots[0]) / 3_600 + 1;
    say(&format!(
        "{} rounds in {hours} hours of the market, {} of them before the kill",
        slots.len(),
        before.len() / 2
    ));
    for model in ["other", "sound"] {
        assert_eq!(count(&worker, "model_first_seen", model), 0);
        assert_eq!(count(&worker, "model_deployed", model), 0);
    }
    assert!(stand.orchestrator.reports().is_empty());
    worker.stop();
    drop(new);
}

/// It is told the past again before it is asked.
async fn restart_in_place(stand: &mut Stand, worker: &Worker) {
    let replays = count(worker, "model_replayed", "sound");
    stand.server("sound").restart();
    wait(worker, "a replay after the restart", |events| {
        let told = events.iter().filter(|it| is(it, "model_replayed", "sound"));
        told.count() > replays
    })
    .await;
    let slot = newest(stand, worker).await;
    let rows = stand
        .stored(worker, "an answer after the restart", |rows| {
            of(rows, "sound").any(|row| row.slot > slot && row.payload.is_some())
        })
        .await;
    for row in of(&rows, "sound").filter(|row| row.payload.is_some()) {
        assert!(
            told(row) >= MONTH,
            "it was asked before it was told: {row:?}"
        );
    }
}

/// The new deployment is brought up to date before the old one is let go.
async fn redeploy(stand: &Stand, worker: &Worker) -> Server {
    let runner = models_gate::runner().expect("it was there before");
    let new = Server::start(&runner, "sound");
    stand.orchestrator.run(new.item(2));
    wait(worker, "a deployment", |events| {
        events.iter().any(|it| is(it, "model_deployed", "sound"))
    })
    .await;
    stand.orchestrator.stop("sound_1");
    let rows = stand
        .stored(worker, "the new deployment's answer", |rows| {
            of(rows, "sound").any(|row| row.deployment_id == "sound_2" && row.payload.is_some())
        })
        .await;
    let mut answers = of(&rows, "sound").filter(|row| row.deployment_id == "sound_2");
    let first = answers.next().expect("an answer");
    assert_eq!(first.status, PredictionStatus::Success, "{first:?}");
    assert!(told(first) >= MONTH);
    let events = worker.events();
    let deployed = events.iter().find(|it| is(it, "model_deployed", "sound"));
    let deployed = deployed.expect("it was waited for");
    assert_eq!(deployed["before"], "sound_1");
    assert_eq!(deployed["deployment_id"], "sound_2");
    assert!(
        !statuses(&rows, "sound").contains(&"ABSENT"),
        "{}",
        table(&rows)
    );
    new
}

/// Nobody else notices, and it is asked again when it goes on.
async fn freeze(stand: &mut Stand, worker: &Worker) {
    let slot = newest(stand, worker).await;
    stand.server("other").freeze(true);
    let rows = stand
        .stored(worker, "time-outs of the frozen model", |rows| {
            let late = of(rows, "other").filter(|row| row.slot > slot);
            late.filter(|row| row.status != PredictionStatus::Success)
                .count()
                >= 2
        })
        .await;
    let frozen = of(&rows, "other").filter(|row| row.slot > slot + 3_600);
    for row in frozen {
        assert_ne!(row.status, PredictionStatus::Failure, "{row:?}");
        let sound = of(&rows, "sound").find(|other| other.slot == row.slot);
        assert!(sound.is_none_or(|it| it.status == PredictionStatus::Success));
    }
    stand.server("other").freeze(false);
    let slot = newest(stand, worker).await;
    stand
        .stored(worker, "an answer of the thawed model", |rows| {
            of(rows, "other").any(|row| row.slot > slot && row.payload.is_some())
        })
        .await;
}

/// The newest slot that is stored.
async fn newest(stand: &Stand, worker: &Worker) -> i64 {
    let rows = stand
        .stored(worker, "a round", |rows| !rows.is_empty())
        .await;
    rows.iter().map(|row| row.slot).max().unwrap_or_default()
}
