use std::{collections::VecDeque, sync::Mutex, time::Duration};

use serde_json::Value as Tree;
use tokio::{
    sync::mpsc,
    task::JoinHandle,
    time::{Instant, sleep, timeout},
};

use super::*;
use crate::{
    models::{
        Call, ModelsConfig, Payload, Subset, Value,
        stub::{Behaviour, Mind, StubItem, StubModel, StubOptions, StubOrchestrator},
    },
    ops::Event,
    predict::{
        feed::ChannelFeed,
        testing_market::{Desk, START, btc, minute},
    },
};

const CRUNCH: &str = "crunch";
/// How long anything may take, on a machine that has other work as well.
const WAIT: Duration = Duration::from_secs(20);

/// What a model was given, over all its instances: `tick` with the minutes it was told, or `predict`.
type Ears = Arc<Mutex<Vec<(String, Vec<i64>)>>>;

/// A model that remembers what it was told, and takes its ticks as it is bidden.
struct Listener {
    ears: Ears,
    moods: Arc<Mutex<VecDeque<Behaviour>>>,
}

impl Mind for Listener {
    fn call(&mut self, method: &str, arguments: &[Payload]) -> Behaviour {
        let minutes = arguments.first().map(read).unwrap_or_default();
        self.ears.lock().unwrap().push((method.to_owned(), minutes));
        let mood = if method == "tick" {
            self.moods.lock().unwrap().pop_front()
        } else {
            None
        };
        mood.unwrap_or_default()
    }
}

/// The minutes of BTC in a tick.
fn read(argument: &Payload) -> Vec<i64> {
    let Payload::Json(json) = argument else {
        return Vec::new();
    };
    let tree: Tree = json.parse().unwrap();
    let rows = tree["BTC"].as_array().unwrap().iter();
    rows.map(|row| {
        let at = (row[0].as_i64().unwrap() - START.unix_timestamp()) / 60;
        assert_eq!(row[1].as_f64(), Some(minute(at).price));
        at
    })
    .collect()
}

struct Stub {
    server: StubModel,
    ears: Ears,
    moods: Arc<Mutex<VecDeque<Behaviour>>>,
}

impl Stub {
    async fn start() -> Self {
        let (ears, moods) = (Ears::default(), Arc::<Mutex<VecDeque<_>>>::default());
        let (heard, bidden) = (Arc::clone(&ears), Arc::clone(&moods));
        let options = StubOptions {
            mind: Some(Arc::new(move || {
                let (ears, moods) = (Arc::clone(&heard), Arc::clone(&bidden));
                Box::new(Listener { ears, moods })
            })),
            ..StubOptions::default()
        };
        let server = StubModel::with(options, ([127, 0, 0, 1], 0).into())
            .await
            .unwrap();
        Self {
            server,
            ears,
            moods,
        }
    }

    /// What it was told so far, in short: `tick -3..=-1` for a stretch without gaps.
    fn heard(&self) -> Vec<String> {
        let ears = self.ears.lock().unwrap();
        let short = |(method, minutes): &(String, Vec<i64>)| match minutes.as_slice() {
            [] => method.clone(),
            [only] => format!("{method} {only}"),
            [first, .., last] => {
                let whole: Vec<i64> = (*first..=*last).collect();
                assert_eq!(minutes, &whole);
                format!("{method} {first}..={last}")
            }
        };
        ears.iter().map(short).collect()
    }

    async fn until_heard(&self, expected: &[&str]) {
        let heard = async {
            while self.heard().len() < expected.len() {
                sleep(Duration::from_millis(5)).await;
            }
        };
        // If it does not, the next line says what it heard.
        let _ = timeout(WAIT, heard).await;
        assert_eq!(self.heard(), expected);
    }

    fn bid(&self, moods: impl IntoIterator<Item = Behaviour>) {
        self.moods.lock().unwrap().extend(moods);
    }
}

/// A book of five minutes, a network, and a teller that waits for batches.
struct Scene {
    desk: Desk,
    orchestrator: StubOrchestrator,
    network: Arc<ModelNetwork>,
    batches: Option<mpsc::Sender<Prices>>,
    running: JoinHandle<Ended>,
    cancel: CancellationToken,
    told: usize,
}

impl Scene {
    async fn of(stubs: &[&Stub], change: impl FnOnce(&mut ModelsConfig)) -> Self {
        Self::with(stubs, change, |_| ()).await
    }

