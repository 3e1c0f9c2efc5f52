//! How much is read at most: of a file, and of an answer. What is longer is refused before it is held.

use std::{
    fs::File,
    io::{self, Read as _},
    path::Path,
};

/// Files that a person writes: configuration, scripts, notes.
pub(crate) const WRITTEN: usize = 1 << 20;

/// A file's content, when it has `most` bytes or less. It also ends the reading of devices and pipes
/// that never end.
pub(crate) fn read(path: &Path, most: usize) -> io::Result<Vec<u8>> {
    take(File::open(path)?, most)
}

/// The same of a text.
pub(crate) fn read_text(path: &Path, most: usize) -> io::Result<String> {
    let text = String::from_utf8(read(path, most)?);
    text.map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "it is not UTF-8"))
}

fn take(from: File, most: usize) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    from.take(most as u64 + 1).read_to_end(&mut bytes)?;
    if bytes.len() > most {
        let words = format!(
            "it has more than {}; see that it is the right file",
            size(most)
        );
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, words));
    }
    Ok(bytes)
}

/// Why an answer's body was not read to its end.
pub(crate) enum BodyError {
    /// It is longer than what is read, so many bytes.
    TooLong(usize),
    /// The connection failed.
    Broken(reqwest::Error),
}

/// An answer's body, when it has `most` bytes or less. Its length is not believed: it may name none, or
/// another.
pub(crate) async fn body(mut answer: reqwest::Response, most: usize) -> Result<Vec<u8>, BodyError> {
    let mut body = Vec::new();
    while let Some(part) = answer.chunk().await.map_err(BodyError::Broken)? {
        if body.len() + part.len() > most {
            return Err(BodyError::TooLong(most));
        }
        body.extend_from_slice(&part);
    }
    Ok(body)
}

/// A size in words.
pub(crate) fn size(bytes: usize) -> String {
    match bytes {
        0x10_0000.. => format!("{} MiB", bytes >> 20),
        0x400.. => format!("{} KiB", bytes >> 10),
        _ => format!("{bytes} bytes"),
    }
}

/// The beginning of a text of others, as it goes into logs and the store.
pub(crate) fn cut(mut text: String, most: usize) -> String {
    if text.len() > most {
        let end = (0..=most).rev().find(|&at| text.is_char_boundary(at));
        text.truncate(end.unwrap_or_default());
        text.push('…');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_larger_file_is_refused_with_what_to_do() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        std::fs::write(&path, "abcd").unwrap();
        assert_eq!(read_text(&path, 4).unwrap(), "abcd");
        let refused = read(&path, 3).unwrap_err().to_string();
        assert_eq!(
            refused,
            "it has more than 3 bytes; see that it is the right file"
        );
        std::fs::write(&path, b"\xff").unwrap();
        assert!(read_text(&path, 4).is_err());
    }

    #[test]
    fn a_file_that_never_ends_is_left() {
        let refused = read(Path::new("/dev/zero"), WRITTEN)
            .unwrap_err()
            .to_string();
        assert!(refused.contains("more than 1 MiB"), "{refused}");
    }

    #[test]
    fn texts_are_cut_between_characters() {
        assert_eq!(cut("abc".into(), 3), "abc");
        assert_eq!(cut("aéé".into(), 4), "aé…");
    }
}
