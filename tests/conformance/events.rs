//! What a window looks like to who listens, from its opening to its close.

use allora_worker::chain::proto::emissions as pb;
use serde_json::{Value, json};

use super::{
    book::Book,
    client::{Socket, number},
    rpc_shapes,
    scene::Scene,
    several::own_events,
};

const OPENED: u64 = 1;
const CLOSED: u64 = 2;
const HEADER: u64 = 3;
const TX: u64 = 4;
const OTHER: u64 = 5;

/// Listens to one window that the worker answers; gives its nonce and all frames.
async fn listen(scene: &Scene<'_>) -> (i64, Vec<Value>) {
    let worker = scene.worker();
    let (version, window) = (scene.version, scene.target.epoch().1);
    let terms = scene.terms(worker).await;
    let nonce = scene.next_opening().await;
    let mut socket = Socket::open(&scene.target.ws()).await;
    let of = |version: &str, name: &str| {
        format!(
            "tm.event='NewBlockEvents' AND emissions.{version}.EventWorkerSubmissionWindow{name}.topic_id EXISTS"
        )
    };
    let queries = [
        (
            OPENED,
            of(version.word(), "Opened").replace("EXISTS", "CONTAINS '67'"),
        ),
        (CLOSED, of(version.word(), "Closed")),
        (HEADER, "tm.event='NewBlockHeader'".into()),
        (
            TX,
            format!("tm.event='Tx' AND message.sender='{}'", worker.address),
        ),
        (OTHER, of(version.other(), "Opened")),
    ];
    for (id, query) in queries {
        assert_eq!(socket.subscribe(id, &query).await["result"], json!({}));
    }
    scene.reach(nonce).await;
    let tx = worker.sign(vec![worker.submission(version, nonce, "1.5E-7")], &terms);
    let sent = scene.client.broadcast(&tx).await;
    scene.included(&sent).await;
    scene.reach(nonce + window + 1).await;
    let mut frames = Vec::new();
    loop {
        let frame = socket.next().await;
        let header = &frame["result"]["data"]["value"]["header"]["height"];
        let last = !header.is_null() && number(header) > nonce + window;
        frames.push(frame);
        if last {
            break;
        }
    }
    // Frames of the same block come in any order.
    while let Some(frame) = socket.soon().await {
        frames.push(frame);
    }
    (nonce, frames)
}

fn of(frames: &[Value], id: u64) -> Vec<&Value> {
    frames.iter().filter(|frame| frame["id"] == id).collect()
}

/// The events of one kind in a frame of a block's events.
fn kind(frame: &Value, name: &str) -> Value {
    let events = frame["result"]["data"]["value"]["events"].as_array();
    let named = |event: &&Value| {
        event["type"]
            .as_str()
            .is_some_and(|kind| kind.ends_with(name))
    };
    events
        .into_iter()
        .flatten()
        .filter(named)
        .cloned()
        .collect()
}

fn at_end(name: &str, pairs: &[(&str, String)]) -> Value {
    let pairs = pairs.iter().map(|(key, value)| (*key, value.clone()));
    let attributes: Vec<_> = pairs
        .chain([("mode", "EndBlock".to_owned())])
        .map(|(key, value)| json!({"key": key, "value": value, "index": true}))
        .collect();
    json!([{"type": format!("emissions.{{v}}.{name}"), "attributes": attributes}])
}

/// Gives the nonce of the window, which the worker alone answered with 1.5E-7.
pub(super) async fn play(scene: &mut Scene<'_>, book: &mut Book) -> i64 {
    let (nonce, frames) = listen(scene).await;
    let end = nonce + scene.target.epoch().1;
    let quoted = |number: i64| format!("\"{number}\"");
    let opened = of(&frames, OPENED);
    book.says("an opening comes once", &opened.len().to_string(), "1");
    let frame = json!({"jsonrpc": "2.0", "id": OPENED, "result": {
        "query": "<any>", "events": "<value>",
        "data": {"type": "tendermint/event/NewBlockEvents", "value": {
            "height": nonce.to_string(), "num_txs": "<int>", "events": "<value>"}},
    }});
    book.shows("a frame of a block's events", opened[0], &frame);
    let expected = at_end(
        "EventWorkerSubmissionWindowOpened",
        &[
            ("nonce_block_height", quoted(nonce)),
            ("topic_id", quoted(67)),
            ("window_end_block", quoted(end)),
        ],
    );
    book.shows(
        "an opening tells topic, nonce and last block",
        &kind(opened[0], "WorkerSubmissionWindowOpened"),
        &expected,
    );
    let tags = &opened[0]["result"]["events"]
        ["emissions.V.EventWorkerSubmissionWindowOpened.topic_id"
            .replace('V', scene.version.word())];
    book.shows(
        "a frame lists its events' values by name",
        tags,
        &json!(["\"67\""]),
    );
    // The window before may close while this one is waited for.
    let mut closed = of(&frames, CLOSED);
    closed.retain(|frame| number(&frame["result"]["data"]["value"]["height"]) > nonce);
    book.says("a close comes once", &closed.len().to_string(), "1");
    let expected = at_end(
        "EventWorkerSubmissionWindowClosed",
        &[
            ("nonce_block_height", quoted(nonce)),
            ("topic_id", quoted(67)),
        ],
    );
    book.shows(
        "a close tells topic and nonce",
        &kind(closed[0], "WorkerSubmissionWindowClosed"),
        &expected,
    );
    book.shows(
        "a window closes at the end of its last block",
        &closed[0]["result"]["data"]["value"]["height"],
        &end.to_string().into(),
    );
    let expected = at_end(
        "EventActiveInferersSet",
        &[
            ("addresses", format!("[\"{}\"]", scene.worker().address)),
            ("nonce_block_height", quoted(nonce)),
            ("topic_id", quoted(67)),
        ],
    );
    book.shows(
        "a close tells who counts",
        &kind(closed[0], "EventActiveInferersSet"),
        &expected,
    );
    book.says(
        "the other version's openings are never heard",
        &of(&frames, OTHER).len().to_string(),
        "0",
    );
    header(scene, book, &of(&frames, HEADER));
    transaction(scene, book, &of(&frames, TX), nonce);
    statuses(scene, book, nonce).await;
    nonce
}

