//! Files with secrets: read only when nobody else on the machine could have read or replaced them.

use std::{
    fs::{self, Metadata, OpenOptions},
    io::{self, Read},
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use rustix::{fs::OFlags, process::geteuid};
use zeroize::Zeroizing;

use super::Finding;

/// Bytes that a file with secrets may have; none of ours has more than a few hundred.
const LARGEST: u64 = 1 << 20;

/// Who hands a file over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Keeper {
    /// The operator: the file is its user's alone.
    Operator,
    /// systemd, whose credentials belong to root and are opened to the service by an access list,
    /// which shows as access of the group.
    System,
}

/// A file's content, and what speaks against using it.
#[derive(Debug)]
pub(super) struct Guarded {
    /// The content.
    pub(super) bytes: Zeroizing<Vec<u8>>,
    /// Why it is not to be used, with the command that mends it.
    pub(super) found: Vec<Finding>,
    /// What the operator should know of.
    pub(super) notices: Vec<String>,
}

/// Reads a file and looks who has access to it. A link is followed: what counts is the file that it
/// leads to, every folder on the way to it, and the folders of the link.
///
/// # Errors
/// When it can't be read, is no ordinary file or is larger than any secret.
pub(super) fn read(path: &Path, keeper: Keeper) -> io::Result<Guarded> {
    // Not to wait for who might write into a pipe.
    let flags = i32::try_from(OFlags::NONBLOCK.bits()).unwrap_or_default();
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(flags)
        .open(path)?;
    let about = file.metadata()?;
    if !about.is_file() {
        let kind = io::ErrorKind::InvalidInput;
        return Err(io::Error::new(kind, "it is no ordinary file"));
    }
    if about.len() > LARGEST {
        let kind = io::ErrorKind::FileTooLarge;
        return Err(io::Error::new(kind, "it is larger than any secret"));
    }
    // With room to spare the buffer is not moved, and so not left behind, while it fills.
    let room = usize::try_from(about.len()).unwrap_or_default() + 1;
    let mut bytes = Zeroizing::new(Vec::with_capacity(room));
    file.take(LARGEST).read_to_end(&mut bytes)?;
    let target = fs::canonicalize(path)?;
    let mut found = access(&about, &target, keeper);
    let mut notices = Vec::new();
    if keeper == Keeper::Operator {
        for folder in folders(path, &target) {
            let Ok(about) = fs::metadata(&folder) else {
                continue;
            };
            match others_write(&about) {
                Some(Others::All) => found.push(replaceable(&folder, &target)),
                Some(Others::Group) => notices.push(format!(
                    "the group of {folder} can replace {file}, which holds secrets: chmod g-w {folder}",
                    folder = folder.display(),
                    file = target.display()
                )),
                None => {}
            }
        }
    }
    Ok(Guarded {
        bytes,
        found,
        notices,
    })
}

/// Who besides the owner may write into a folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Others {
    /// The group alone.
    Group,
    /// Everybody.
    All,
}

/// Who can put another file in the place of one in a folder. In a folder with the sticky bit, such as
/// /tmp, only a file's owner can.
pub(super) fn others_write(folder: &Metadata) -> Option<Others> {
    match folder.mode() & 0o1022 {
        mode if mode & 0o1000 != 0 => None,
        mode if mode & 0o002 != 0 => Some(Others::All),
        mode if mode & 0o020 != 0 => Some(Others::Group),
        _ => None,
    }
}

fn access(about: &Metadata, target: &Path, keeper: Keeper) -> Vec<Finding> {
    let mut found = Vec::new();
    let (file, own) = (target.display().to_string(), geteuid().as_raw());
    let mut refuse = |wrong: String, right: String| {
        let place = file.clone();
        found.push(Finding {
            place,
            wrong,
            right,
        });
    };
    if about.uid() != own && about.uid() != 0 {
        refuse(
            format!("it holds secrets and belongs to the user {}", about.uid()),
            format!("chown {own} {file}"),
        );
    }
    let open = match keeper {
        Keeper::Operator => 0o077,
        Keeper::System => 0o027,
    };
    if about.mode() & open != 0 {
        refuse(
            format!(
                "it holds secrets and other users have access to it (mode {:03o})",
                about.mode() & 0o777
            ),
            if about.uid() == own {
                format!("chmod 600 {file}")
            } else {
                format!("chown {own} {file} && chmod 600 {file}")
            },
        );
    }
    found
}

/// Every folder on the way to a file by its name and to the file that it leads to.
fn folders(path: &Path, target: &Path) -> Vec<PathBuf> {
    let named = path.parent().and_then(|it| fs::canonicalize(it).ok());
    let led = target.parent().map(Path::to_owned);
    let mut all: Vec<PathBuf> = named
        .iter()
        .chain(&led)
        .flat_map(|it| it.ancestors().map(Path::to_owned))
        .collect();
    all.sort();
    all.dedup();
    all
}

fn replaceable(folder: &Path, file: &Path) -> Finding {
    let (folder, file) = (folder.display(), file.display());
    Finding {
        place: folder.to_string(),
        wrong: format!("every user can replace {file}, which holds secrets"),
        right: format!("chmod go-w {folder}"),
    }
}

#[cfg(test)]
#[path = "guard_tests.rs"]
mod tests;
