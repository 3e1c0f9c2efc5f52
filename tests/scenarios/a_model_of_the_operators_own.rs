//! A forecaster outside the process answers a topic, and every window is answered whatever it does.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use allora_worker::{
    devnet::{DevnetConfig, OutputArity},
    forecast::{Fallback, Forecast, Outside, Source},
    forecasters,
    ops::Event,
    types::TopicId,
    worker::StartError,
};
use rstest::rstest;
use wiremock::{Mock, MockServer, Request, ResponseTemplate, matchers::any};

use crate::{
    ahead::{journal_of, next_nonce, was_presigned},
    doubles,
    harness::{Stage, TOPIC, eventually, topic},
    running::{Forecasts, Running},
};

/// A forecaster as its configuration describes it.
fn described(text: &str) -> Outside {
    let config = toml::from_str(text).unwrap();
    forecasters::build(&config, None, &std::env::temp_dir()).unwrap()
}

fn http(server: &MockServer, timeout: &str) -> Outside {
    let url = format!("{}/{{topic}}?nonce={{nonce}}", server.uri());
    described(&format!("http = \"{url}\"\ntimeout = \"{timeout}\""))
}

fn shell(line: &str, timeout: &str) -> Outside {
    let command = serde_json::json!(["sh", "-c", line]);
    described(&format!("command = {command}\ntimeout = \"{timeout}\""))
}

async fn server(response: ResponseTemplate) -> MockServer {
    let server = MockServer::start().await;
    Mock::given(any())
        .respond_with(response)
        .mount(&server)
        .await;
    server
}

fn says(text: &str) -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_string(text)
}

/// The forecast that answered the first window.
async fn used(worker: &Running) -> Forecast {
    let told = worker
        .expect("a forecast", |event| {
            matches!(
                event,
                Event::ForecastTrained { .. } | Event::ForecastUsed { .. }
            )
        })
        .await;
    match told {
        Event::ForecastTrained { forecast, .. } | Event::ForecastUsed { forecast, .. } => forecast,
        _ => unreachable!("it fits"),
    }
}

#[tokio::test]
async fn it_is_asked_for_the_expected_nonce_and_its_answer_is_signed_ahead() {
    let model = server(says("{\"value\": 0.02}")).await;
    let stage = Stage::new().await;
    let worker = stage
        .worker_with(|setup| setup.outside = vec![(TOPIC, http(&model, "5s"))])
        .await;
    let nonce = next_nonce(&stage).await;
    stage.blocks_until(nonce - 1).await;
    let prepared = eventually(async || {
        let submission = journal_of(&stage, TOPIC, nonce).await?;
        (submission.value.as_deref() == Some("0.02")).then_some(submission)
    });
    prepared.await.expect("its answer is prepared");
    stage.block().await;
    assert!(was_presigned(&worker, TOPIC, nonce).await);
    stage.block().await;
    worker.successful(nonce).await;
    stage.close_window(nonce).await;
    worker.counted(nonce).await;
    let truth = stage.truth().await;
    assert_eq!(truth.each_answered_at_once(nonce), 1);
    assert_eq!(truth.at(nonce)[0].values, ["y=0.02"]);
    let forecast = used(&worker).await;
    assert_eq!((forecast.source, forecast.fallback), (Source::Http, None));
    let asked = model.received_requests().await.unwrap();
    let asked: Vec<String> = asked.iter().map(|it| it.url.to_string()).collect();
    let wanted = format!("/67?nonce={nonce}");
    let for_this = asked.iter().filter(|url| url.ends_with(&wanted)).count();
    assert_eq!(for_this, 1, "{asked:?}");
    worker.stop().await;
}

#[tokio::test]
async fn a_newer_candle_has_it_asked_again() {
    let model = server(says("0.02")).await;
    let stage = Stage::new().await;
    let (candles, history) = tokio::sync::watch::channel(doubles::history(28));
    let worker = stage
        .worker_with(|setup| {
            setup.outside = vec![(TOPIC, http(&model, "5s"))];
            setup.history = history;
        })
        .await;
    let nonce = next_nonce(&stage).await;
    stage.blocks_until(nonce - 1).await;
    let times = async |least: usize| {
        eventually(async || {
            let asked = model.received_requests().await.unwrap();
            let wanted = format!("nonce={nonce}");
            let count = asked.iter().filter(|it| it.url.query() == Some(&wanted));
            (count.count() >= least).then_some(())
        })
        .await
    };
    times(1).await.expect("it is asked");
    candles.send_replace(doubles::history(29));
    times(2).await.expect("it is asked again");
    worker.stop().await;
}

