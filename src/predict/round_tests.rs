use time::macros::datetime;

use super::*;
use crate::{
    models::{Json, stub::Behaviour},
    predict::{
        PredictConfig,
        scene::{LIMIT, NOW, Office, Scene, Shelf, config, due, record, until},
    },
};

const SLOT: i64 = 1_758_027_600;

#[tokio::test]
async fn each_model_gets_its_own_part_and_nobody_waits() {
    let shelf = Shelf::default();
    let hours = |hours| NOW - time::Duration::hours(hours);
    let earlier = [record("y", "y1", hours(23)), record("z", "z1", hours(25))];
    shelf.models.lock().unwrap().extend(earlier);
    let office = Office::new(|_| (), Vec::new());
    let scene = Scene::with(5, office, Some(Arc::new(shelf))).await;
    let behave = |place: usize, behaviour| scene.models[place].behave_in("predict", behaviour);
    behave(1, Behaviour::Raises("boom\0".into()));
    behave(2, Behaviour::Gives(Value::String("hello".into())));
    behave(3, Behaviour::Hangs);
    behave(
        4,
        Behaviour::Gives(Value::Json("[{\"step\": 1}, 7, 8]".into())),
    );
    let facts = &scene.office.facts;
    let begun = Instant::now();
    let round = scene.round(due(config("BTC", 600), SLOT), None);
    let others = async {
        until(|| facts.predictions().len() == 5).await;
        assert!(
            begun.elapsed() < LIMIT,
            "they are there before the hanging one's deadline"
        );
        assert_eq!(facts.performed(), Vec::<String>::new());
    };
    tokio::join!(round, others);
    assert_eq!(
        facts.statuses(),
        [
            "a SUCCESS",
            "b FAILURE",
            "c FAILURE",
            "d TIMEOUT",
            "e FAILURE",
            "y ABSENT"
        ]
    );
    let Some(Fact::Performed {
        config: key, slot, ..
    }) = facts.all().pop()
    else {
        panic!("the last fact is that it was made")
    };
    assert_eq!((&*key.0, slot), ("BTC/3600/1200", SLOT));
    let parts = facts.predictions();
    let detail = |place: usize| parts[place].detail.clone().unwrap();
    assert!(detail(1).ends_with("boom\u{fffd}"), "{}", detail(1));
    assert_eq!(detail(2), "a text instead of a list of 3 densities");
    assert!(
        detail(4).starts_with("item 1 is no density"),
        "{}",
        detail(4)
    );
    assert_eq!(
        detail(5),
        "it could not be asked: it was last there 82800 s before"
    );
    let first = &parts[0];
    let answer = first.payload.as_ref().unwrap().text().unwrap();
    assert!(
        answer.starts_with("[{") && answer.contains("\"step\":3600"),
        "{answer}"
    );
    assert!(parts[1..].iter().all(|it| it.payload.is_none()));
    assert!(first.exec_time_us > 0 && parts[5].exec_time_us == 0);
    assert_eq!((first.base, &*first.deployment_id), (Some(115_000.5), "a1"));
    assert_eq!(first.performed_at.nanosecond() % 1_000_000, 0);
    assert_eq!(
        first.resolvable_at,
        first.performed_at + time::Duration::hours(1)
    );
    assert_eq!(parts[5].deployment_id, "y1");
    let told = scene
        .office
        .told
        .events()
        .into_iter()
        .rev()
        .find_map(|event| match event {
            Event::Predict(PredictEvent::PredictionsCollected {
                asked,
                succeeded,
                failed,
                timed_out,
                absent,
                ..
            }) => Some([asked, succeeded, failed, timed_out, absent]),
            _ => None,
        });
    assert_eq!(told, Some([5, 1, 3, 1, 1]));
}

