//! No share above a cap.

/// Shares in proportion to `weights`, none above `cap`: what lies above it goes to the others in
/// proportion. Where there are too few for the cap all get the same. Weights are finite and not below
/// zero; with none above zero there are no shares.
pub(super) fn capped(weights: &[f64], cap: f64) -> Vec<f64> {
    let positive = weights.iter().filter(|it| **it > 0.0).count();
    if positive == 0 {
        return vec![0.0; weights.len()];
    }
    let cap = cap.max(1.0 / positive as f64);
    let mut at_cap = vec![false; weights.len()];
    // Each pass puts at least one more to the cap, or is the last.
    loop {
        let held = at_cap.iter().filter(|it| **it).count() as f64 * cap;
        let free: f64 = both(weights, &at_cap).map(|(weight, _)| weight).sum();
        let share = |weight: f64| weight / free * (1.0 - held).max(0.0);
        let mut more = false;
        let next: Vec<bool> = weights
            .iter()
            .zip(&at_cap)
            .map(|(weight, capped)| {
                let over = *weight > 0.0 && !capped && share(*weight) > cap * (1.0 + 1e-12);
                more |= over;
                *capped || over
            })
            .collect();
        if !more {
            let of = |(weight, capped): (&f64, &bool)| {
                if *capped {
                    cap
                } else if *weight > 0.0 {
                    share(*weight)
                } else {
                    0.0
                }
            };
            return weights.iter().zip(&at_cap).map(of).collect();
        }
        at_cap = next;
    }
}

/// Those that are not at the cap.
fn both<'a>(weights: &'a [f64], at_cap: &'a [bool]) -> impl Iterator<Item = (&'a f64, &'a bool)> {
    weights.iter().zip(at_cap).filter(|(_, capped)| !**capped)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_above_goes_to_the_others() {
        let close = |a: &[f64], b: &[f64]| {
            assert!(a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-12), "{a:?}");
        };
        close(&capped(&[6.0, 2.0, 1.0, 1.0], 0.4), &[0.4, 0.3, 0.15, 0.15]);
        close(&capped(&[6.0, 3.0, 1.0], 0.4), &[0.4, 0.4, 0.2]);
        close(&capped(&[9.0, 1.0], 0.2), &[0.5, 0.5]);
        close(&capped(&[3.0, 0.0, 1.0], 1.0), &[0.75, 0.0, 0.25]);
        close(&capped(&[0.0, 0.0], 0.2), &[0.0, 0.0]);
    }

    proptest::proptest! {
        #[test]
        fn they_sum_to_one_and_none_is_above(
            weights in proptest::collection::vec(1e-9..1e9_f64, 1..40),
            cap in 0.01..1.0_f64,
        ) {
            let shares = capped(&weights, cap);
            let cap = cap.max(1.0 / weights.len() as f64);
            assert!((shares.iter().sum::<f64>() - 1.0).abs() < 1e-9, "{shares:?}");
            assert!(shares.iter().all(|it| *it <= cap * (1.0 + 1e-9)), "{shares:?}");
        }
    }
}
