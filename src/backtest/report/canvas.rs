//! Panels of lines, dots and bars, drawn as SVG. Colours are placeholders that the page's style sheet
//! turns into those of the reader's theme.

use std::ops::Range;

use plotters::{
    backend::SVGBackend,
    chart::{ChartBuilder, ChartContext},
    coord::{
        Shift,
        ranged1d::{DefaultFormatting, KeyPointHint, Ranged},
    },
    drawing::{DrawingArea, IntoDrawingArea as _},
    element::{Circle, PathElement},
    prelude::Cartesian2d,
    series::LineSeries,
    style::{Color as _, IntoFont as _, IntoTextStyle as _, RGBColor, ShapeStyle, TRANSPARENT},
};

use crate::backtest::BacktestError;

/// Size of a picture in its own units: about twice the pixels that it is shown with.
const WIDTH: u32 = 1120;
/// Height of all of its panels together.
const HEIGHT: u32 = 640;
/// Room for the labels at the left, and at the bottom of the last panel.
const LEFT: u32 = 144;
const BOTTOM: u32 = 60;
/// Size of the labels. The SVG backend divides it by 1.24.
const TEXT: u32 = 36;

/// A colour as it stands in the SVG, and the style sheet's name for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Colour {
    /// In the SVG.
    pub written: &'static str,
    /// In the style sheet.
    pub shown: &'static str,
    level: u8,
}

impl Colour {
    pub(super) const FAINT: Self = Self::new("#010101", "faint", 1);
    pub(super) const LINE: Self = Self::new("#020202", "line", 2);
    pub(super) const GREY: Self = Self::new("#030303", "grey", 3);
    pub(super) const ONE: Self = Self::new("#040404", "one", 4);
    pub(super) const TWO: Self = Self::new("#050505", "two", 5);
    pub(super) const THREE: Self = Self::new("#060606", "three", 6);
    pub(super) const FOUR: Self = Self::new("#070707", "four", 7);
    pub(super) const ALL: [Self; 7] = [
        Self::FAINT,
        Self::LINE,
        Self::GREY,
        Self::ONE,
        Self::TWO,
        Self::THREE,
        Self::FOUR,
    ];

    const fn new(written: &'static str, shown: &'static str, level: u8) -> Self {
        Self {
            written,
            shown,
            level,
        }
    }

    const fn rgb(self) -> RGBColor {
        RGBColor(self.level, self.level, self.level)
    }

    fn stroke(self, width: u32) -> ShapeStyle {
        self.rgb().stroke_width(width)
    }
}

/// A picture of the page.
#[derive(Clone, Debug)]
pub(super) struct Picture {
    /// Its heading.
    pub title: &'static str,
    /// What it shows, in a sentence or two.
    pub caption: String,
    /// The picture; none when there is too little to draw.
    pub svg: Option<String>,
    /// What stands in its place.
    pub absent: &'static str,
    /// What the colours are.
    pub legend: Vec<Entry>,
}

/// A colour's meaning.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    /// The style sheet's name of the colour.
    pub shown: &'static str,
    /// What is drawn with it.
    pub name: String,
}

impl Entry {
    pub(super) fn new(colour: Colour, name: impl Into<String>) -> Self {
        Self {
            shown: colour.shown,
            name: name.into(),
        }
    }
}

/// Where labels stand on an axis, and what they say.
#[derive(Clone, Debug)]
pub(super) struct Axis {
    /// From where to where.
    pub range: Range<f64>,
    /// The labels, ascending.
    pub labels: Vec<(f64, String)>,
}

impl Axis {
    fn label(&self, place: f64) -> String {
        let mut labels = self.labels.iter();
        let found = labels.find(|(known, _)| known.total_cmp(&place).is_eq());
        found.map(|(_, label)| label.clone()).unwrap_or_default()
    }
}

impl Ranged for Axis {
    type FormatOption = DefaultFormatting;
    type ValueType = f64;

    #[allow(clippy::cast_possible_truncation, reason = "a pixel of the picture")]
    fn map(&self, value: &f64, limit: (i32, i32)) -> i32 {
        let share = (value - self.range.start) / (self.range.end - self.range.start);
        limit.0 + (share * f64::from(limit.1 - limit.0)).round() as i32
    }

