use super::*;
use crate::{
    models::stub::StubItem,
    ops::Event,
    predict::{
        Attendance as _, Fact,
        scene::{CRUNCH, NOW, Office, Scene, Shelf, WAIT, record, until},
    },
};

#[tokio::test]
async fn the_roll_follows_the_network() {
    let scene = Scene::of(2).await;
    let (office, facts) = (&scene.office, &scene.office.facts);
    until(|| facts.all().len() >= 2).await;
    facts.drain();
    let at = scene.models[0].address();
    scene.orchestrator.run(StubItem::new("a", "a2", at));
    until(|| {
        office
            .lines()
            .iter()
            .any(|it| it == "deployed a a1 -> a2 keep")
    })
    .await;
    scene.orchestrator.stop("a1");
    let renamed = StubItem {
        model_name: Some("other".into()),
        wallet: Some("wallet".into()),
        ..StubItem::new("b", "b1", scene.models[1].address())
    };
    scene.orchestrator.run(renamed.clone());
    let nameless = StubItem {
        model_name: None,
        wallet: None,
        ..renamed
    };
    until(|| {
        facts
            .all()
            .iter()
            .any(|it| matches!(it, Fact::Model(it) if it.cruncher_name.is_some()))
    })
    .await;
    scene.orchestrator.run(nameless);
    until(|| facts.all().len() >= 4).await;
    assert_eq!(
        facts.drain(),
        [
            "model a a2 model-a",
            "deployed a a1 -> a2",
            "model b b1 other",
            "model b b1 -"
        ]
    );
    scene.orchestrator.stop("b1");
    until(|| {
        office
            .lines()
            .iter()
            .any(|it| it == "left b: stopped by the orchestrator")
    })
    .await;
    assert!(
        !office.lines().iter().any(|it| it.starts_with("left a")),
        "it was replaced"
    );
}

#[tokio::test]
async fn an_orchestrator_that_is_lost_is_told_once_and_when_it_is_back() {
    let scene = Scene::of(1).await;
    let told = &scene.office.told;
    let is_lost = |event: &Event| matches!(event, Event::Trouble { cause, .. } if cause.contains("orchestrator can't be reached"));
    for times in 1..=2 {
        scene.orchestrator.cut();
        let back = told.wait_for_nth(
            times,
            |event| matches!(event, Event::Notice { cause, .. } if cause.contains("1 run")),
        );
        tokio::time::timeout(WAIT, back).await.expect("it is told");
        assert_eq!(told.count(is_lost), times);
    }
    scene.orchestrator.send("{}".into());
    scene.orchestrator.send("[]".into());
    let odd = told.wait_for(
        |event| matches!(event, Event::Trouble { cause, .. } if cause.contains("can't be read")),
    );
    tokio::time::timeout(WAIT, odd).await.expect("it is told");
}

#[tokio::test]
async fn news_that_were_missed_are_made_up_for_with_the_list() {
    let scene = Scene::of(2).await;
    let late = Office::new(|_| (), vec![record("a", "a0", NOW)]);
    let taken = late.roll.take(Err(RecvError::Lagged(7)), &scene.network);
    assert!(taken.is_continue());
    late.roll.load(Vec::new());
    let facts = late.facts.drain();
    assert_eq!(
        facts,
        [
            "model a a1 model-a",
            "deployed a a0 -> a1",
            "model b b1 model-b"
        ]
    );
    let is_told =
        |event: &Event| matches!(event, Event::Notice { cause, .. } if cause.starts_with("7 news"));
    assert_eq!(late.told.count(is_told), 1);
    assert!(
        late.roll
            .take(Err(RecvError::Closed), &scene.network)
            .is_break()
    );
}

#[tokio::test]
async fn the_database_is_learnt_from_when_it_appears() {
    let scene = Scene::with(1, Office::new(|_| (), Vec::new()), None).await;
    let roll = &scene.office.roll;
    assert!(!roll.is_loaded_within(Duration::from_millis(10)).await);
    let shelf = Shelf::default();
    let seen = NOW - time::Duration::hours(3);
    shelf.models.lock().unwrap().push(record("a", "a1", seen));
    scene.stores.send_replace(Some(Arc::new(shelf)));
    assert!(roll.is_loaded_within(WAIT).await);
    let model = Arc::clone(&scene.network.models()[0]);
    assert_eq!(roll.last_answer(&model), Some(seen));
    assert_eq!(roll.crunch_id, CRUNCH);
    assert!(!scene.office.lines().contains(&"new a".to_owned()));
}

#[test]
fn what_can_t_be_stored_is_put_seldom() {
    let mut skipped = 0;
    let mut due = |is_held_up| (0..30).filter(|_| is_due(&mut skipped, is_held_up)).count();
    assert_eq!((due(false), due(true), due(false)), (30, 3, 30));
}
