//! What a node sends, field by field spoilt.

use serde_json::json;
use time::OffsetDateTime;

use super::{feed, frame};
use crate::{
    chain::{
        Answer, Decimal, Output, Uallo, Version, answered_windows,
        emissions::fuzz::read_network,
        feed::{Feed, FeedEvent},
        jsonrpc::{
            AbciQuery, BlockOf, BlockResults, BroadcastSync, HeaderOf, Response, RpcError, Status,
            Tx,
        },
        rpc,
    },
    devnet::fuzz::canonical,
    fuzz::{Form, Target, told},
};

const TX: &str = r#"{"hash":"A1","height":"12","tx_result":{"code":78,"log":"failed to execute message; message index: 0: cannot update EMA","codespace":"emissions","gas_wanted":"250000","gas_used":"118822","events":[{"type":"tx","attributes":[{"key":"fee","value":"10uallo","index":true}]}]}}"#;

pub(crate) fn targets() -> Vec<Target> {
    let mut all = vec![
        Target::of_text("chain-frames", Form::Json, &frames(), read_frame),
        Target::of_text("chain-answers", Form::Json, &answers(), read_answer),
        Target::new("chain-transactions", Form::Proto, transactions(), |bytes| {
            format!("{} windows", answered_windows(bytes).len())
        }),
        Target::of_text("chain-decimals", Form::Text, &DECIMALS, read_decimal),
        Target::of_text("chain-outputs", Form::Json, &OUTPUTS, |text| {
            let read = text.parse::<Output>();
            if let Ok(output) = &read {
                let written = output.to_string();
                assert_eq!(
                    written.parse::<Output>().as_ref(),
                    Ok(output),
                    "written: {written}"
                );
            }
            told(&read)
        }),
        Target::of_text(
            "chain-amounts",
            Form::Text,
            &["25 uallo", "0.5 allo"],
            |text| {
                let read = text.parse::<Uallo>();
                if let Ok(amount) = &read {
                    assert_eq!(amount.to_string().parse::<Uallo>().as_ref(), Ok(amount));
                }
                told(&read)
            },
        ),
        Target::new(
            "chain-inferences",
            Form::Proto,
            read_network::seeds(),
            |bytes| read_network::read(bytes),
        ),
    ];
    all.extend(rpc::fuzz::targets());
    all
}

const DECIMALS: [&str; 6] = [
    "0",
    "-0.00123007",
    "1.2345E-7",
    "1E+25",
    "86430.08",
    "0.000",
];
const OUTPUTS: [&str; 3] = ["0.5", r#"{"up":0.6,"down":-1E-7}"#, r#"{"a \"b\"":1}"#];

/// A decimal is read as the devnet's own reader does, and written as it was read.
fn read_decimal(text: &str) -> String {
    let read = text.parse::<Decimal>();
    if let Ok(number) = &read {
        let written = number.to_string();
        assert_eq!(written.parse::<Decimal>().as_ref(), Ok(number), "{written}");
        assert_eq!(canonical(text).as_deref(), Ok(written.as_str()), "{text}");
    }
    told(&read)
}

fn frames() -> Vec<&'static str> {
    let header = r#"{"jsonrpc":"2.0","id":2,"result":{"query":"tm.event='NewBlockHeader'","data":{"type":"tendermint/event/NewBlockHeader","value":{"header":{"version":{"block":"11"},"chain_id":"chain","height":"149","time":"2025-11-03T10:00:05.123456789Z","proposer_address":"AA"}}},"events":{}}}"#;
    let tx = r#"{"jsonrpc":"2.0","id":3,"result":{"query":"tm.event='Tx'","data":{"type":"tendermint/event/Tx","value":{"TxResult":{"height":"150","tx":"CgVoZWxsbw==","result":{"code":0,"data":"Cg==","gas_wanted":"250000","gas_used":"118822","events":[]}}}},"events":{}}}"#;
    let error = r#"{"jsonrpc":"2.0","id":1,"error":{"code":-32000,"message":"Server error","data":"subscription was canceled"}}"#;
    vec![
        Box::leak(frame().into_boxed_str()),
        header,
        tx,
        error,
        r#"{"jsonrpc":"2.0","id":1,"result":{}}"#,
    ]
}