    fn key_points<Hint: KeyPointHint>(&self, hint: Hint) -> Vec<f64> {
        // There are no lines between those that are labelled.
        if hint.weight().allow_light_points() {
            return Vec::new();
        }
        self.labels.iter().map(|(place, _)| *place).collect()
    }

    fn range(&self) -> Range<f64> {
        self.range.clone()
    }
}

/// Something that is drawn.
#[derive(Clone, Debug)]
pub(super) enum Shape {
    /// A line through points, with its width.
    Line(Vec<(f64, f64)>, Colour, u32),
    /// Points, each with the ends of its bar.
    Dots(Vec<(f64, f64, Range<f64>)>, Colour),
}

/// A diagram; several stand one above the other.
#[derive(Clone, Debug)]
pub(super) struct Panel {
    pub x: Axis,
    pub y: Axis,
    pub shapes: Vec<Shape>,
}

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Chart<'a, 'b> = ChartContext<'a, SVGBackend<'b>, Cartesian2d<Axis, Axis>>;

/// Draws panels of the same horizontal axis, which is labelled beneath the last.
pub(super) fn draw(panels: &[Panel], title: &str) -> Result<String, BacktestError> {
    let mut text = String::new();
    {
        let root = SVGBackend::with_string(&mut text, (WIDTH, HEIGHT)).into_drawing_area();
        let inner = HEIGHT - BOTTOM;
        let each = inner / u32::try_from(panels.len().max(1)).unwrap_or(1);
        let mut rest = root.clone();
        for (index, panel) in panels.iter().enumerate() {
            let last = index + 1 == panels.len();
            if last {
                panel.draw(&rest, true)?;
            } else {
                let (area, below) = rest.split_vertically(each);
                panel.draw(&area, false)?;
                rest = below;
            }
        }
        root.present().map_err(failed)?;
    }
    // Within HTML it needs no namespace, and it should be read out as one picture.
    let named = format!("<svg role=\"img\" aria-label=\"{title}\" ");
    let text = text.replacen("<svg ", &named, 1);
    Ok(text.replacen(" xmlns=\"http://www.w3.org/2000/svg\"", "", 1))
}

impl Panel {
    fn draw(&self, area: &Area<'_>, labelled: bool) -> Result<(), BacktestError> {
        let (x, y) = (&self.x, &self.y);
        let mut chart: Chart<'_, '_> = ChartBuilder::on(area)
            .margin_top(14)
            .margin_right(40)
            .margin_bottom(if labelled { 4 } else { 12 })
            .x_label_area_size(if labelled { BOTTOM } else { 0 })
            .y_label_area_size(LEFT)
            .build_cartesian_2d(x.clone(), y.clone())
            .map_err(failed)?;
        let font = ("sans-serif", TEXT).into_font();
        let faint = Colour::FAINT.rgb();
        chart
            .configure_mesh()
            .axis_style(Colour::LINE.stroke(2))
            .bold_line_style(Colour::LINE.stroke(1))
            .light_line_style(TRANSPARENT)
            .label_style(font.into_text_style(area).with_color(faint))
            .x_label_formatter(&|place| x.label(*place))
            .y_label_formatter(&|place| y.label(*place))
            .draw()
            .map_err(failed)?;
        self.shapes
            .iter()
            .try_for_each(|shape| shape.draw(&mut chart))
    }
}

impl Shape {
    fn draw(&self, chart: &mut Chart<'_, '_>) -> Result<(), BacktestError> {
        match self {
            Self::Line(points, colour, width) => {
                let line = LineSeries::new(points.iter().copied(), colour.stroke(*width));
                chart.draw_series(line).map_err(failed)?;
            }
            Self::Dots(points, colour) => {
                let bar = |(x, _, bar): &(f64, f64, Range<f64>)| {
                    PathElement::new([(*x, bar.start), (*x, bar.end)], colour.stroke(3))
                };
                chart.draw_series(points.iter().map(bar)).map_err(failed)?;
                let dot = |(x, y, _): &(f64, f64, Range<f64>)| {
                    Circle::new((*x, *y), 8, colour.rgb().filled())
                };
                chart.draw_series(points.iter().map(dot)).map_err(failed)?;
            }
        }
        Ok(())
    }
}

fn failed(cause: impl std::fmt::Display) -> BacktestError {
    BacktestError::Report {
        cause: cause.to_string(),
    }
}
