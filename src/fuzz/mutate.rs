//! Valid input, spoilt with knowledge of its form.

use rand::{Rng as _, rngs::StdRng, seq::IndexedRandom as _};

use super::{proto, tree};

/// What an input is, so that it is spoilt where it matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// JSON: its values and its tree.
    Json,
    /// Protobuf: its fields, whose lengths stay right unless they are what is spoilt.
    Proto,
    /// Lines and words.
    Text,
    /// Anything.
    Bytes,
}

/// Bytes that one change makes at most.
const ROOM: usize = 256 << 10;
/// Words that readers stumble over.
const WORDS: [&str; 44] = [
    "0",
    "-0",
    "1",
    "-1",
    "127",
    "255",
    "65535",
    "65536",
    "2147483647",
    "-2147483648",
    "4294967296",
    "9223372036854775807",
    "-9223372036854775808",
    "9223372036854775808",
    "18446744073709551615",
    "18446744073709551616",
    "340282366920938463463374607431768211455",
    "1e308",
    "-1e308",
    "1e309",
    "5e-324",
    "1e-400",
    "1e999999999",
    "1e-999999999",
    "1e-2147483648",
    "1e70000",
    "1e-70000",
    "0.1e-39",
    "9.99999999999999999999999999999999999999e39",
    "NaN",
    "Infinity",
    "-Infinity",
    "inf",
    "null",
    "true",
    "{}",
    "[]",
    "\"\"",
    "\u{0}",
    "\u{feff}",
    "\u{202e}",
    "é",
    "%00",
    "1970-01-01T00:00:00Z",
];

/// Spoils an input in one place.
pub(super) fn once(random: &mut StdRng, form: Form, input: &mut Vec<u8>, other: &[u8]) {
    let done = match form {
        Form::Json if random.random_bool(0.6) => tree::once(random, input),
        Form::Proto if random.random_bool(0.7) => proto::once(random, input, 0),
        Form::Text | Form::Json if random.random_bool(0.7) => words(random, input),
        _ => false,
    };
    if !done {
        bytes(random, input, other);
    }
}

pub(super) fn word(random: &mut StdRng) -> &'static str {
    WORDS.choose(random).copied().unwrap_or_default()
}

/// So many times as is seldom expected.
pub(super) fn often(random: &mut StdRng) -> usize {
    [2, 3, 40, 129, 300, 1_100, 5_000][random.random_range(0..7)]
}

/// How many copies of so many bytes an input has room for.
pub(super) fn copies(length: usize) -> usize {
    (ROOM / length.max(1)).max(1)
}

/// Changes a word or a line of a text.
fn words(random: &mut StdRng, input: &mut Vec<u8>) -> bool {
    let text = String::from_utf8_lossy(input).into_owned();
    let is_line = random.random_bool(0.25);
    let mut parts: Vec<&str> = if is_line {
        text.split_inclusive('\n').collect()
    } else {
        let is_part = |c: char| c.is_alphanumeric() || "._+-".contains(c);
        let mut parts = Vec::new();
        let mut rest = text.as_str();
        while let Some(first) = rest.chars().next() {
            let kind = is_part(first);
            let end = rest.find(|c| is_part(c) != kind).unwrap_or(rest.len());
            let (part, after) = rest.split_at(end);
            parts.push(part);
            rest = after;
        }
        parts
    };
    if parts.is_empty() {
        return false;
    }
    let at = random.random_range(0..parts.len());
    let with = random.random_range(0..parts.len());
    let long = "9".repeat(often(random));
    match random.random_range(0..7) {
        0 | 1 => parts[at] = word(random),
        2 => {
            parts.remove(at);
        }
        3 => parts.insert(at, parts[with]),
        4 => parts.swap(at, with),
        5 => parts[at] = &long,
        _ => {
            let repeated = vec![parts[at]; often(random).min(copies(parts[at].len()))];
            parts.splice(at..=at, repeated);
        }
    }
    *input = parts.concat().into_bytes();
    true
}

/// Changes bytes, whatever they are.
fn bytes(random: &mut StdRng, input: &mut Vec<u8>, other: &[u8]) {
    if input.is_empty() {
        input.extend_from_slice(other);
        input.push(random.random());
        return;
    }
    let at = random.random_range(0..input.len());
    let end = random.random_range(at..=input.len().min(at + 64));
    match random.random_range(0..10) {
        0 => input[at] = random.random(),
        1 => input[at] ^= 1 << random.random_range(0..8),
        2 => input[at] = [0, 0x7f, 0x80, 0xff, b'"', b'\\', b'\n', b','][random.random_range(0..8)],
        3 => {
            input.drain(at..end);
        }
        4 => input.truncate(at),
        5 => {
            let copied = input[at..end].to_vec();
            let to = random.random_range(0..=input.len());
            input.splice(to..to, copied);
        }
        6 => {
            let times = often(random).min(2_000);
            let copied = input[at..end.min(at + 8)].repeat(times);
            input.splice(at..at, copied);
        }
        7 => {
            input.splice(at..end, word(random).bytes());
        }
        8 if !other.is_empty() => {
            let from = random.random_range(0..other.len());
            input.splice(at.., other[from..].iter().copied());
        }
        _ => {
            let wide = at..(at + 4).min(input.len());
            let number = [0, 1, u32::MAX, 1 << 31, 4_097][random.random_range(0..5)];
            for (place, byte) in wide.zip(number.to_be_bytes()) {
                input[place] = byte;
            }
        }
    }
}