#[tokio::test]
async fn an_early_failure_has_it_asked_again_before_the_opening() {
    let model = MockServer::start().await;
    let failure = Mock::given(any()).respond_with(ResponseTemplate::new(503));
    failure.up_to_n_times(1).mount(&model).await;
    let good = Mock::given(any()).respond_with(says("0.02"));
    good.mount(&model).await;
    let stage = Stage::new().await;
    let worker = stage
        .worker_with(|setup| setup.outside = vec![(TOPIC, http(&model, "5s"))])
        .await;
    let nonce = next_nonce(&stage).await;
    let pause = Duration::from_millis(50);
    stage.blocks_at_leisure(nonce - 1, pause).await;
    let prepared = eventually(async || {
        let submission = journal_of(&stage, TOPIC, nonce).await?;
        (submission.value.as_deref() == Some("0.02")).then_some(())
    });
    prepared.await.expect("its second answer is prepared");
    worker.stop().await;
}

#[tokio::test]
async fn in_a_window_that_is_open_already_it_has_its_own_time_limit() {
    let model = server(says("0.02").set_delay(Duration::from_secs(1))).await;
    let stage = Stage::new().await;
    let nonce = stage.open_window().await;
    let worker = stage
        .worker_with(|setup| {
            setup.outside = vec![(TOPIC, http(&model, "10s"))];
            setup.forecast.train_deadline = Duration::from_millis(300);
        })
        .await;
    worker.submitted(nonce).await;
    stage.block().await;
    worker.successful(nonce).await;
    assert_eq!(stage.truth().await.at(nonce)[0].values, ["y=0.02"]);
    worker.stop().await;
}

#[tokio::test]
async fn a_dry_run_has_it_asked_ahead() {
    let model = server(says("0.02")).await;
    let stage = Stage::new().await;
    let worker = stage
        .worker_with(|setup| {
            setup.outside = vec![(TOPIC, http(&model, "5s"))];
            setup.dry_run = true;
        })
        .await;
    let nonce = next_nonce(&stage).await;
    stage.blocks_until(nonce - 1).await;
    let asked = eventually(async || {
        let asked = model.received_requests().await.unwrap();
        let wanted = format!("nonce={nonce}");
        let is_asked = asked.iter().any(|it| it.url.query() == Some(&wanted));
        is_asked.then_some(())
    });
    asked.await.expect("it is asked before the opening");
    assert!(stage.submission(nonce).await.is_none(), "nothing is signed");
    stage.block().await;
    let told = worker.expect("the answer", |it| matches!(it, Event::DryRun { .. }));
    let Event::DryRun { value, .. } = told.await else {
        unreachable!("it fits")
    };
    assert_eq!(value, "0.02");
    worker.stop().await;
}

/// Answers a window with a forecaster that fails; gives the reason that is told.
async fn stood_in_for(outside: Outside) -> String {
    let source = outside.source;
    let stage = Stage::new().await;
    let worker = stage
        .worker_with(|setup| {
            setup.outside = vec![(TOPIC, outside)];
            setup.forecast.train_deadline = Duration::from_millis(500);
        })
        .await;
    let nonce = stage.answer_a_window(&worker).await;
    let truth = stage.truth().await;
    assert_eq!(truth.each_answered_at_once(nonce), 1, "{source:?}");
    assert_eq!(truth.at(nonce)[0].values, ["y=0.0125"], "{source:?}");
    let forecast = used(&worker).await;
    worker.stop().await;
    match forecast.fallback {
        Some(Fallback::Outside { detail }) => detail,
        other => panic!("{other:?}"),
    }
}

