//! Distribution functions and densities.

use std::f64::consts::{LN_2, PI};

use statrs::function::gamma::ln_gamma;

use super::{
    super::quadrature::{Panel, integral, smooth},
    HALF_LN_2PI, Shape, ln_normal, ln_phi, phi,
    special::{beta_pq, gamma_pq, ln_beta, ln_beta_kernel, ln_gamma_kernel},
};

impl Shape {
    /// The probability of no more than `z`, exact also where it is small.
    pub(in super::super) fn cdf(self, z: f64) -> f64 {
        self.both(z).0
    }

    /// The probability of more than `z`, exact also where it is small.
    pub(in super::super) fn sf(self, z: f64) -> f64 {
        self.both(z).1
    }

    /// What the cdf at one place takes, in divisions, roughly: series and fractions need about so many
    /// steps where they converge the slowest.
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a few thousand at most, by the bounds of shapes that are read"
    )]
    pub(in super::super) fn effort(self) -> u64 {
        let steps = match self {
            Self::Gamma(a) | Self::InvGamma(a) => 30.0 + 9.0 * a.sqrt(),
            Self::Chi(df) => 30.0 + 9.0 * (0.5 * df).sqrt(),
            Self::Beta(a, b) => 40.0 + 6.0 * a.min(b).sqrt(),
            Self::F(dfn, dfd) => 40.0 + 6.0 * (0.5 * dfn.min(dfd)).sqrt(),
            Self::T(_) => 40.0,
            Self::SkewNorm(_) => 100.0,
            _ => 8.0,
        };
        steps as u64
    }

    /// What is below `z`, and what is above.
    fn both(self, z: f64) -> (f64, f64) {
        let (low, high) = self.support();
        if z <= low {
            return (0.0, 1.0);
        }
        if z >= high {
            return (1.0, 0.0);
        }
        match self {
            Self::Norm => (phi(z), phi(-z)),
            Self::LogNorm(s) => (phi(z.ln() / s), phi(-z.ln() / s)),
            Self::JohnsonSu(a, b) => {
                let w = a + b * z.asinh();
                (phi(w), phi(-w))
            }
            Self::SkewNorm(a) => skew_normal(a, z),
            Self::T(df) => {
                let sum = df + z * z;
                let tail = 0.5 * beta_pq(0.5 * df, 0.5, df / sum, z * z / sum).0;
                by_sign(z, tail)
            }
            Self::Laplace => by_sign(z, 0.5 * (-z.abs()).exp()),
            Self::Logistic => by_sign(z, 1.0 / (1.0 + z.abs().exp())),
            Self::Cauchy => by_sign(z, 1.0_f64.atan2(z.abs()) / PI),
            Self::Uniform => (z, 1.0 - z),
            Self::Expon => of_hazard(z),
            Self::Weibull(c) => of_hazard(z.powf(c)),
            Self::Pareto(b) => of_hazard(b * z.ln()),
            Self::Gamma(a) => gamma_pq(a, z),
            Self::Chi(df) => gamma_pq(0.5 * df, 0.5 * z * z),
            Self::InvGamma(a) => swap(gamma_pq(a, 1.0 / z)),
            Self::Beta(a, b) => beta_pq(a, b, z, 1.0 - z),
            Self::F(dfn, dfd) => {
                let (share, rest) = beta_of_f(dfn, dfd, z);
                beta_pq(0.5 * dfn, 0.5 * dfd, share, rest)
            }
            Self::Gumbel => swap(of_hazard((-z).exp())),
            Self::GenExtreme(c) => swap(of_hazard(ln_extreme(c, z).exp())),
        }
    }

    /// The logarithm of the density: −∞ outside of the support, +∞ at a pole.
    pub(in super::super) fn ln_pdf(self, z: f64) -> f64 {
        let (low, high) = self.support();
        if z < low || z > high {
            return f64::NEG_INFINITY;
        }
        match self {
            Self::Norm => ln_normal(z),
            Self::T(df) => {
                let power = -0.5 * (df + 1.0) * (z * z / df).ln_1p();
                power - 0.5 * df.ln() - ln_beta(0.5 * df, 0.5)
            }
            Self::Laplace => -z.abs() - LN_2,
            Self::Logistic => -z.abs() - 2.0 * (-z.abs()).exp().ln_1p(),
            Self::Cauchy => -PI.ln() - 2.0 * z.hypot(1.0).ln(),
            Self::Uniform => 0.0,
            Self::Expon => -z,
            Self::Weibull(c) => c.ln() + power(c, z) - z.powf(c),
            Self::LogNorm(_) | Self::InvGamma(_) if z == 0.0 => f64::NEG_INFINITY,
            Self::LogNorm(s) => ln_normal(z.ln() / s) - s.ln() - z.ln(),
            Self::Gamma(a) if z == 0.0 => power(a, z),
            Self::Gamma(a) => ln_gamma_kernel(a, z) - z.ln(),
            Self::Chi(df) if z == 0.0 => power(df, z) + 0.5 * LN_2 - HALF_LN_2PI + 0.5 * LN_2,
            Self::Chi(df) => ln_gamma_kernel(0.5 * df, 0.5 * z * z) + LN_2 - z.ln(),
            Self::Beta(a, b) if z == 0.0 => power(a, z) + b.ln(),
            Self::Beta(a, b) if z >= 1.0 => power(b, 0.0) + a.ln(),
            Self::Beta(a, b) => ln_beta_kernel(a, b, z, 1.0 - z) - z.ln() - (-z).ln_1p(),
            Self::Pareto(b) => b.ln() - (b + 1.0) * z.ln(),
            Self::F(dfn, _) if z == 0.0 => power(0.5 * dfn, z),
            Self::F(dfn, dfd) => {
                let (share, rest) = beta_of_f(dfn, dfd, z);
                ln_beta_kernel(0.5 * dfn, 0.5 * dfd, share, rest) - z.ln()
            }
            Self::Gumbel => -z - (-z).exp(),
            Self::SkewNorm(a) => LN_2 + ln_normal(z) + ln_phi(a * z),
            Self::InvGamma(a) => -(a + 1.0) * z.ln() - 1.0 / z - ln_gamma(a),
            Self::JohnsonSu(a, b) => ln_normal(a + b * z.asinh()) + b.ln() - z.hypot(1.0).ln(),
            Self::GenExtreme(c) => {
                let w = ln_extreme(c, z);
                if w == f64::NEG_INFINITY {
                    return power(1.0 / c, 0.0);
                }
                (1.0 - c) * w - w.exp()
            }
        }
    }
}

