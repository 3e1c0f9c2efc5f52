//! One page that shows a backtest: its table and its pictures, with nothing from elsewhere.

mod canvas;
mod pictures;
mod series;

use askama::Template;

use self::canvas::{Colour, Picture};
use super::{Backtest, BacktestError, HEADS, Line, headline, lines, remarks};

#[derive(Template)]
#[template(path = "backtest.html")]
struct Page {
    title: String,
    heads: [&'static str; 10],
    lines: Vec<Line>,
    remarks: Vec<String>,
    pictures: Vec<Picture>,
    colours: [Colour; 7],
}

/// The page as HTML. Colours follow the reader's light or dark theme.
pub(super) fn page(made: &Backtest) -> Result<String, BacktestError> {
    let page = Page {
        title: headline(&made.summary),
        heads: HEADS,
        lines: lines(&made.summary),
        remarks: remarks(&made.summary),
        pictures: pictures::all(made)?,
        colours: Colour::ALL,
    };
    let failed = |cause: askama::Error| BacktestError::Report {
        cause: cause.to_string(),
    };
    page.render().map_err(failed)
}

#[cfg(test)]
#[path = "page_tests.rs"]
mod tests;
