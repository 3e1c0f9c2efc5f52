//! For `crate::fuzz`: answers with densities.

use super::{Answer, Unit, expected_log_return, scored};
use crate::fuzz::{Form, Target, told};

pub(crate) fn targets() -> Vec<Target> {
    vec![
        Target::of_text("densities", Form::Json, &SEEDS, read),
        Target::of_text("densities-scored", Form::Json, &SEEDS, score),
    ]
}

const SEEDS: [&str; 5] = [
    r#"[{"step":300,"prediction":{"type":"builtin","name":"norm","params":{"loc":0.5,"scale":2}}},{"step":600,"prediction":{"type":"scipy","name":"t","params":{"df":4,"loc":0.1,"scale":1.5}}}]"#,
    r#"{"300":[{"step":300,"type":"mixture","components":[{"weight":0.25,"density":{"type":"builtin","name":"laplace","params":{"loc":0,"scale":1}}},{"weight":0.75,"density":{"type":"mixture","components":[{"weight":1,"density":{"type":"scipy","name":"genextreme","params":{"c":0.1,"loc":0,"scale":1}}}]}}]},{"step":600,"type":"scipy","name":"johnsonsu","params":{"a":1,"b":2,"loc":0,"scale":1}}]}"#,
    r#"[{"type":"scipy","name":"beta","params":{"a":2,"b":3,"loc":-1,"scale":2}},{"type":"scipy","name":"f","params":{"dfn":5,"dfd":9,"loc":0,"scale":1}}]"#,
    r#"[{"type":"scipy","name":"skewnorm","params":{"a":-4,"loc":NaN,"scale":Infinity}},{"type":"scipy","name":"lognorm","params":{"s":0.5,"loc":0,"scale":1}}]"#,
    "0.0125",
];
/// Effort for an answer here: a hundredth of what an answer may take.
const EFFORT: u64 = 1_200_000;

fn read(text: &str) -> String {
    let read = Answer::read(text, 2);
    if let Ok(Answer::Densities(densities)) = &read {
        assert_eq!(densities.len(), 2);
        for density in densities {
            let share = density.cdf(0.3);
            assert!(
                share.is_nan() || (-1e-9..=1.0 + 1e-9).contains(&share),
                "{share}"
            );
            let _finite_or_not = (density.ln_pdf(0.3), density.median());
        }
    }
    told(&read)
}

fn score(text: &str) -> String {
    let Ok(answer) = Answer::read(text, 2) else {
        return "none".into();
    };
    let closes = [100.0, 100.3, 99.8];
    let scored = scored::score_within_effort(EFFORT, &answer, Unit::PriceDifference, &closes);
    if let Ok(scored) = &scored {
        assert!(
            scored
                .crps
                .is_none_or(|crps| crps.is_finite() && crps >= 0.0),
            "{scored:?}"
        );
        assert!(scored.log_score.is_none_or(f64::is_finite), "{scored:?}");
    }
    let expected = expected_log_return(&answer, Unit::LogReturn, 100.0);
    if let Ok(expected) = expected {
        assert!(expected.is_finite(), "{expected}");
    }
    format!("{} {}", told(&scored), told(&expected))
}
