//! JSON spoilt as a tree: it stays JSON.

use rand::{Rng as _, rngs::StdRng};
use serde_json::{Map, Value, json};

use super::mutate::{copies, often, word};

/// Changes one value; false for what is no JSON.
pub(super) fn once(random: &mut StdRng, input: &mut Vec<u8>) -> bool {
    let Ok(mut tree) = serde_json::from_slice::<Value>(input) else {
        return false;
    };
    let count = count(&tree);
    let mut at = random.random_range(0..count);
    let mut raw = None;
    if let Some(value) = pick(&mut tree, &mut at) {
        raw = change(random, value);
    }
    let mut text = tree.to_string();
    if let Some(raw) = raw {
        // A number that no value of ours can hold.
        text = text
            .replacen("\"\u{1}here\"", &raw, 1)
            .replacen("\"\\u0001here\"", &raw, 1);
    }
    *input = text.into_bytes();
    true
}

fn count(value: &Value) -> usize {
    1 + match value {
        Value::Array(items) => items.iter().map(count).sum(),
        Value::Object(map) => map.values().map(count).sum(),
        _ => 0,
    }
}

/// The value at a place, counted in depth first.
fn pick<'a>(value: &'a mut Value, at: &mut usize) -> Option<&'a mut Value> {
    if *at == 0 {
        return Some(value);
    }
    *at -= 1;
    match value {
        Value::Array(items) => items.iter_mut().find_map(|it| pick(it, at)),
        Value::Object(map) => map.values_mut().find_map(|it| pick(it, at)),
        _ => None,
    }
}

/// Spoils a value; a text to be put in for a mark, where JSON's own values don't suffice.
fn change(random: &mut StdRng, value: &mut Value) -> Option<String> {
    match random.random_range(0..12) {
        0 => *value = Value::Null,
        1 => *value = odd(random),
        2 => *value = word(random).into(),
        3 => {
            *value = Value::String("\u{1}here".into());
            return Some(if random.random() {
                word(random).to_owned()
            } else {
                format!(
                    "-{}.{}",
                    "9".repeat(often(random)),
                    "9".repeat(often(random))
                )
            });
        }
        4 => *value = json!([value.take()]),
        5 => *value = json!({ "a": value.take() }),
        6 => {
            for _ in 0..often(random).min(300) {
                *value = json!([value.take()]);
            }
        }
        7 => {
            let times = often(random).min(copies(value.to_string().len()));
            *value = Value::Array(vec![value.take(); times]);
        }
        8 => *value = value.to_string().into(),
        9 => *value = "x".repeat(often(random)).into(),
        _ => inside(random, value),
    }
    None
}

/// Spoils what a value holds: an item or a member less, doubled, or out of its place.
fn inside(random: &mut StdRng, value: &mut Value) {
    match value {
        Value::Array(items) if !items.is_empty() => {
            let at = random.random_range(0..items.len());
            match random.random_range(0..3) {
                0 => {
                    items.remove(at);
                }
                1 => items.insert(at, items[at].clone()),
                _ => items.reverse(),
            }
        }
        Value::Object(map) if !map.is_empty() => {
            let at = random.random_range(0..map.len());
            let Some(key) = map.keys().nth(at).cloned() else {
                return;
            };
            let held = map.remove(&key).unwrap_or_default();
            match random.random_range(0..3) {
                0 => {}
                1 => {
                    map.insert(key.to_uppercase(), held);
                }
                _ => {
                    let more = (0..often(random).min(300)).map(|n| (format!("{key}{n}"), json!(n)));
                    let more: Map<_, _> = more.collect();
                    map.insert(key, held);
                    map.extend(more);
                }
            }
        }
        Value::String(text) => {
            let at = text
                .char_indices()
                .map(|(at, _)| at)
                .nth(random.random_range(0..8));
            text.insert_str(at.unwrap_or(text.len()), word(random));
        }
        Value::Number(number) => {
            let by = [1.0, -1.0, 1e9, -1e18, 0.5][random.random_range(0..5)];
            *value = json!(number.as_f64().unwrap_or_default() + by);
        }
        other => *other = odd(random),
    }
}

fn odd(random: &mut StdRng) -> Value {
    match random.random_range(0..9) {
        0 => json!(u64::MAX),
        1 => json!(i64::MIN),
        2 => json!(i64::MAX),
        3 => json!(f64::MAX),
        4 => json!(-0.0),
        5 => json!(random.random::<i64>()),
        6 => json!(random.random_bool(0.5)),
        7 => json!({}),
        _ => json!([]),
    }
}
