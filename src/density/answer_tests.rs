//! What is an answer, and what is none.

use rstest::rstest;

use super::*;

fn norm(loc: f64) -> String {
    format!(r#"{{"type": "builtin", "name": "norm", "params": {{"loc": {loc}, "scale": 2}}}}"#)
}

fn densities(text: &str, steps: u32) -> Vec<Density> {
    match Answer::read(text, steps) {
        Ok(Answer::Densities(densities)) => densities,
        other => panic!("{text}: {other:?}"),
    }
}

fn refusal(text: &str) -> String {
    Answer::read(text, 1).unwrap_err().to_string()
}

#[test]
fn both_forms_of_items_are_read() {
    let nested = format!(r#"[{{"step": 300, "prediction": {}}}]"#, norm(1.5));
    let flat = format!("[{}]", norm(1.5).replacen('{', "{\"step\": 300, ", 1));
    let keyed = format!("{{\"300\": {flat}}}");
    let more = flat.replacen('{', r#"{"note": [NaN, {"loc": 7}], "step": null, "#, 1);
    let more = more.replacen("\"step\": 300, ", "", 1);
    for text in [nested, flat, keyed, more] {
        assert_eq!(densities(&text, 1)[0].mean(), Some(1.5), "{text}");
    }
}

#[test]
fn a_number_is_an_answer() {
    for (text, value) in [("-1.5", -1.5), (" 3 ", 3.0), ("-4", -4.0)] {
        assert_eq!(Answer::read(text, 24), Ok(Answer::Number(value)));
    }
    for word in ["NaN", "Infinity", "-Infinity"] {
        let refused = Answer::read(word, 24);
        assert!(matches!(refused, Err(Unreadable::NotFinite(_))), "{word}");
    }
}

#[test]
fn items_are_counted() {
    assert_eq!(Answer::read("[]", 2), Err(Unreadable::Empty));
    assert_eq!(Answer::read("{\"300\": []}", 2), Err(Unreadable::Empty));
    let text = format!("[{}]", norm(0.0));
    let (given, asked) = (1, 2);
    assert_eq!(
        Answer::read(&text, asked),
        Err(Unreadable::Steps { given, asked })
    );
}

#[test]
fn steps_ascend_where_they_are_given() {
    let item = |step: &str| norm(0.0).replacen('{', &format!("{{{step}"), 1);
    let of = |steps: [&str; 3]| Answer::read(&format!("[{}]", steps.map(item).join(",")), 3);
    assert!(of([r#""step": 1,"#, r#""step": 2.5,"#, r#""step": 3,"#]).is_ok());
    assert!(of(["", r#""step": 2,"#, ""]).is_ok());
    let item = 3;
    let back = of([r#""step": 2,"#, "", r#""step": 1,"#]);
    assert_eq!(back, Err(Unreadable::Order { item }));
    let twice = of([r#""step": 1,"#, r#""step": 2,"#, r#""step": 2,"#]);
    assert_eq!(twice, Err(Unreadable::Order { item }));
    for word in ["\"two\"", "NaN", "[1]", "true"] {
        let step = format!("\"step\": {word},");
        let refused = of(["", &step, ""]);
        assert!(
            matches!(refused, Err(Unreadable::Item { item: 2, .. })),
            "{word}"
        );
    }
}

#[rstest]
#[case("\"hello\"", "no list of densities")]
#[case("null", "no list of densities")]
#[case("[1.5]", "expected an object")]
#[case(r#"[["builtin", "norm"]]"#, "expected an object")]
#[case("{}", "it is empty")]
#[case(r#"{"300": [], "600": []}"#, "nothing else")]
#[case(r#"{"type": []}"#, "nothing else")]
#[case("[{]", "line 1")]
#[case("[{'type': 'norm'}]", "line 1")]
fn another_form_is_refused(#[case] text: &str, #[case] reason: &str) {
    let refusal = refusal(text);
    assert!(refusal.contains(reason), "{refusal}");
    assert!(refusal.contains("return a list"), "{refusal}");
}

#[rstest]
#[case("{}", "`type` is missing")]
#[case(r#"{"type": 3}"#, "of type ``")]
#[case(r#"{"type": "statistics", "name": "normal"}"#, "of type `statistics`")]
#[case(r#"{"type": "builtin"}"#, "`name` is missing")]
#[case(r#"{"type": "builtin", "name": "normal"}"#, "give norm, lognorm")]
#[case(
    r#"{"type": "builtin", "name": "uniform", "params": {"loc": 0, "scale": 1}}"#,
    "no builtin family"
)]
#[case(r#"{"type": "scipy", "name": "vonmises"}"#, "or genextreme")]
#[case(r#"{"type": "builtin", "name": "norm"}"#, "`loc` is missing")]
#[case(
    r#"{"type": "builtin", "name": "norm", "params": {"loc": 0}}"#,
    "`scale` is missing"
)]
#[case(
    r#"{"type": "builtin", "name": "norm", "params": {"loc": 0, "scale": 0}}"#,
    "`scale` is 0.0; it must be above 0"
)]
#[case(
    r#"{"type": "builtin", "name": "norm", "params": {"loc": NaN, "scale": 1}}"#,
    "`loc` is NaN"
)]
#[case(
    r#"{"type": "builtin", "name": "norm", "params": {"loc": 0, "scale": Infinity}}"#,
    "`scale` is inf"
)]
#[case(
    r#"{"type": "builtin", "name": "norm", "params": {"loc": null, "scale": 1}}"#,
    "`loc` is missing"
)]
#[case(
    r#"{"type": "builtin", "name": "norm", "params": {"loc": "0", "scale": 1}}"#,
    "`loc` is no number"
)]
#[case(r#"{"type": "scipy", "name": "t"}"#, "`df` is missing")]
#[case(
    r#"{"type": "scipy", "name": "beta", "params": {"a": 1, "b": -2}}"#,
    "`b` is -2.0; it must be above 0"
)]
#[case(
    r#"{"type": "scipy", "name": "gamma", "params": {"a": 1e300}}"#,
    "`a` is 1e300"
)]
#[case(
    r#"{"type": "scipy", "name": "skewnorm", "params": {"a": -1e7}}"#,
    "from -1e5"
)]
#[case(r#"{"type": "mixture"}"#, "`components` are missing")]
#[case(r#"{"type": "mixture", "components": []}"#, "no components")]
#[case(
    r#"{"type": "mixture", "components": [{"weight": 1}]}"#,
    "`density` is missing"
)]
#[case(
    r#"{"type": "mixture", "components": [{"density": {}}]}"#,
    "`weight` is missing"
)]
#[case(
    r#"{"type": "mixture", "components": [{"density": {}, "weight": 0}]}"#,
    "add up to 0"
)]
#[case(
    r#"{"type": "mixture", "components": [{"density": {}, "weight": -Infinity}]}"#,
    "weight is -inf"
)]
#[case(
    r#"{"type": "mixture", "components": [{"density": {}, "weight": "1"}]}"#,
    "weight is no number"
)]
fn no_density_says_why(#[case] density: &str, #[case] reason: &str) {
    for item in [
        density.to_owned(),
        format!(r#"{{"prediction": {density}}}"#),
    ] {
        let refusal = refusal(&format!("[{item}]"));
        assert!(refusal.starts_with("item 1: "), "{refusal}");
        assert!(refusal.contains(reason), "{refusal}");
    }
}

fn mixture(parts: &[String]) -> String {
    let part = |density: &String| format!(r#"{{"density": {density}, "weight": -2}}"#);
    let parts: Vec<_> = parts.iter().map(part).collect();
    format!(
        r#"{{"type": "mixture", "components": [{}]}}"#,
        parts.join(",")
    )
}

#[test]
fn weights_count_by_their_size() {
    let other =
        r#"{"density": {"type": "scipy", "name": "norm", "params": {"loc": 4}}, "weight": 6}"#;
    let text = mixture(&[norm(0.0)]).replacen('[', &format!("[{other}, "), 1);
    let density = &densities(&format!("[{text}]"), 1)[0];
    assert_eq!(density.mean(), Some(3.0));
    // ¾ · 1 + ¼ · 4 within, and 3 between.
    assert_eq!(density.variance(), Some(4.75));
}

#[test]
fn what_has_no_weight_does_not_count() {
    let none = r#"{"density": {"type": "scipy", "name": "cauchy"}, "weight": 0}"#;
    let text = mixture(&[norm(1.0)]).replacen('[', &format!("[{none}, "), 1);
    assert_eq!(densities(&format!("[{text}]"), 1)[0].mean(), Some(1.0));
}

#[test]
fn mixtures_nest_three_deep() {
    let mut text = norm(1.0);
    for _ in 0..3 {
        text = mixture(&[text, norm(1.0)]);
    }
    assert_eq!(densities(&format!("[{text}]"), 1)[0].mean(), Some(1.0));
    assert!(refusal(&format!("[{}]", mixture(&[text]))).contains("deeper than 3"));
}

#[test]
fn a_mixture_has_an_end() {
    let of = |count: usize| format!("[{}]", mixture(&vec![norm(0.0); count]));
    assert_eq!(densities(&of(16), 1).len(), 1);
    assert!(refusal(&of(17)).contains("more than 16"));
}

#[test]
fn a_text_without_end_is_refused() {
    for deep in ["[", "{\"300\":[{\"prediction\":"] {
        let refused = Answer::read(&deep.repeat(10_000), 1);
        assert!(matches!(refused, Err(Unreadable::Form(_))));
    }
}

#[test]
fn a_models_text_is_cut_short() {
    let long = "é".repeat(5_000);
    for text in [
        format!("\"{long}\""),
        format!(r#"[{{"type": "{long}"}}]"#),
        format!(r#"[{{"type": "scipy", "name": "{long}"}}]"#),
    ] {
        assert!(refusal(&text).chars().count() < 500);
    }
}

#[test]
fn an_answer_that_would_fill_the_memory_is_refused() {
    let text = format!("[{}{{}}]", "{},".repeat(LONGEST / 3));
    let refused = Answer::read(&text, 2).unwrap_err().to_string();
    assert!(
        refused.contains("4 MiB are read at most; have the model"),
        "{refused}"
    );
}
