use std::{collections::HashMap, time::Duration};

use time::{OffsetDateTime, macros::datetime};

use super::*;
use crate::{
    clock::SimulatedClock,
    forecast::{
        Blocking, Choice, Desk, DeskHandle, Forecast, History, LiveFuse, LiveFuses, Outside,
        Standing, Standings, Target, TopicSpec,
        testing::{Planted, WEEK},
    },
    types::{Nonce, TopicId, WindowKey},
};

const TOPIC: TopicId = TopicId(67);
const OTHER: TopicId = TopicId(68);
const NOW: OffsetDateTime = datetime!(1970-02-20 00:30 UTC);
const PATIENCE: Duration = Duration::from_secs(60);

struct Scene {
    state: watch::Sender<NetworkState>,
    clock: SimulatedClock,
    desk: DeskHandle,
}

/// A desk whose first topic hears a network, and whose second asks the same of the built-in forecast.
fn scene(is_blend: bool) -> Scene {
    let planted = Planted {
        seed: 2,
        days: 50,
        lag: 24,
        strength: 0.0,
        flip: None,
    };
    let history = History {
        ticker: "btcusd".into(),
        candles: planted.candles().into(),
    };
    let clock = SimulatedClock::starting_at(NOW);
    let shared: SharedClock = Arc::new(clock.clone());
    let config = ForecastConfig {
        source: Choice::Prior,
        ..ForecastConfig::default()
    };
    let spec = |topic| TopicSpec {
        topic,
        ticker: "btcusd".into(),
        horizon: WEEK,
        target: Target::LogReturn,
    };
    let built_in = Arc::new(Builtin::new(config.clone()));
    let (state, seen) = watch::channel(NetworkState::default());
    let blend = BlendConfig::default();
    let terms = (config.clone(), blend);
    let forecaster = NetworkForecaster::new(
        is_blend,
        Arc::clone(&built_in),
        seen,
        terms,
        Arc::clone(&shared),
    );
    let outside = Outside {
        source: forecaster.source(),
        forecaster: Arc::new(forecaster),
        time_limit: Duration::from_secs(5),
        closes: usize::MAX,
        labels: Vec::new(),
    };
    let histories = HashMap::from([("btcusd".to_owned(), watch::channel(history).1)]);
    let topics = vec![spec(TOPIC), spec(OTHER)];
    let desk = Desk::with_forecaster(
        config,
        topics,
        &histories,
        shared,
        Arc::new(Blocking::new(built_in)),
    );
    let desk = desk.unwrap().with_outside([(TOPIC, outside)]).handle();
    desk.declare(TOPIC, None);
    Scene { state, clock, desk }
}

impl Scene {
    /// A round in which four models answer these values.
    fn round(&self, at: OffsetDateTime, values: [f64; 4]) {
        let before = self.state.borrow().clone();
        let expected = |(place, value): (usize, f64)| Expected {
            model: format!("m{place}").into(),
            at: at.unix_timestamp(),
            log_return: value,
        };
        let newest = values.into_iter().enumerate().map(expected);
        let edition = before.edition + 1;
        let newest = newest.collect();
        self.state.send_replace(NetworkState {
            edition,
            newest,
            ..before
        });
    }

    async fn now(&self, topic: TopicId) -> Arc<Forecast> {
        self.desk.now(topic, PATIENCE).await
    }
}

#[tokio::test]
async fn the_models_answer_and_the_built_in_stands_in_for_them() {
    let scene = scene(false);
    let built_in = scene.now(OTHER).await;
    let stand_in = scene.now(TOPIC).await;
    assert!(
        stand_in.is_stand_in() && stand_in.source == Source::Prior,
        "{stand_in:?}"
    );
    assert_eq!(stand_in.value.to_bits(), built_in.value.to_bits());

    scene.round(NOW, [0.01, 0.02, 0.03, 0.04]);
    let models = scene.now(TOPIC).await;
    assert_eq!((models.source, &models.fallback), (Source::Models, &None));
    assert!((models.value - 0.025).abs() < 1e-12, "{models:?}");
    let network = models
        .report
        .as_ref()
        .and_then(|it| it.network.as_ref())
        .unwrap();
    assert_eq!(
        (network.answered, network.models, network.opinions),
        (4, 4, 4)
    );
    assert_eq!(
        network.built_in.map(f64::to_bits),
        Some(built_in.value.to_bits())
    );
    assert_eq!((network.weight, network.t), (1.0, None));

    // Three hours later the same answers say nothing any more; the prices are not too old yet.
    scene.clock.set(NOW + Duration::from_secs(3 * 3600 + 60));
    scene.state.send_modify(|it| it.edition += 1);
    let stand_in = scene.now(TOPIC).await;
    let why = stand_in.fallback.as_ref().unwrap().to_string();
    assert!(
        stand_in.is_stand_in() && why.contains("the newest is 181 min old"),
        "{why}"
    );
}

