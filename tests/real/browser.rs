//! Chromium without a window, driven over its own debugging protocol: a WebSocket and JSON, with nothing
//! between. It takes a theme, a screen's size and keys, and tells what a page logs, asks for and draws.

use std::{
    collections::VecDeque,
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use base64::Engine as _;
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{net::TcpStream, time::Instant};
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream,
    tungstenite::{Message as Frame, protocol::WebSocketConfig},
};

use crate::gate::{say, setting};

/// How long anything may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);
/// How often a condition is looked at.
const LOOK: Duration = Duration::from_millis(50);
/// What is watched from before a page's first line: what its policy forbids, and what jumps about. The
/// page's clock can be set ahead.
const WATCH: &str = r"
  window.forbidden = [];
  document.addEventListener('securitypolicyviolation', (it) => forbidden.push(it.violatedDirective + ' ' + it.blockedURI));
  window.shifts = [];
  new PerformanceObserver((list) => {
    for (const it of list.getEntries()) {
      if (!it.hadRecentInput) shifts.push({ value: it.value, nodes: it.sources.map((s) => s.node?.outerHTML?.slice(0, 120)) });
    }
  }).observe({ type: 'layout-shift', buffered: true });
  window.ahead = 0;
  const now = Date.now;
  Date.now = () => now() + ahead;
";

/// The program, or none after having said why the test is skipped.
pub(crate) fn chromium() -> Option<PathBuf> {
    let is_required = match setting("ALLORA_REAL").as_deref() {
        None | Some("0") => {
            say("SKIPPED: the page's tests start a browser; run them with ALLORA_REAL=1");
            return None;
        }
        word => word == Some("require"),
    };
    match find() {
        Ok(found) => Some(found),
        Err(reason) if is_required => panic!("a browser is required, but {reason}"),
        Err(reason) => {
            say(&format!("SKIPPED: {reason}"));
            None
        }
    }
}

fn find() -> Result<PathBuf, String> {
    if let Some(named) = setting("ALLORA_CHROMIUM") {
        let path = PathBuf::from(&named);
        let found = path.is_file().then_some(path);
        return found.ok_or_else(|| format!("ALLORA_CHROMIUM={named} is no file"));
    }
    let folders = setting("PATH").unwrap_or_default();
    let names = ["chromium", "chromium-browser", "google-chrome"];
    std::env::split_paths(&folders)
        .flat_map(|folder| names.map(|name| folder.join(name)))
        .find(|it| it.is_file())
        .ok_or_else(|| "there is no chromium in PATH; 'apt-get install chromium' brings it".into())
}

/// A browser of its own, which ends with this.
pub(crate) struct Browser {
    child: Child,
    address: String,
    _profile: TempDir,
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Browser {
    pub(crate) async fn start(program: &Path) -> Self {
        let profile = TempDir::new().unwrap();
        let mut child = Command::new(program)
            .args([
                "--headless=new",
                "--no-sandbox",
                "--disable-gpu",
                "--no-first-run",
            ])
            .args([
                "--disable-background-networking",
                "--disable-component-update",
            ])
            .args([
                "--disable-dev-shm-usage",
                "--disable-sync",
                "--hide-scrollbars",
            ])
            .args(["--remote-debugging-port=0", "about:blank"])
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let told = profile.path().join("DevToolsActivePort");
        let end = Instant::now() + PATIENCE;
        let address = loop {
            let text = fs::read_to_string(&told).unwrap_or_default();
            if let Some((port, path)) = text.trim().split_once('\n') {
                break format!("127.0.0.1:{port}{path}");
            }
            assert!(child.try_wait().unwrap().is_none(), "the browser has ended");
            assert!(Instant::now() < end, "the browser does not tell its port");
            tokio::time::sleep(LOOK).await;
        };
        Self {
            child,
            address,
            _profile: profile,
        }
    }

    /// A tab that shows nothing yet.
    pub(crate) async fn tab(&self) -> Tab {
        let mut whole = Tab::connect(&format!("ws://{}", self.address)).await;
        let made = whole
            .ask("Target.createTarget", json!({"url": "about:blank"}))
            .await;
        let (host, _) = self.address.split_once('/').unwrap();
        let id = made["targetId"].as_str().unwrap();
        let mut tab = Tab::connect(&format!("ws://{host}/devtools/page/{id}")).await;
        for domain in ["Page", "Runtime", "Log", "Network"] {
            tab.ask(&format!("{domain}.enable"), json!({})).await;
        }
        let watch = json!({ "source": WATCH });
        tab.ask("Page.addScriptToEvaluateOnNewDocument", watch)
            .await;
        tab.size(1280, 900).await;
        tab
    }
}

/// One page of the browser.
pub(crate) struct Tab {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    asked: u64,
    told: VecDeque<Value>,
}

impl Tab {
    async fn connect(url: &str) -> Self {
        let config = WebSocketConfig::default()
            .max_message_size(None)
            .max_frame_size(None);
        let opened = tokio_tungstenite::connect_async_with_config(url, Some(config), false).await;
        Self {
            socket: opened.unwrap().0,
            asked: 0,
            told: VecDeque::new(),
        }
    }

