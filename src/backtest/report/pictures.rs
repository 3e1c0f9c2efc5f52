//! The page's pictures.

use super::{
    canvas::{Axis, Colour, Entry, Panel, Picture, Shape, draw},
    series::{BINS, Point, ROLLING_DAYS, Timed, axis, reliability, rolling, saved, thinned, times},
};
use crate::{
    backtest::{Backtest, BacktestError, Row, files::challengers},
    evaluate::Pair,
    forecast::Report,
};

/// The challengers' colours, in their order.
const COLOURS: [Colour; 3] = [Colour::TWO, Colour::THREE, Colour::FOUR];
/// Labels of an axis of values, at most, in a panel of full and of half height.
const MOST: usize = 7;
const MOST_OF_HALF: usize = 6;

/// All of them, in the page's order.
pub(super) fn all(made: &Backtest) -> Result<Vec<Picture>, BacktestError> {
    let rows = &made.rows;
    // Forecasts as they are answered: 0.0 where there was none.
    let pair = |row: &Row| {
        let (forecast, outcome) = (row.forecast, row.outcome?);
        Some((row.start, Pair { forecast, outcome }))
    };
    let scored: Vec<Timed> = rows.iter().filter_map(pair).collect();
    let first = rows.first().map_or(0, |row| row.start);
    let time = times(first, rows.last().map_or(0, |row| row.start));
    let overlap = made.summary.horizon.as_secs_f64() / made.summary.every.as_secs_f64().max(1.0);
    let names = challengers(rows);
    Ok(vec![
        over_time(rows, &scored, &time)?,
        loss(&scored, &time)?,
        year(&scored, &time)?,
        bins(&scored, overlap)?,
        weights(rows, &names, &time)?,
        gates(rows, &names, &time)?,
    ])
}

fn line(points: &[Point], colour: Colour, width: u32) -> Shape {
    Shape::Line(thinned(points), colour, width)
}

/// A level across the panel.
fn rule(x: &Axis, y: f64) -> Shape {
    Shape::Line(vec![(x.range.start, y), (x.range.end, y)], Colour::GREY, 3)
}

fn heights(points: &[Point]) -> impl Iterator<Item = f64> {
    points.iter().map(|(_, y)| *y)
}

fn over_time(rows: &[Row], scored: &[Timed], time: &Axis) -> Result<Picture, BacktestError> {
    let title = "Forecast and outcome, %";
    let outcomes: Vec<Point> = scored
        .iter()
        .map(|(at, pair)| (*at as f64, 100.0 * pair.outcome))
        .collect();
    let forecast = |row: &Row| (row.start as f64, 100.0 * row.forecast);
    let forecasts: Vec<Point> = rows.iter().map(forecast).collect();
    let both = heights(&outcomes).chain(heights(&forecasts));
    let panels = [
        Panel {
            x: time.clone(),
            y: axis(both, MOST_OF_HALF),
            shapes: vec![
                line(&outcomes, Colour::GREY, 2),
                line(&forecasts, Colour::ONE, 3),
            ],
        },
        Panel {
            x: time.clone(),
            y: axis(heights(&forecasts), MOST_OF_HALF),
            shapes: vec![line(&forecasts, Colour::ONE, 3)],
        },
    ];
    Ok(Picture {
        title,
        caption:
            "Log-returns over the horizon, by the time of the forecast. Above both on one scale, \
                  below the forecast alone: what can be known is small against what comes."
                .into(),
        svg: Some(draw(&panels, title)?),
        absent: "",
        legend: vec![
            Entry::new(Colour::ONE, "forecast"),
            Entry::new(Colour::GREY, "outcome"),
        ],
    })
}

fn loss(scored: &[Timed], time: &Axis) -> Result<Picture, BacktestError> {
    let title = "Squared error saved against zero, %";
    let saved = saved(scored);
    let panel = Panel {
        x: time.clone(),
        y: axis(heights(&saved).chain([0.0]), MOST),
        shapes: vec![rule(time, 0.0), line(&saved, Colour::ONE, 4)],
    };
    Ok(Picture {
        title,
        caption:
            "Summed up to each time, as a share of zero's whole squared error. Where the line \
                  rises, the forecast does better than zero."
                .into(),
        svg: Some(draw(&[panel], title)?),
        absent: "",
        legend: vec![Entry::new(Colour::ONE, "saved so far")],
    })
}

fn year(scored: &[Timed], time: &Axis) -> Result<Picture, BacktestError> {
    let title = "Ratio to zero over the last 365 days";
    let ratios = rolling(scored);
    let panel = Panel {
        x: time.clone(),
        y: axis(heights(&ratios).chain([1.0]), MOST),
        shapes: vec![rule(time, 1.0), line(&ratios, Colour::ONE, 4)],
    };
    let svg = if ratios.len() < 2 {
        None
    } else {
        Some(draw(&[panel], title)?)
    };
    Ok(Picture {
        title,
        caption: format!(
            "RMSE divided by that of always answering zero, over the {ROLLING_DAYS} days up to each \
             time; below 1 is better than zero."
        ),
        svg,
        absent: "The period is not longer than 365 days.",
        legend: vec![
            Entry::new(Colour::ONE, "ratio"),
            Entry::new(Colour::GREY, "as good as zero"),
        ],
    })
}

