use rstest::rstest;
use time::macros::date;

use super::{samples::*, *};
use crate::{ops::Level, types::TopicId};

const MOST: usize = 250_000;

fn all() -> [(&'static str, Board); 6] {
    [
        ("season", season()),
        ("never", never()),
        ("stopped", stopped()),
        ("degraded", degraded()),
        ("several", several()),
        ("hostile", hostile()),
    ]
}

fn page(board: &Board) -> String {
    document(board, &Choice::default(), 7).unwrap()
}

#[test]
fn every_board_is_shown_whole_within_its_size() {
    for (name, board) in all() {
        let html = page(&board);
        assert!(html.len() < MOST, "{name}: {} bytes", html.len());
        for it in Section::ALL {
            assert!(
                html.contains(&format!("id=\"{}\"", it.id())),
                "{name}: {it:?}"
            );
            assert!(html.contains(it.title()), "{name}: {it:?}");
            let inner = section(it, &board, &Choice::default()).unwrap();
            let is_empty = it == Section::Models && board.models.is_none();
            assert_eq!(inner.is_empty(), is_empty, "{name}: {it:?}");
        }
        assert!(html.contains("data-generation=\"7\""));
    }
    let windows = section(Section::Windows, &season(), &Choice::default()).unwrap();
    assert!(windows.len() < 60_000, "{}", windows.len());
}

#[test]
fn a_strict_policy_finds_nothing_inline() {
    for (name, board) in all() {
        let html = page(&board);
        // Tags as they are: texts have no angle brackets left.
        for tag in html.split('<').filter_map(|it| it.split('>').next()) {
            let bare: String = tag.split('"').step_by(2).collect();
            assert!(!bare.contains(" style="), "{name}: <{tag}>");
            assert!(!bare.contains(" on"), "{name}: <{tag}>");
        }
        for tag in [
            "<style",
            "<img",
            "<iframe",
            "<object",
            "<base",
            "javascript:\"",
            "=\"javascript",
        ] {
            assert!(!html.contains(tag), "{name}: {tag}");
        }
        assert_eq!(html.matches("<script").count(), 1, "{name}");
        for (at, _) in html.match_indices("=\"http") {
            let rest = &html[at + 2..];
            let is_link = rest.starts_with("https://explorer.allora.network/tx/");
            let is_told = html[..at].ends_with("title") || html[..at].ends_with("data-key");
            assert!(is_link || is_told, "{name}: {}", &rest[..60]);
        }
    }
}

#[test]
fn hostile_text_is_text() {
    let html = page(&hostile());
    assert!(!html.contains("<script>alert") && !html.contains("onerror=alert(2)>\""));
    assert!(html.contains("&lt;/script&gt;") || html.contains("&#60;/script&#62;"));
    let choice = Choice {
        find: HOSTILE.into(),
        ..Choice::default()
    };
    let html = document(&season(), &choice, 0).unwrap();
    assert_eq!(html.matches("<script").count(), 1);
}

#[rstest]
#[case(season(), "Running", "good")]
#[case(degraded(), "In trouble", "warn")]
#[case(stopped(), "Stopped", "bad")]
#[case(never(), "Never started", "idle")]
fn the_state_is_a_word_a_shape_and_a_colour(
    #[case] board: Board,
    #[case] word: &str,
    #[case] class: &str,
) {
    let banner = section(Section::Banner, &board, &Choice::default()).unwrap();
    assert!(
        banner.contains(&format!("<div class=\"state {class}\">")),
        "{banner}"
    );
    assert!(banner.contains(&format!("<p class=\"word\">{word}</p>")));
    assert!(banner.contains("class=\"sign\""));
    for it in &board.status.advice {
        let told = banner.find(it.cause.split('\'').next().unwrap());
        let remedy = banner.rfind(it.remedy.split(['`', '(']).next().unwrap().trim());
        assert!(told.is_some() && told < remedy, "{it:?}: {banner}");
    }
    let page = page(&board);
    assert!(page.contains(&format!("<title>{word} – allora-worker")));
    assert_eq!(
        banner.contains("from the worker's files")
            || banner.contains("from the worker&#39;s files"),
        board.told == crate::page::Told::Files
    );
}

#[test]
fn an_empty_page_says_what_to_do() {
    let html = page(&never());
    for text in [
        "./start_worker.sh",
        "allora-worker check",
        "No forecast has been made yet",
        "No endpoint has been asked yet",
        "Nothing has been logged yet",
        "The chain has not opened a window",
        "No answer has been measured",
        "No score is known yet",
    ] {
        assert!(html.contains(text), "{text}");
    }
    let models = html.split("is-models").nth(1).unwrap();
    assert!(models.split('>').next().unwrap().ends_with(" hidden"));
}

#[test]
fn figures_are_told_in_words() {
    let board = season();
    let told = |it| section(it, &board, &Choice::default()).unwrap();
    let track = told(Section::Track);
    assert!(
        track.contains("[0.90, 1.01]</b> can't be told from saying that the price stays")
            || track
                .contains("[0.90, 1.01]</b> can&#39;t be told from saying that the price stays"),
        "{track}"
    );
    assert!(
        track.contains("forecasts wait</summary>")
            || track.contains("forecasts wait for the outcome")
    );
    assert!(track.contains("known on"));
    let points = track.matches('L').count();
    assert!((600..1_300).contains(&points), "{points}");
    let goals = told(Section::Goals);
    assert!(
        goals.contains("goal 95 %")
            && goals.contains("goal 99 %")
            && goals.contains("166 of 167") | goals.contains(" of 167"),
        "{goals}"
    );
    let anatomy = told(Section::Anatomy);
    assert!(
        anatomy.contains("gate closed: not clearly better than the prior over 365 days (t −0.72)")
    );
    assert!(anatomy.contains("gate ajar") && anatomy.contains("days are too few to tell"));
    assert!(told(Section::Network).contains("z = −0.49"));
    assert!(told(Section::Money).contains("0.009 ALLO of 0.1 ALLO at most"));
}

#[test]
fn a_choice_is_heeded() {
    let board = several();
    let choice = Choice {
        topic: Some(TopicId(14)),
        level: Some(Level::Error),
        find: "WINDOW closed".into(),
        ..Choice::default()
    };
    let html = document(&board, &choice, 0).unwrap();
    assert!(html.contains("aria-current=\"page\">14 ETH/USD"));
    assert!(html.contains("/api/windows?topic=14"));
    let log = section(Section::Log, &board, &choice).unwrap();
    assert!(log.contains("submission_missed") && !log.contains("endpoint_unhealthy"));
    let choice = Choice {
        find: "no such thing".into(),
        ..Choice::default()
    };
    let log = section(Section::Log, &board, &choice).unwrap();
    assert!(log.contains("None of the newest 500 lines is so"), "{log}");
    let choice = Choice {
        day: Some(date!(2025 - 10 - 01)),
        ..Choice::default()
    };
    let windows = section(Section::Windows, &board, &choice).unwrap();
    assert!(windows.contains("Windows of 1 October"));
    assert_eq!(windows.matches("<tr data-key").count(), 24);
    assert!(windows.contains("class=\"chosen\""));
}

#[test]
fn the_token_is_asked_for() {
    let html = sign_in(false).unwrap();
    assert!(html.contains("action=\"/sign-in\"") && html.contains("name=\"token\""));
    assert!(!html.contains("not the token"));
    assert!(sign_in(true).unwrap().contains("not the token"));
}

#[test]
fn what_is_cached_for_ever_is_named_by_its_content() {
    let html = page(&never());
    for (path, text) in [("page.css", STYLE), ("page.js", SCRIPT), ("icon.svg", ICON)] {
        let tag = tag(text);
        assert_eq!(tag.len(), 12);
        assert!(html.contains(&format!("\"/{path}?v={tag}\"")), "{path}");
    }
}
