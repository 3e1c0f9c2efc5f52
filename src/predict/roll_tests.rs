use time::Duration as Span;

use super::*;
use crate::{
    ops::{Event, PredictEvent},
    predict::scene::{CRUNCH, NOW, Office, record},
};

fn model(id: &str, deployment: &str) -> Arc<ModelInfo> {
    Arc::new(ModelInfo {
        model_id: id.into(),
        deployment_id: deployment.into(),
        model_name: Some(format!("model-{id}")),
        cruncher_id: None,
        cruncher_name: None,
        wallet_pubkey: None,
        hotkey: None,
    })
}

fn office() -> Office {
    let office = Office::new(|_| (), Vec::new());
    office.roll.load(Vec::new());
    office
}

fn join(office: &Office, models: &[Arc<ModelInfo>]) {
    for model in models {
        office.roll.joined(model);
    }
    office.roll.commit();
}

fn absent(office: &Office, at: OffsetDateTime) -> Vec<String> {
    let absent = office.roll.absentees(&HashSet::new(), &Whom::default(), at);
    absent.into_iter().map(|it| it.model_id).collect()
}

fn stored(office: &Office) -> ModelRecord {
    let last = office.facts.all().into_iter().rev();
    let mut models = last.filter_map(|fact| match fact {
        Fact::Model(record) => Some(record),
        _ => None,
    });
    models.next().expect("a model was put")
}

#[tokio::test(start_paused = true)]
async fn a_new_model_is_put_and_told_once() {
    let office = office();
    join(
        &office,
        &[model("a", "a1"), model("b", "b1"), model("a", "a1")],
    );
    assert_eq!(
        office.facts.drain(),
        ["model a a1 model-a", "model b b1 model-b"]
    );
    let lines = office.lines();
    assert_eq!(
        lines,
        [
            "new a",
            "joined a a1",
            "new b",
            "joined b b1",
            "joined a a1"
        ]
    );
    office.roll.keep();
    assert_eq!(
        office.facts.drain(),
        Vec::<String>::new(),
        "nothing changed"
    );
}

#[tokio::test(start_paused = true)]
async fn names_are_kept_current_even_when_they_go() {
    let office = office();
    join(&office, &[model("a", "a1")]);
    office.facts.drain();
    let renamed = ModelInfo {
        model_name: Some("other\0name".into()),
        cruncher_id: Some("wallet".into()),
        cruncher_name: Some("owner".into()),
        ..(*model("a", "a2")).clone()
    };
    office.roll.renamed(&renamed);
    office.roll.renamed(&renamed);
    office.roll.commit();
    let put = stored(&office);
    assert_eq!(put.model_name.as_deref(), Some("other\u{fffd}name"));
    assert_eq!(put.cruncher_name.as_deref(), Some("owner"));
    assert_eq!(
        put.deployment_id, "a1",
        "a name tells nothing of deployments"
    );
    assert_eq!(
        office.facts.drain().len(),
        1,
        "the second time nothing changed"
    );
    let nameless = ModelInfo {
        model_name: None,
        cruncher_name: None,
        ..renamed
    };
    office.roll.renamed(&nameless);
    office.roll.commit();
    let put = stored(&office);
    assert_eq!((put.model_name, put.cruncher_name), (None, None));
}

#[tokio::test(start_paused = true)]
async fn a_redeploy_is_told_and_resets_metrics_where_wanted() {
    for (effect, word) in [
        (DeploymentEffect::Keep, "keep"),
        (DeploymentEffect::Reset, "reset"),
    ] {
        let office = Office::new(|it| it.on_deployment = effect, Vec::new());
        office.roll.load(Vec::new());
        join(&office, &[model("a", "a1")]);
        let since = stored(&office).metrics_since;
        office.roll.answered(&model("a", "a1"));
        office.clock.set(NOW + Span::minutes(5));
        join(&office, &[model("a", "a2")]);
        assert!(
            office
                .lines()
                .contains(&format!("deployed a a1 -> a2 {word}"))
        );
        assert_eq!(
            office.facts.drain(),
            [
                "model a a1 model-a",
                "model a a2 model-a",
                "deployed a a1 -> a2"
            ]
        );
        office.clock.set(NOW + Span::minutes(6));
        office.roll.present(&[model("a", "a2")]);
        office.roll.keep();
        let put = stored(&office);
        let is_reset = put.metrics_since == since + Span::minutes(5);
        assert_eq!(is_reset, effect == DeploymentEffect::Reset, "{put:?}");
        assert!(is_reset || put.metrics_since == since);
        assert_eq!(office.roll.last_answer(&model("a", "a2")), None);
    }
}

