//! What no model has is the configuration's fault.

use super::scene::{Scene, WAIT, config, orchestrator, predict, shorts, tick};
use crate::models::{
    ModelNetwork, NetworkEvent, NoReplay, Subject,
    stub::{Behaviour, StubItem, StubModel, StubOptions},
};

fn mistake(news: NetworkEvent) -> Option<(Subject, usize)> {
    match news {
        NetworkEvent::OurMistake {
            subject, models, ..
        } => Some((subject, models)),
        _ => None,
    }
}

#[tokio::test]
async fn a_method_that_every_model_lacks_is_nobodys_fault() {
    let mut scene = Scene::of(3).await;
    for model in &scene.models {
        model.behave_in("predict", Behaviour::Lacks);
    }
    for _ in 0..12 {
        assert_eq!(
            shorts(&scene.call(&predict()).await),
            ["FAILURE BadImplementation"; 3]
        );
    }
    assert_eq!(
        scene.news(mistake).await,
        (Subject::Method("predict".into()), 3)
    );
    assert_eq!(
        shorts(&scene.call(&tick()).await),
        ["SUCCESS"; 3],
        "all are still there"
    );
    assert_eq!(scene.reported(), Vec::<String>::new());
    // One model shows that it can be had: the others are at fault.
    scene.models[1].behave(Behaviour::Sound);
    scene.call(&predict()).await;
    scene.until_serving(&["b"]).await;
    scene
        .wait_for_reports(&["a BAD_IMPLEMENTATION", "c BAD_IMPLEMENTATION"])
        .await;
}

#[tokio::test]
async fn a_method_that_one_model_lacks_is_its_fault() {
    let mut scene = Scene::of(3).await;
    scene.models[2].behave_in("predict", Behaviour::Lacks);
    scene.call(&predict()).await;
    scene.until_serving(&["a", "b"]).await;
    scene.wait_for_reports(&["c BAD_IMPLEMENTATION"]).await;
    assert!(
        !scene
            .all_news()
            .into_iter()
            .any(|news| mistake(news).is_some())
    );
}

/// Models of which the first `lacking` say this when they are set up.
async fn set_up(count: usize, lacking: usize, code: &str, text: &str) -> Scene {
    let orchestrator = orchestrator().await;
    let mut models = Vec::new();
    for place in 0..count {
        let setup_fails = (place < lacking).then(|| (code.to_owned(), text.to_owned()));
        let options = StubOptions {
            setup_fails,
            ..StubOptions::default()
        };
        let model = StubModel::with(options, ([127, 0, 0, 1], 0).into())
            .await
            .unwrap();
        let name = super::scene::name(place);
        orchestrator.list([StubItem::new(&name, &format!("{name}1"), model.address())]);
        models.push(model);
    }
    let network =
        ModelNetwork::start(config(&orchestrator), std::sync::Arc::new(NoReplay)).unwrap();
    let events = network.events();
    let settled = network.settled(WAIT).await;
    assert_eq!((settled.serving, settled.joining), (count - lacking, 0));
    Scene {
        orchestrator,
        models,
        network,
        events,
    }
}

#[rstest::rstest]
#[case("BAD_IMPLEMENTATION", "No module named 'crunch_synth'")]
#[case(
    "SETUP_FAILED",
    "Class 'TrackerBas' not found in module 'condorgame.tracker'."
)]
#[case(
    "SETUP_FAILED",
    "Invalid class name 'TrackerBase'. Use 'module.ClassName' format."
)]
#[tokio::test]
async fn a_base_class_that_every_model_lacks_is_nobodys_fault(
    #[case] code: &str,
    #[case] text: &str,
) {
    let mut scene = set_up(3, 3, code, text).await;
    let (subject, models) = scene.news(mistake).await;
    assert_eq!(models, 3);
    assert!(matches!(subject, Subject::BaseClass(_)));
    assert_eq!(scene.reported(), Vec::<String>::new());
    assert!(
        !scene
            .all_news()
            .iter()
            .any(|news| matches!(news, NetworkEvent::Failed { .. }))
    );
}

#[tokio::test]
async fn a_base_class_that_some_models_lack_is_their_fault() {
    let scene = set_up(3, 2, "BAD_IMPLEMENTATION", "No Inherited class found").await;
    super::scene::until(|| scene.reported().len() == 2).await;
    let mut reported = scene.reported();
    reported.sort();
    assert_eq!(reported, ["a BAD_IMPLEMENTATION", "b BAD_IMPLEMENTATION"]);
    assert_eq!(scene.serving(), ["c"]);
}

#[tokio::test]
async fn a_constructor_that_raises_is_that_models_fault() {
    let scene = set_up(2, 1, "SETUP_FAILED", "no weights").await;
    scene.wait_for_reports(&["a MULTIPLE_FAILED"]).await;
    assert_eq!(scene.serving(), ["b"]);
}
