use std::{fs, io::Write as _};

use super::*;

fn line(number: usize) -> String {
    format!(
        "{{\"timestamp\":\"2025-09-16T13:00:00.000Z\",\"event\":\"counted\",\"message\":\"line {number}\",\"level\":\"info\",\"topic\":67,\"nonce\":{number}}}\n"
    )
}

fn lines(numbers: std::ops::Range<usize>) -> String {
    numbers.map(line).collect()
}

/// The first and the last line, and how many there are.
fn read(tail: &mut Tail) -> (usize, String, String) {
    tail.read().unwrap();
    let lines = tail.lines();
    let words = |it: Option<&LogLine>| it.map_or_else(String::new, |it| it.message.clone());
    (lines.len(), words(lines.first()), words(lines.last()))
}

fn told(count: usize, first: usize, last: usize) -> (usize, String, String) {
    (count, format!("line {first}"), format!("line {last}"))
}

fn append(path: &Path, text: &str) {
    let mut file = fs::OpenOptions::new()
        .append(true)
        .create(true)
        .open(path)
        .unwrap();
    file.write_all(text.as_bytes()).unwrap();
}

#[test]
fn the_newest_lines_are_followed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.log");
    let mut tail = Tail::new(path.clone());
    assert_eq!(
        read(&mut tail),
        (0, String::new(), String::new()),
        "no log yet"
    );
    append(&path, &lines(0..3));
    assert_eq!(read(&mut tail), told(3, 0, 2));
    // A line that is written in part, and lines of another hand.
    let next = line(3);
    append(&path, &next[..20]);
    assert_eq!(read(&mut tail), told(3, 0, 2));
    append(&path, &next[20..]);
    append(&path, "{\"timestamp\": 7}\nnonsense\n\u{0}\n\n");
    assert_eq!(read(&mut tail), told(4, 0, 3));
    append(&path, &lines(4..900));
    assert_eq!(read(&mut tail), told(MOST, 400, 899));
    let newest = tail.lines().pop().unwrap();
    assert_eq!(
        (newest.event.as_str(), newest.topic),
        ("counted", Some(TopicId(67)))
    );
    assert_eq!(newest.level, Level::Info);
}

#[test]
fn a_log_that_was_rotated_moved_or_removed_is_read_anew() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.log");
    append(&path, &lines(0..100));
    let mut tail = Tail::new(path.clone());
    assert_eq!(read(&mut tail), told(100, 0, 99));
    // In place: the newest part is moved to the front, and what is behind it cut.
    let file = fs::OpenOptions::new().write(true).open(&path).unwrap();
    file.write_all_at(lines(80..100).as_bytes(), 0).unwrap();
    file.set_len(lines(80..100).len() as u64).unwrap();
    assert_eq!(read(&mut tail), told(20, 80, 99));
    // The same, and it has grown past where it was before anybody looked.
    file.write_all_at(lines(95..100).as_bytes(), 0).unwrap();
    file.set_len(lines(95..100).len() as u64).unwrap();
    append(&path, &lines(100..160));
    assert_eq!(read(&mut tail), told(65, 95, 159));
    // Moved away, and made anew with the same size.
    fs::rename(&path, folder.path().join("b.log")).unwrap();
    append(&path, &lines(200..265));
    assert_eq!(read(&mut tail), told(65, 200, 264));
    fs::remove_file(&path).unwrap();
    assert_eq!(read(&mut tail).0, 0);
    append(&path, &lines(0..2));
    assert_eq!(read(&mut tail), told(2, 0, 1));
}

#[test]
fn of_a_long_log_only_the_end_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.log");
    append(&path, &lines(0..30_000));
    let mut tail = Tail::new(path.clone());
    assert_eq!(read(&mut tail), told(MOST, 29_500, 29_999));
    append(&path, &lines(30_000..60_000));
    assert_eq!(read(&mut tail), told(MOST, 59_500, 59_999));
    // One line without an end, larger than all that is read at once.
    append(&path, &"x".repeat(3 << 20));
    assert_eq!(read(&mut tail).0, 0);
    append(&path, &format!("\n{}", line(7)));
    assert_eq!(read(&mut tail), told(1, 7, 7));
}

#[test]
fn a_log_that_cant_be_read_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let mut tail = Tail::new(folder.path().to_owned());
    assert!(tail.read().is_err());
}