    async fn with(
        stubs: &[&Stub],
        change: impl FnOnce(&mut ModelsConfig),
        tune: impl FnOnce(&mut Teller),
    ) -> Self {
        let orchestrator = StubOrchestrator::start(CRUNCH, ([127, 0, 0, 1], 0).into())
            .await
            .unwrap();
        for (stub, id) in stubs.iter().zip(["a", "b", "c"]) {
            orchestrator.list([item(id, "1", stub)]);
        }
        let mut config = ModelsConfig {
            host: "127.0.0.1".into(),
            port: orchestrator.address().port(),
            crunch_id: CRUNCH.into(),
            timeout: Duration::from_secs(10),
            ..ModelsConfig::default()
        };
        change(&mut config);
        let desk = Desk::new();
        desk.book.fill(btc(-5..0));
        let network = ModelNetwork::start(config, desk.book.clone()).unwrap();
        let network = Arc::new(network);
        let (batches, feed) = mpsc::channel(16);
        let feed = ChannelFeed::new(Prices::default(), feed, Duration::from_secs(60));
        let book = Arc::clone(&desk.book);
        let mut teller = Teller::new(
            Box::new(feed),
            Arc::clone(&network),
            book,
            desk.reporter.clone(),
        );
        tune(&mut teller);
        assert_eq!(network.settled(WAIT).await.serving, stubs.len());
        let cancel = CancellationToken::new();
        let running = tokio::spawn(teller.run(cancel.clone()));
        Self {
            desk,
            orchestrator,
            network,
            batches: Some(batches),
            running,
            cancel,
            told: 0,
        }
    }

    async fn send(&self, minutes: impl IntoIterator<Item = i64>) {
        self.batches
            .as_ref()
            .unwrap()
            .send(btc(minutes))
            .await
            .unwrap();
    }

    /// Sends one minute, and waits until it was told; gives asked, succeeded, failed, timed out, behind.
    async fn tick(&mut self, minute: i64) -> [usize; 5] {
        self.send([minute]).await;
        self.told += 1;
        self.told().await
    }

    async fn told(&self) -> [usize; 5] {
        let is_told =
            |event: &Event| matches!(event, Event::Predict(PredictEvent::TickTold { .. }));
        let told = timeout(WAIT, self.desk.recording.wait_for_nth(self.told, is_told)).await;
        let Event::Predict(PredictEvent::TickTold {
            asked,
            succeeded,
            failed,
            timed_out,
            behind,
            ..
        }) = told.expect("the tick is told")
        else {
            unreachable!()
        };
        [asked, succeeded, failed, timed_out, behind]
    }

    async fn predict(&self, id: &str) {
        let values = [
            Value::String("BTC".into()),
            Value::Int(600),
            Value::Int(600),
        ];
        let call = Call::new("predict", &values).unwrap();
        let only = Subset::Only(vec![id.into()]);
        let outcomes = timeout(WAIT, self.network.call(&call, &only).all())
            .await
            .unwrap();
        assert!(
            outcomes.iter().all(|it| it.payload().is_some()),
            "{outcomes:?}"
        );
        assert_eq!(outcomes.len(), 1);
    }

    async fn until_serving(&self, deployment: &str) {
        let serves = async {
            while !self
                .network
                .models()
                .iter()
                .any(|it| it.deployment_id == deployment)
            {
                sleep(Duration::from_millis(5)).await;
            }
        };
        timeout(WAIT, serves).await.expect("it joins");
    }
}

fn item(id: &str, deployment: &str, stub: &Stub) -> StubItem {
    StubItem::new(id, deployment, stub.server.address())
}

fn raises() -> Behaviour {
    Behaviour::Raises("no".into())
}

#[tokio::test]
async fn a_newcomer_a_restarted_and_a_redeployed_model_hear_the_whole_book_before_they_predict() {
    let (a, next) = (Stub::start().await, Stub::start().await);
    let mut scene = Scene::of(&[&a], |_| ()).await;
    scene.predict("a").await;
    assert_eq!(scene.tick(0).await, [1, 1, 0, 0, 0]);
    a.server.restart();
    scene.predict("a").await;
    a.until_heard(&[
        "tick -5..=-1",
        "predict",
        "tick 0",
        "tick -5..=0",
        "predict",
    ])
    .await;
    assert_eq!(scene.tick(1).await, [1, 1, 0, 0, 0]);

    scene.orchestrator.run(item("a", "2", &next));
    scene.until_serving("2").await;
    scene.predict("a").await;
    assert_eq!(scene.tick(2).await, [1, 1, 0, 0, 0]);
    next.until_heard(&["tick -5..=1", "predict", "tick 2"])
        .await;
    assert!(
        scene
            .desk
            .present
            .answered
            .lock()
            .unwrap()
            .iter()
            .all(|id| id == "a")
    );
    assert!(scene.desk.present.answered.lock().unwrap().len() >= 3);
}