#[tokio::test(start_paused = true)]
async fn what_an_older_run_still_does_changes_nothing() {
    let office = office();
    join(&office, &[model("a", "a1"), model("a", "a2")]);
    office.facts.drain();
    office.roll.answered(&model("a", "a1"));
    office.roll.left(&model("a", "a1"));
    office.roll.present(&[model("a", "a1")]);
    office.roll.vouch(&[model("a", "a1")]);
    assert_eq!(office.facts.drain(), Vec::<String>::new());
    assert_eq!(office.roll.last_answer(&model("a", "a1")), None);
    office.roll.listed(&[model("a", "a3")]);
    office.roll.commit();
    assert!(
        office
            .facts
            .drain()
            .contains(&"deployed a a2 -> a3".to_owned())
    );
}

#[tokio::test(start_paused = true)]
async fn absent_is_who_was_there_within_the_last_day() {
    let old = |id: &str, hours| record(id, "x", NOW - Span::hours(hours));
    let office = Office::new(|_| (), vec![old("pending", 1)]);
    office
        .roll
        .load(vec![old("recent", 23), old("gone", 25), old("ahead", -30)]);
    join(&office, &[model("here", "h1")]);
    assert_eq!(absent(&office, NOW), ["here", "pending", "recent"]);
    assert_eq!(absent(&office, NOW + Span::hours(2)), ["here", "pending"]);
    let asked = HashSet::from(["here"]);
    let whom = Whom::only(Some(["here", "recent"].map(String::from)));
    let absentees = office.roll.absentees(&asked, &whom, NOW);
    assert_eq!(absentees.len(), 1);
    assert_eq!(absentees[0].deployment_id, "x");
    office.roll.left(&model("here", "h1"));
    let later = NOW + Span::days(2);
    assert_eq!(absent(&office, later), ["ahead"]);
}

