use std::{
    fs::{File, Permissions},
    os::unix::fs::{PermissionsExt, chown, symlink},
};

use super::*;

struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Self {
        let place = Self(tempfile::tempdir().unwrap());
        place.folder("safe", 0o700);
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().canonicalize().unwrap().join(name)
    }

    fn folder(&self, name: &str, mode: u32) {
        fs::create_dir(self.path(name)).unwrap();
        self.mode(name, mode);
    }

    fn file(&self, name: &str, mode: u32) {
        fs::write(self.path(name), "words").unwrap();
        self.mode(name, mode);
    }

    fn mode(&self, name: &str, mode: u32) {
        fs::set_permissions(self.path(name), Permissions::from_mode(mode)).unwrap();
    }

    fn told(&self, name: &str, keeper: Keeper) -> Vec<String> {
        let read = read(&self.path(name), keeper).unwrap();
        assert_eq!(read.bytes.as_slice(), b"words");
        read.found.iter().map(ToString::to_string).collect()
    }
}

#[test]
fn a_file_that_others_can_read_is_refused_with_the_command_that_mends_it() {
    let place = Place::new();
    for (mode, refused) in [
        (0o600, false),
        (0o400, false),
        (0o640, true),
        (0o604, true),
        (0o620, true),
        (0o610, true),
    ] {
        place.file("safe/key", mode);
        let told = place.told("safe/key", Keeper::Operator);
        assert_eq!(told.len(), usize::from(refused), "{mode:o}: {told:?}");
        if refused {
            let mend = format!("; chmod 600 {}", place.path("safe/key").display());
            assert!(told[0].ends_with(&mend), "{told:?}");
            let line = told[0].split("; ").last().unwrap();
            let mended = std::process::Command::new("sh").args(["-c", line]).status();
            assert!(mended.unwrap().success());
            assert!(place.told("safe/key", Keeper::Operator).is_empty());
        }
        fs::remove_file(place.path("safe/key")).unwrap();
    }
}

#[test]
fn a_link_is_judged_by_what_it_leads_to() {
    let place = Place::new();
    place.file("safe/key", 0o644);
    place.folder("links", 0o700);
    symlink(place.path("safe/key"), place.path("links/key")).unwrap();
    let told = place.told("links/key", Keeper::Operator);
    let mend = format!("chmod 600 {}", place.path("safe/key").display());
    assert!(told.len() == 1 && told[0].ends_with(&mend), "{told:?}");

    place.mode("safe/key", 0o600);
    assert!(place.told("links/key", Keeper::Operator).is_empty());
    place.mode("links", 0o777);
    let told = place.told("links/key", Keeper::Operator);
    let mend = format!("chmod go-w {}", place.path("links").display());
    assert!(told.len() == 1 && told[0].ends_with(&mend), "{told:?}");
}

#[test]
fn a_folder_that_others_write_into_is_refused_unless_it_is_sticky() {
    let place = Place::new();
    place.file("safe/key", 0o600);
    for (mode, refused, noticed) in [(0o755, 0, 0), (0o1777, 0, 0), (0o777, 1, 0), (0o775, 0, 1)] {
        place.mode("safe", mode);
        let read = read(&place.path("safe/key"), Keeper::Operator).unwrap();
        assert_eq!(
            (read.found.len(), read.notices.len()),
            (refused, noticed),
            "{mode:o}"
        );
        for notice in read.notices {
            assert!(notice.contains("chmod g-w "), "{notice}");
        }
    }
}

#[test]
fn another_owner_is_refused() {
    let place = Place::new();
    place.file("safe/key", 0o600);
    if chown(place.path("safe/key"), Some(12_345), None).is_err() {
        // Only root can give a file away; then the file is ours and nothing is to be refused.
        assert!(place.told("safe/key", Keeper::Operator).is_empty());
        return;
    }
    let told = place.told("safe/key", Keeper::Operator);
    assert!(
        told.len() == 1 && told[0].contains("the user 12345; chown 0 "),
        "{told:?}"
    );
}

#[test]
fn the_system_may_open_its_credentials_to_the_service_and_to_nobody_else() {
    let place = Place::new();
    for (mode, refused) in [(0o440, 0), (0o400, 0), (0o444, 1), (0o460, 1)] {
        place.file("safe/key", mode);
        assert_eq!(
            place.told("safe/key", Keeper::System).len(),
            refused,
            "{mode:o}"
        );
        fs::remove_file(place.path("safe/key")).unwrap();
    }
}

#[test]
fn what_is_no_file_or_too_large_is_not_read() {
    let place = Place::new();
    assert!(read(&place.path("safe"), Keeper::Operator).is_err());
    let large = File::create(place.path("safe/large")).unwrap();
    large.set_len(LARGEST + 1).unwrap();
    let refused = read(&place.path("safe/large"), Keeper::Operator).unwrap_err();
    assert!(refused.to_string().contains("larger"), "{refused}");
}
