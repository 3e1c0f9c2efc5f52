//! The networks: one file each in `config/networks/`, with copies in the binary for when the project
//! is not there.

use std::{fs, io, path::Path};

use super::{ConfigError, layer::Layer};
use crate::{chain::NetworkConfig, limits};

const BUILT_IN: [(&str, &str); 4] = [
    ("devnet", include_str!("../../config/networks/devnet.toml")),
    (
        "localnet",
        include_str!("../../config/networks/localnet.toml"),
    ),
    (
        "mainnet",
        include_str!("../../config/networks/mainnet.toml"),
    ),
    (
        "testnet",
        include_str!("../../config/networks/testnet.toml"),
    ),
];

/// A network as its file has it, and the layer that knows the file's lines.
pub(super) fn load(root: &Path, name: &str) -> Result<(NetworkConfig, Layer), ConfigError> {
    let folder = root.join("config/networks");
    let path = folder.join(format!("{name}.toml"));
    let tame = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    let read = if name.is_empty() || !name.chars().all(tame) {
        Err(io::ErrorKind::NotFound.into())
    } else {
        limits::read_text(&path, limits::WRITTEN)
    };
    let text = match read {
        Ok(text) => text,
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => {
            let known = BUILT_IN.iter().find(|it| it.0 == name);
            let known = known.ok_or_else(|| unknown(&folder, name))?;
            known.1.to_owned()
        }
        Err(cause) => {
            return Err(ConfigError::Unreadable {
                path,
                root: root.to_owned(),
                cause,
            });
        }
    };
    let shown = format!("config/networks/{name}.toml");
    let (layer, network) = Layer::file(&shown, &text)?;
    Ok((network, layer))
}

fn unknown(folder: &Path, name: &str) -> ConfigError {
    let mut known: Vec<String> = BUILT_IN.iter().map(|it| it.0.to_owned()).collect();
    let files = fs::read_dir(folder).into_iter().flatten().flatten();
    known.extend(files.filter_map(|file| {
        let name = file.file_name().into_string().ok()?;
        name.strip_suffix(".toml").map(str::to_owned)
    }));
    known.sort_unstable();
    known.dedup();
    ConfigError::UnknownNetwork {
        name: name.to_owned(),
        known: known.join(", "),
    }
}
