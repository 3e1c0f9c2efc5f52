//! Models that misbehave: each gets what it deserves, and no other model notices.

use std::time::Duration;

use prost::bytes::Bytes;
use rstest::rstest;
use tokio::time::Instant;
use tonic::Code;

use super::scene::{Scene, WAIT, predict, short, shorts, takes, tick, until};
use crate::models::{FailureCode, Left, NetworkEvent, Payload, Subset, Value, stub::Behaviour};

const QUICK: Duration = Duration::from_millis(150);

#[rstest]
#[case(Behaviour::Raises("boom".into()), "FAILURE Raised", "boom")]
#[case(Behaviour::Hangs, "TIMEOUT Deadline", "no answer in time")]
#[case(Behaviour::IsBusy, "TIMEOUT Busy", "earlier call")]
#[case(Behaviour::Refuses(Code::ResourceExhausted, "message larger than max".into()), "FAILURE CallTooLarge", "larger")]
#[case(Behaviour::Refuses(Code::Unauthenticated, "expired".into()), "FAILURE Unauthenticated", "expired")]
#[case(Behaviour::Refuses(Code::Unavailable, "draining".into()), "FAILURE Unavailable", "draining")]
#[case(Behaviour::Refuses(Code::Unimplemented, "Method not found!".into()), "FAILURE Refused", "not found")]
#[case(Behaviour::Refuses(Code::Unknown, "'int' is not callable".into()), "FAILURE Raised", "callable")]
#[case(Behaviour::Babbles(Bytes::from_static(&[0, 0, 0, 0, 2, 0xff, 0xff])), "FAILURE Nonsense", "no message")]
#[case(
    Behaviour::Babbles(Bytes::from_static(b"<html>hello</html>")),
    "FAILURE Nonsense",
    ""
)]
#[case(Behaviour::Babbles(Bytes::new()), "FAILURE Nonsense", "")]
#[case(Behaviour::Gives(Value::Json("[1,".into())), "FAILURE Nonsense", "no JSON")]
#[case(Behaviour::Oversized, "FAILURE AnswerTooLarge", "too large")]
#[case(Behaviour::Breaks, "FAILURE Unavailable", "")]
#[tokio::test]
async fn each_fault_is_told_apart(
    #[case] behaviour: Behaviour,
    #[case] expected: &str,
    #[case] words: &str,
) {
    let scene = Scene::of(2).await;
    let is_late = matches!(behaviour, Behaviour::Hangs | Behaviour::IsBusy);
    scene.models[0].behave(behaviour);
    let call = if is_late {
        predict().within(QUICK)
    } else {
        predict()
    };
    let outcomes = scene.call(&call).await;
    assert_eq!(shorts(&outcomes), [expected, "SUCCESS"]);
    let detail = outcomes[0].detail().unwrap();
    assert!(detail.contains(words), "{detail}");
    // The next call finds the connection whole, or mended.
    scene.models[0].restart();
    scene.models[0].behave(Behaviour::Sound);
    let ok = scene
        .call_until(&predict(), |it| it.payload().is_some())
        .await;
    assert!(matches!(ok.payload(), Some(Payload::Json(_))));
    assert_eq!(scene.reported(), Vec::<String>::new());
}

#[tokio::test]
async fn a_value_of_another_shape_is_that_models_failure() {
    let scene = Scene::of(2).await;
    scene.models[0].behave(Behaviour::Gives(Value::String("hello".into())));
    let outcomes = scene.call(&predict()).await;
    assert_eq!(
        outcomes[0].payload(),
        Some(&Payload::String("hello".into())),
        "nothing was wanted"
    );
    let checked = predict().checked(|payload| match payload {
        Payload::Json(json) => json.parse::<Vec<serde_json::Value>>().map(drop),
        other => Err(format!("no list: {other:?}")),
    });
    for _ in 0..10 {
        let outcomes = scene.call(&checked).await;
        assert_eq!(shorts(&outcomes), ["FAILURE WrongShape", "SUCCESS"]);
        assert!(outcomes[0].detail().unwrap().contains("hello"));
    }
    scene.wait_for_reports(&["a MULTIPLE_FAILED"]).await;
}

#[tokio::test]
async fn at_the_tenth_failure_in_a_row_a_model_is_disconnected_and_reported() {
    let mut scene = Scene::of(2).await;
    let raises = || Behaviour::Raises("boom".into());
    scene.models[0].behave(raises());
    for _ in 0..9 {
        scene.call(&predict()).await;
    }
    scene.models[0].behave(Behaviour::Sound);
    assert_eq!(shorts(&scene.call(&predict()).await), ["SUCCESS"; 2]);
    scene.models[0].behave(raises());
    for call in 1..=10 {
        assert_eq!(scene.call(&predict()).await.len(), 2, "{call}");
    }
    scene.until_serving(&["b"]).await;
    scene.wait_for_reports(&["a MULTIPLE_FAILED"]).await;
    assert!(
        scene.orchestrator.reports()[0]["failure_reason"]
            .as_str()
            .unwrap()
            .contains("boom")
    );
    let (code, why) = scene
        .news(|news| match news {
            NetworkEvent::Failed { model, code, .. } if model.model_id == "a" => Some(code),
            _ => None,
        })
        .await
        .into_and_left(&mut scene)
        .await;
    assert_eq!(
        (code, why),
        (FailureCode::MultipleFailed, Left::Disconnected)
    );
    assert_eq!(scene.call(&predict()).await.len(), 1);
}