fn header(scene: &Scene<'_>, book: &mut Book, frames: &[&Value]) {
    let expected = json!({"jsonrpc": "2.0", "id": HEADER, "result": {
        "query": "tm.event='NewBlockHeader'", "events": "<value>",
        "data": {"type": "tendermint/event/NewBlockHeader", "value": {"header": rpc_shapes::header(&scene.target.chain_id())}},
    }});
    book.shows("a heartbeat is a header", frames[0], &expected);
    let heights: Vec<_> = frames
        .iter()
        .map(|f| number(&f["result"]["data"]["value"]["header"]["height"]))
        .collect();
    let whole = heights.windows(2).all(|pair| pair[1] == pair[0] + 1);
    book.says(
        "a heartbeat comes for each block",
        &whole.to_string(),
        "true",
    );
}

fn transaction(scene: &Scene<'_>, book: &mut Book, frames: &[&Value], nonce: i64) {
    book.says("a transaction is told once", &frames.len().to_string(), "1");
    let result = json!({"data": "<base64>", "gas_wanted": "300000", "gas_used": "<int>", "events": "<value>"});
    let expected = json!({"jsonrpc": "2.0", "id": TX, "result": {
        "query": "<any>", "events": "<value>",
        "data": {"type": "tendermint/event/Tx", "value": {"TxResult": {"height": "<int>", "tx": "<base64>", "result": result}}},
    }});
    book.shows(
        "a transaction's frame leaves out what is empty",
        frames[0],
        &expected,
    );
    let tags = &frames[0]["result"]["events"];
    book.shows(
        "a transaction's frame names its hash and height",
        &json!([tags["tx.hash"], tags["tx.height"], tags["tm.event"]]),
        &json!([["<hex>"], ["<int>"], ["Tx"]]),
    );
    let inferer = format!("\"{}\"", scene.worker().address);
    let pairs = [
        ("extra_data", "null".to_owned()),
        ("inferer", inferer),
        ("nonce", format!("\"{nonce}\"")),
        ("topic_id", "\"67\"".into()),
        (
            "value",
            scene.version.pick("\"0.00000015\"", "\"0\"").to_owned(),
        ),
        (
            "values",
            "[{\"label\":\"y\",\"value\":\"0.00000015\"}]".into(),
        ),
        ("msg_index", "0".into()),
    ];
    let shown = pairs
        .iter()
        .filter(|(key, _)| *key != "values" || scene.version == super::Version::V10);
    let attributes: Vec<_> = shown
        .map(|(key, value)| json!({"key": key, "value": value, "index": true}))
        .collect();
    let expected =
        json!([{"type": "emissions.{v}.EventInsertInfererPayload", "attributes": attributes}]);
    let tx = json!({"tx_result": frames[0]["result"]["data"]["value"]["TxResult"]["result"]});
    book.shows(
        "an admission tells who, where, when and what",
        &own_events(&tx),
        &expected,
    );
}

/// The window's status after each block, from the one before its opening to the one after its close.
async fn statuses(scene: &Scene<'_>, book: &mut Book, nonce: i64) {
    let (epoch, window) = scene.target.epoch();
    let (end, next) = (nonce + window, nonce + epoch);
    let closed = |next: i64| format!("false 0 0 0 {next} {}", next + window);
    let open = format!("true {nonce} {nonce} {end} {next} {}", next + window);
    let cases = [
        (
            "before an opening the next window is the one that comes",
            nonce - 1,
            closed(nonce),
        ),
        (
            "after the opening block a window is open, and the next is an epoch away",
            nonce,
            open.clone(),
        ),
        ("a window is open while it takes submissions", end - 1, open),
        ("after its last block a window is closed", end, closed(next)),
    ];
    for (name, height, expected) in cases {
        let request = pb::GetWorkerSubmissionWindowStatusRequest {
            topic_id: super::TOPIC,
            address: String::new(),
        };
        let data = hex::encode(prost::Message::encode_to_vec(&request));
        let params = json!({"path": scene.path("GetWorkerSubmissionWindowStatus"), "data": data, "height": height.to_string()});
        let answer = scene.client.result("abci_query", params).await;
        let value = answer["response"]["value"].as_str().unwrap_or_default();
        let bytes =
            base64::Engine::decode(&base64::prelude::BASE64_STANDARD, value).expect("base64");
        let s: pb::GetWorkerSubmissionWindowStatusResponse =
            prost::Message::decode(bytes.as_slice()).expect("protobuf");
        let got = format!(
            "{} {} {} {} {} {}",
            s.is_open,
            s.current_nonce_block_height,
            s.window_start_block,
            s.window_end_block,
            s.next_window_start_block,
            s.next_window_end_block
        );
        book.says(name, &got, &expected);
    }
}
