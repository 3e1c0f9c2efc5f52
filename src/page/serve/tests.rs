//! The server over a board of its own, asked as a browser does.

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use axum::Router;
use reqwest::{Client, Response, StatusCode, header, redirect::Policy};
use time::macros::datetime;
use tokio::{net::TcpListener, time::timeout};

use super::*;
use crate::{
    ops::{Artifacts, Level},
    page::{Board, LatencyBoard, LogLine, Told},
    status::{Desk, Plan},
    token::Gate,
    types::{Height, TopicId},
};

const NOW: time::OffsetDateTime = datetime!(2025-10-01 12:00 UTC);
const SOON: Duration = Duration::from_secs(20);
const TOKEN: &str = "0123456789abcdef0123";

/// Boards whose log has as many lines as were read.
struct Counted(Arc<AtomicUsize>);

#[async_trait]
impl Boards for Counted {
    async fn board(&mut self) -> Board {
        let read = self.0.fetch_add(1, Ordering::SeqCst) + 1;
        board(read).await
    }
}

async fn board(lines: usize) -> Board {
    let folder = tempfile::tempdir().unwrap();
    let mut desk = Desk::new(Plan::of(Artifacts::new(folder.path())));
    let line = |number| LogLine {
        at: NOW,
        level: Level::Info,
        event: "window_open".into(),
        topic: Some(TopicId(67)),
        message: format!("line {number}"),
    };
    Board {
        status: desk.status(NOW).await,
        told: Told::Files,
        explorer: None,
        topics: Vec::new(),
        latency: LatencyBoard::default(),
        models: None,
        log: (1..=lines).map(line).collect(),
    }
}

struct Scene {
    hub: Hub,
    reads: Arc<AtomicUsize>,
    height: Arc<Mutex<i64>>,
    address: SocketAddr,
    client: Client,
}

impl Scene {
    async fn open(token: Option<&str>) -> Self {
        crate::tls::install();
        let height = Arc::new(Mutex::new(100));
        let heights = Arc::clone(&height);
        let clocks: Clocks = Arc::new(move |_| {
            Some(ClockNow {
                now: NOW,
                height: Height(*heights.lock().unwrap()),
                opens: Some(Height(130)),
                expected: None,
                block_ms: Some(1_000.0),
            })
        });
        let hub = Hub::new(clocks, NOW);
        let reads = Arc::new(AtomicUsize::new(0));
        tokio::spawn(hub.clone().keep(Counted(Arc::clone(&reads))));
        let routes = routes(hub.clone());
        let routes: Router = match token {
            Some(token) => Gate::new(&token.into(), Some(sign_in())).guard(routes),
            None => routes.merge(assets()),
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, routes).await });
        let client = Client::builder().redirect(Policy::none()).build().unwrap();
        Self {
            hub,
            reads,
            height,
            address,
            client,
        }
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    async fn get(&self, path: &str) -> Response {
        self.client.get(self.url(path)).send().await.unwrap()
    }

    fn reads(&self) -> usize {
        self.reads.load(Ordering::SeqCst)
    }
}

/// What a stream brings until a text is in it.
async fn until(stream: &mut Response, wanted: &str) -> String {
    let mut all = String::new();
    let read = async {
        while !all.contains(wanted) {
            let bytes = stream.chunk().await.unwrap().expect("the stream goes on");
            all.push_str(std::str::from_utf8(&bytes).unwrap());
        }
    };
    timeout(SOON, read).await.expect("it comes in time");
    all
}

fn value(response: &Response, name: &str) -> String {
    let found = response.headers().get(name);
    found.map_or_else(String::new, |it| it.to_str().unwrap().to_owned())
}

#[tokio::test]
async fn the_page_and_its_figures_come_with_strict_headers() {
    let scene = Scene::open(None).await;
    let page = scene.get("/?topic=67").await;
    assert_eq!(page.status(), StatusCode::OK);
    let policy = value(&page, "content-security-policy");
    assert!(policy.starts_with("default-src 'none';"), "{policy}");
    assert!(!policy.contains("unsafe"), "{policy}");
    assert_eq!(value(&page, "x-content-type-options"), "nosniff");
    for (path, kind) in [("/page.css", "text/css"), ("/page.js", "text/javascript")] {
        let asset = scene.get(path).await;
        assert!(value(&asset, "content-type").starts_with(kind));
        assert!(value(&asset, "cache-control").contains("immutable"));
    }
    for section in crate::page::view::Section::ALL {
        let figures = scene.get(&format!("/api/{}", section.id())).await;
        assert_eq!(figures.status(), StatusCode::OK, "{}", section.id());
        let _json: serde_json::Value = figures.json().await.unwrap();
    }
    let all: serde_json::Value = scene.get("/api/board").await.json().await.unwrap();
    assert_eq!(all["told"], "files");
    let unknown = scene.get("/api/else").await;
    assert_eq!(unknown.status(), StatusCode::NOT_FOUND);
    let words = unknown.text().await.unwrap();
    assert!(words.contains("board, banner, next"), "{words}");
}