trait IntoAndLeft {
    async fn into_and_left(self, scene: &mut Scene) -> (FailureCode, Left);
}

impl IntoAndLeft for FailureCode {
    async fn into_and_left(self, scene: &mut Scene) -> (FailureCode, Left) {
        let left = |news| match news {
            NetworkEvent::Left { why, .. } => Some(why),
            _ => None,
        };
        (self, scene.news(left).await)
    }
}

#[tokio::test]
async fn at_the_tenth_time_out_in_a_row_a_model_is_disconnected_and_skips_do_not_count() {
    let scene = Scene::of(2).await;
    // Its server can be asked after its health, and answers nothing else.
    scene.models[0].behave(Behaviour::Refuses(
        Code::DeadlineExceeded,
        "too late".into(),
    ));
    let mut seen = Vec::new();
    while scene.serving().len() == 2 {
        let outcomes = scene.call(&tick()).await;
        if outcomes.len() == 2 {
            assert_eq!(short(&outcomes[1]), "SUCCESS");
            seen.push(short(&outcomes[0]));
        }
        tokio::task::yield_now().await;
    }
    let asked = seen.iter().filter(|it| *it == "TIMEOUT Deadline").count();
    let skipped = seen.iter().filter(|it| *it == "TIMEOUT Skipped").count();
    assert_eq!(asked, 10, "{seen:?}");
    assert_eq!(
        skipped, 25,
        "half as many as there were time-outs, each time"
    );
    assert_eq!(scene.models[0].calls().len(), 10);
    scene.wait_for_reports(&["a MULTIPLE_TIMEOUT"]).await;
}

#[tokio::test]
async fn without_reports_a_model_is_disconnected_all_the_same() {
    let scene = Scene::configured(2, |config| {
        config.report_failure = false;
        config.max_consecutive_failures = 1;
    })
    .await;
    scene.models[0].behave(Behaviour::Raises("boom".into()));
    scene.call(&predict()).await;
    scene.until_serving(&["b"]).await;
    assert_eq!(scene.call(&predict()).await.len(), 1);
    // What is listed anew is not taken up again for that.
    scene.orchestrator.cut();
    let mut connections = scene.orchestrator.connections();
    connections.wait_for(|count| *count == 2).await.unwrap();
    scene.call(&predict()).await;
    assert_eq!(scene.serving(), ["b"]);
    assert_eq!(scene.reported(), Vec::<String>::new());
}

#[tokio::test]
async fn models_that_hang_delay_nobody() {
    let scene = Scene::of(12).await;
    for model in &scene.models[..6] {
        model.behave(Behaviour::Hangs);
    }
    let limit = Duration::from_secs(1);
    let begun = Instant::now();
    let mut calling = scene.network.call(&predict().within(limit), &Subset::All);
    for _ in 0..6 {
        let outcome = futures_util::StreamExt::next(&mut calling).await.unwrap();
        assert_eq!(short(&outcome), "SUCCESS");
    }
    assert!(begun.elapsed() < limit, "{:?}", begun.elapsed());
    let rest = tokio::time::timeout(WAIT, calling.all()).await.unwrap();
    assert_eq!(shorts(&rest), ["TIMEOUT Deadline"; 6]);
    assert!(rest.iter().all(|it| it.exec_time_us >= 900_000));
}

#[tokio::test]
async fn a_model_that_lags_catches_up() {
    let scene = Scene::of(1).await;
    scene.models[0].behave(takes(400));
    let outcomes = scene.call(&tick().within(QUICK)).await;
    assert_eq!(shorts(&outcomes), ["TIMEOUT Deadline"]);
    assert_eq!(shorts(&scene.call(&tick()).await), ["TIMEOUT Skipped"]);
    scene.models[0].behave(Behaviour::Sound);
    // Its server is still at the first call, and is asked again until it is free.
    assert_eq!(shorts(&scene.call(&tick()).await), ["SUCCESS"]);
    assert_eq!(
        shorts(&scene.call(&tick()).await),
        ["SUCCESS"],
        "nothing is skipped any more"
    );
}

#[tokio::test]
async fn calls_that_pile_up_are_given_up_in_time() {
    let scene = Scene::of(1).await;
    scene.models[0].behave(Behaviour::Hangs);
    let limit = Duration::from_millis(300);
    let callings: Vec<_> = (0..100)
        .map(|_| scene.network.call(&tick().within(limit), &Subset::All))
        .collect();
    let begun = Instant::now();
    let mut seen = Vec::new();
    for calling in callings {
        seen.extend(shorts(
            &tokio::time::timeout(WAIT, calling.all()).await.unwrap(),
        ));
    }
    assert!(
        begun.elapsed() < Duration::from_secs(5),
        "{:?}",
        begun.elapsed()
    );
    assert_eq!(
        seen.iter().filter(|it| *it == "TIMEOUT Deadline").count(),
        1
    );
    let rest = ["TIMEOUT Queued", "TIMEOUT Skipped"];
    let count = seen.iter().filter(|it| rest.contains(&it.as_str())).count();
    assert_eq!(count, 99, "{seen:?}");
    until(|| scene.serving() == ["a"]).await;
}
