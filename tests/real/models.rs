//! The client of the models against real model servers, each a process of its own.

use std::time::Duration;

use allora_worker::models::{
    Call, Cause, Instance, ModelNetwork, ModelsConfig, NetworkEvent, Outcome, Payload, Subject,
    Subset, Value,
};

use crate::{
    gate::say,
    models_field::{CRUNCH, Field, HISTORY, History, predict, tick},
    models_gate,
    models_server::Server,
};

/// How many prices the model has been told, which a sound one gives as its density's place.
fn prices(outcome: &Outcome) -> usize {
    let Some(Payload::Json(json)) = outcome.payload() else {
        panic!("{outcome:?}")
    };
    let items: Vec<serde_json::Value> = json.parse().expect("a list");
    assert_eq!(items.len(), 3, "one item a step");
    let loc = &items[0]["components"][0]["density"]["params"]["loc"];
    usize::try_from(loc.as_u64().expect("a whole number")).expect("a small number")
}

fn line(what: &str, outcome: &Outcome) {
    let detail = outcome
        .detail()
        .map_or(String::new(), |it| format!(": {it}"));
    let (status, ms) = (outcome.status(), outcome.exec_time_us as f64 / 1e3);
    say(&format!(
        "{:<10} {what:<10} {status} in {ms:.1} ms{detail}",
        outcome.model.model_id
    ));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn models_that_behave_and_models_that_do_not() {
    let roles = ["garbled", "hangs", "raises", "sound"];
    let Some((mut field, history)) = Field::of(&roles, |_| ()).await else {
        return;
    };
    let told = history.told.lock().expect("no test panics in it").clone();
    assert_eq!(told.len(), 4);
    assert!(
        told.iter()
            .all(|(_, instance)| *instance == Instance::Created)
    );
    for outcome in field
        .call(&tick(&[(60 * HISTORY, 90_100.0)]), &Subset::All)
        .await
    {
        line("tick", &outcome);
        assert_eq!(outcome.payload(), Some(&Payload::None));
    }
    let limit = Duration::from_secs(5);
    let outcomes = field
        .call(&predict("BTC").within(limit), &Subset::All)
        .await;
    for outcome in &outcomes {
        line("predict", outcome);
    }
    let causes: Vec<_> = outcomes
        .iter()
        .map(|it| it.trouble().map(|it| it.cause))
        .collect();
    assert_eq!(
        causes,
        [None, Some(Cause::Deadline), Some(Cause::Raised), None]
    );
    assert_eq!(
        outcomes[0].payload(),
        Some(&Payload::String("hello".into())),
        "its shape is the caller's matter"
    );
    assert!(outcomes[1].exec_time_us >= 4_900_000);
    assert!(
        outcomes[2]
            .detail()
            .is_some_and(|it| it.contains("The model raised an exception: boom"))
    );
    assert_eq!(prices(&outcomes[3]), HISTORY + 1);
    assert!(
        outcomes[3].exec_time_us < 4_000_000,
        "the one that hangs delays nobody"
    );
    // What no server can encode, and what JSON does not know.
    let set = field.one("garbled", &predict("SET")).await;
    assert_eq!(set.trouble().map(|it| it.cause), Some(Cause::Raised));
    let numbers = field.one("garbled", &predict("NAN")).await;
    let Some(Payload::Json(json)) = numbers.payload() else {
        panic!("{numbers:?}")
    };
    assert_eq!(json.standard(), "[null, null, null, 1.5]");
    for (asset, expected) in [
        ("TRUE", Payload::Int(1)),
        ("FLOAT", Payload::Double(0.5)),
        ("NONE", Payload::None),
    ] {
        assert_eq!(
            field.one("garbled", &predict(asset)).await.payload(),
            Some(&expected)
        );
    }
    // The first failure was above; at the tenth in a row it is disconnected and reported.
    for _ in 0..9 {
        field.one("raises", &predict("BTC")).await;
    }
    let code = field.news(|news| match news {
        NetworkEvent::Reported { model_id, code } if model_id == "raises" => Some(code.to_string()),
        _ => None,
    });
    assert_eq!(code.await, "MULTIPLE_FAILED");
    // The one that hangs breathes, then its server is still busy.
    let skipped = field.one("hangs", &predict("BTC")).await;
    assert_eq!(skipped.trouble().map(|it| it.cause), Some(Cause::Skipped));
    let busy = field
        .one("hangs", &tick(&[(0, 1.0)]).within(Duration::from_secs(10)))
        .await;
    line("tick", &busy);
    assert_eq!(busy.trouble().map(|it| it.cause), Some(Cause::Busy));
    assert_eq!(field.orchestrator.complaints(), Vec::<String>::new());
    field.network.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn servers_that_are_restarted_replaced_and_frozen() {
    let change = |config: &mut ModelsConfig| {
        config.connect_timeout = Duration::from_secs(3);
        config.patience = Duration::from_secs(60);
    };
    let Some((mut field, history)) = Field::of(&["other", "sound"], change).await else {
        return;
    };
    // Restarted in place: it is set up, told everything anew, and only then asked.
    field.server("sound").restart();
    let outcome = field.one("sound", &predict("BTC")).await;
    line("restarted", &outcome);
    assert_eq!(prices(&outcome), HISTORY);
    assert_eq!(history.told.lock().expect("no test panics in it").len(), 3);
    // Redeployed: the old one serves until the new one is ready.
    let runner = models_gate::runner().expect("it was there before");
    let new = Server::start(&runner, "sound");
    field.orchestrator.update(&new.item(2).json("RUNNING"));
    let mut served = 0;
    loop {
        let outcome = field.one("sound", &predict("BTC")).await;
        assert_eq!(
            prices(&outcome),
            HISTORY,
            "it is never absent, and never empty"
        );
        if outcome.model.deployment_id.ends_with('2') {
            break;
        }
        served += 1;
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    say(&format!(
        "sound      the old deployment answered {served} calls while the new one was made"
    ));
    assert!(served > 0);
    // Frozen: two time-outs, a sign of life that does not come, and nobody else notices.
    field.server("other").freeze(true);
    let quick = predict("BTC").within(Duration::from_secs(1));
    for expected in [Cause::Deadline, Cause::Skipped, Cause::Deadline] {
        let outcome = field.one("other", &quick).await;
        line("frozen", &outcome);
        assert_eq!(outcome.trouble().map(|it| it.cause), Some(expected));
        assert_eq!(prices(&field.one("sound", &predict("BTC")).await), HISTORY);
    }
    let cause = field.news(|news| match news {
        NetworkEvent::Unreachable { model, cause, .. } if model.model_id == "other" => Some(cause)
            // It refused connections while it started.
            .filter(|cause| cause.contains("no sign of life")),
        _ => None,
    });
    say(&format!("other      not reachable: {}", cause.await));
    field.server("other").freeze(false);
    let thawed = loop {
        let outcome = field.one("other", &predict("BTC")).await;
        if outcome.payload().is_some() {
            break outcome;
        }
    };
    line("thawed", &thawed);
    assert_eq!(prices(&thawed), HISTORY, "its instance is the same");
    assert!(field.orchestrator.reports().is_empty());
    field.network.close().await;
    drop(new);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_configuration_blames_no_model() {
    let Some((mut field, _)) = Field::of(&["other", "sound"], |_| ()).await else {
        return;
    };
    let misspelt =
        Call::new("predcit", &[Value::String("BTC".into())]).expect("a call is small enough");
    for _ in 0..2 {
        let outcomes = field.call(&misspelt, &Subset::All).await;
        assert!(outcomes.iter().all(|it| {
            it.trouble()
                .is_some_and(|it| it.cause == Cause::BadImplementation)
        }));
    }
    let mistake = |news| match news {
        NetworkEvent::OurMistake { subject, words, .. } => Some((subject, words)),
        _ => None,
    };
    let (subject, words) = field.news(mistake).await;
    say(&format!("all        {subject:?}: {words}"));
    assert_eq!(subject, Subject::Method("predcit".into()));
    assert_eq!(
        field.call(&predict("BTC"), &Subset::All).await.len(),
        2,
        "both are still there"
    );
    // The same servers, started anew, asked for base classes that they don't have.
    for class in [
        "crunch_synth.tracker.TrackerBase",
        "condorgame.tracker.TrackerBas",
    ] {
        for server in &mut field.servers {
            server.restart();
        }
        let config = ModelsConfig {
            host: "127.0.0.1".into(),
            port: field.orchestrator.address().port(),
            crunch_id: CRUNCH.into(),
            base_class: class.into(),
            ..ModelsConfig::default()
        };
        field.network.close().await;
        field.network =
            ModelNetwork::start(config, History::new()).expect("the configuration holds");
        field.events = field.network.events();
        let (subject, words) = field.news(mistake).await;
        say(&format!("all        {subject:?}: {words}"));
        assert_eq!(subject, Subject::BaseClass(class.into()));
    }
    assert!(field.orchestrator.reports().is_empty());
}
