//! The page in a real browser: what is seen, what is drawn anew, and what is not asked for.

use std::{fs, path::Path, process::Command};

use allora_worker::{
    page::{Board, view::Section},
    store::Outcome,
};
use serde_json::json;

use crate::{
    browser::{Browser, Tab, chromium},
    gate::{say, setting},
    page_samples as samples,
    page_site::Site,
};

/// Nothing of the page was forbidden, failed, or came from elsewhere.
async fn is_clean(tab: &mut Tab, base: &str) {
    assert_eq!(tab.eval("forbidden").await, json!([]));
    assert_eq!(tab.errors(), Vec::<String>::new());
    let known = "performance.getEntriesByType('resource').map((it) => it.name)";
    let known = tab.eval(known).await;
    let known = known
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|it| it.as_str());
    let asked = tab.requests();
    assert!(
        asked.iter().any(|it| it.contains("/page.js?v=")),
        "{asked:?}"
    );
    for url in known.chain(asked.iter().map(String::as_str)) {
        assert!(url.starts_with(base) || url.starts_with("about:"), "{url}");
    }
}

/// Nothing has jumped about by more than a hair's breadth.
async fn stands_still(tab: &mut Tab, least: f64) {
    let shifts = tab.eval("shifts").await;
    let all = shifts.as_array().unwrap().iter();
    let sum: f64 = all.filter_map(|it| it["value"].as_f64()).sum();
    say(&format!("layout shift: {sum:.4}"));
    assert!(sum <= least, "{sum}: {shifts}");
}

#[tokio::test(flavor = "multi_thread")]
async fn each_state_is_shown_and_nothing_comes_from_elsewhere() {
    let Some(program) = chromium() else { return };
    let browser = Browser::start(&program).await;
    let all: [(Board, &str, &str); 6] = [
        (samples::season(), "", "Running"),
        (samples::degraded(), "", "In trouble"),
        (samples::stopped(), "", "Stopped"),
        (samples::never(), "", "Never started"),
        (samples::hostile(), "", "Running"),
        (samples::several(), "?topic=14", "Running"),
    ];
    for (board, query, word) in all {
        let site = Site::start(board).await;
        let mut tab = browser.tab().await;
        tab.open(&format!("{}/{query}", site.base)).await;
        assert_eq!(
            tab.text("document.querySelector('.state .word').textContent")
                .await,
            word
        );
        let order =
            "[...document.querySelectorAll('h1, h2, h3')].map((it) => Number(it.tagName[1]))
          .every((it, at, all) => at === 0 ? it === 1 : it <= all[at - 1] + 1)";
        assert_eq!(tab.eval(order).await, true, "{word}: headings skip a level");
        let unnamed = "[...document.querySelectorAll('a, button, input, select, [tabindex]:not(main)')]
          .filter((it) => !(it.textContent.trim() || it.ariaLabel || it.title || it.labels?.length || it.type === 'hidden'))
          .map((it) => it.outerHTML)";
        assert_eq!(tab.eval(unnamed).await, json!([]), "{word}");
        // The stream is open: all that a page asks for by itself was asked for.
        let opened = site.listeners();
        tab.until("document.body.dataset.generation === '7'").await;
        assert!(opened <= 1);
        is_clean(&mut tab, &site.base).await;
        stands_still(&mut tab, 0.0).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn both_themes_can_be_read_and_one_can_be_chosen() {
    let Some(program) = chromium() else { return };
    let browser = Browser::start(&program).await;
    let site = Site::start(samples::degraded()).await;
    let mut tab = browser.tab().await;
    let ground = "getComputedStyle(document.body).backgroundColor";
    let mut grounds = Vec::new();
    for theme in ["light", "dark"] {
        tab.theme(theme).await;
        tab.open(&site.base_page()).await;
        grounds.push(tab.text(ground).await);
        // As the browser reckons it: each text against what lies behind it.
        let faint = tab.eval(FAINT).await;
        assert_eq!(faint, json!([]), "{theme}");
    }
    assert_ne!(grounds[0], grounds[1]);
    tab.eval("document.getElementById('theme').click()").await;
    assert_eq!(tab.text(ground).await, grounds[0]);
    // It is kept, and the first thing that is drawn has it.
    tab.open(&format!("{}/?topic=67", site.base)).await;
    assert_eq!(tab.text(ground).await, grounds[0]);
    assert_eq!(
        tab.text("document.documentElement.dataset.theme").await,
        "light"
    );
    is_clean(&mut tab, &site.base).await;
}

/// Texts with a contrast below 4.5 to 1, as the browser has laid them out.
const FAINT: &str = r"(() => {
  const canvas = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
  const channels = (colour) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = colour;
    canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data];
  };
  const luminance = ([...rgb]) => {
    const [r, g, b] = rgb.slice(0, 3).map((it) => it / 255).map((it) => it <= .04045 ? it / 12.92 : ((it + .055) / 1.055) ** 2.4);
    return .2126 * r + .7152 * g + .0722 * b;
  };
  const behind = (node) => {
    for (let it = node; it; it = it.parentElement) {
      const colour = channels(getComputedStyle(it).backgroundColor);
      if (colour[3] === 255) return colour;
    }
    return [255, 255, 255, 255];
  };
  const faint = [];
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = walk.nextNode(); node; node = walk.nextNode()) {
    const owner = node.parentElement;
    if (!node.nodeValue.trim() || !owner.checkVisibility()) continue;
    const style = getComputedStyle(owner);
    const colour = owner.closest('svg') ? style.fill : style.color;
    const [a, b] = [luminance(channels(colour)), luminance(behind(owner))];
    const told = (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
    if (told < 4.5) faint.push(`${told.toFixed(2)} ${owner.outerHTML.slice(0, 90)}`);
  }
  return faint.slice(0, 5);
})()";