#[rstest]
#[case::refuses(ResponseTemplate::new(503), "answers with 503")]
#[case::garbage(says("the model is loading"), "is not a number")]
#[case::nan(says("NaN"), "answered NaN")]
#[case::infinite(says("{\"value\": \"inf\"}"), "answered inf")]
#[case::mad(says("1.5"), "beyond forecast.max_abs")]
#[case::labelled(says("{\"values\": {\"up\": 1}}"), "takes one")]
#[case::endless(says("1").set_body_bytes(vec![b'1'; 1 << 20]), "longer than")]
#[case::hangs(says("0.02").set_delay(Duration::from_secs(300)), "in time")]
#[tokio::test]
async fn an_endpoint_that_fails_is_stood_in_for(
    #[case] response: ResponseTemplate,
    #[case] why: &str,
) {
    let model = server(response).await;
    let told = stood_in_for(http(&model, "60s")).await;
    assert!(told.contains(why), "{told}");
}

#[rstest]
#[case::exit_code("echo 0.02; exit 2", "exit status: 2")]
#[case::garbage("echo ready", "is not a number")]
#[case::nan("echo nan", "answered NaN")]
#[case::mad("echo -1e30", "beyond forecast.max_abs")]
#[case::endless("yes", "longer than")]
#[case::hangs("sleep 300 & sleep 300; wait", "in time")]
#[tokio::test]
async fn a_command_that_fails_is_stood_in_for(#[case] line: &str, #[case] why: &str) {
    let told = stood_in_for(shell(line, "60s")).await;
    assert!(told.contains(why), "{told}");
}

#[tokio::test]
async fn a_command_answers_every_window() {
    let stage = Stage::new().await;
    let outside = shell("echo \"{\\\"value\\\": 0.0${ALLORA_TOPIC}}\"", "10s");
    let worker = stage
        .worker_with(|setup| setup.outside = vec![(TOPIC, outside)])
        .await;
    let first = stage.answer_a_window(&worker).await;
    let second = stage.answer_a_window(&worker).await;
    let truth = stage.truth().await;
    assert_eq!(truth.each_answered_at_once(first), 2);
    for nonce in [first, second] {
        assert_eq!(truth.at(nonce)[0].values, ["y=0.067"]);
    }
    worker.stop().await;
}

#[tokio::test]
async fn one_that_hangs_holds_no_other_topic_up() {
    const OTHER: TopicId = TopicId(68);
    let stuck = server(says("0.02").set_delay(Duration::from_secs(300))).await;
    let quick = server(says("0.03")).await;
    let stage = Stage::with(|config| config.topics.push(topic(OTHER))).await;
    let worker = stage
        .worker_with(|setup| {
            setup.outside = vec![(TOPIC, http(&stuck, "60s")), (OTHER, http(&quick, "60s"))];
            setup.forecast.train_deadline = Duration::from_secs(1);
        })
        .await;
    let nonce = next_nonce(&stage).await;
    stage.blocks_until(nonce - 1).await;
    let ready = eventually(async || {
        let submission = journal_of(&stage, OTHER, nonce).await?;
        (submission.value.as_deref() == Some("0.03")).then_some(())
    });
    ready.await.expect("the quick one's answer is prepared");
    stage.block().await;
    for id in [TOPIC, OTHER] {
        worker.submitted_in(id, nonce).await;
    }
    stage.block().await;
    for id in [TOPIC, OTHER] {
        worker.successful_in(id, nonce).await;
    }
    stage.close_window(nonce).await;
    assert_eq!(stage.truth().await.each_answered_at_once(nonce), 2);
    worker.stop().await;
}

#[tokio::test]
async fn the_kill_switch_holds_for_it_too() {
    let model = server(says("0.02")).await;
    let stage = Stage::new().await;
    let worker = stage
        .worker_with(|setup| {
            setup.outside = vec![(TOPIC, http(&model, "5s"))];
            setup.forecast.max_abs = 0.0;
            setup.desk = Forecasts::Unready;
        })
        .await;
    let nonce = stage.answer_a_window(&worker).await;
    assert_eq!(stage.truth().await.at(nonce)[0].values, ["y=0"]);
    let forecast = used(&worker).await;
    assert_eq!(forecast.fallback, Some(Fallback::SwitchedOff));
    assert_eq!(model.received_requests().await.unwrap().len(), 0);
    worker.stop().await;
}

