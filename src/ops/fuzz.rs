//! For `crate::fuzz`: our own files, as another run or another hand left them.

use super::{
    prediction::Prediction,
    rotate::{bracketed, stamped},
    singleton,
};
use crate::fuzz::{Form, Target, told};

pub(crate) fn targets() -> Vec<Target> {
    vec![
        Target::of_text("ops-predictions", Form::Json, &[PREDICTIONS], |text| {
            let read = serde_json::from_str::<Vec<Prediction>>(text);
            if let Ok(entries) = &read {
                let again = serde_json::to_string(entries).expect("JSON");
                assert_eq!(
                    serde_json::from_str::<Vec<Prediction>>(&again)
                        .ok()
                        .map(|it| it.len()),
                    Some(entries.len())
                );
            }
            told(&read)
        }),
        Target::of_text("ops-log-lines", Form::Text, &LINES, |text| {
            format!(
                "{:?} {:?}",
                bracketed(text).is_some(),
                stamped(text).is_some()
            )
        }),
        Target::of_text(
            "ops-pidfiles",
            Form::Text,
            &["4242\n/a/b/data\n2025-11-03T10:00:00Z\n"],
            |text| {
                let lines = [0, 1, 2].map(|index| singleton::line(text, index));
                format!("{}", lines.iter().filter(|line| *line == "unknown").count())
            },
        ),
    ]
}

const PREDICTIONS: &str = r#"[{"timestamp":"2025-09-16T13:00:00.000Z","topic":67,"nonce":148,"value":"0.0125","source":"linear","closes":2160,"took_ms":1.5,"status":"included","hash":"AB","height":150}]"#;
const LINES: [&str; 2] = [
    "[2025-09-16T13:00:00Z] INFO the worker starts",
    "{\"timestamp\":\"2025-09-16T13:00:00.000Z\",\"event\":\"starting\"}",
];
