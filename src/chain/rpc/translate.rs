//! gRPC's shapes in those of JSON-RPC, which the rest of the worker knows.

use cosmrs::proto::tendermint::abci;
use time::OffsetDateTime;

use super::IN_CACHE;
use crate::chain::{
    jsonrpc::{
        Attribute, BroadcastSync, Event, NodeInfo, RpcError, Status, SyncInfo, Tx, TxResult,
        in_short,
    },
    proto::cosmos::base::{
        abci::v1beta1::TxResponse,
        tendermint::v1beta1::{GetBlockByHeightResponse, GetLatestBlockResponse},
    },
};

/// What the application says of a mempool that has the transaction, and of one without room.
pub(super) const IN_MEMPOOL: u32 = 19;
const NO_ROOM: u32 = 20;

/// The chain, height and time of the newest block.
pub(super) fn status(answer: GetLatestBlockResponse) -> Option<Status> {
    let (network, height, time) = match (answer.sdk_block, answer.block) {
        (Some(block), _) => {
            let header = block.header?;
            (header.chain_id, header.height, header.time)
        }
        (None, block) => {
            let header = block?.header?;
            (header.chain_id, header.height, header.time)
        }
    };
    let seconds = time.map(|time| time.seconds).unwrap_or_default();
    Some(Status {
        node_info: NodeInfo {
            network,
            version: String::new(),
        },
        sync_info: SyncInfo {
            latest_block_height: height,
            latest_block_time: OffsetDateTime::from_unix_timestamp(seconds).ok()?,
            catching_up: false,
        },
    })
}

/// The mempool's answer. The application gives a code to what JSON-RPC answers with an error.
pub(super) fn broadcast(answer: TxResponse) -> Result<BroadcastSync, RpcError> {
    let error = |data: String| RpcError {
        code: -32_603,
        message: "Internal error".into(),
        data,
    };
    match (answer.codespace.as_str(), answer.code) {
        ("sdk", IN_MEMPOOL) => Err(error(IN_CACHE.into())),
        ("sdk", NO_ROOM) => Err(error(in_short(format!(
            "mempool is full: {}",
            answer.raw_log
        )))),
        _ => Ok(BroadcastSync {
            code: answer.code,
            log: in_short(answer.raw_log),
            codespace: answer.codespace,
            hash: answer.txhash,
        }),
    }
}

/// A transaction in its block.
pub(super) fn tx(answer: TxResponse) -> Tx {
    Tx {
        hash: answer.txhash,
        height: answer.height,
        tx_result: TxResult {
            code: answer.code,
            log: in_short(answer.raw_log),
            codespace: answer.codespace,
            gas_wanted: answer.gas_wanted,
            gas_used: answer.gas_used,
            events: answer.events.into_iter().map(event).collect(),
        },
    }
}

/// The bytes of a block's transactions.
pub(super) fn block_txs(answer: GetBlockByHeightResponse) -> Vec<Vec<u8>> {
    let data = match (answer.sdk_block, answer.block) {
        (Some(block), _) => block.data,
        (None, block) => block.and_then(|block| block.data),
    };
    data.map(|data| data.txs).unwrap_or_default()
}

/// The time that a block bears.
pub(super) fn block_time(answer: GetBlockByHeightResponse) -> Option<OffsetDateTime> {
    let time = match (answer.sdk_block, answer.block) {
        (Some(block), _) => block.header?.time,
        (None, block) => block?.header?.time,
    };
    OffsetDateTime::from_unix_timestamp(time?.seconds).ok()
}

fn event(event: abci::Event) -> Event {
    let attribute = |attribute: abci::EventAttribute| Attribute {
        key: attribute.key,
        value: Some(attribute.value),
        index: attribute.index,
    };
    Event {
        kind: event.r#type,
        attributes: event.attributes.into_iter().map(attribute).collect(),
    }
}
