//! The figures in words: the lines of the table, and what has to be said beside them.

use super::{Figures, Summary, Unforecast, rows::span};

/// What is said beside the figures of a span of less than a year.
pub const COIN_TOSS: &str = "a coin toss";

/// The columns' heads.
pub const HEADS: [&str; 10] = [
    "span",
    "n",
    "eff. n",
    "ratio",
    "95 % interval",
    "DA",
    "WRMSE gain",
    "CZAR",
    "grade",
    "",
];

/// A line of the table.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    /// The cells, as [`HEADS`] names them.
    pub cells: [String; 10],
    /// Whether a group of spans ends with it.
    pub ends_group: bool,
}

impl Line {
    fn new(name: &str, figures: &Figures) -> Self {
        let score = &figures.score;
        let interval = figures.rmse_ratio_ci.map_or_else(
            || "-".to_owned(),
            |ci| format!("{:.4} to {:.4}", ci.low, ci.high),
        );
        let remark = if figures.short { COIN_TOSS } else { "" };
        Self {
            cells: [
                name.to_owned(),
                score.n.to_string(),
                format!("{:.0}", score.n_effective),
                format!("{:.4}", score.rmse_ratio),
                interval,
                format!("{:.3}", score.directional_accuracy),
                format!("{:+.2} %", 100.0 * score.wrmse_improvement),
                format!("{:+.3}", score.czar),
                score.grade.to_string(),
                remark.to_owned(),
            ],
            ends_group: false,
        }
    }
}

/// The lines of the table: all, the years, the halves of the period, the half-years.
#[must_use]
pub fn lines(summary: &Summary) -> Vec<Line> {
    let half = |(name, figures): (&String, _)| Line::new(&format!("{name} half"), figures);
    let named = |(name, figures): (&String, _)| Line::new(name, figures);
    let mut all = vec![Line::new("all", &summary.all)];
    if let Some(figures) = &summary.forecast_only {
        all.push(Line::new("with a forecast", figures));
    }
    let groups = [
        all,
        summary.years.iter().map(named).collect(),
        summary.halves.iter().map(half).collect(),
        summary.half_years.iter().map(named).collect(),
    ];
    let mut lines = Vec::new();
    for mut group in groups {
        if let Some(last) = group.last_mut() {
            last.ends_group = true;
        }
        lines.append(&mut group);
    }
    lines
}

/// What was tested, in a line.
#[must_use]
pub fn headline(summary: &Summary) -> String {
    let visible = summary.visible.map_or_else(String::new, |visible| {
        format!(", the last {} visible", span(visible))
    });
    format!(
        "{} over {}, every {}{visible}: {} forecasts from {} to {}",
        summary.source,
        span(summary.horizon),
        span(summary.every),
        summary.all.score.n,
        summary.all.from.date(),
        summary.all.to.date(),
    )
}

/// What has to be said beside the table, a sentence or two each.
#[must_use]
pub fn remarks(summary: &Summary) -> Vec<String> {
    let mut said = vec![format!(
        "ratio: RMSE divided by that of always answering zero; below 1 is better. Its interval is of a \
         circular bootstrap of {:.0}-day blocks, drawn {} times. eff. n: how many independent \
         forecasts the overlapping ones are worth. DA, WRMSE gain, CZAR and grade are the builder \
         kit's; the grade's bars are made for short horizons: it describes and is no goal.",
        summary.block_days, summary.draws,
    )];
    let figures = summary.years.values().chain(summary.halves.values());
    let mut figures = figures
        .chain(summary.half_years.values())
        .chain([&summary.all]);
    if figures.any(|figures| figures.short) {
        said.push(format!(
            "Less than a year is {COIN_TOSS}: the prior, which does better than zero on bitcoin in the \
             long run, did so in 44 % of all spans of 28 days, in 51 % of those of 108 days and in \
             85 % of those of 365 days."
        ));
    }
    if summary.unforecast > 0 {
        let counted = match summary.unforecast_as {
            Unforecast::Up => {
                "count as +0.00001, what the prior says without momentum; the line \"with a \
                 forecast\" leaves them out"
            }
            Unforecast::Zero => {
                "count as 0.0, so as a wrong direction; the line \"with a forecast\" leaves them out"
            }
            Unforecast::Skip => "are left out",
        };
        said.push(format!(
            "{} rows have too short a history for a forecast (the worker answers 0.0): they {counted}.",
            summary.unforecast,
        ));
    }
    if summary.skipped > 0 {
        said.push(format!(
            "{} forecasts are not scored: the close one horizon later is missing in a gap of the \
             prices.",
            summary.skipped,
        ));
    }
    if summary.unresolved > 0 {
        said.push(format!(
            "{} forecasts at the end have no outcome yet.",
            summary.unresolved
        ));
    }
    said
}
