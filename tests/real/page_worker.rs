//! The page of the real program, in a real browser.

use std::{
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use tempfile::TempDir;

use crate::{
    browser::{Browser, Tab, chromium},
    gate::say,
    page::{is_clean, stands_still},
    plan::free_ports,
    site::binary,
};

/// Loads that count; those before fill the caches.
const LOADS: usize = 10;

/// A process of the program's; it is killed when this is dropped.
struct Program(Child);

impl Program {
    fn start(arguments: &[&str], folder: &Path, listen: &str) -> Self {
        let child = Command::new(binary())
            .args(arguments)
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", folder)
            .env("ALLORA_OPS__HTTP__LISTEN", listen)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Self(child)
    }

    fn worker(folder: &Path, listen: &str) -> Self {
        let data = folder.join("data");
        let data = data.to_str().unwrap();
        Self::start(
            &["run", "--network", "devnet", "--data-dir", data],
            folder,
            listen,
        )
    }

    fn kill(mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _gone = self.0.kill();
        let _gone = self.0.wait();
    }
}

/// Opens the page as soon as it is served.
async fn open(tab: &mut Tab, base: &str) {
    let served = async {
        while reqwest::get(format!("{base}/healthz")).await.is_err() {
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    };
    let in_time = tokio::time::timeout(Duration::from_secs(90), served).await;
    in_time.expect("the page is served");
    tab.open(&format!("{base}/")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_workers_page_follows_its_windows_and_says_when_it_is_gone_and_back() {
    let Some(program) = chromium() else { return };
    allora_worker::tls::install();
    let folder = TempDir::new().unwrap();
    let listen = format!("127.0.0.1:{}", free_ports(1));
    let base = format!("http://{listen}");
    let browser = Browser::start(&program).await;
    let worker = Program::worker(folder.path(), &listen);
    let mut tab = browser.tab().await;
    open(&mut tab, &base).await;
    let word = "document.querySelector('.state .word').textContent";
    tab.until(&format!("{word} === 'Running'")).await;
    // Two windows more are answered, and nothing was loaded anew.
    tab.eval("window.unloaded = 'no'").await;
    let first = "document.querySelectorAll('#windows-table tbody .tag.counted').length >= 1";
    tab.until(first).await;
    // What comes up with a worker that has just begun takes its place; from here on nothing jumps.
    tab.eval("shifts.splice(0).length").await;
    let rows = "document.querySelectorAll('#windows-table tbody .tag.counted').length";
    let before = tab.eval(rows).await.as_u64().unwrap();
    tab.until(&format!("{rows} >= {}", before + 2)).await;
    let height = "Number(document.getElementById('height').textContent)";
    let then = tab.eval(height).await;
    tab.until(&format!("{height} > {then}")).await;
    assert_eq!(tab.text("unloaded").await, "no");
    // The log's filter, by the server as well.
    tab.eval("document.getElementById('filter').elements.find.focus()")
        .await;
    tab.write("submission_successful").await;
    tab.until("location.search.includes('submission_successful')")
        .await;
    let shown = "[...document.querySelectorAll('#log-lines li')].filter((it) => !it.hidden)";
    tab.until(&format!(
        "{shown}.length > 0 && {shown}.every((it) => it.textContent.includes('submission_successful'))"
    ))
    .await;
    is_clean(&mut tab, &base).await;
    stands_still(&mut tab, 0.1).await;
    worker.kill();
    tab.eval("ahead += 16000").await;
    tab.until("document.getElementById('lost').textContent.includes('This page is old')")
        .await;
    let _again = Program::worker(folder.path(), &listen);
    tab.until("typeof unloaded === 'undefined' && document.querySelector('.state .word')")
        .await;
    tab.until(&format!("{word} === 'Running'")).await;
    let told = "document.getElementById('lost').textContent";
    assert_eq!(tab.text(told).await, "");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hidden_page_leaves_its_connection_to_others_and_takes_it_up_again() {
    let Some(program) = chromium() else { return };
    allora_worker::tls::install();
    let folder = TempDir::new().unwrap();
    let listen = format!("127.0.0.1:{}", free_ports(1));
    let base = format!("http://{listen}");
    let browser = Browser::start(&program).await;
    let _worker = Program::worker(folder.path(), &listen);
    let mut tab = browser.tab().await;
    open(&mut tab, &base).await;
    let height = "document.getElementById('height')?.textContent ?? ''";
    tab.until(&format!("{height} !== ''")).await;
    let hide = |is: bool| {
        format!(
            "Object.defineProperty(document, 'hidden', {{ configurable: true, get: () => {is} }});
             document.dispatchEvent(new Event('visibilitychange'))"
        )
    };
    tab.eval(&hide(true)).await;
    // It asks for its title alone from then on.
    let asks =
        "performance.getEntriesByType('resource').some((it) => it.name.endsWith('/api/banner'))";
    tab.until(asks).await;
    let stood = tab.text(height).await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(tab.text(height).await, stood);
    tab.eval("ahead += 60000").await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    let lost = "document.getElementById('lost').textContent";
    assert_eq!(tab.text(lost).await, "");
    tab.eval(&hide(false)).await;
    tab.until(&format!("{height} !== '{stood}'")).await;
    assert_eq!(tab.text(lost).await, "");
}

/// How soon a season of 2,160 windows is drawn is printed, and judged by whoever reads it.
#[tokio::test(flavor = "multi_thread")]
async fn a_seasons_page_is_drawn() {
    let Some(program) = chromium() else { return };
    allora_worker::tls::install();
    let folder = TempDir::new().unwrap();
    let data = folder.path().join("season");
    let data = data.to_str().unwrap();
    let filled = Command::new(binary())
        .args(["page", "--fill-sample", data])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .status();
    assert!(filled.unwrap().success());
    let listen = format!("127.0.0.1:{}", free_ports(1));
    let base = format!("http://{listen}");
    let arguments = ["page", "--data-dir", data, "--listen", &listen];
    let _page = Program::start(&arguments, folder.path(), "off");
    let browser = Browser::start(&program).await;
    let mut tab = browser.tab().await;
    open(&mut tab, &base).await;
    let paint = "(async () => { const seen = () => performance.getEntriesByName('first-contentful-paint')[0];
        for (let tries = 0; tries < 200 && !seen(); tries++) await new Promise((go) => setTimeout(go, 20));
        return seen()?.startTime ?? -1; })()";
    let mut times = Vec::new();
    for load in 0..LOADS + 3 {
        tab.open(&format!("{base}/?day=&load={load}")).await;
        let time = tab.eval(paint).await.as_f64().unwrap();
        assert!(time > 0.0, "nothing was drawn");
        if load >= 3 {
            times.push(time);
        }
    }
    times.sort_by(f64::total_cmp);
    let (low, high) = (times[0], times[LOADS - 1]);
    let middle = f64::midpoint(times[LOADS / 2 - 1], times[LOADS / 2]);
    let size = "performance.getEntriesByType('navigation')[0].decodedBodySize";
    let size = tab.eval(size).await.as_f64().unwrap() / 1e3;
    say(&format!(
        "first contentful paint of a season of 2,160 windows ({size:.0} kB): {middle:.0} ms in the middle of {LOADS} warm loads ({low:.0} to {high:.0})"
    ));
    let rows = tab.eval("document.querySelectorAll('#windows-table tbody tr').length");
    assert!(rows.await.as_u64().unwrap() >= 10);
    is_clean(&mut tab, &base).await;
    stands_still(&mut tab, 0.0).await;
}
