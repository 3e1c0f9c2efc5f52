//! What is an answer, and what is none.

use super::*;

fn norm(loc: f64) -> String {
    format!(r#"{{"type": "builtin", "name": "norm", "params": {{"loc": {loc}, "scale": 2}}}}"#)
}

#[test]
fn both_forms_of_items_are_read() {
    let nested = format!(r#"[{{"step": 300, "prediction": {}}}]"#, norm(1.5));
    let flat = format!("[{}]", norm(1.5).replacen('{', "{\"step\": 300, ", 1));
    let keyed = format!("{{\"300\": {flat}}}");
    for text in [nested, flat, keyed] {
        let Answer::Densities(densities) = Answer::read(&text, 1).unwrap() else {
            panic!("{text}");
        };
        assert_eq!(densities[0].mean(), Some(1.5));
    }
}
