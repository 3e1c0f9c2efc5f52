//! Whether what is written can be read: contrast of the style's own colours, in both themes.

use std::collections::BTreeMap;

use super::STYLE;

/// Colours by name: in the light theme, and in the dark one.
fn colours() -> BTreeMap<&'static str, [[f64; 3]; 2]> {
    let read = |line: &'static str| {
        let (name, value) = line
            .trim()
            .strip_prefix("--")?
            .split_once(": light-dark(")?;
        let (light, dark) = value.strip_suffix(");")?.split_once(", ")?;
        Some((name, [channels(light)?, channels(dark)?]))
    };
    STYLE.lines().filter_map(read).collect()
}

fn channels(text: &str) -> Option<[f64; 3]> {
    let digits = text.strip_prefix('#').filter(|it| it.len() == 6)?;
    let one = |at: usize| {
        u8::from_str_radix(&digits[at..at + 2], 16)
            .ok()
            .map(f64::from)
    };
    Some([one(0)?, one(2)?, one(4)?])
}

/// WCAG's relative luminance.
fn luminance(colour: [f64; 3]) -> f64 {
    let linear = |it: f64| match it / 255.0 {
        it if it <= 0.040_45 => it / 12.92,
        it => ((it + 0.055) / 1.055).powf(2.4),
    };
    let [red, green, blue] = colour.map(linear);
    0.2126 * red + 0.7152 * green + 0.0722 * blue
}

fn contrast(a: [f64; 3], b: [f64; 3]) -> f64 {
    let (a, b) = (luminance(a), luminance(b));
    (a.max(b) + 0.05) / (a.min(b) + 0.05)
}

#[test]
fn contrast_is_that_of_the_standard() {
    assert!((contrast([0.0; 3], [255.0; 3]) - 21.0).abs() < 1e-9);
    let grey = channels("#767676").unwrap();
    assert!((contrast(grey, [255.0; 3]) - 4.54).abs() < 0.01);
}

#[test]
fn texts_and_marks_stand_out_in_both_themes() {
    let colours = colours();
    assert!(colours.len() > 15, "{colours:?}");
    let texts = [
        ("ink", &["paper", "card", "soft"][..]),
        ("faint", &["paper", "card", "soft"]),
        ("accent", &["paper", "card", "soft"]),
        ("good", &["card", "good-soft", "soft"]),
        ("warn", &["card", "warn-soft", "soft"]),
        ("bad", &["card", "bad-soft", "soft"]),
        ("on-bad", &["bad-solid"]),
    ];
    let marks = [
        "counted",
        "outranked",
        "missed",
        "down",
        "before",
        "ours",
        "outcome",
        "other",
    ];
    let marks = marks.map(|it| (it, &["card"][..]));
    for (least, pairs) in [(4.5, &texts[..]), (3.0, &marks[..])] {
        for (name, grounds) in pairs {
            for ground in *grounds {
                for (theme, word) in ["light", "dark"].into_iter().enumerate() {
                    let told = contrast(colours[name][theme], colours[ground][theme]);
                    assert!(told >= least, "{name} on {ground}, {word}: {told:.2}");
                }
            }
        }
    }
}

#[test]
fn nothing_comes_from_elsewhere() {
    for text in ["http:", "https:", "@import", "url("] {
        assert!(!STYLE.contains(text), "{text}");
        let script = super::SCRIPT;
        assert!(text == "url(" || !script.contains(text), "{text}");
    }
}