#[tokio::test(flavor = "multi_thread")]
async fn a_phone_scrolls_down_alone() {
    let Some(program) = chromium() else { return };
    let browser = Browser::start(&program).await;
    for board in [
        samples::season(),
        samples::degraded(),
        samples::hostile(),
        samples::several(),
        samples::never(),
    ] {
        let site = Site::start(board).await;
        let mut tab = browser.tab().await;
        tab.size(360, 800).await;
        tab.open(&site.base_page()).await;
        let wide = "[document.documentElement.scrollWidth, [...document.querySelectorAll('body *')]
          .filter((it) => !it.closest('.scroll, .topics') && it.getBoundingClientRect().right > 360.5 && !it.closest('.skip, .unseen'))
          .map((it) => it.outerHTML.slice(0, 100)).slice(0, 3)]";
        assert_eq!(tab.eval(wide).await, json!([360, []]));
        let stuck = "[...document.querySelectorAll('.scroll')].filter((it) => it.scrollWidth > it.clientWidth && it.tabIndex < 0).length";
        assert_eq!(tab.eval(stuck).await, 0);
        stands_still(&mut tab, 0.0).await;
        is_clean(&mut tab, &site.base).await;
    }
}

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
        board.topics[0].track.pending.truncate(9)
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
        board.status = samples::degraded().status
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
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
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
    let end = tokio::time::Instant::now() + std::time::Duration::from_secs(120);
    while !is_so() {
        assert!(tokio::time::Instant::now() < end, "still not so");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}

/// Pictures for the documentation, in the folder that `ALLORA_PAGE_PICTURES` names.
#[tokio::test(flavor = "multi_thread")]
async fn pictures_are_taken_where_a_folder_is_named() {
    let Some(folder) = setting("ALLORA_PAGE_PICTURES") else {
        say("SKIPPED: ALLORA_PAGE_PICTURES names no folder for pictures of the page");
        return;
    };
    let Some(program) = chromium() else { return };
    let browser = Browser::start(&program).await;
    let pictures: [(&str, fn() -> Board, &str, (u32, u32)); 4] = [
        ("season-light", samples::season, "light", (1_280, 1_240)),
        ("season-dark", samples::season, "dark", (1_280, 1_240)),
        ("phone", samples::season, "light", (360, 800)),
        ("trouble", samples::degraded, "light", (1_280, 900)),
    ];
    for (name, board, theme, (width, height)) in pictures {
        let site = Site::start(board()).await;
        let mut tab = browser.tab().await;
        tab.theme(theme).await;
        tab.size(width, height).await;
        tab.open(&site.base_page()).await;
        let path = Path::new(&folder).join(format!("{name}.png"));
        fs::write(&path, tab.picture().await).unwrap();
        // Fewer colours make it a third; without the tool it is as good, and larger.
        let _ = Command::new("pngquant")
            .args(["--force", "--skip-if-larger", "--ext", ".png", "128"])
            .arg(&path)
            .status();
    }
}