    /// Asks the browser for something.
    pub(crate) async fn ask(&mut self, method: &str, params: Value) -> Value {
        self.asked += 1;
        let id = self.asked;
        let text = json!({"id": id, "method": method, "params": params}).to_string();
        self.socket.send(Frame::text(text)).await.unwrap();
        loop {
            let frame = tokio::time::timeout(PATIENCE, self.socket.next()).await;
            let frame = frame.unwrap_or_else(|_| panic!("{method} is not answered"));
            let frame = frame.expect("the browser has ended").unwrap();
            let Frame::Text(text) = frame else { continue };
            let mut value: Value = serde_json::from_str(&text).unwrap();
            if value["id"] == id {
                assert!(value["error"].is_null(), "{method}: {}", value["error"]);
                return value["result"].take();
            }
            self.told.push_back(value);
        }
    }

    /// Opens an address and waits until the page is there.
    pub(crate) async fn open(&mut self, url: &str) {
        self.ask("Page.navigate", json!({ "url": url })).await;
        let shown = format!(
            "location.href === {} && document.readyState === 'complete'",
            json!(url)
        );
        self.until(&shown).await;
    }

    /// What an expression of the page's says.
    pub(crate) async fn eval(&mut self, expression: &str) -> Value {
        let params = json!({"expression": expression, "awaitPromise": true, "returnByValue": true});
        let mut told = self.ask("Runtime.evaluate", params).await;
        let problem = &told["exceptionDetails"];
        assert!(problem.is_null(), "{expression}: {problem}");
        told["result"]["value"].take()
    }

    pub(crate) async fn text(&mut self, expression: &str) -> String {
        let value = self.eval(expression).await;
        let text = value.as_str().map(str::to_owned);
        text.unwrap_or_else(|| panic!("{expression} is no text: {value}"))
    }

    /// Waits until an expression is true.
    pub(crate) async fn until(&mut self, expression: &str) {
        let end = Instant::now() + PATIENCE;
        while self.eval(&format!("!!({expression})")).await != true {
            assert!(Instant::now() < end, "still not so: {expression}");
            tokio::time::sleep(LOOK).await;
        }
    }

    pub(crate) async fn size(&mut self, width: u32, height: u32) {
        let size =
            json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": false});
        self.ask("Emulation.setDeviceMetricsOverride", size).await;
    }

    /// The reader's theme: `light` or `dark`.
    pub(crate) async fn theme(&mut self, name: &str) {
        let features = json!([{"name": "prefers-color-scheme", "value": name}]);
        self.ask(
            "Emulation.setEmulatedMedia",
            json!({ "features": features }),
        )
        .await;
    }

    /// Presses a key, such as `Tab`.
    pub(crate) async fn press(&mut self, key: &str) {
        let code = match key {
            "Tab" => 9,
            "Enter" => 13,
            "ArrowLeft" => 37,
            other => panic!("{other} is no key that is known here"),
        };
        for kind in ["rawKeyDown", "keyUp"] {
            let event =
                json!({"type": kind, "key": key, "code": key, "windowsVirtualKeyCode": code});
            self.ask("Input.dispatchKeyEvent", event).await;
        }
    }

    /// Types into what has the focus.
    pub(crate) async fn write(&mut self, text: &str) {
        self.ask("Input.insertText", json!({ "text": text })).await;
    }

    /// A picture of what is seen, as PNG.
    pub(crate) async fn picture(&mut self) -> Vec<u8> {
        let shot = self
            .ask("Page.captureScreenshot", json!({"format": "png"}))
            .await;
        let data = shot["data"].as_str().unwrap();
        base64::engine::general_purpose::STANDARD
            .decode(data)
            .unwrap()
    }

    /// What the page logged as errors, and what the browser did about it.
    pub(crate) fn errors(&self) -> Vec<String> {
        let is_error = |it: &&Value| match it["method"].as_str() {
            Some("Runtime.exceptionThrown") => true,
            Some("Runtime.consoleAPICalled") => it["params"]["type"] == "error",
            Some("Log.entryAdded") => it["params"]["entry"]["level"] == "error",
            _ => false,
        };
        let told = self.told.iter().filter(is_error);
        told.map(|it| it["params"].to_string()).collect()
    }

    /// The addresses that were asked for.
    pub(crate) fn requests(&self) -> Vec<String> {
        let sent = self
            .told
            .iter()
            .filter(|it| it["method"] == "Network.requestWillBeSent");
        let url = sent.filter_map(|it| it["params"]["request"]["url"].as_str());
        url.map(str::to_owned).collect()
    }
}
