use super::*;
use crate::types::{Nonce, TopicId, WindowKey};

fn feed() -> Feed {
    let (events, _) = mpsc::channel(1);
    let (_, versions) = watch::channel(Version::V10);
    let urls = vec!["ws://127.0.0.1:1/websocket".to_owned()];
    let config = ChainConfig::default();
    Feed::new(
        config,
        urls,
        "allora-localnet-1".into(),
        "allo1x".into(),
        versions,
        watch::channel(Height::default()).1,
        events,
    )
    .unwrap()
}

fn read(text: &str) -> Result<Vec<FeedEvent>, Loss> {
    feed().read(text, Version::V10, Instant::now())
}

#[tokio::test]
async fn the_windows_that_a_block_opens_are_told_together() {
    let window = |topic: u64| {
        format!(
            r#"{{"type":"emissions.v10.EventWorkerSubmissionWindowOpened","attributes":[
            {{"key":"topic_id","value":"\"{topic}\"","index":true}},
            {{"key":"nonce_block_height","value":"\"148\"","index":true}},
            {{"key":"window_end_block","value":"\"158\"","index":true}}]}}"#
        )
    };
    let text = format!(
        r#"{{"jsonrpc":"2.0","id":1,"result":{{"query":"q","data":{{"type":"tendermint/event/NewBlockEvents",
        "value":{{"height":"148","events":[{{"type":"mint","attributes":[]}},{},{}],"num_txs":"0"}}}},"events":{{}}}}}}"#,
        window(67),
        window(68)
    );
    let events = read(&text).unwrap();
    let [FeedEvent::Opened { windows, .. }] = &events[..] else {
        panic!("{events:?}");
    };
    let keys: Vec<_> = windows
        .iter()
        .map(|window| (window.key, window.end))
        .collect();
    let key = |topic| WindowKey {
        topic: TopicId(topic),
        nonce: Nonce(148),
    };
    assert_eq!(keys, [(key(67), Height(158)), (key(68), Height(158))]);
}

#[tokio::test]
async fn a_header_is_the_heartbeat_and_names_its_chain() {
    let text = |chain: &str| {
        format!(
            r#"{{"jsonrpc":"2.0","id":2,"result":{{"query":"q","data":{{"type":"tendermint/event/NewBlockHeader",
            "value":{{"header":{{"version":{{"block":"11"}},"chain_id":"{chain}","height":"9",
            "time":"2025-09-16T13:00:00.123456789Z"}}}}}}}}}}"#
        )
    };
    let events = read(&text("allora-localnet-1")).unwrap();
    assert!(matches!(
        events[..],
        [FeedEvent::Block {
            height: Height(9),
            ..
        }]
    ));
    let loss = read(&text("allora-mainnet-1")).unwrap_err();
    assert!(loss.to_string().contains("allora-mainnet-1"), "{loss}");
}

#[tokio::test]
async fn a_refused_subscription_is_a_loss() {
    let text = r#"{"jsonrpc":"2.0","id":3,"error":{"code":-32603,"message":"Internal error","data":"max_subscriptions_per_client 5 reached"}}"#;
    assert!(matches!(read(text), Err(Loss::Refused(_))));
}

#[tokio::test]
async fn an_unknown_event_tells_nothing() {
    let text = r#"{"jsonrpc":"2.0","id":1,"result":{"query":"q","data":{"type":"tendermint/event/Vote","value":{}}}}"#;
    assert!(read(text).unwrap().is_empty());
}

#[tokio::test]
async fn pauses_grow_to_their_limit_with_jitter() {
    let feed = feed();
    for _ in 0..50 {
        let first = feed.pause(0).as_secs_f64();
        assert!((0.8..1.2).contains(&first), "{first}");
        let last = feed.pause(40).as_secs_f64();
        assert!((29.9..=30.0).contains(&last), "{last}");
    }
}

#[tokio::test]
async fn urls_are_checked_before_use() {
    let (events, _) = mpsc::channel(1);
    let (_, versions) = watch::channel(Version::V10);
    let bad = Feed::new(
        ChainConfig::default(),
        vec!["http://127.0.0.1".into()],
        String::new(),
        String::new(),
        versions,
        watch::channel(Height::default()).1,
        events,
    );
    assert!(bad.unwrap_err().to_string().contains("ws://"));
}
