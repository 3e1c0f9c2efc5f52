//! HTML of a board: one document, and its sections one by one for pages that are open.
//!
//! The server sends a strict content security policy: there is no inline script, no style attribute and
//! no handler in an attribute anywhere. What comes from logs and nodes is escaped.

mod anatomy;
mod banner;
mod chart;
mod choice;
mod document;
mod earnings;
mod endpoints;
mod goals;
mod latency;
mod log;
mod models;
mod money;
mod network;
mod next;
#[cfg(test)]
#[path = "../../../tests/page_samples/mod.rs"]
mod samples;
mod section;
#[cfg(test)]
mod style_tests;
#[cfg(test)]
mod tests;
mod track;
mod windows;
mod words;

use askama::Template;

pub use self::{
    choice::Choice,
    document::{document, sign_in},
    section::{Section, tag},
};
use super::Board;

/// The page's style, served as `/page.css`.
pub const STYLE: &str = include_str!("../../../templates/page/page.css");
/// The page's script, served as `/page.js`.
pub const SCRIPT: &str = include_str!("../../../templates/page/page.js");
/// The page's icon, an SVG, served as `/icon.svg`.
pub const ICON: &str = include_str!("../../../templates/page/icon.svg");

/// What is inside of a section's element; empty where there is nothing of it.
///
/// # Errors
/// When a template can't be filled, which would be a fault of this program.
pub fn section(section: Section, board: &Board, choice: &Choice) -> Result<String, askama::Error> {
    let topic = board.topic(choice.topic);
    match section {
        Section::Banner => banner::banner(board).render(),
        Section::Next => next::next(board, topic).render(),
        Section::Goals => goals::goals(board).render(),
        Section::Windows => windows::windows(board, topic, choice).render(),
        Section::Track => track::track(topic).render(),
        Section::Network => network::network(topic).render(),
        Section::Earnings => earnings::earnings(board, topic).render(),
        Section::Latency => latency::latency(board).render(),
        Section::Money => money::money(board).render(),
        Section::Endpoints => endpoints::endpoints(board).render(),
        Section::Anatomy => anatomy::anatomy(topic).render(),
        Section::Models => board
            .models
            .as_ref()
            .map_or(Ok(String::new()), |it| models::models(it).render()),
        Section::Log => log::log(board, choice).render(),
    }
}
