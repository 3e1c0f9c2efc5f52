//! For `crate::fuzz`: the application's answers over gRPC, URLs, and when a server may be asked again.

use cosmrs::proto::tendermint::{abci, types};
use prost::Message as _;
use reqwest::header::{HeaderMap, HeaderValue, RETRY_AFTER};

use super::{authority, http, redacted, translate};
use crate::{
    chain::{
        Answer,
        proto::{
            cosmos::{
                auth::v1beta1::QueryAccountInfoResponse,
                bank::v1beta1::QueryBalanceResponse,
                base::{
                    abci::v1beta1::TxResponse,
                    tendermint::v1beta1::{GetBlockByHeightResponse, GetLatestBlockResponse},
                    v1beta1::Coin,
                },
                tx::v1beta1::{BroadcastTxResponse, GetTxResponse},
            },
            emissions as pb,
            feemarket::GasPricesResponse,
        },
    },
    fuzz::{Form, Target},
};

pub(in crate::chain) fn targets() -> Vec<Target> {
    vec![
        Target::new("chain-grpc", Form::Proto, seeds(), read),
        Target::of_text("chain-urls", Form::Text, &URLS, |text| {
            let shown = redacted(text);
            if let Ok(url) = reqwest::Url::parse(text)
                && let Ok(again) = reqwest::Url::parse(&shown)
            {
                assert!(
                    again.username().is_empty() && again.password().is_none(),
                    "{shown}"
                );
                assert!(
                    again.query().is_none() && again.path().len() <= 1,
                    "{shown}"
                );
                assert_eq!(again.host_str(), url.host_str());
            }
            format!("{:?} {}", authority(text).is_some(), shown.len() > 20)
        }),
        Target::of_text("chain-pauses", Form::Text, &PAUSES, |text| {
            let Ok(value) = HeaderValue::from_str(text) else {
                return "no header".into();
            };
            let pause = http::retry_after(&HeaderMap::from_iter([(RETRY_AFTER, value)]));
            format!("{:?}", pause.map(|it| it.as_secs().to_string().len()))
        }),
    ]
}

const URLS: [&str; 3] = [
    "https://user:secret@rpc.example:26657/key/abc?token=1",
    "grpc+http://127.0.0.1:9090",
    "ws://[::1]:26657/websocket",
];
const PAUSES: [&str; 2] = ["120", "Wed, 21 Oct 2015 07:28:00 GMT"];

fn seeds() -> Vec<Vec<u8>> {
    let tx = TxResponse {
        height: 12,
        txhash: "AB".into(),
        codespace: "sdk".into(),
        code: 32,
        raw_log: "account sequence mismatch, expected 12, got 9".into(),
        gas_wanted: 250_000,
        gas_used: 118_822,
        events: vec![abci::Event {
            r#type: "tx".into(),
            attributes: vec![abci::EventAttribute {
                key: "fee".into(),
                value: "10uallo".into(),
                index: true,
            }],
        }],
        ..TxResponse::default()
    };
    let block = types::Block {
        header: Some(types::Header {
            chain_id: "allora-testnet-1".into(),
            height: 12,
            time: Some(cosmrs::proto::Timestamp {
                seconds: 1_762_164_005,
                nanos: 5,
            }),
            ..types::Header::default()
        }),
        data: Some(types::Data {
            txs: vec![b"hello".to_vec()],
        }),
        ..types::Block::default()
    };
    let coin = || Coin {
        denom: "uallo".into(),
        amount: "250000".into(),
    };
    vec![
        BroadcastTxResponse {
            tx_response: Some(tx.clone()),
        }
        .encode_to_vec(),
        GetTxResponse {
            tx_response: Some(tx),
            tx: None,
        }
        .encode_to_vec(),
        GetLatestBlockResponse {
            block: Some(block),
            ..Default::default()
        }
        .encode_to_vec(),
        QueryBalanceResponse {
            balance: Some(coin()),
        }
        .encode_to_vec(),
        pb::GetWorkerSubmissionWindowStatusResponse {
            is_open: true,
            current_nonce_block_height: 148,
            window_end_block: 158,
            next_window_start_block: 248,
            ..Default::default()
        }
        .encode_to_vec(),
    ]
}

/// All that may be asked for is read from the same bytes.
fn read(bytes: &[u8]) -> String {
    let mut found = Vec::new();
    if let Ok(answer) = BroadcastTxResponse::decode(bytes)
        && let Some(answer) = answer.tx_response
    {
        let sync = translate::broadcast(answer);
        found.push(format!("{:?}", Answer::to_broadcast(&sync)));
    }
    if let Ok(answer) = GetTxResponse::decode(bytes) {
        found.push(format!(
            "tx {}",
            answer.tx_response.map(translate::tx).is_some()
        ));
    }
    match GetLatestBlockResponse::decode(bytes) {
        Ok(answer) => found.push(format!("block {}", translate::status(answer).is_some())),
        Err(error) => found.push(error.to_string()),
    }
    if let Ok(answer) = GetBlockByHeightResponse::decode(bytes) {
        let at = translate::block_time(answer.clone());
        found.push(format!(
            "{} {}",
            at.is_some(),
            translate::block_txs(answer).len()
        ));
    }
    found.push(format!(
        "{}",
        QueryAccountInfoResponse::decode(bytes).is_ok()
    ));
    found.push(format!("{}", QueryBalanceResponse::decode(bytes).is_ok()));
    found.push(format!("{}", GasPricesResponse::decode(bytes).is_ok()));
    found.push(format!("{}", pb::GetTopicResponse::decode(bytes).is_ok()));
    found.push(format!("{}", pb::GetParamsResponse::decode(bytes).is_ok()));
    found.push(format!(
        "{}",
        pb::GetInferencesAtBlockResponse::decode(bytes).is_ok()
    ));
    found.push(format!(
        "{}",
        pb::GetUnfulfilledWorkerNoncesResponse::decode(bytes).is_ok()
    ));
    found.push(format!(
        "{}",
        pb::GetWorkerSubmissionWindowStatusResponse::decode(bytes).is_ok()
    ));
    found.join(" ")
}