#[tokio::test(start_paused = true)]
async fn when_models_were_last_seen_is_put_for_all_at_once() {
    let office = office();
    let models: Vec<_> = (0..1_000).map(|n| model(&format!("m{n}"), "d")).collect();
    office.roll.listed(&models);
    office.roll.commit();
    assert_eq!(office.facts.groups().len(), 1);
    office.clock.set(NOW + Span::seconds(60));
    office.roll.present(&models[..999]);
    office.roll.keep();
    let groups = office.facts.groups();
    assert_eq!(
        (groups.len(), groups[1].len()),
        (2, 999),
        "who is away was not seen"
    );
    office.roll.keep();
    assert_eq!(office.facts.groups().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_database_that_appears_late_is_not_written_over() {
    let office = Office::new(|it| it.on_deployment = DeploymentEffect::Reset, Vec::new());
    join(
        &office,
        &[model("a", "a2"), model("b", "b1"), model("new", "n1")],
    );
    assert_eq!(office.facts.drain(), Vec::<String>::new());
    assert_eq!(office.roll.last_answer(&model("b", "b1")), None);
    office.clock.set(NOW + Span::seconds(30));
    let seen = NOW - Span::hours(2);
    office.roll.load(vec![
        record("a", "a1", seen),
        record("b", "b1", seen),
        record("c", "c1", seen),
    ]);
    let mut facts = office.facts.all();
    facts.sort_by_key(|fact| matches!(fact, Fact::Deployed(_)));
    let [Fact::Model(a), .., Fact::Deployed(deployed)] = &facts[..] else {
        panic!("{facts:?}")
    };
    assert_eq!((&*deployed.before, &*deployed.deployment_id), ("a1", "a2"));
    assert_eq!(
        a.metrics_since,
        to_the_millisecond(NOW),
        "reset when it was first seen"
    );
    assert_eq!(a.first_seen, record("a", "", NOW).first_seen);
    assert_eq!(
        office.roll.last_answer(&model("b", "b1")),
        Some(seen),
        "it was there before"
    );
    assert_eq!(office.roll.last_answer(&model("a", "a2")), None);
    let lines = office.lines();
    assert!(
        lines.contains(&"deployed a a1 -> a2 reset".to_owned()),
        "{lines:?}"
    );
    assert_eq!(
        lines.iter().filter(|it| it.starts_with("new")).count(),
        1,
        "{lines:?}"
    );
    assert!(lines.contains(&"new new".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn a_round_before_the_database_stores_its_models_first() {
    let office = Office::new(|_| (), Vec::new());
    join(&office, &[model("a", "a2")]);
    office
        .roll
        .vouch(&[model("a", "a2"), model("unheard", "u1")]);
    assert_eq!(
        office.facts.drain(),
        ["model a a2 model-a", "model unheard u1 model-unheard"]
    );
    join(&office, &[model("unheard", "u1")]);
    // Its own word comes back from the database.
    let own = ModelRecord {
        crunch_id: CRUNCH.into(),
        first_seen: to_the_millisecond(NOW),
        ..record("a", "a2", NOW)
    };
    office.roll.load(vec![own]);
    let lines = office.lines();
    for expected in ["new a", "new unheard"] {
        assert!(lines.contains(&expected.to_owned()), "{lines:?}");
    }
    assert!(!lines.iter().any(|it| it.starts_with("deployed")));
}

#[tokio::test(start_paused = true)]
async fn what_waits_in_the_outbox_counts_as_known() {
    let office = Office::new(|_| (), vec![record("a", "a1", NOW), record("a", "a2", NOW)]);
    join(&office, &[model("a", "a3")]);
    assert_eq!(
        office.facts.drain(),
        ["model a a3 model-a", "deployed a a2 -> a3"],
        "it is told at once"
    );
    office.roll.load(vec![record("a", "a1", NOW)]);
    let facts = office.facts.drain();
    assert_eq!(facts, ["model a a3 model-a"], "and not told again");
    assert!(!office.lines().contains(&"new a".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn a_last_answer_ahead_of_the_clock_tells_nothing() {
    let office = Office::new(|_| (), vec![record("a", "a1", NOW + Span::hours(1))]);
    assert_eq!(office.roll.last_answer(&model("a", "a1")), None);
    office.roll.answered(&model("a", "a1"));
    let now = to_the_millisecond(NOW);
    let answered = office.roll.last_answer(&model("a", "a1")).unwrap();
    assert!(answered >= now && answered < now + Span::seconds(2));
    assert_eq!(office.roll.last_answer(&model("a", "other")), None);
    assert_eq!(office.roll.last_answer(&model("unknown", "a1")), None);
}

#[tokio::test(start_paused = true)]
async fn a_thousand_that_join_at_once_are_counted() {
    let office = office();
    let models: Vec<_> = (0..1_000).map(|n| model(&format!("m{n}"), "d")).collect();
    join(&office, &models);
    assert_eq!(office.lines().len(), 40);
    office.roll.news.turn();
    let told = office.told.events().pop().unwrap();
    let Event::Predict(PredictEvent::ModelsChanged {
        first_seen, joined, ..
    }) = told
    else {
        panic!("{told:?}")
    };
    assert_eq!((first_seen, joined), (980, 980));
    office.roll.news.turn();
    join(&office, &[model("one", "d")]);
    assert_eq!(office.lines().len(), 42, "single lines are told again");
}

#[tokio::test(start_paused = true)]
async fn the_roll_is_bounded() {
    let seen = |n: i64| record(&format!("m{n:05}"), "d", NOW - Span::seconds(n + 1));
    let office = Office::new(|_| (), (0..50_010).map(seen).collect());
    join(&office, &[model("m50009", "d")]);
    office.roll.keep();
    assert_eq!(office.roll.len(), 50_000);
    assert!(
        office.roll.last_answer(&model("m50009", "d")).is_some(),
        "it is connected"
    );
    assert!(office.roll.last_answer(&model("m50008", "d")).is_none());
    assert!(office.roll.last_answer(&model("m00000", "d")).is_some());
}