/// The frames of one connection: what they open is named in them, and no height upsets the pace.
fn read_frame(text: &str) -> String {
    let mut feed: Feed = feed();
    feed.judge("148", OffsetDateTime::UNIX_EPOCH);
    let told = feed.decode(text, Version::V10);
    let mut kinds = Vec::new();
    for event in &told {
        match event {
            FeedEvent::Opened { windows, .. } => {
                for window in windows {
                    let numbers = [window.key.nonce.0, window.end.0];
                    for number in numbers {
                        assert!(text.contains(&number.to_string()), "{number} is not in it");
                    }
                }
                kinds.push("opened");
            }
            FeedEvent::Block { height, time } => {
                kinds.push(if feed.judge(&height.0.to_string(), *time) {
                    "news"
                } else {
                    "old"
                });
                let after = height.plus(1).0.to_string();
                feed.judge(&after, OffsetDateTime::UNIX_EPOCH);
            }
            FeedEvent::Included { .. } => kinds.push("included"),
            _ => kinds.push("other"),
        }
    }
    kinds.join(" ")
}

fn answers() -> Vec<&'static str> {
    let whole = |result: &str| -> &'static str {
        Box::leak(format!(r#"{{"jsonrpc":"2.0","id":7,"result":{result}}}"#).into_boxed_str())
    };
    vec![
        whole(
            r#"{"node_info":{"network":"allora-testnet-1","version":"0.38.17"},"sync_info":{"latest_block_height":"5123456","latest_block_time":"2025-11-03T10:00:05.1Z","catching_up":false}}"#,
        ),
        whole(
            r#"{"response":{"code":0,"log":"","info":"","index":"0","key":null,"value":"CAEQAhoDYWJj","proofOps":null,"height":"5123456","codespace":""}}"#,
        ),
        whole(
            r#"{"code":32,"data":"","log":"account sequence mismatch, expected 12, got 9: incorrect account sequence","codespace":"sdk","hash":"AB"}"#,
        ),
        whole(TX),
        whole(
            r#"{"height":"12","txs_results":[{"code":0,"gas_wanted":"1","gas_used":"2","events":[]}],"finalize_block_events":[{"type":"a","attributes":[{"key":"k","value":"\"1\"","index":true}]}]}"#,
        ),
        whole(r#"{"block":{"header":{"height":"12"},"data":{"txs":["CgVoZWxsbw==","AA=="]}}}"#),
        whole(
            r#"{"header":{"chain_id":"allora-testnet-1","height":"12","time":"2025-11-03T10:00:05Z"}}"#,
        ),
        r#"{"jsonrpc":"2.0","id":7,"error":{"code":-32603,"message":"Internal error","data":"tx already exists in cache"}}"#,
    ]
}

/// What is read can be written, and is then read as the same.
fn read_answer(text: &str) -> String {
    fn of<T: serde::de::DeserializeOwned + serde::Serialize + std::fmt::Debug>(
        response: &Response,
    ) -> Option<String> {
        let read = response.clone().into_result::<T>();
        if let Ok(value) = &read {
            let again: T = serde_json::from_value(json!(value)).expect("what was written");
            assert_eq!(format!("{again:?}"), format!("{value:?}"));
        }
        read.err().map(|error| error.data)
    }
    let response = match serde_json::from_str::<Response>(text) {
        Ok(response) => response,
        Err(error) => return error.to_string(),
    };
    let read = [
        of::<Status>(&response),
        of::<AbciQuery>(&response),
        of::<BroadcastSync>(&response),
        of::<Tx>(&response),
        of::<BlockResults>(&response),
        of::<BlockOf>(&response),
        of::<HeaderOf>(&response),
    ];
    let meaning = response.into_result::<BroadcastSync>();
    let known = !matches!(&meaning, Err(error) if error.code == RpcError::UNREADABLE);
    let next = known.then(|| Answer::to_broadcast(&meaning).next());
    let refused: Vec<_> = read.into_iter().flatten().collect();
    format!(
        "{next:?} {} {}",
        refused.len(),
        refused.first().cloned().unwrap_or_default()
    )
}

fn transactions() -> Vec<Vec<u8>> {
    crate::devnet::fuzz::transactions()
}
