//! The models of a season, each of its kind.

use rand::{Rng, rngs::StdRng};

use super::market::normal;

/// What a model does on a day: the mean of its density over the week, or no answer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Kind {
    /// Knows the knowable part through noise of its own, and shrinks it as it should.
    Good,
    /// As the first good one, but for nothing that could be told apart.
    CopyOfGood,
    /// As a good one, on every other day at random.
    Absent,
    /// Says zero.
    Lazy,
    /// Says the same on each day.
    Constant,
    /// Expects the opposite of what could be known.
    Contrary,
    /// As the contrary one.
    CopyOfContrary,
    /// Good until it turns, and twice its opposite from then on.
    Turncoat,
    /// Speaks at random, as loudly as a good one.
    Noise,
    /// A fifth up or down.
    Huge,
    /// Three percent up and down by turns.
    Alternating,
    /// What is no number, or none that a price could follow.
    Monster,
}

/// A good model's noise, in standard deviations of what can be known.
const NOISE: f64 = 0.8;
/// What a good model multiplies its view by, for that noise.
const SHRINK: f64 = 1.0 / (1.0 + NOISE * NOISE);
impl Kind {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::CopyOfGood => "copy of good",
            Self::Absent => "absent",
            Self::Lazy => "lazy",
            Self::Constant => "constant",
            Self::Contrary => "contrary",
            Self::CopyOfContrary => "copy of contrary",
            Self::Turncoat => "turncoat",
            Self::Noise => "noise",
            Self::Huge => "huge",
            Self::Alternating => "alternating",
            Self::Monster => "monster",
        }
    }
}

/// Draws of a day that several models share.
pub(crate) struct Morning {
    pub(crate) day: usize,
    /// The day on which the turncoat turns.
    pub(crate) turn: usize,
    /// What can be known of the week, and its standard deviation over time.
    pub(crate) knowable: f64,
    pub(crate) usual: f64,
    /// The noise of the first good model.
    pub(crate) first: f64,
}

/// What a model expects on a day; none when it does not answer. The first good model has the place 0.
pub(crate) fn expects(
    kind: Kind,
    place: usize,
    morning: &Morning,
    random: &mut StdRng,
) -> Option<f64> {
    let Morning {
        day,
        turn,
        knowable,
        usual,
        first,
    } = *morning;
    let own = normal(random);
    let view = |noise: f64| SHRINK * (knowable + NOISE * usual * noise);
    let value = match kind {
        Kind::Good if place == 0 => view(first),
        Kind::CopyOfGood => view(first) + 1e-7 * own,
        Kind::Absent if random.random_bool(0.5) => return None,
        Kind::Lazy => 0.0,
        Kind::Constant => 0.002,
        Kind::Contrary => -view(first),
        Kind::CopyOfContrary => -view(first) + 1e-7 * own,
        Kind::Turncoat if day >= turn => -2.0 * view(own),
        Kind::Good | Kind::Absent | Kind::Turncoat => view(own),
        Kind::Noise => (SHRINK.sqrt() * usual) * own,
        Kind::Huge => 0.2_f64.copysign(own),
        Kind::Alternating if day % 2 == 0 => 0.03,
        Kind::Alternating => -0.03,
        Kind::Monster if own > 0.5 => f64::NAN,
        Kind::Monster => 1e300_f64.copysign(own),
    };
    Some(value)
}

/// A network in which some know something.
pub(crate) fn mixed() -> Vec<Kind> {
    use Kind::{
        Absent, Alternating, Constant, Contrary, CopyOfContrary, CopyOfGood, Good, Huge, Lazy,
        Monster, Noise, Turncoat,
    };
    vec![
        Good,
        Good,
        Good,
        Good,
        Good,
        CopyOfGood,
        CopyOfGood,
        CopyOfGood,
        CopyOfGood,
        Absent,
        Lazy,
        Lazy,
        Constant,
        Contrary,
        CopyOfContrary,
        CopyOfContrary,
        Turncoat,
        Noise,
        Noise,
        Huge,
        Alternating,
        Monster,
    ]
}

/// A network in which nobody knows anything, and some know better and say the opposite.
pub(crate) fn useless() -> Vec<Kind> {
    use Kind::{Alternating, Constant, Contrary, CopyOfContrary, Huge, Lazy, Monster, Noise};
    vec![
        Lazy,
        Lazy,
        Constant,
        Noise,
        Noise,
        Noise,
        Contrary,
        CopyOfContrary,
        CopyOfContrary,
        CopyOfContrary,
        Huge,
        Alternating,
        Monster,
    ]
}
