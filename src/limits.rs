//! How much is read at most: of a file, and of an answer. What is longer is refused before it is held.

use std::{
    fs::File,
    io::{self, Read as _},
    path::Path,
};

use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;

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

/// A WebSocket whose messages have `most` bytes at most, in one frame or in many.
pub(crate) fn socket(most: usize) -> WebSocketConfig {
    WebSocketConfig::default()
        .max_message_size(Some(most))
        .max_frame_size(Some(most))
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
    use futures_util::StreamExt as _;
    use tokio::{io::AsyncWriteExt as _, net::TcpListener};

    use super::*;

    /// What a client with a limit of 64 KiB says of a server that sends `first`, then `rest` for ever.
    async fn heard(first: Vec<u8>, rest: Vec<u8>) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("ws://{}", listener.local_addr().unwrap());
        let server = tokio::spawn(async move {
            let (stream, _) = listener.accept().await.unwrap();
            let mut socket = tokio_tungstenite::accept_async(stream).await.unwrap();
            let raw = socket.get_mut();
            let mut sent = raw.write_all(&first).await;
            while sent.is_ok() {
                sent = raw.write_all(&rest).await;
            }
        });
        let limits = Some(socket(64 << 10));
        let opened = tokio_tungstenite::connect_async_with_config(url, limits, true).await;
        let (mut client, _) = opened.unwrap();
        let refused = client.next().await.unwrap().unwrap_err().to_string();
        drop(client);
        server.await.unwrap();
        refused
    }

    #[tokio::test]
    async fn a_message_of_fragments_without_end_is_left() {
        let fragment = |head: u8| [vec![head, 126, 0x10, 0], vec![b'['; 0x1000]].concat();
        let refused = heard(fragment(0x01), fragment(0x00)).await;
        assert!(refused.contains("Message too long"), "{refused}");
    }

    #[tokio::test]
    async fn a_frame_that_claims_to_be_huge_is_left_at_once() {
        let head = [vec![0x81, 127], (1_u64 << 40).to_be_bytes().to_vec()].concat();
        let refused = heard(head, vec![b'['; 0x1000]).await;
        assert!(refused.contains("Message too long"), "{refused}");
    }

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
