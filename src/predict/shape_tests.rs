use super::*;
use crate::models::Json;

fn json(text: &str) -> Payload {
    Payload::Json(Json::read(text.to_owned().into()).unwrap())
}

fn item(step: u32) -> String {
    format!(
        "{{\"step\": {step}, \"type\": \"mixture\", \"components\": [{{\"density\": {{\"type\": \"builtin\", \
         \"name\": \"norm\", \"params\": {{\"loc\": NaN, \"scale\": 162.9}}}}, \"weight\": 1}}]}}"
    )
}

fn list(count: u32) -> Payload {
    let items: Vec<_> = (1..=count).map(|k| item(k * 300)).collect();
    json(&format!("[{}]", items.join(", ")))
}

fn said(answer: &Payload) -> String {
    AnswerShape::Densities
        .check(3, answer)
        .map_or_else(|said| said, |()| "fits".into())
}

#[test]
fn lists_of_densities_fit() {
    let nested =
        r#"{"step": 300, "prediction": {"name": "norm", "type": "builtin", "params": {}}}"#;
    let odd = r#"{"params": {"step": "x"}, "type": "builtin\n", "step": 1e3, "more": [1]}"#;
    let mixed = format!("[{nested}, {odd}, {}]", item(900));
    for answer in [list(3), json("[]"), json(&mixed)] {
        assert_eq!(said(&answer), "fits");
    }
    let day = list(288);
    assert_eq!(AnswerShape::Densities.check(288, &day), Ok(()));
}

#[test]
fn other_shapes_are_told() {
    let cases = [
        (list(2), "a list of 2 densities instead of 3"),
        (list(4), "more than 3 densities"),
        (list(1_000), "more than 3 densities"),
        (
            Payload::String("hello".into()),
            "a text instead of a list of 3 densities",
        ),
        (Payload::None, "None instead of a list of 3"),
        (Payload::Double(f64::NAN), "the number NaN instead of"),
        (json("{}"), "expected a list of 3 densities"),
        (json("\"hello\""), "expected a list of 3 densities"),
        (json("null"), "expected a list of 3 densities"),
        (json("[{}, {}, {}]"), "item 1 is no density"),
        (json("[1, 2, 3]"), "invalid type"),
        (json("[NaN, NaN, NaN]"), "invalid type"),
        (json(r#"[[300, "mixture", null]]"#), "invalid type"),
        (json(r#"[{"type": "mixture"}]"#), "item 1 is no density"),
        (json(r#"[{"step": 300}]"#), "item 1 is no density"),
        (
            json(r#"[{"step": NaN, "type": "mixture"}]"#),
            "item 1 is no density",
        ),
        (
            json(r#"[{"step": 300, "prediction": {}}]"#),
            "item 1 is no density",
        ),
        (
            json(r#"[{"step": 300, "prediction": null}]"#),
            "item 1 is no density",
        ),
        (
            json(r#"[{"step": 300, "prediction": 7}]"#),
            "expected a density",
        ),
        (
            json(r#"[{"step": "300", "type": "mixture"}]"#),
            "invalid type",
        ),
        (json(r#"[{"step": 300, "type": 1}]"#), "invalid type"),
    ];
    for (answer, expected) in cases {
        let said = said(&answer);
        assert!(said.contains(expected), "{said:?} for {answer:?}");
        assert!(!said.contains("line 1"), "{said}");
    }
}

#[test]
fn a_number_is_finite_and_anything_is_anything() {
    for fits in [Payload::Int(1), Payload::Double(-0.5)] {
        assert_eq!(AnswerShape::Number.check(1, &fits), Ok(()));
    }
    let none = [
        Payload::Double(f64::INFINITY),
        Payload::None,
        Payload::String("1".into()),
        json("[1]"),
    ];
    for other in none {
        let said = AnswerShape::Number.check(1, &other).unwrap_err();
        assert!(said.ends_with("instead of a finite number"), "{said}");
        assert_eq!(AnswerShape::Any.check(1, &other), Ok(()));
    }
}
