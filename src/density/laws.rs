//! What holds for any density, and for any text.

use proptest::prelude::*;

use super::{Answer, Density, Unit, expected_log_return, score};

/// A family with shapes, as a model would write it, but for `loc` and `scale`.
#[derive(Clone, Debug)]
struct Family {
    name: &'static str,
    shapes: Vec<(&'static str, f64)>,
}

impl Family {
    fn at(&self, loc: f64, scale: f64) -> String {
        let shape = |(key, value): &(&str, f64)| format!("\"{key}\": {value}, ");
        let shapes: String = self.shapes.iter().map(shape).collect();
        let params = format!("{{{shapes}\"loc\": {loc}, \"scale\": {scale}}}");
        format!(
            r#"{{"type": "scipy", "name": "{}", "params": {params}}}"#,
            self.name
        )
    }
}

fn family() -> impl Strategy<Value = Family> {
    let shape = || (-1.0..1.5_f64).prop_map(f64::exp);
    let any = [
        ("norm", &[][..]),
        ("lognorm", &["s"]),
        ("expon", &[]),
        ("t", &["df"]),
        ("weibull_min", &["c"]),
        ("weibull_max", &["c"]),
        ("gamma", &["a"]),
        ("beta", &["a", "b"]),
        ("chi", &["df"]),
        ("chi2", &["df"]),
        ("rayleigh", &[]),
        ("pareto", &["b"]),
        ("cauchy", &[]),
        ("laplace", &[]),
        ("f", &["dfn", "dfd"]),
        ("uniform", &[]),
        ("logistic", &[]),
        ("gumbel_r", &[]),
        ("gumbel_l", &[]),
        ("skewnorm", &["a"]),
        ("invgamma", &["a"]),
        ("johnsonsu", &["a", "b"]),
        ("genextreme", &["c"]),
    ];
    (prop::sample::select(any.to_vec()), shape(), shape()).prop_map(|((name, keys), a, b)| {
        let shapes = keys.iter().copied().zip([a, b]).collect();
        Family { name, shapes }
    })
}

fn mixture(parts: &[(f64, String)]) -> String {
    let part = |(weight, density): &(f64, String)| {
        format!(r#"{{"density": {density}, "weight": {weight}}}"#)
    };
    let parts: Vec<_> = parts.iter().map(part).collect();
    format!(
        r#"{{"type": "mixture", "components": [{}]}}"#,
        parts.join(",")
    )
}

fn read(item: &str) -> Density {
    match Answer::read(&format!("[{item}]"), 1) {
        Ok(Answer::Densities(mut densities)) => densities.remove(0),
        other => panic!("{item}: {other:?}"),
    }
}

fn near(a: f64, b: f64) -> bool {
    (a - b).abs() <= 1e-6 * b.abs()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_cdf_grows_and_a_score_is_no_gain(
        family in family(), x in -9.0..9.0_f64, more in 0.0..9.0_f64,
    ) {
        let density = read(&family.at(0.0, 1.0));
        let (below, above) = (density.cdf(x), density.cdf(x + more));
        prop_assert!((0.0..=1.0).contains(&below) && below <= above + 1e-12);
        prop_assert!((below + density.sf(x) - 1.0).abs() < 1e-12);
        prop_assert!(!density.ln_pdf(x).is_nan());
        if let Some(crps) = density.crps(x) {
            prop_assert!(crps > 0.0);
            // One place further by no more than the way there.
            let further = density.crps(x + more).unwrap();
            prop_assert!((further - crps).abs() <= more + 1e-9 * further.max(crps));
        }
        prop_assert!((density.cdf(density.median()) - 0.5).abs() < 1e-9);
    }

    #[test]
    fn the_unit_of_the_price_does_not_matter(
        family in family(), x in -9.0..9.0_f64, loc in -9.0..9.0_f64, power in -20_i32..20,
    ) {
        // Powers of two, so that nothing is rounded.
        let scale = f64::from(power).exp2();
        let plain = read(&family.at(0.0, 1.0));
        let moved = read(&family.at(loc * scale, scale));
        let place = (x + loc) * scale;
        let standard = (place - loc * scale) / scale;
        prop_assert!(near(moved.cdf(place), plain.cdf(standard)));
        let (moved_ln, plain_ln) = (moved.ln_pdf(place) + scale.ln(), plain.ln_pdf(standard));
        // Infinite on both sides, or alike.
        prop_assert!(near(moved_ln.exp(), plain_ln.exp()) || moved_ln.to_bits() == plain_ln.to_bits());
        match (moved.crps(place), plain.crps(standard)) {
            (Some(moved), Some(plain)) => prop_assert!(near(moved, plain * scale)),
            (moved, plain) => prop_assert_eq!(moved, plain),
        }
    }

    #[test]
    fn whatever_the_text_there_is_no_panic(text in r#"[\[\]{}",:a-z0-9.eINf -]{0,60}"#) {
        let _ = Answer::read(&text, 1);
    }

    #[test]
    fn whatever_the_numbers_there_is_no_panic(
        family in family(), loc: f64, scale: f64, a: f64, b: f64, x: f64,
    ) {
        let mut family = family;
        for (shape, value) in family.shapes.iter_mut().zip([a, b]) {
            shape.1 = value;
        }
        let text = format!("[{}]", family.at(loc, scale));
        if let Ok(answer) = Answer::read(&text, 1) {
            let Answer::Densities(densities) = &answer else { unreachable!() };
            let _ = (densities[0].cdf(x), densities[0].ln_pdf(x), densities[0].median());
            prop_assert!(densities[0].crps(x).is_none_or(|crps| crps >= 0.0));
            let _ = score(&answer, Unit::PriceDifference, &[1.0, 1.0 + x.abs()]);
            let _ = expected_log_return(&answer, Unit::PriceDifference, x);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn a_mixture_is_no_worse_than_its_parts(
        one in family(), other in family(), x in -9.0..9.0_f64, weight in 0.1..0.9_f64,
        loc in -9.0..9.0_f64,
    ) {
        let (one, other) = (one.at(0.0, 1.0), other.at(loc, 0.5));
        let parts = [(weight, one.clone()), (1.0 - weight, other.clone())];
        let both = read(&mixture(&parts)).crps(x);
        if let (Some(one), Some(other)) = (read(&one).crps(x), read(&other).crps(x)) {
            let apart = weight * one + (1.0 - weight) * other;
            prop_assert!(both.unwrap() <= apart * (1.0 + 1e-9));
        } else {
            prop_assert_eq!(both, None);
        }
    }

    #[test]
    fn a_mixture_of_likes_is_the_like(family in family(), x in -9.0..9.0_f64) {
        // The parts' closed form against the integral.
        let one = family.at(0.0, 1.0);
        let twice = read(&mixture(&[(0.3, one.clone()), (0.7, one.clone())]));
        match (twice.crps(x), read(&one).crps(x)) {
            (Some(twice), Some(one)) => prop_assert!(near(twice, one), "{} {}", twice, one),
            (twice, one) => prop_assert_eq!(twice, one),
        }
    }
}