/// A topic with several outputs.
fn several(config: &mut DevnetConfig) {
    let topic = &mut config.topics[0];
    topic.arity = OutputArity::Multi;
    topic.label_whitelist = ["up", "down", "flat"].map(str::to_owned).to_vec();
    topic.max_labels = 3;
}

#[tokio::test]
async fn a_topic_with_several_outputs_is_answered_with_a_value_for_each_label() {
    let model = server(says(
        r#"{"values": {"Down": 0.25, "up": "0.7500", "flat": 1e-9}}"#,
    ))
    .await;
    let stage = Stage::with(several).await;
    let worker = stage
        .worker_with(|setup| setup.outside = vec![(TOPIC, http(&model, "5s"))])
        .await;
    let nonce = stage.answer_a_window(&worker).await;
    let truth = stage.truth().await;
    assert_eq!(truth.each_answered_at_once(nonce), 1);
    assert_eq!(truth.at(nonce)[0].values, ["up=0.75,down=0.25,flat=1E-9"]);
    let submission = stage.submission(nonce).await.unwrap();
    let value = submission.value.as_deref();
    assert_eq!(value, Some(r#"{"up":0.75,"down":0.25,"flat":1E-9}"#));
    worker.stop().await;
}

#[tokio::test]
async fn its_last_good_answer_stands_in_for_several_outputs() {
    let fails = Arc::new(AtomicBool::new(false));
    let model = MockServer::start().await;
    let failing = Arc::clone(&fails);
    Mock::given(any())
        .respond_with(move |_: &Request| {
            if failing.load(Ordering::Relaxed) {
                ResponseTemplate::new(500)
            } else {
                says(r#"{"values": {"up": 0.5, "down": 0.25, "flat": 0.25}}"#)
            }
        })
        .mount(&model)
        .await;
    let stage = Stage::with(several).await;
    let worker = stage
        .worker_with(|setup| setup.outside = vec![(TOPIC, http(&model, "5s"))])
        .await;
    let first = stage.answer_a_window(&worker).await;
    fails.store(true, Ordering::Relaxed);
    let second = stage.answer_a_window(&worker).await;
    let truth = stage.truth().await;
    assert_eq!(truth.each_answered_at_once(first), 2);
    assert_eq!(truth.at(second)[0].values, truth.at(first)[0].values);
    worker.stop().await;
}

#[rstest]
#[case::zeros(false, "up=1E-9,down=0,flat=0")]
#[case::shares(true, "up=0.333334,down=0.333333,flat=0.333333")]
#[tokio::test]
async fn without_any_answer_several_outputs_are_neutral(
    #[case] unity: bool,
    #[case] expected: &str,
) {
    // A label that the topic does not list.
    let model = server(says(r#"{"values": {"up": 0.5, "sideways": 0.5}}"#)).await;
    let stage = Stage::with(|config| {
        several(config);
        config.topics[0].unity = unity;
    })
    .await;
    let worker = stage
        .worker_with(|setup| setup.outside = vec![(TOPIC, http(&model, "5s"))])
        .await;
    let nonce = stage.answer_a_window(&worker).await;
    let truth = stage.truth().await;
    assert_eq!(truth.each_answered_at_once(nonce), 1);
    assert_eq!(truth.at(nonce)[0].values, [expected]);
    let forecast = used(&worker).await;
    assert_eq!(forecast.source, Source::Fallback);
    worker.stop().await;
}

#[tokio::test]
async fn labels_that_the_topic_does_not_list_end_the_start() {
    let stage = Stage::with(several).await;
    let outside = described("command = [\"true\"]\nlabels = [\"up\", \"sideways\"]");
    let worker = stage.start_with(|setup| setup.outside = vec![(TOPIC, outside)]);
    let error = worker.end().await.unwrap_err();
    assert!(matches!(error, StartError::BadLabels { topic: TOPIC, .. }));
    let text = error.to_string();
    assert!(
        text.contains("\"sideways\"") && text.contains("lists up, down, flat"),
        "{text}"
    );
}