#[tokio::test]
async fn of_a_subset_only_its_own_are_asked_or_absent() {
    let shelf = Shelf::default();
    let recent = [record("x", "x1", NOW), record("y", "y1", NOW)];
    shelf.models.lock().unwrap().extend(recent);
    let office = Office::new(|_| (), Vec::new());
    let scene = Scene::with(2, office, Some(Arc::new(shelf))).await;
    scene
        .round(due(config("ETH", 600), SLOT), Some(&["b", "x", "unknown"]))
        .await;
    let facts = &scene.office.facts;
    assert_eq!(facts.statuses(), ["b SUCCESS", "x ABSENT"]);
    assert_eq!(facts.predictions()[0].base, None);
    assert_eq!(scene.models[0].calls(), []);
    scene
        .round(due(config("ETH", 600), SLOT + 600), Some(&[]))
        .await;
    assert_eq!(facts.statuses().len(), 2, "an empty subset asks nobody");
    assert_eq!(facts.performed().len(), 2);
}

#[tokio::test]
async fn a_huge_answer_is_that_models_failure() {
    let scene = Scene::of(2).await;
    let limit = PredictConfig::default().answer_limit();
    let junk = " ".repeat(limit);
    let huge = Value::Json(format!("[{junk}]").into());
    scene.models[0].behave_in("predict", Behaviour::Gives(huge));
    scene.round(due(config("BTC", 600), SLOT), None).await;
    let facts = &scene.office.facts;
    assert_eq!(facts.statuses(), ["a FAILURE", "b SUCCESS"]);
    let detail = facts.predictions()[0].detail.clone().unwrap();
    assert!(detail.contains("above the limit of 4194304"), "{detail}");
}

#[test]
fn a_text_counts_as_it_is_stored() {
    let text = |count| Payload::String("\u{1}".repeat(count));
    assert_eq!(expect_short(&text(10), 62), Ok(()));
    let said = expect_short(&text(10), 61).unwrap_err();
    assert!(said.starts_with("a text of 62 bytes"), "{said}");
}

#[test]
fn answers_are_text_as_python_writes_it() {
    let json = Json::read("{\"a\": NaN}".into()).unwrap();
    let cases = [
        (Payload::None, "null"),
        (Payload::Double(1.0), "1.0"),
        (Payload::Double(-0.25e-9), "-2.5e-10"),
        (Payload::Double(f64::NAN), "NaN"),
        (Payload::Double(f64::INFINITY), "Infinity"),
        (Payload::Double(f64::NEG_INFINITY), "-Infinity"),
        (Payload::Int(-7), "-7"),
        (Payload::String("a\"\0é".into()), "\"a\\\"\\u0000é\""),
        (Payload::Json(json), "{\"a\": NaN}"),
    ];
    for (answer, expected) in cases {
        assert_eq!(text_of(&answer), expected);
    }
}

#[test]
fn the_method_takes_what_it_is_configured_with() {
    let method = |arguments: &str| -> MethodConfig {
        toml::from_str(&format!("name = 'predict_all'\narguments = {arguments}")).unwrap()
    };
    let call = |arguments| {
        call_of(
            &method(arguments),
            AnswerShape::Any,
            1 << 20,
            &config("BTC", 60),
        )
    };
    let all = call("['asset STRING', 'horizon INT', 'steps JSON']").unwrap();
    let expected = [
        Value::String("BTC".into()),
        Value::Int(3_600),
        Value::Json("[1200]".into()),
    ];
    let expected = Call::new("predict_all", &expected).unwrap();
    assert_eq!((all.method(), all.size()), ("predict_all", expected.size()));
    assert!(call("['step DOUBLE']").is_ok());
    let error = call("['width INT']").unwrap_err().to_string();
    assert!(error.contains("asset, horizon, step, steps"), "{error}");
}

#[test]
fn times_are_kept_to_the_millisecond() {
    let expected = datetime!(2025-09-16 13:00:30.123 UTC);
    assert_eq!(to_the_millisecond(NOW), expected);
}
