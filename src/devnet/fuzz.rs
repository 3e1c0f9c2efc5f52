//! For `crate::fuzz`: what clients send to the embedded chain, and scripts of faults.

use std::cell::RefCell;

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use serde_json::{Value, json};
use time::OffsetDateTime;

use super::{
    chain::Chain,
    config::{DevnetConfig, EmissionsVersion},
    decimal, http,
    matcher::{Query, Tags},
    prices, read_script, rpc,
    tests::wallet::{Wallet, terms},
    transaction::Transaction,
};
use crate::{
    chain::jsonrpc::Request,
    fuzz::{Form, Target, told},
};

/// The text that the chain writes for a decimal, as the devnet knows it.
pub(crate) fn canonical(text: &str) -> Result<String, String> {
    decimal::canonical(text)
}

/// Transactions that the chain takes: a registration, and a submission.
pub(crate) fn transactions() -> Vec<Vec<u8>> {
    let wallet = Wallet::number(0);
    vec![
        wallet.sign(vec![wallet.registration()], &terms(0)),
        wallet.sign(
            vec![
                wallet.submission(10, "-0.00125"),
                wallet.submission(20, "1E-7"),
            ],
            &terms(1),
        ),
    ]
}

pub(crate) fn targets() -> Vec<Target> {
    vec![
        Target::new(
            "devnet-transactions",
            Form::Proto,
            transactions(),
            |bytes| {
                let of = |version| match Transaction::decode(bytes, version) {
                    Ok(tx) => format!("{} {}", tx.messages.len().min(3), tx.signers().len().min(3)),
                    Err(refusal) => format!("{} {}", refusal.code, refusal.log),
                };
                of(EmissionsVersion::V10) + &of(EmissionsVersion::V9)
            },
        ),
        Target::new(
            "devnet-submissions",
            Form::Proto,
            transactions(),
            on_chain(|chain, bytes| match chain.submit(bytes) {
                Some(Ok(())) => "taken".into(),
                Some(Err(refusal)) => format!("{} {}", refusal.code, refusal.log),
                None => "known".into(),
            }),
        ),
        Target::new(
            "devnet-requests",
            Form::Json,
            requests(),
            on_chain(|chain, bytes| {
                let request = match serde_json::from_slice::<Request>(bytes) {
                    Ok(request) => request,
                    Err(error) => return error.to_string(),
                };
                told(&rpc::call(chain, &request.method, request.params))
            }),
        ),
        Target::of_text("devnet-paths", Form::Text, &PATHS, |text| {
            let text = http::percent_decoded(text);
            let (name, value) = text.split_once('=').unwrap_or((&text, ""));
            let rows = prices::rows(&text, 1_757_473_200);
            format!("{} {}", http::uri_value(name, value).len(), rows.len())
        }),
        Target::of_text("devnet-queries", Form::Text, &QUERIES, |text| {
            let read = Query::parse(text);
            let tags = Tags::from([("tx.height".into(), vec!["12".into(), "\"67\"".into()])]);
            let matches = read.as_ref().map(|query| query.matches(&tags));
            format!("{matches:?}")
        }),
        Target::of_text("devnet-scripts", Form::Text, &SCRIPTS, read_faults),
        Target::of_text(
            "devnet-decimals",
            Form::Text,
            &["0.5", "-1.2E-7", "1e25", "0e-3"],
            |text| {
                let read = canonical(text);
                if let Ok(written) = &read {
                    assert_eq!(canonical(written).as_ref(), Ok(written));
                }
                format!("{} {}", told(&read), decimal::in_full(text).len())
            },
        ),
    ]
}

/// A reader with a chain of its own, which makes a block now and then.
fn on_chain(read: impl Fn(&mut Chain, &[u8]) -> String) -> impl Fn(&[u8]) -> String {
    let chain = Chain::new(DevnetConfig::default(), OffsetDateTime::UNIX_EPOCH);
    let state = RefCell::new((chain, 0_u32));
    move |bytes| {
        // A reader that panicked holds nothing any more.
        let (chain, count) = &mut *state.borrow_mut();
        *count += 1;
        if count.is_multiple_of(50) {
            chain.produce_block(OffsetDateTime::UNIX_EPOCH);
        }
        read(chain, bytes)
    }
}

fn requests() -> Vec<String> {
    let tx = BASE64.encode(&transactions()[1]);
    let all: [(&str, Value); 8] = [
        ("status", json!({})),
        (
            "abci_query",
            json!({"path": "/emissions.v10.QueryService/GetTopic", "data": "0843"}),
        ),
        ("broadcast_tx_sync", json!({"tx": tx})),
        ("tx", json!({"hash": "AP8="})),
        (
            "tx_search",
            json!({"query": "tx.height > 0 AND a CONTAINS 'b'", "page": "1", "per_page": "2"}),
        ),
        ("block", json!({"height": "1"})),
        ("block_results", json!(["1"])),
        ("header", json!({"height": null})),
    ];
    let text = |(method, params)| json!(Request::new(1, method, params)).to_string();
    all.map(text).to_vec()
}

/// What is read is written, and read as the same.
fn read_faults(text: &str) -> String {
    let read = read_script(text);
    if let Ok(orders) = &read {
        let again = serde_json::to_string(orders).expect("JSON");
        assert_eq!(read_script(&again).expect("as written"), *orders);
    }
    told(&read)
}

const PATHS: [&str; 3] = [
    "query=%22tm.event%3D'Tx'%22",
    "hash=0x00ff",
    "tickers=btcusd&startDate=2025-09-08&endDate=2025-09-10&resampleFreq=1hour",
];
const QUERIES: [&str; 2] = [
    "tm.event='NewBlockEvents' AND emissions.v10.Event.topic_id EXISTS",
    "message.sender CONTAINS 'allo1' AND tx.height >= 12.5",
];
const SCRIPTS: [&str; 2] = [
    "[[faults]]\nat = 12\nfault = \"silence\"\nfor = 4\n[[faults]]\nat = \"window 3 + 2\"\nendpoint = 1\nfault = \"events-late\"\nblocks = 5\n",
    r#"[{"at": "window-2", "fault": "halt", "for": 3}, {"endpoint": 2, "fault": "silence"}]"#,
];
