use std::{
    fmt::Write as _,
    io::Read,
    os::unix::fs::MetadataExt,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use time::macros::datetime;

use super::*;

const NOW: OffsetDateTime = datetime!(2025-09-16 13:00 UTC);

fn limits(archives: u32) -> Limits {
    Limits {
        max_bytes: 0,
        keep: Duration::from_secs(48 * 3600),
        archives,
    }
}

/// One line an hour, the newest at `NOW`, each `[time] line H` with H hours of age.
fn hourly(oldest: i64) -> String {
    let mut text = String::new();
    for age in (0..=oldest).rev() {
        let at = super::super::words::iso_seconds(NOW - time::Duration::hours(age));
        writeln!(text, "[{at}] line {age}").unwrap();
    }
    text
}

fn lines_of(path: &Path) -> Vec<String> {
    let text = fs::read_to_string(path).unwrap();
    text.lines().map(str::to_owned).collect()
}

#[test]
fn the_last_48_hours_stay_and_nothing_is_lost() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.log");
    let before = hourly(200);
    fs::write(&path, &before).unwrap();
    let inode = fs::metadata(&path).unwrap().ino();
    let size = rotate(&path, &limits(2), bracketed, NOW).unwrap();
    assert_eq!(fs::metadata(&path).unwrap().ino(), inode);
    assert_eq!(fs::metadata(&path).unwrap().len(), size);
    let kept = lines_of(&path);
    assert_eq!(kept.len(), 49);
    assert!(kept[0].ends_with("line 48"));
    let archived = fs::read_to_string(numbered(&path, 1)).unwrap();
    assert_eq!(archived + &fs::read_to_string(&path).unwrap(), before);
}

#[test]
fn a_live_file_without_old_lines_is_left_alone_whatever_its_size() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.log");
    fs::write(&path, hourly(48)).unwrap();
    rotate(&path, &limits(2), bracketed, NOW).unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), hourly(48));
    assert!(!numbered(&path, 1).exists());
}

#[test]
fn only_as_many_archives_stay_as_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.log");
    for round in 1..=3 {
        let old = hourly(200).replace("line", &format!("round {round} line"));
        fs::write(&path, old).unwrap();
        rotate(&path, &limits(2), bracketed, NOW).unwrap();
    }
    assert!(lines_of(&numbered(&path, 1))[0].contains("round 3"));
    assert!(lines_of(&numbered(&path, 2))[0].contains("round 2"));
    assert!(!numbered(&path, 3).exists());
}

#[test]
fn lines_without_a_time_stay_with_the_line_before_them() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.log");
    let old = "[2025-09-01T00:00:00Z] old\n  its second line\n".repeat(9);
    let recent = "[2025-09-16T12:00:00Z] recent\n  its second line\n";
    fs::write(&path, format!("{old}{recent}")).unwrap();
    rotate(&path, &limits(1), bracketed, NOW).unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), recent);
    assert_eq!(fs::read_to_string(numbered(&path, 1)).unwrap(), old);
}

#[test]
fn when_the_archive_cannot_be_written_the_live_file_stays_whole() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.log");
    fs::write(&path, hourly(200)).unwrap();
    fs::create_dir(numbered(&path, "new")).unwrap();
    assert!(rotate(&path, &limits(2), bracketed, NOW).is_err());
    assert_eq!(fs::read_to_string(&path).unwrap(), hourly(200));
}

#[test]
fn reads_the_times_of_both_logs() {
    let line = "{\"timestamp\":\"2025-09-16T13:00:00.123Z\",\"event\":\"ready\"}";
    assert_eq!(stamped(line), Some(NOW));
    assert_eq!(bracketed("[2025-09-16T13:00:00Z] ✅"), Some(NOW));
    assert_eq!(bracketed("thread panicked"), None);
    assert_eq!(bracketed("[2025-09-16T13:00:0é] cut in a character"), None);
}

#[test]
fn a_follower_sees_every_line_and_the_kept_ones_twice_at_most() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.log");
    fs::write(&path, hourly(200)).unwrap();
    let mut tail = Command::new("tail")
        .args(["-n", "+1", "-f"])
        .arg(&path)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut out = tail.stdout.take().unwrap();
    let (sender, seen) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let mut buffer = [0; 4096];
        while let Ok(read @ 1..) = out.read(&mut buffer) {
            let _ = sender.send(String::from_utf8_lossy(&buffer[..read]).into_owned());
        }
    });
    let mut text = String::new();
    let mut wait_for = |wanted: &str| {
        let deadline = Instant::now() + Duration::from_secs(20);
        while !text.contains(wanted) {
            let left = deadline.saturating_duration_since(Instant::now());
            text.push_str(&seen.recv_timeout(left).expect("the follower went quiet"));
        }
        text.clone()
    };
    wait_for("line 0\n");
    rotate(&path, &limits(2), bracketed, NOW).unwrap();
    let mut live = OpenOptions::new().append(true).open(&path).unwrap();
    writeln!(live, "[2025-09-16T13:00:01Z] after").unwrap();
    let seen = wait_for("after\n");
    tail.kill().unwrap();
    tail.wait().unwrap();
    for age in 0..=200 {
        let times = seen.matches(&format!("line {age}\n")).count();
        let most = if age <= 48 { 2 } else { 1 };
        assert!((1..=most).contains(&times), "line {age} seen {times} times");
    }
    assert_eq!(seen.matches("after\n").count(), 1);
}
