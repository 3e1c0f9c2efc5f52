//! JSON as Python writes it: numbers may be the bare words `NaN`, `Infinity` and `-Infinity`.
//!
//! JSON proper knows none of them, so each answer is read through once. The words that stand outside
//! of strings are taken for `null`, and what remains must be JSON. Only a text that holds such words is
//! parsed by the slower reader, which knows them.

use std::borrow::Cow;

use prost::bytes::Bytes;
use serde::de::{DeserializeOwned, IgnoredAny};

use crate::limits::size;

/// Lists and objects within one another; a deeper text is refused, as the reader recurses.
const DEEPEST: usize = 100;

/// Bytes of a text with bare words that are parsed: its reader takes a hundred times as much memory.
const LONGEST_WITH_WORDS: usize = 1 << 20;

/// A well-formed JSON text from a model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Json {
    text: Bytes,
    has_bare_words: bool,
}

impl Json {
    /// Reads a text through.
    ///
    /// # Errors
    /// Where it is no JSON.
    pub fn read(text: Bytes) -> Result<Self, String> {
        let plain = standard(&text)?;
        let told = |error: serde_json::Error| format!("no JSON: {error}");
        serde_json::from_slice::<IgnoredAny>(&plain).map_err(told)?;
        let has_bare_words = matches!(plain, Cow::Owned(_));
        std::str::from_utf8(&text).map_err(|error| format!("no JSON: it is not UTF-8: {error}"))?;
        Ok(Self {
            text,
            has_bare_words,
        })
    }

    /// The text as it came.
    #[must_use]
    pub fn text(&self) -> &str {
        // It was checked when it was read.
        std::str::from_utf8(&self.text).unwrap_or_default()
    }

    /// The text's length in bytes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.text.len()
    }

    /// Whether the text is empty: it never is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// Whether some numbers are NaN or infinite.
    #[must_use]
    pub const fn has_bare_words(&self) -> bool {
        self.has_bare_words
    }

    /// The text in JSON proper, as databases take it: `null` for what is no finite number.
    #[must_use]
    pub fn standard(&self) -> Cow<'_, str> {
        match standard(&self.text) {
            Ok(Cow::Owned(bytes)) => {
                Cow::Owned(String::from_utf8(bytes).unwrap_or_else(|_| "null".into()))
            }
            _ => Cow::Borrowed(self.text()),
        }
    }

    /// The value that the text holds; `NaN` and infinities are read as `f64`.
    ///
    /// # Errors
    /// Where the text is of another shape.
    pub fn parse<T: DeserializeOwned>(&self) -> Result<T, String> {
        if self.has_bare_words && self.text.len() > LONGEST_WITH_WORDS {
            let (length, most) = (self.text.len(), size(LONGEST_WITH_WORDS));
            Err(format!(
                "a text of {length} bytes with NaN or Infinity in it, of which {most} are read at most: \
                 leave out what is no number"
            ))
        } else if self.has_bare_words {
            json5::from_str(self.text()).map_err(|error| error.to_string())
        } else {
            serde_json::from_slice(&self.text).map_err(|error| error.to_string())
        }
    }
}

/// The value that a text holds; `NaN` and infinities are read as `f64`. A text without these words is
/// gone through once.
///
/// # Errors
/// Where it is no JSON, or of another shape.
pub fn parse<T: DeserializeOwned>(text: &str) -> Result<T, String> {
    let plain = match serde_json::from_str(text) {
        Ok(value) => return Ok(value),
        Err(error) => error,
    };
    if !plain.is_syntax() || !matches!(standard(text.as_bytes())?, Cow::Owned(_)) {
        return Err(plain.to_string());
    }
    Json::read(Bytes::copy_from_slice(text.as_bytes()))?.parse()
}

/// The text with `null` in place of the bare words outside of strings; itself when it holds none.
fn standard(text: &[u8]) -> Result<Cow<'_, [u8]>, String> {
    let (mut out, mut kept) = (Vec::new(), 0);
    let (mut at, mut depth) = (0, 0_usize);
    while let Some(&byte) = text.get(at) {
        match byte {
            b'"' => at = end_of_string(text, at),
            b'[' | b'{' => {
                depth += 1;
                if depth > DEEPEST {
                    return Err(format!(
                        "no JSON that is read here: deeper than {DEEPEST} levels"
                    ));
                }
                at += 1;
            }
            b']' | b'}' => {
                depth = depth.saturating_sub(1);
                at += 1;
            }
            b'N' | b'I' | b'-' => match bare_word(&text[at..]) {
                Some(length) => {
                    out.extend_from_slice(&text[kept..at]);
                    out.extend_from_slice(b"null");
                    at += length;
                    kept = at;
                }
                None => at += 1,
            },
            _ => at += 1,
        }
    }
    if kept == 0 {
        return Ok(Cow::Borrowed(text));
    }
    out.extend_from_slice(&text[kept..]);
    Ok(Cow::Owned(out))
}

/// The length of the word at the text's beginning, unless it goes on: `NaNa` is no word.
fn bare_word(text: &[u8]) -> Option<usize> {
    let words: [&[u8]; 3] = [b"NaN", b"Infinity", b"-Infinity"];
    let word = words.into_iter().find(|word| text.starts_with(word))?;
    let ends = !matches!(text.get(word.len()), Some(next) if next.is_ascii_alphanumeric());
    ends.then_some(word.len())
}

/// The place behind the string that begins here.
fn end_of_string(text: &[u8], start: usize) -> usize {
    let mut at = start + 1;
    while let Some(&byte) = text.get(at) {
        match byte {
            b'"' => return at + 1,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    text.len()
}

#[cfg(test)]
#[path = "json_tests.rs"]
mod tests;