/// ln zᵏ⁻¹, which is nothing for k = 1 even at zero.
fn power(k: f64, z: f64) -> f64 {
    let exponent = k - 1.0;
    if exponent == 0.0 {
        0.0
    } else {
        exponent * z.ln()
    }
}

/// A symmetric density's two sides, of which `tail` is the smaller.
fn by_sign(z: f64, tail: f64) -> (f64, f64) {
    if z < 0.0 {
        (tail, 1.0 - tail)
    } else {
        (1.0 - tail, tail)
    }
}

/// The two sides where what is above is exp(−`hazard`).
fn of_hazard(hazard: f64) -> (f64, f64) {
    (-(-hazard).exp_m1(), (-hazard).exp())
}

const fn swap((a, b): (f64, f64)) -> (f64, f64) {
    (b, a)
}

/// The beta variable that an F variable is a function of, and one less it.
pub(super) fn beta_of_f(dfn: f64, dfd: f64, z: f64) -> (f64, f64) {
    let ratio = dfn * z / dfd;
    if ratio == f64::INFINITY {
        return (1.0, 0.0);
    }
    (ratio / (1.0 + ratio), 1.0 / (1.0 + ratio))
}

/// ln of −ln F for the generalised extreme value: ln(1 − cz) / c.
pub(super) fn ln_extreme(c: f64, z: f64) -> f64 {
    (-c * z).ln_1p() / c
}

/// The two sides of a skew normal: Φ less twice Owen's T (1956). A small tail is integrated, as the
/// difference would lose it.
fn skew_normal(a: f64, z: f64) -> (f64, f64) {
    if z > 0.0 {
        return swap(skew_normal(-a, -z));
    }
    let tail = skew_tail(a, z);
    let tail = if tail < LOST && phi(z) > 0.0 {
        let density = |y: f64| 2.0 * (ln_normal(y)).exp() * phi(a * y);
        // How fast the tail falls off from here.
        let scale = 1.0 / (1.0 + z.abs() * (1.0 + a.max(0.0).powi(2)) + a.abs());
        let near = z - 8.0 * scale;
        let panels = [Panel::Between(near, z), Panel::Below(near, scale)];
        integral(&density, &panels)
    } else {
        tail
    };
    let tail = tail.clamp(0.0, 1.0);
    (tail, 1.0 - tail)
}

/// Below, a difference of numbers around a half has lost more digits than it may.
const LOST: f64 = 1e-6;

/// What is below `z` ≤ 0.
fn skew_tail(a: f64, z: f64) -> f64 {
    let tail = phi(z);
    if a.abs() <= 1.0 {
        return tail - 2.0 * owens_t(z, a);
    }
    // T of a great slope is that of its inverse, further out.
    let far = phi(z * a.abs());
    let steep = 2.0 * owens_t(z * a.abs(), a.abs().recip());
    let above = far - 2.0 * tail * far - steep;
    if a > 0.0 { -above } else { 2.0 * tail + above }
}

/// Owen's T for |a| ≤ 1, by a rule with thirty nodes.
fn owens_t(h: f64, a: f64) -> f64 {
    let of = |u: f64| {
        let stretched = 1.0 + (a * u).powi(2);
        (-0.5 * h * h * stretched).exp() / stretched
    };
    a / (2.0 * PI) * smooth(&of)
}
