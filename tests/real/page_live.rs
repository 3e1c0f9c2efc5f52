//! The page as it lives: keys, what is new, silence, the log's filter.

use std::time::Duration;

use allora_worker::{page::view::Section, store::Outcome};
use serde_json::json;
use tokio::time::{Instant, sleep};

use crate::{
    browser::{Browser, Tab, chromium},
    page::{is_clean, stands_still},
    page_samples as samples,
    page_site::Site,
};

/// How long anything may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);

#[tokio::test(flavor = "multi_thread")]
async fn it_can_be_used_by_keyboard_and_keeps_its_place() {
    let Some(program) = chromium() else { return };
    let browser = Browser::start(&program).await;
    let site = Site::start(samples::several()).await;
    let mut tab = browser.tab().await;
    tab.open(&site.base_page()).await;
    let active = "document.activeElement.className || document.activeElement.id || document.activeElement.textContent";
    let mut order = Vec::new();
    for _ in 0..7 {
        tab.press("Tab").await;
        order.push(tab.text(active).await);
    }
    assert_eq!(order[0], "skip");
    assert_eq!(order[1], "67 BTC/USD");
    assert!(
        order[4] == "theme" && order.contains(&"copy".into()),
        "{order:?}"
    );
    let ring = "getComputedStyle(document.activeElement).outlineStyle";
    assert_ne!(tab.text(ring).await, "none");
    // One stop for 90 days, and arrows from there.
    let days = "document.querySelectorAll('.grid a[tabindex=\"0\"]').length";
    assert_eq!(tab.eval(days).await, 1);
    tab.eval("document.querySelector('.grid a[tabindex=\"0\"]').focus()")
        .await;
    let title = "document.activeElement.querySelector('title').textContent";
    assert!(tab.text(title).await.starts_with("14 December: "));
    tab.press("ArrowLeft").await;
    assert!(tab.text(title).await.starts_with("13 December: 24 windows"));
    tab.eval("document.getElementById('windows-table').scrollTop = 120")
        .await;
    tab.eval("scrollTo(0, 300)").await;
    site.change(Section::Windows, 8, |board| {
        for window in &mut board.topics[0].windows[2_100..] {
            window.outcome = Outcome::Outranked;
        }
    });
    tab.until("document.querySelectorAll('#windows-table tbody .tag.outranked').length > 30")
        .await;
    assert!(tab.text(title).await.starts_with("13 December: "));
    assert_eq!(
        tab.eval("document.getElementById('windows-table').scrollTop")
            .await,
        120
    );
    assert_eq!(tab.eval("scrollY").await, 300);
    assert_eq!(tab.eval(days).await, 1);
    // What was opened stays open.
    tab.eval("document.querySelector('#pending').open = true")
        .await;
    site.change(Section::Track, 9, |board| {
        board.topics[0].track.pending.truncate(9);
    });
    tab.until("document.querySelector('#pending summary').textContent.startsWith('9 ')")
        .await;
    assert_eq!(
        tab.eval("document.querySelector('#pending').open").await,
        true
    );
    tab.eval("document.querySelector('.grid a').focus()").await;
    let day = tab.text("document.activeElement.href.baseVal").await;
    tab.press("Enter").await;
    tab.until("document.querySelector('.chosen') && location.search.includes('day=2025-09-16')")
        .await;
    assert!(day.contains("day=2025-09-16"));
    is_clean(&mut tab, &site.base).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_new_comes_by_itself_and_silence_is_told() {
    let Some(program) = chromium() else { return };
    let browser = Browser::start(&program).await;
    let site = Site::start(samples::season()).await;
    let mut tab = browser.tab().await;
    tab.open(&site.base_page()).await;
    until(|| site.listeners() == 1).await;
    assert!(
        site.queries()[0].contains("since=7"),
        "{:?}",
        site.queries()
    );
    // The countdown goes on by itself, and by the chain's clock.
    let left = "document.getElementById('countdown').textContent";
    let before = tab.text(left).await;
    tab.until(&format!("{left} !== '{before}'")).await;
    let clock = json!({"now": "2025-12-14T23:40:00Z", "height": 6_367_000, "opens": 6_367_200,
      "expected": "2025-12-14T23:50:00Z", "block_ms": 1000});
    site.send("clock", &clock);
    tab.until(&format!("/^(10:00|09:[345]\\d)$/.test({left})"))
        .await;
    assert_eq!(
        tab.text("document.getElementById('height').textContent")
            .await,
        "6367000"
    );
    assert_eq!(
        tab.text("document.getElementById('expected').textContent")
            .await,
        "14 Dec 2025, 23:50:00 UTC"
    );
    site.change(Section::Banner, 12, |board| {
        board.status = samples::degraded().status;
    });
    tab.until("document.querySelector('.state .word').textContent === 'In trouble'")
        .await;
    tab.until("document.title.startsWith('In trouble – allora-worker')")
        .await;
    // The stream ends: it is opened anew from what is known, without a word to the reader.
    site.set_down(true);
    site.set_down(false);
    until(|| site.listeners() >= 2).await;
    assert!(site.queries().last().unwrap().contains("since=12"));
    assert_eq!(
        tab.text("document.getElementById('lost').textContent")
            .await,
        ""
    );
    // Silence is told, with what to do, until something is heard.
    let opened = site.listeners();
    site.set_down(true);
    tab.eval("ahead += 16000").await;
    tab.until("document.getElementById('lost').textContent.includes('./start_worker.sh')")
        .await;
    let told = tab
        .text("document.getElementById('lost').textContent")
        .await;
    assert!(
        told.contains("nothing was heard since 23:4") && told.contains("allora-worker status"),
        "{told}"
    );
    assert_eq!(
        tab.text("document.getElementById('lost').role").await,
        "alert"
    );
    site.set_down(false);
    until(|| site.listeners() > opened).await;
    tab.until("document.getElementById('lost').textContent === ''")
        .await;
    // A worker of another version: the page is loaded anew.
    tab.eval("window.before = true").await;
    until_heard(&mut tab, &site).await;
    assert_eq!(tab.eval("forbidden").await, json!([]));
}

/// Sends until the page is loaded anew.
async fn until_heard(tab: &mut Tab, site: &Site) {
    for _ in 0..200 {
        site.send("restarted", &json!({}));
        if tab
            .eval("window.before !== true && document.readyState === 'complete'")
            .await
            == true
        {
            return;
        }
        sleep(Duration::from_millis(100)).await;
    }
    panic!("the page is not loaded anew");
}

#[tokio::test(flavor = "multi_thread")]
async fn updates_do_not_make_the_page_jump() {
    let Some(program) = chromium() else { return };
    let browser = Browser::start(&program).await;
    let site = Site::start(samples::season()).await;
    let mut tab = browser.tab().await;
    tab.open(&site.base_page()).await;
    until(|| site.listeners() == 1).await;
    for (it, generation) in Section::ALL.into_iter().zip(20..) {
        site.change(it, generation, |board| {
            board.status.at += time::Duration::seconds(61);
            board.status.head.height = board.status.head.height.map(|it| it.plus(12));
            board.topics[0].windows.rotate_left(1);
            board.topics[0].windows.sort_by_key(|it| it.nonce);
            let line = board.log.remove(0);
            board.log.push(line);
        });
    }
    site.send(
        "clock",
        &json!({"now": "2025-12-14T23:40:00Z", "height": 6_367_001, "opens": 6_367_200}),
    );
    tab.until("document.getElementById('height').textContent === '6367001'")
        .await;
    // Two frames later all is drawn.
    tab.eval("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
        .await;
    stands_still(&mut tab, 0.005).await;
    is_clean(&mut tab, &site.base).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_is_filtered_at_once_and_stays_so() {
    let Some(program) = chromium() else { return };
    let browser = Browser::start(&program).await;
    let site = Site::start(samples::season()).await;
    let mut tab = browser.tab().await;
    tab.open(&site.base_page()).await;
    let seen = "[...document.querySelectorAll('#log-lines li')].filter((it) => it.checkVisibility()).length";
    assert_eq!(tab.eval(seen).await, 150);
    tab.eval("document.querySelector('#filter [name=find]').focus()")
        .await;
    tab.write("missed").await;
    tab.until(&format!("{seen} < 10 && {seen} > 0")).await;
    tab.until("location.search.includes('find=missed')").await;
    until(|| {
        site.queries()
            .iter()
            .any(|it| it.contains("find=missed") && it.contains("since=0"))
    })
    .await;
    site.change(Section::Log, 13, |board| {
        let mut line = board.log[0].clone();
        line.at = samples::NOW;
        line.message = "quite another thing".into();
        board.log.push(line);
    });
    tab.until(
        "document.querySelector('#log-lines li .message').textContent.includes('quite another')",
    )
    .await;
    tab.until(&format!("{seen} < 10 && {seen} > 0")).await;
    assert_eq!(
        tab.text("document.querySelector('#filter [name=find]').value")
            .await,
        "missed"
    );
    assert_eq!(tab.text("document.activeElement.name").await, "find");
    // Without the script it is a form like any other.
    let url = format!("{}/?level=error", site.base);
    tab.open(&url).await;
    assert_eq!(
        tab.text("document.querySelector('#filter [name=level]').value")
            .await,
        "error"
    );
    tab.until(&format!("{seen} > 0 && {seen} < 20")).await;
    tab.open(&format!("{}/sign-in", site.base)).await;
    assert_eq!(tab.text("document.activeElement.id").await, "token");
    is_clean(&mut tab, &site.base).await;
}

async fn until(is_so: impl Fn() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < end, "still not so");
        sleep(Duration::from_millis(20)).await;
    }
}
