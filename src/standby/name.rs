//! What a worker calls itself among those of its wallet.

use std::{fs, io, path::Path};

/// The host's name with a number that is kept in a file, so that it stays the same over restarts and two
/// data folders of one host have two. Where the file can't be written, it is another one at each start.
///
/// # Errors
/// When the file is there and can't be read.
pub fn own_name(path: &Path) -> io::Result<String> {
    let system = rustix::system::uname();
    let host: String = system
        .nodename()
        .to_string_lossy()
        .chars()
        .map(|it| if it.is_ascii_graphic() { it } else { '-' })
        .collect();
    let number = match fs::read_to_string(path) {
        Ok(text) if is_number(text.trim()) => text.trim().to_owned(),
        Err(cause)
            if !matches!(
                cause.kind(),
                io::ErrorKind::NotFound | io::ErrorKind::NotADirectory | io::ErrorKind::InvalidData
            ) =>
        {
            return Err(cause);
        }
        _ => {
            let number = format!("{:08x}", rand::random::<u32>());
            if let Err(cause) = keep(path, &number) {
                tracing::warn!(%cause, path = %path.display(), "this worker's name is not kept");
            }
            number
        }
    };
    Ok(format!("{host}-{number}"))
}

fn keep(path: &Path, number: &str) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(path, format!("{number}\n"))
}

fn is_number(text: &str) -> bool {
    text.len() == 8 && text.chars().all(|it| it.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_keeps_its_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name| folder.path().join(name);
        let name = own_name(&path("one/id")).unwrap();
        assert_eq!(own_name(&path("one/id")).unwrap(), name);
        assert_ne!(own_name(&path("two/id")).unwrap(), name);
        fs::write(path("one/id"), "torn").unwrap();
        assert_ne!(own_name(&path("one/id")).unwrap(), name, "it is made anew");
        fs::write(path("file"), "").unwrap();
        let unkept = own_name(&path("file/id")).unwrap();
        assert_ne!(unkept, name, "no folder can be made there");
    }
}