#[tokio::test]
async fn figures_of_the_log_are_filtered() {
    let scene = Scene::open(None).await;
    for _ in 0..3 {
        scene.hub.fresh().await.unwrap();
        tokio::time::sleep(Duration::from_millis(2_100)).await;
    }
    let log: serde_json::Value = scene
        .get("/api/log?find=line%202")
        .await
        .json()
        .await
        .unwrap();
    assert_eq!(log["lines"].as_array().unwrap().len(), 1, "{log}");
}

#[tokio::test]
async fn nothing_is_read_while_nobody_looks() {
    let scene = Scene::open(None).await;
    for _ in 0..20 {
        scene.hub.change();
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(scene.reads(), 0);
    scene.get("/").await;
    scene.get("/").await;
    assert_eq!(scene.reads(), 1, "what is fresh is not read again");
}

#[tokio::test]
async fn an_open_page_is_sent_what_has_changed_and_no_more() {
    let scene = Scene::open(None).await;
    let now = scene.hub.fresh().await.unwrap();
    let path = format!("/events?since={}", now.generation);
    let mut stream = scene.get(&path).await;
    assert_eq!(value(&stream, "content-type"), "text/event-stream");
    let first = until(&mut stream, "\"height\":100").await;
    assert!(!first.contains("event: section"), "{first}");
    *scene.height.lock().unwrap() = 101;
    until(&mut stream, "\"height\":101").await;
    let before = scene.reads();
    for _ in 0..50 {
        scene.hub.change();
    }
    let told = until(&mut stream, "\"id\":\"log\"").await;
    let generation = format!("\"generation\":{}", now.generation + 1);
    assert!(told.contains(&generation), "{told}");
    assert!(!told.contains("\"id\":\"money\""), "{told}");
    assert_eq!(
        scene.reads(),
        before + 1,
        "all that was told at once is one"
    );
}

#[tokio::test]
async fn a_page_of_an_earlier_process_loads_anew_and_one_that_is_behind_catches_up() {
    let scene = Scene::open(None).await;
    scene.hub.fresh().await.unwrap();
    let mut old = scene.get("/events?since=7").await;
    until(&mut old, "event: restarted").await;
    for since in [0, u64::MAX] {
        let mut behind = scene.get(&format!("/events?since={since}")).await;
        let told = until(&mut behind, "\"id\":\"log\"").await;
        assert!(told.contains("\"id\":\"banner\""), "{told}");
    }
}

#[tokio::test]
async fn too_many_open_pages_are_turned_away_and_make_room_when_they_leave() {
    let scene = Scene::open(None).await;
    let mut open = Vec::new();
    let mut refused = None;
    for _ in 0..100 {
        let page = scene.get("/events").await;
        if page.status() != StatusCode::OK {
            refused = Some(page);
            break;
        }
        open.push(page);
    }
    let refused = refused.expect("there is an end");
    assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(open.len(), 48);
    drop(open);
    let again = async {
        while scene.get("/events").await.status() != StatusCode::OK {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    timeout(SOON, again).await.expect("there is room again");
}

#[tokio::test]
async fn who_signs_in_once_looks_and_others_do_not() {
    let scene = Scene::open(Some(TOKEN)).await;
    let browser = |path: &str| {
        let ask = scene.client.get(scene.url(path));
        ask.header(header::ACCEPT, "text/html,*/*")
    };
    let asked = browser("/").send().await.unwrap();
    assert_eq!(asked.status(), StatusCode::UNAUTHORIZED);
    assert!(value(&asked, "content-security-policy").contains("'none'"));
    assert!(value(&asked, "content-type").contains("html"));
    for path in ["/api/board", "/events", "/"] {
        let program = scene.get(path).await;
        assert_eq!(program.status(), StatusCode::UNAUTHORIZED, "{path}");
        assert!(!value(&program, "content-type").contains("html"));
    }
    let sign = |token: &str| {
        let post = scene.client.post(scene.url("/sign-in"));
        post.body(format!("token={token}")).send()
    };
    let wrong = sign("not-it").await.unwrap();
    assert_eq!(wrong.status(), StatusCode::UNAUTHORIZED);
    assert!(value(&wrong, "set-cookie").is_empty());
    let right = sign(TOKEN).await.unwrap();
    assert_eq!(right.status(), StatusCode::SEE_OTHER);
    let cookie = value(&right, "set-cookie");
    assert!(cookie.contains("HttpOnly; SameSite=Strict"), "{cookie}");
    assert!(!cookie.contains(TOKEN), "{cookie}");
    let cookie = cookie.split(';').next().unwrap().to_owned();
    let signed_in = browser("/").header(header::COOKIE, &cookie).send().await;
    assert_eq!(signed_in.unwrap().status(), StatusCode::OK);
    let other = browser("/").header(header::COOKIE, "allora_worker=00");
    assert_eq!(
        other.send().await.unwrap().status(),
        StatusCode::UNAUTHORIZED
    );
    let address = browser(&format!("/?token={TOKEN}")).send().await.unwrap();
    assert_eq!(address.status(), StatusCode::SEE_OTHER);
    assert_eq!(value(&address, "location"), "/");
    let program = scene.get(&format!("/api/board?token={TOKEN}")).await;
    assert_eq!(program.status(), StatusCode::OK);
    assert_eq!(scene.get("/page.css").await.status(), StatusCode::OK);
}
