//! Whatever a node sends, reading it neither panics nor invents a window.

mod targets;

use proptest::{collection::vec, prelude::*, sample::Index};
use serde_json::{Value, json};
use tokio::sync::{mpsc, watch};

use super::{
    Answer, ChainConfig, Decimal, OpenWindow, Version, answered_windows,
    feed::{Feed, FeedEvent},
    jsonrpc::{BlockResults, Response, Status, Tx},
    refused_message,
};
use crate::{spoil::spoil, types::Height};

pub(crate) use targets::targets;

/// A frame that opens the window of topic 67 with nonce 148.
fn frame() -> String {
    let attribute = |key: &str, value: &str| json!({"key": key, "value": value, "index": true});
    json!({
        "jsonrpc": "2.0",
        "id": 1,
        "result": {
            "query": "tm.event='NewBlockEvents'",
            "data": {
                "type": "tendermint/event/NewBlockEvents",
                "value": {
                    "height": "148",
                    "num_txs": "1",
                    "events": [{
                        "type": "emissions.v10.EventWorkerSubmissionWindowOpened",
                        "attributes": [
                            attribute("nonce_block_height", "\"148\""),
                            attribute("topic_id", "\"67\""),
                            attribute("window_end_block", "\"158\""),
                        ],
                    }],
                },
            },
        },
    })
    .to_string()
}

fn feed() -> Feed {
    let (events, _unheard) = mpsc::channel(1);
    let (_versions, version) = watch::channel(Version::V10);
    let (_heights, heads) = watch::channel(Height::default());
    let urls = vec!["ws://127.0.0.1:1/websocket".to_owned()];
    let (chain, address) = ("chain".to_owned(), "allo1x".to_owned());
    Feed::new(
        ChainConfig::default(),
        urls,
        chain,
        address,
        version,
        heads,
        events,
    )
    .expect("a feed")
}

fn changes() -> impl Strategy<Value = Vec<(Index, u8, u8)>> {
    vec((any::<Index>(), any::<u8>(), any::<u8>()), 0..6)
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "[0-9\"a-z=+/]{0,12}".prop_map(Value::from),
    ];
    let keys = "(code|data|log|height|events|attributes|key|value|type|response|hash|txs_results|\
                sync_info|node_info|network|latest_block_height|tx_result|finalize_block_events)";
    leaf.prop_recursive(5, 40, 6, move |inner| {
        prop_oneof![
            vec(inner.clone(), 0..5).prop_map(Value::from),
            proptest::collection::btree_map(keys, inner, 0..6)
                .prop_map(|map| map.into_iter().collect()),
        ]
    })
}

proptest! {
    #[test]
    fn a_spoilt_frame_opens_no_window_but_the_one_it_names(changes in changes()) {
        let text = frame();
        let spoilt = spoil(&text, &changes);
        let spoilt = String::from_utf8_lossy(&spoilt);
        let told = feed().decode(&spoilt, Version::V10);
        let opened = told.into_iter().filter_map(|event| match event {
            FeedEvent::Opened { windows, .. } => Some(windows),
            _ => None,
        });
        let opened: Vec<OpenWindow> = opened.flatten().collect();
        prop_assert!(opened.len() == 1 || !changes.is_empty());
        for window in opened {
            let numbers = [window.key.nonce.0, window.end.0, window.key.topic.0.cast_signed()];
            for number in numbers {
                prop_assert!(spoilt.contains(&number.to_string()), "{} is not in {}", number, spoilt);
            }
        }
    }

    #[test]
    fn any_result_is_read_or_refused(result in any_json(), error in proptest::option::of(any_json())) {
        let body = json!({"jsonrpc": "2.0", "id": 1, "result": result, "error": error});
        if let Ok(response) = serde_json::from_value::<Response>(body) {
            let _ = response.clone().into_result::<Status>().map_err(|it| it.to_string());
            let _ = response.clone().into_result::<Tx>().map_err(|it| it.to_string());
            let _ = response.into_result::<BlockResults>().map_err(|it| it.to_string());
        }
    }

    #[test]
    fn any_bytes_are_a_transaction_or_none(bytes in vec(any::<u8>(), 0..400)) {
        let windows = answered_windows(&bytes);
        prop_assert!(windows.len() <= bytes.len());
    }

    #[test]
    fn any_text_is_a_number_of_the_chain_or_none(text in "[-+]?[0-9.eE_ nNaAiIfF]{0,30}") {
        if let Ok(number) = text.parse::<Decimal>() {
            let written = number.to_string();
            prop_assert_eq!(written.parse::<Decimal>().map(|it| it.to_string()), Ok(written));
        }
    }

    #[test]
    fn any_refusal_is_understood(codespace in "(sdk|emissions|undefined|.{0,5})", code in 0_u32..130, log in ".{0,80}") {
        let answer = Answer::of(&codespace, code, &log);
        let lost = code == 0 && answer != Answer::of("", 0, "");
        prop_assert!(!lost, "code 0 is {:?}", answer);
        let index = refused_message(&log);
        prop_assert!(index.is_none() || log.contains("index"), "{:?} of {}", index, log);
    }
}