#[tokio::test]
async fn a_model_that_missed_three_ticks_gets_them_with_the_fourth() {
    let (a, b) = (Stub::start().await, Stub::start().await);
    let mut scene = Scene::of(&[&a, &b], |_| ()).await;
    b.bid([raises(), raises(), raises()]);
    assert_eq!(scene.tick(0).await, [2, 1, 1, 0, 0]);
    assert_eq!(scene.tick(1).await, [2, 1, 1, 0, 1]);
    assert_eq!(scene.tick(2).await, [2, 1, 1, 0, 1]);
    assert_eq!(scene.tick(3).await, [2, 2, 0, 0, 1]);
    assert_eq!(scene.tick(4).await, [2, 2, 0, 0, 0]);
    a.until_heard(&[
        "tick -5..=-1",
        "tick 0",
        "tick 1",
        "tick 2",
        "tick 3",
        "tick 4",
    ])
    .await;
    // Three ticks behind are told as four, which go back to the history.
    b.until_heard(&[
        "tick -5..=-1",
        "tick 0",
        "tick 0..=1",
        "tick -5..=2",
        "tick 0..=3",
        "tick 4",
    ])
    .await;
}

#[tokio::test]
async fn a_hanging_model_delays_nobody_and_hears_all_when_it_is_back() {
    let (a, b) = (Stub::start().await, Stub::start().await);
    let scene = Scene::of(&[&a, &b], |config| config.timeout = Duration::from_secs(2)).await;
    b.bid([Behaviour::Takes(Duration::from_secs(3))]);
    let begun = Instant::now();
    for minute in 0..5 {
        scene.send([minute]).await;
        a.until_heard(
            &[
                "tick -5..=-1",
                "tick 0",
                "tick 1",
                "tick 2",
                "tick 3",
                "tick 4",
            ][..usize::try_from(minute).unwrap() + 2],
        )
        .await;
    }
    assert!(
        begun.elapsed() < Duration::from_millis(1_900),
        "{:?}",
        begun.elapsed()
    );
    assert_eq!(
        crate::predict::Quotes::newest(scene.desk.book.as_ref(), "BTC"),
        Some(minute(4))
    );
    drop(scene.batches);
    let ended = timeout(WAIT, scene.running).await.unwrap().unwrap();
    assert_eq!(ended, Ended::Prices);
    // All its ticks are late, and told so when their time is over.
    let told = scene.desk.recording.events();
    let late = told.iter().filter(|event| {
        matches!(
            event,
            Event::Predict(PredictEvent::TickTold {
                asked: 2,
                succeeded: 1,
                timed_out: 1,
                ..
            })
        )
    });
    assert_eq!(late.count(), 5);
}

#[tokio::test]
async fn what_is_told_while_a_model_joins_comes_with_its_first_tick() {
    let (a, b) = (Stub::start().await, Stub::start().await);
    let mut scene = Scene::of(&[&a], |_| ()).await;
    // Its replay takes a while.
    b.bid([Behaviour::Takes(Duration::from_millis(400))]);
    scene.orchestrator.run(item("b", "1b", &b));
    b.until_heard(&["tick -5..=-1"]).await;
    assert_eq!(scene.tick(0).await, [1, 1, 0, 0, 0]);
    assert_eq!(scene.tick(1).await, [1, 1, 0, 0, 0]);
    scene.until_serving("1b").await;
    assert_eq!(scene.tick(2).await, [2, 2, 0, 0, 1]);
    // Two were missed; with the new one that is told as four.
    b.until_heard(&["tick -5..=-1", "tick -5..=2"]).await;
    assert_eq!(scene.tick(3).await, [2, 2, 0, 0, 0]);
    b.until_heard(&["tick -5..=-1", "tick -5..=2", "tick 3"])
        .await;
}

