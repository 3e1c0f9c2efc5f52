//! Answers of models, compressed where that pays.

use super::StoreError;

/// What begins a frame of zstd; no JSON text begins so.
const FRAME: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
/// Below this many bytes a frame's own bytes cost more than it saves.
const LEAST: usize = 128;
/// A quick level: higher ones take several times as long for a tenth less.
const LEVEL: i32 = 3;
/// No answer is larger: models' servers send 64 MiB at most.
const LARGEST: usize = 64 << 20;

/// A text, compressed with zstd unless it is short. The bytes tell by themselves which they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packed(Vec<u8>);

impl Packed {
    /// Packs a text. It takes about 0.2 ms for 50 kB: many belong on a thread of their own.
    #[must_use]
    pub fn new(text: &str) -> Self {
        let plain = || text.as_bytes().to_vec();
        if text.len() < LEAST {
            return Self(plain());
        }
        match zstd::bulk::compress(text.as_bytes(), LEVEL) {
            Ok(packed) if packed.len() < text.len() => Self(packed),
            _ => Self(plain()),
        }
    }

    /// What was stored.
    #[must_use]
    pub const fn from_stored(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    /// The bytes to store.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The bytes to store, without a copy.
    #[must_use]
    pub fn into_bytes(self) -> Vec<u8> {
        self.0
    }

    /// The text.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] when the bytes are not what was packed.
    pub fn text(&self) -> Result<String, StoreError> {
        let corrupt = |cause: String| StoreError::Corrupt {
            what: "an answer",
            cause,
        };
        let bytes = if self.0.starts_with(&FRAME) {
            zstd::bulk::decompress(&self.0, LARGEST).map_err(|error| corrupt(error.to_string()))?
        } else {
            self.0.clone()
        };
        String::from_utf8(bytes).map_err(|error| corrupt(error.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_come_back_as_they_were() {
        let long = format!("[{}1]", "{\"step\": 300, \"weight\": 0.25}, ".repeat(500));
        for text in ["", "[]", "1.5", "\"é\"", &long] {
            let packed = Packed::new(text);
            assert!(packed.as_bytes().len() <= text.len());
            let stored = Packed::from_stored(packed.as_bytes().to_vec());
            assert_eq!(stored.text().unwrap(), text);
        }
        assert!(Packed::new(&long).as_bytes().len() < long.len() / 20);
    }

    #[test]
    fn what_is_damaged_is_told() {
        let mut bytes = Packed::new(&"abc ".repeat(100)).as_bytes().to_vec();
        bytes.truncate(bytes.len() - 2);
        for bytes in [bytes, vec![0xff, 0xfe]] {
            let error = Packed::from_stored(bytes).text().unwrap_err();
            assert!(error.to_string().contains("an answer"), "{error}");
        }
    }
}
