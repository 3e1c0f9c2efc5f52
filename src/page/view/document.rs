//! The whole page, and the one that asks for the token.

use askama::Template;

use super::{
    Choice, ICON, SCRIPT, STYLE, Section, section,
    section::tag,
    words::{self, Stamp},
};
use crate::{ops::Level, page::Board, status::State};

#[derive(Template)]
#[template(path = "page/document.html")]
struct Document<'a> {
    /// For the tab: the state and the network.
    title: String,
    assets: Assets,
    generation: u64,
    now: Stamp,
    topics: Vec<Topic>,
    cards: Vec<Card>,
    choice: &'a Choice,
    levels: [(&'static str, &'static str, bool); 3],
    topic: String,
    day: String,
}

struct Assets {
    style: String,
    script: String,
    icon: String,
}

impl Assets {
    fn new() -> Self {
        Self {
            style: tag(STYLE),
            script: tag(SCRIPT),
            icon: tag(ICON),
        }
    }
}

struct Topic {
    name: String,
    href: String,
    is_chosen: bool,
}

struct Card {
    section: Section,
    json: String,
    html: String,
}

#[derive(Template)]
#[template(path = "page/sign_in.html")]
struct SignIn {
    assets: Assets,
    wrong: bool,
}

/// The whole page. `generation` is the newest change that it shows: open pages tell it when they connect.
///
/// # Errors
/// When a template can't be filled, which would be a fault of this program.
pub fn document(board: &Board, choice: &Choice, generation: u64) -> Result<String, askama::Error> {
    let status = &board.status;
    let chosen = board.topic(choice.topic).map(|it| it.id);
    // What is shown is what links, forms and the stream name.
    let named = Choice {
        topic: chosen,
        ..choice.clone()
    };
    let card = |it: Section| {
        section(it, board, &named).map(|html| Card {
            section: it,
            json: it.json(&named),
            html,
        })
    };
    let state = match status.state {
        State::Running => "Running",
        State::Trouble => "In trouble",
        State::Stopped => "Stopped",
        State::NeverStarted => "Never started",
    };
    let title = match &*status.process.network {
        "" => format!("{state} – allora-worker"),
        network => format!("{state} – allora-worker on {network}"),
    };
    let topics = board.topics.iter().map(|it| Topic {
        name: match &it.asset {
            Some(asset) => format!("{} {asset}", it.id),
            None => it.id.to_string(),
        },
        href: named.with_topic(it.id),
        is_chosen: Some(it.id) == chosen,
    });
    let level = |level, word| {
        (
            super::choice::level_word(level),
            word,
            choice.level == Some(level),
        )
    };
    let page = Document {
        title,
        assets: Assets::new(),
        generation,
        now: words::exact(status.at),
        topics: topics.collect(),
        cards: Section::ALL
            .into_iter()
            .map(card)
            .collect::<Result<_, _>>()?,
        choice,
        levels: [
            level(Level::Info, "All"),
            level(Level::Warn, "Warnings and errors"),
            level(Level::Error, "Errors"),
        ],
        topic: chosen.map(|it| it.to_string()).unwrap_or_default(),
        day: choice.day_word(),
    };
    page.render()
}

/// A page that asks for the token and posts it to `/sign-in` as the field `token`. `wrong` says that the
/// last one was not right.
///
/// # Errors
/// When a template can't be filled, which would be a fault of this program.
pub fn sign_in(wrong: bool) -> Result<String, askama::Error> {
    let page = SignIn {
        assets: Assets::new(),
        wrong,
    };
    page.render()
}