#[tokio::test]
async fn a_model_that_was_away_hears_what_it_missed() {
    let (a, b) = (Stub::start().await, Stub::start().await);
    let mut scene = Scene::of(&[&a, &b], |_| ()).await;
    assert_eq!(scene.tick(0).await, [2, 2, 0, 0, 0]);
    scene.orchestrator.stop("1");
    // Both deployments have this name.
    let gone = async {
        while !scene.network.models().is_empty() {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(WAIT, gone).await.unwrap();
    assert_eq!(scene.tick(1).await, [0; 5]);
    scene.orchestrator.run(item("b", "1", &b));
    scene.until_serving("1").await;
    assert_eq!(scene.tick(2).await, [1, 1, 0, 0, 0]);
    b.until_heard(&["tick -5..=-1", "tick 0", "tick 1", "tick 2"])
        .await;
}

#[tokio::test]
async fn a_model_whose_replay_failed_is_told_all_with_a_tick() {
    let a = Stub::start().await;
    a.bid([raises()]);
    let mut scene = Scene::of(&[&a], |_| ()).await;
    assert_eq!(scene.tick(0).await, [1, 1, 0, 0, 1]);
    assert_eq!(scene.tick(1).await, [1, 1, 0, 0, 0]);
    a.until_heard(&["tick -5..=-1", "tick -5..=0", "tick 1"])
        .await;
}

#[tokio::test]
async fn how_a_replay_went_is_heard_before_prices_come() {
    let a = Stub::start().await;
    let scene = Scene::of(&[&a], |_| ()).await;
    let is_heard = async {
        while scene.desk.present.answered.lock().unwrap().is_empty() {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(WAIT, is_heard).await.expect("no tick is needed");
}

#[tokio::test]
async fn a_replay_whose_news_were_missed_is_told_with_a_tick() {
    let a = Stub::start().await;
    let (news, few) = broadcast::channel(1);
    for _ in 0..3 {
        news.send(NetworkEvent::Listed { models: 1 }).unwrap();
    }
    let tune = |teller: &mut Teller| teller.news = few;
    let mut scene = Scene::with(&[&a], |_| (), tune).await;
    assert_eq!(scene.tick(0).await, [1, 1, 0, 0, 1]);
    assert_eq!(scene.tick(1).await, [1, 1, 0, 0, 0]);
    a.until_heard(&["tick -5..=-1", "tick -5..=0", "tick 1"])
        .await;
}

#[tokio::test]
async fn batches_that_gathered_are_one_tick_and_what_is_known_is_none() {
    let a = Stub::start().await;
    let mut scene = Scene::of(&[&a], |_| ()).await;
    // On one thread nothing is taken before this task waits.
    let batches = scene.batches.clone().unwrap();
    for minute in 0..4 {
        batches.try_send(btc([minute])).unwrap();
    }
    scene.told = 1;
    assert_eq!(scene.told().await, [1, 1, 0, 0, 0]);
    scene.send([2, 3]).await;
    assert_eq!(scene.tick(4).await, [1, 1, 0, 0, 0]);
    a.until_heard(&["tick -5..=-1", "tick 0..=3", "tick 4"])
        .await;
}

#[tokio::test]
async fn the_end_of_the_prices_is_told_and_a_cancelled_teller_ends_at_once() {
    let a = Stub::start().await;
    let mut scene = Scene::of(&[&a], |_| ()).await;
    scene.tick(0).await;
    scene.batches = None;
    assert_eq!(
        timeout(WAIT, scene.running).await.unwrap().unwrap(),
        Ended::Prices
    );
    let is_end = |event: &Event| {
        matches!(
            event,
            Event::Predict(PredictEvent::PricesEnded { closes: 1 })
        )
    };
    assert_eq!(scene.desk.recording.count(is_end), 1);

    let scene = Scene::of(&[&a], |_| ()).await;
    a.bid([Behaviour::Hangs]);
    scene.send([0]).await;
    a.until_heard(&["tick -5..=-1", "tick 0", "tick -5..=-1", "tick 0"])
        .await;
    scene.cancel.cancel();
    assert_eq!(
        timeout(WAIT, scene.running).await.unwrap().unwrap(),
        Ended::Cancelled
    );
}

#[tokio::test]
async fn ticks_that_wait_for_answers_are_bounded() {
    let (a, b) = (Stub::start().await, Stub::start().await);
    let mut scene = Scene::of(&[&a, &b], |config| config.timeout = Duration::from_secs(60)).await;
    b.bid([Behaviour::Hangs]);
    scene.desk.clock.set(START + Duration::from_secs(7_200));
    let mut expected = vec!["tick -5..=-1".to_owned()];
    for minute in 0..=i64::try_from(OPEN).unwrap() {
        scene.send([minute]).await;
        expected.push(format!("tick {minute}"));
        let heard: Vec<_> = expected.iter().map(String::as_str).collect();
        a.until_heard(&heard).await;
    }
    // The first one's missing answer counts as late, long before its time is over.
    scene.told = 1;
    assert_eq!(scene.told().await, [2, 1, 0, 1, 0]);
}
