//! Incomplete gamma and beta functions.
//!
//! `statrs` has them, too, but gives up one of the two complements, runs without bound for parameters
//! that a model may well send, and looks at its step's size alone. These end, and give both sides.

use std::f64::consts::PI;

use statrs::function::gamma::ln_gamma;

/// Steps after which what was reached must do; the largest shapes that are read take a tenth of them.
const STEPS: u32 = 50_000;
const EPSILON: f64 = 1e-16;
/// Stands for zero in a continued fraction's denominators.
const TINY: f64 = 1e-290;

/// What ln Γ has over Stirling's formula without its series, for x ≥ 10.
fn stirling_rest(x: f64) -> f64 {
    let r = 1.0 / (x * x);
    let series = 1.0 / 12.0
        - r * (1.0 / 360.0 - r * (1.0 / 1260.0 - r * (1.0 / 1680.0 - r * (1.0 / 1188.0))));
    series / x
}

/// ln B(a, b), without the loss of ln Γ's differences where one of them is large.
pub(super) fn ln_beta(a: f64, b: f64) -> f64 {
    let (a, b) = (a.min(b), a.max(b));
    if b < 10.0 {
        return ln_gamma(a) + ln_gamma(b) - ln_gamma(a + b);
    }
    let rest = stirling_rest(b) - stirling_rest(a + b);
    let power = (b - 0.5) * (-a / (a + b)).ln_1p();
    if a < 10.0 {
        return ln_gamma(a) + rest + a - a * (a + b).ln() + power;
    }
    let ratio = (a - 0.5) * (a / (a + b)).ln();
    0.5 * (2.0 * PI / (a + b)).ln() + stirling_rest(a) + rest + ratio + power
}

/// ln(xᵃ e⁻ˣ / Γ(a)).
pub(super) fn ln_gamma_kernel(a: f64, x: f64) -> f64 {
    if a < 10.0 {
        return a * x.ln() - x - ln_gamma(a);
    }
    let u = (x - a) / a;
    let exponent = if u.abs() < 0.5 {
        a * (u.ln_1p() - u)
    } else {
        a * (x / a).ln() - (x - a)
    };
    exponent + 0.5 * (a / (2.0 * PI)).ln() - stirling_rest(a)
}

/// The regularised incomplete gamma functions P(a, x) and Q(a, x), which add up to one.
pub(super) fn gamma_pq(a: f64, x: f64) -> (f64, f64) {
    if x <= 0.0 {
        return (0.0, 1.0);
    }
    if x == f64::INFINITY {
        return (1.0, 0.0);
    }
    let kernel = ln_gamma_kernel(a, x).exp();
    let is_lower = x < a + 1.0;
    if kernel == 0.0 {
        return nothing_on(is_lower);
    }
    if is_lower {
        let (mut term, mut sum) = (1.0 / a, 1.0 / a);
        for n in 1..STEPS {
            term *= x / (a + f64::from(n));
            sum += term;
            if term < sum * EPSILON {
                break;
            }
        }
        let lower = (kernel * sum).min(1.0);
        (lower, 1.0 - lower)
    } else {
        let upper = (kernel * upper_fraction(a, x)).min(1.0);
        (1.0 - upper, upper)
    }
}

/// A continued fraction b₀ + a₁/(b₁ + a₂/(b₂ + …)), evaluated forwards by Lentz's way.
struct Fraction {
    value: f64,
    over: f64,
    under: f64,
}

impl Fraction {
    fn new(first: f64) -> Self {
        let value = off_zero(first);
        Self {
            value,
            over: value,
            under: 0.0,
        }
    }

    /// Takes the next pair in; how much it changed the value, as a factor.
    fn step(&mut self, numerator: f64, denominator: f64) -> f64 {
        self.under = 1.0 / off_zero(denominator + numerator * self.under);
        self.over = off_zero(denominator + numerator / self.over);
        let change = self.over * self.under;
        self.value *= change;
        change
    }
}

fn settled(change: f64) -> bool {
    (change - 1.0).abs() < 4.0 * EPSILON
}

/// Γ(a, x) eˣ x⁻ᵃ for x ≥ 1, by Legendre's continued fraction.
fn upper_fraction(a: f64, x: f64) -> f64 {
    let mut fraction = Fraction::new(x + 1.0 - a);
    for n in 1..STEPS {
        let n = f64::from(n);
        if settled(fraction.step(n * (a - n), x + 1.0 - a + 2.0 * n)) {
            break;
        }
    }
    1.0 / fraction.value
}

/// The exponential integral E₁(x), x > 0.
pub(super) fn exponential_integral(x: f64) -> f64 {
    if x > 1.0 {
        return (-x).exp() * upper_fraction(0.0, x);
    }
    let (mut term, mut sum) = (1.0, 0.0);
    for n in 1..30 {
        let n = f64::from(n);
        term *= -x / n;
        sum -= term / n;
    }
    sum - x.ln() - super::EULER
}

/// The regularised incomplete beta function and its complement at `x`, with `y` = 1 − x given as
/// exactly as it is known.
pub(super) fn beta_pq(a: f64, b: f64, x: f64, y: f64) -> (f64, f64) {
    if x <= 0.0 {
        return (0.0, 1.0);
    }
    if y <= 0.0 {
        return (1.0, 0.0);
    }
    let kernel = ln_beta_kernel(a, b, x, y).exp();
    let is_lower = x < (a + 1.0) / (a + b + 2.0);
    if kernel == 0.0 {
        return nothing_on(is_lower);
    }
    if is_lower {
        let lower = (kernel * beta_fraction(a, b, x) / a).min(1.0);
        (lower, 1.0 - lower)
    } else {
        let upper = (kernel * beta_fraction(b, a, y) / b).min(1.0);
        (1.0 - upper, upper)
    }
}

/// ln(xᵃ yᵇ / B(a, b)).
pub(super) fn ln_beta_kernel(a: f64, b: f64, x: f64, y: f64) -> f64 {
    let ln_x = if x > 0.5 { (-y).ln_1p() } else { x.ln() };
    let ln_y = if y > 0.5 { (-x).ln_1p() } else { y.ln() };
    a * ln_x + b * ln_y - ln_beta(a, b)
}

/// What the kernel over `a` must be multiplied by: its continued fraction.
fn beta_fraction(a: f64, b: f64, x: f64) -> f64 {
    let odd = |m: f64| -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0));
    let even = |m: f64| m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m));
    let mut fraction = Fraction::new(1.0);
    fraction.step(odd(0.0), 1.0);
    for m in 1..STEPS {
        let m = f64::from(m);
        fraction.step(even(m), 1.0);
        if settled(fraction.step(odd(m), 1.0)) {
            break;
        }
    }
    1.0 / fraction.value
}

/// The two sides where the smaller one is too small for a number.
const fn nothing_on(is_lower: bool) -> (f64, f64) {
    if is_lower { (0.0, 1.0) } else { (1.0, 0.0) }
}

fn off_zero(value: f64) -> f64 {
    if value.abs() < TINY { TINY } else { value }
}