#[tokio::test]
async fn a_blend_without_a_record_is_the_built_in_to_the_bit() {
    let scene = scene(true);
    let built_in = scene.now(OTHER).await;
    scene.round(NOW, [0.01, 0.02, 0.03, 0.04]);
    let blend = scene.now(TOPIC).await;
    assert_eq!((blend.source, &blend.fallback), (Source::Blend, &None));
    assert_eq!(blend.value.to_bits(), built_in.value.to_bits());
    assert!(!blend.source.is_opinion(), "it is none of the live fuse's");
}

#[tokio::test]
async fn a_round_that_comes_after_the_asking_is_used_for_the_window() {
    let scene = scene(false);
    let key = WindowKey {
        topic: TOPIC,
        nonce: Nonce(120),
    };
    scene.round(NOW, [0.01, 0.02, 0.03, 0.04]);
    let mut told = scene.desk.prepared();
    scene.desk.prepare(key);
    let first = told.recv().await.unwrap();
    assert!((first.value - 0.025).abs() < 1e-12);
    scene.round(NOW, [0.02, 0.03, 0.04, 0.05]);
    // What was answered stands until there is a newer answer.
    assert_eq!(
        scene.desk.fresh(key).unwrap().value.to_bits(),
        first.value.to_bits()
    );
    scene.desk.prepare(key);
    let second = told.recv().await.unwrap();
    assert!((second.value - 0.035).abs() < 1e-12);
    assert_eq!(
        scene.desk.fresh(key).unwrap().value.to_bits(),
        second.value.to_bits()
    );
    // And is asked for once.
    scene.desk.prepare(key);
    tokio::task::yield_now().await;
    assert!(told.try_recv().is_err());
}

#[tokio::test]
async fn too_few_models_are_said_to_be() {
    let scene = scene(false);
    let at = NOW.unix_timestamp() - 60;
    let bad = |model: &str| {
        let (loss, reference) = (1.1, 1.0);
        let standing = Standing {
            at,
            loss,
            reference,
        };
        (Arc::from(model), standing)
    };
    let half_life = BlendConfig::default().score_half_life;
    let standings = Arc::new(Standings::new([bad("m0"), bad("m1")], half_life));
    scene.state.send_modify(|it| it.standings = standings);
    scene.round(NOW, [0.01, 0.02, 0.03, 0.04]);
    let stand_in = scene.now(TOPIC).await;
    let why = stand_in.fallback.as_ref().unwrap().to_string();
    assert!(
        stand_in.is_stand_in() && why.contains("4 models answered, and fewer"),
        "{why}"
    );
}

#[tokio::test]
async fn a_topic_of_several_outputs_is_none_for_models() {
    assert_eq!(scene(true).desk.chosen_labels(TOPIC), None);
}

#[tokio::test]
async fn a_blend_without_a_record_is_held_back_as_the_built_in_is() {
    let scene = scene(true);
    let full = scene.now(OTHER).await.value;
    let fuse = LiveFuse {
        weight: 0.5,
        t: Some(-1.5),
        days: 200,
    };
    let fuses = LiveFuses::new([(TOPIC, fuse)].into());
    scene.desk.follow(watch::channel(fuses).1);
    scene.round(NOW, [0.01, 0.02, 0.03, 0.04]);
    let blend = scene.now(TOPIC).await;
    assert_eq!(blend.source, Source::Blend);
    assert!((blend.value - 0.5 * full).abs() < 1e-15, "{blend:?}");
    let report = blend.report.as_ref().unwrap();
    assert_eq!(report.live_weight, Some(0.5));
    let network = report.network.as_ref().unwrap();
    assert_eq!(network.built_in_source, Some(Source::Prior));
    // What stands in for it is held back as well.
    scene.state.send_modify(|it| {
        it.edition += 1;
        it.newest = Arc::default();
    });
    scene.clock.set(NOW + Duration::from_secs(60));
    let stand_in = scene.now(TOPIC).await;
    assert!(stand_in.is_stand_in(), "{stand_in:?}");
}

#[tokio::test]
async fn an_answer_of_the_future_is_none() {
    let scene = scene(false);
    scene.round(NOW + Duration::from_secs(120), [0.01, 0.02, 0.03, 0.04]);
    assert!(scene.now(TOPIC).await.is_stand_in());
    scene.round(NOW + Duration::from_secs(30), [0.01, 0.02, 0.03, 0.04]);
    assert_eq!(scene.now(TOPIC).await.source, Source::Models);
}
