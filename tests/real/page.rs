//! The page in a real browser: what is seen, what is drawn anew, and what is not asked for.

use std::{fs, path::Path, process::Command};

use allora_worker::page::Board;
use serde_json::json;

use crate::{
    browser::{Browser, Tab, chromium},
    gate::{say, setting},
    page_samples as samples,
    page_site::Site,
};

/// Nothing of the page was forbidden, failed, or came from elsewhere.
pub(crate) async fn is_clean(tab: &mut Tab, base: &str) {
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
pub(crate) async fn stands_still(tab: &mut Tab, least: f64) {
    let shifts = tab.eval("shifts").await;
    let all = shifts.as_array().unwrap().iter();
    let sum = all.filter_map(|it| it["value"].as_f64()).sum::<f64>().abs();
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
async fn what_is_watched_for_is_noticed() {
    let Some(program) = chromium() else { return };
    let browser = Browser::start(&program).await;
    let site = Site::start(samples::season()).await;
    let mut tab = browser.tab().await;
    tab.open(&site.base_page()).await;
    tab.eval("document.body.setAttribute('style', 'color: red')")
        .await;
    tab.until("forbidden.some((it) => it.startsWith('style-src'))")
        .await;
    tab.eval("void document.body.append(Object.assign(new Image(), { src: 'https://elsewhere.example/x' }))").await;
    tab.until("forbidden.some((it) => it.includes('elsewhere.example'))")
        .await;
    tab.eval("console.error('a fault')").await;
    assert!(tab.errors().iter().any(|it| it.contains("a fault")));
    let taller = "document.querySelector('.top').after(Object.assign(document.createElement('h2'), { textContent: 'pushed' }))";
    tab.eval(&format!("void {taller}")).await;
    tab.until("shifts.length > 0").await;
    assert_eq!(tab.eval(FAINT).await, json!([]));
    let faint = "(() => {
      const sheet = new CSSStyleSheet();
      sheet.replaceSync('.json { color: #ccd; }');
      document.adoptedStyleSheets = [sheet];
    })()";
    tab.eval(faint).await;
    assert_ne!(tab.eval(FAINT).await, json!([]));
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
    let pictures = [
        ("season-light", samples::season(), "light", (1_280, 1_240)),
        ("season-dark", samples::season(), "dark", (1_280, 1_240)),
        ("phone", samples::season(), "light", (360, 800)),
        ("trouble", samples::degraded(), "light", (1_280, 900)),
    ];
    for (name, board, theme, (width, height)) in pictures {
        let site = Site::start(board).await;
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
