//! Integrals of functions that are smooth but at known places, over tails too.
//!
//! Adaptive Gauss–Kronrod: the piece with the greatest error is halved until the whole is good enough.

use std::{cmp::Ordering, collections::BinaryHeap};

/// What is sought of the whole. The rule's own error is far below the difference that it is held by.
const RELATIVE: f64 = 1e-10;
/// Pieces after which what was reached must do.
const MOST: usize = 4_000;

/// Kronrod's nodes, of which every second is Gauss's too; the same to both sides of 0.
const NODES: [f64; 8] = [
    0.991_455_371_120_812_6,
    0.949_107_912_342_758_5,
    0.864_864_423_359_769_1,
    0.741_531_185_599_394_5,
    0.586_087_235_467_691_1,
    0.405_845_151_377_397_2,
    0.207_784_955_007_898_5,
    0.0,
];
const KRONROD: [f64; 8] = [
    0.022_935_322_010_529_224,
    0.063_092_092_629_978_55,
    0.104_790_010_322_250_18,
    0.140_653_259_715_525_92,
    0.169_004_726_639_267_9,
    0.190_350_578_064_785_4,
    0.204_432_940_075_298_9,
    0.209_482_141_084_727_83,
];
const GAUSS: [f64; 4] = [
    0.129_484_966_168_869_7,
    0.279_705_391_489_276_64,
    0.381_830_050_505_118_9,
    0.417_959_183_673_469_4,
];

/// Where to integrate.
#[derive(Clone, Copy, Debug)]
pub(super) enum Panel {
    /// From one place to another above it.
    Between(f64, f64),
    /// From a place up without end; the second says how wide the tail is, roughly.
    Above(f64, f64),
    /// From a place down without end.
    Below(f64, f64),
}

impl Panel {
    /// The place for `u` from 0 to 1, and how much of it an inch of `u` is. Tails are stretched so that
    /// y⁻² ends smoothly.
    fn at(self, u: f64) -> (f64, f64) {
        let tail = |width: f64| {
            let r = 1.0 / (1.0 - u);
            let cube = r * r * r;
            (width * (cube - 1.0), 3.0 * width * cube * r)
        };
        match self {
            Self::Between(low, high) => (low + (high - low) * u, high - low),
            Self::Above(low, width) => {
                let (beyond, slope) = tail(width);
                (low + beyond, slope)
            }
            Self::Below(high, width) => {
                let (beyond, slope) = tail(width);
                (high - beyond, slope)
            }
        }
    }
}

/// A part of a panel with what is known of it.
struct Piece {
    panel: Panel,
    from: f64,
    to: f64,
    value: f64,
    error: f64,
}

impl Piece {
    fn new(f: &dyn Fn(f64) -> f64, panel: Panel, from: f64, to: f64) -> Self {
        let (middle, half) = (0.5 * (from + to), 0.5 * (to - from));
        let at = |u: f64| {
            let (y, slope) = panel.at(u);
            let value = f(y) * slope;
            // Beyond all numbers nothing is left to be added.
            if value.is_finite() { value } else { 0.0 }
        };
        let centre = at(middle);
        let (mut kronrod, mut gauss) = (KRONROD[7] * centre, GAUSS[3] * centre);
        for (k, node) in NODES[..7].iter().enumerate() {
            let both = at(middle - half * node) + at(middle + half * node);
            kronrod += KRONROD[k] * both;
            if k % 2 == 1 {
                gauss += GAUSS[k / 2] * both;
            }
        }
        Self {
            panel,
            from,
            to,
            value: kronrod * half,
            error: ((kronrod - gauss) * half).abs(),
        }
    }
}

impl Ord for Piece {
    fn cmp(&self, other: &Self) -> Ordering {
        self.error.total_cmp(&other.error)
    }
}

impl PartialOrd for Piece {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Piece {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Piece {}

/// The integral of `f` over the panels together.
pub(super) fn integral(f: &dyn Fn(f64) -> f64, panels: &[Panel]) -> f64 {
    let pieces = panels.iter().map(|panel| Piece::new(f, *panel, 0.0, 1.0));
    let mut pieces: BinaryHeap<Piece> = pieces.collect();
    let (mut value, mut error) = totals(&pieces);
    while error > RELATIVE * value.abs() && pieces.len() < MOST {
        let Some(worst) = pieces.pop() else { break };
        let middle = 0.5 * (worst.from + worst.to);
        let halves = [(worst.from, middle), (middle, worst.to)];
        let halves = halves.map(|(from, to)| Piece::new(f, worst.panel, from, to));
        value += halves[0].value + halves[1].value - worst.value;
        error += halves[0].error + halves[1].error - worst.error;
        pieces.extend(halves);
    }
    totals(&pieces).0
}

/// The integral from 0 to 1 of what is smooth enough for one rule on each half.
pub(super) fn smooth(f: &dyn Fn(f64) -> f64) -> f64 {
    let half = |from, to| Piece::new(f, Panel::Between(0.0, 1.0), from, to).value;
    half(0.0, 0.5) + half(0.5, 1.0)
}

fn totals(pieces: &BinaryHeap<Piece>) -> (f64, f64) {
    let add = |(value, error), piece: &Piece| (value + piece.value, error + piece.error);
    pieces.iter().fold((0.0, 0.0), add)
}