fn bins(scored: &[Timed], overlap: f64) -> Result<Picture, BacktestError> {
    let title = "Reliability, %";
    let bins = reliability(scored, overlap);
    let dots: Vec<_> = bins
        .iter()
        .map(|bin| {
            let bar = 100.0 * bin.interval.start..100.0 * bin.interval.end;
            (100.0 * bin.forecast, 100.0 * bin.outcome, bar)
        })
        .collect();
    let x = axis(dots.iter().map(|(x, _, _)| *x), MOST);
    let ends = dots.iter().flat_map(|(_, _, bar)| [bar.start, bar.end]);
    let y = axis(ends.chain([0.0, x.range.start, x.range.end]), MOST);
    let (start, end) = (x.range.start, x.range.end);
    let ideal = Shape::Line(vec![(start, start), (end, end)], Colour::GREY, 3);
    let panel = Panel {
        x,
        y,
        shapes: vec![ideal, Shape::Dots(dots, Colour::ONE)],
    };
    Ok(Picture {
        title,
        caption: format!(
            "Forecasts in {BINS} groups of the same size: their mean along the bottom, the mean of \
             what came at the side. The bars are 95 % intervals in which outcomes that overlap count \
             as one."
        ),
        svg: Some(draw(&[panel], title)?),
        absent: "",
        legend: vec![
            Entry::new(Colour::ONE, "mean outcome"),
            Entry::new(Colour::GREY, "as forecast"),
        ],
    })
}

/// The stretches in which something is known.
fn known(rows: &[Row], of: impl Fn(&Report) -> Option<f64>) -> Vec<Vec<Point>> {
    let point = |row: &Row| Some((row.start as f64, of(row.report.as_ref()?)?));
    let points: Vec<Option<Point>> = rows.iter().map(point).collect();
    let parts = points.split(Option::is_none);
    let parts = parts.map(|part| part.iter().copied().flatten().collect());
    parts.filter(|part: &Vec<Point>| part.len() > 1).collect()
}

/// Lines of the prior and of each challenger, and what the colours mean.
fn voices(
    rows: &[Row],
    names: &[String],
    of_prior: impl Fn(&Report) -> Option<f64>,
    of_challenger: impl Fn(&Report, usize) -> Option<f64>,
) -> (Vec<Shape>, Vec<Entry>, Vec<f64>) {
    let mut shapes = Vec::new();
    let mut values = Vec::new();
    let mut legend = Vec::new();
    let mut draw = |lines: Vec<Vec<Point>>, colour, name: &str| {
        legend.push(Entry::new(colour, name));
        for points in lines {
            values.extend(heights(&points));
            shapes.push(line(&points, colour, 4));
        }
    };
    // The prior last, so that it lies on top.
    for (seat, name) in names.iter().enumerate() {
        let lines = known(rows, |report| of_challenger(report, seat));
        draw(lines, COLOURS[seat % COLOURS.len()], name);
    }
    draw(known(rows, of_prior), Colour::ONE, "prior");
    legend.rotate_right(1);
    (shapes, legend, values)
}

fn weights(rows: &[Row], names: &[String], time: &Axis) -> Result<Picture, BacktestError> {
    let title = "Weights";
    let of = |report: &Report, seat: usize| Some(report.challengers.get(seat)?.weight);
    let (shapes, legend, _) = voices(rows, names, |report| Some(report.prior_weight), of);
    let panel = Panel {
        x: time.clone(),
        y: axis([0.0, 1.0].into_iter(), MOST),
        shapes,
    };
    Ok(Picture {
        title,
        caption: "The prior's fuse: 0 when it did clearly worse than zero over the last year. A \
                  challenger's: above 0 when it did clearly better than the prior."
            .into(),
        svg: Some(draw(&[panel], title)?),
        absent: "",
        legend,
    })
}

fn gates(rows: &[Row], names: &[String], time: &Axis) -> Result<Picture, BacktestError> {
    let title = "t of the gain over the last year";
    let of = |report: &Report, seat: usize| report.challengers.get(seat)?.t;
    let (lines, mut legend, values) = voices(rows, names, |report| report.prior_t, of);
    let mut shapes = vec![rule(time, 0.0)];
    shapes.extend(lines);
    let empty = values.is_empty();
    let panel = Panel {
        x: time.clone(),
        y: axis(values.into_iter().chain([0.0]), MOST),
        shapes,
    };
    legend.push(Entry::new(Colour::GREY, "no gain"));
    let svg = if empty {
        None
    } else {
        Some(draw(&[panel], title)?)
    };
    Ok(Picture {
        title,
        caption:
            "Newey-West t of the squared error saved: the prior's against zero, a challenger's \
                  against the prior. The weights above follow from it."
                .into(),
        svg,
        absent: "The record is too short for a t.",
        legend,
    })
}
