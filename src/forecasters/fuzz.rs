//! For `crate::fuzz`: what forecasters outside the process answer.

use super::{
    answer,
    question::{self, tests::asked},
};
use crate::{
    forecast::{Question, Source},
    fuzz::{Form, Target, told},
};

pub(crate) fn targets() -> Vec<Target> {
    let labelled = || Question {
        labels: vec!["up".into(), "down".into()],
        ..asked()
    };
    vec![
        Target::new("forecasters-answers", Form::Json, SEEDS, move |bytes| {
            let one = answer::read(bytes, &asked(), Source::Http);
            let several = answer::read(bytes, &labelled(), Source::Command);
            if let Ok(answer) = &several {
                let bytes = answer.values.iter().map(|it| it.label.len()).sum::<usize>();
                assert!(bytes < answer::LONGEST);
            }
            format!("{} {}", told(&one), several.is_ok())
        }),
        Target::of_text("forecasters-templates", Form::Text, &TEMPLATES, |text| {
            let checked = question::check(text);
            format!(
                "{} {}",
                told(&checked),
                question::sample(text).contains('{')
            )
        }),
    ]
}

const SEEDS: [&str; 4] = [
    "0.0125",
    r#"{"value": "0.0125", "seen": [1, 2]}"#,
    r#"{"values": {"up": 0.6, "down": "0.4", "up": 1}}"#,
    r#""-inf""#,
];
const TEMPLATES: [&str; 1] = ["http://127.0.0.1:1/inference/{ticker}/{topic}?horizon={horizon}"];
