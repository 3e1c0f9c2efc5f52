//! Whether the real parts are there, and what the tests print.

use std::{
    env,
    io::Write,
    path::{Path, PathBuf},
};

/// Prints past the test runner's capture, so that figures and skips are seen.
pub(crate) fn say(text: &str) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{text}").expect("standard output can be written");
}

/// The value of a setting, when it is set and not empty.
pub(crate) fn setting(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.is_empty())
}

/// A setting that is a number.
pub(crate) fn number(name: &str, default: u64) -> u64 {
    setting(name).map_or(default, |text| {
        text.parse()
            .unwrap_or_else(|_| panic!("{name}={text} is no whole number; correct or unset it"))
    })
}

/// A release of the node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Release {
    /// The one that the networks run: emissions v10.
    Newest,
    /// The one before it: emissions v9. Its binary need not be there.
    Older,
}

impl Release {
    /// The version, as the binary's name bears it.
    pub(crate) fn version(self) -> &'static str {
        match self {
            Self::Newest => include_str!("../../localnet/go.mod")
                .lines()
                .filter_map(|line| line.split_once("allora-network/allora-chain "))
                .map(|(_, version)| version.split_whitespace().next().unwrap_or_default())
                .next()
                .expect("localnet/go.mod requires allora-chain"),
            Self::Older => "v0.16.0",
        }
    }

    /// The word for its emissions module, as the worker tells it.
    pub(crate) const fn emissions(self) -> &'static str {
        match self {
            Self::Newest => "v10",
            Self::Older => "v9",
        }
    }

    fn is_required(self) -> bool {
        let word = match self {
            Self::Newest => "ALLORA_REAL",
            Self::Older => "ALLORA_REAL_OLDER",
        };
        setting(word).as_deref() == Some("require")
    }
}

/// The newest node's binary, or none after having said why the test is skipped.
pub(crate) fn node_binary() -> Option<PathBuf> {
    binary_of(Release::Newest)
}

/// A node's binary, or none after having said why the test is skipped.
pub(crate) fn binary_of(release: Release) -> Option<PathBuf> {
    if matches!(setting("ALLORA_REAL").as_deref(), None | Some("0")) {
        say("SKIPPED: the real node's tests take minutes; run them with ALLORA_REAL=1");
        return None;
    }
    match find_node(release) {
        Ok(node) => Some(node),
        Err(reason) if release.is_required() => panic!("this node is required, but {reason}"),
        Err(reason) => {
            say(&format!("SKIPPED: {reason}"));
            None
        }
    }
}

fn find_node(release: Release) -> Result<PathBuf, String> {
    let version = release.version();
    let remedy =
        format!("build it with 'LOCALNET_NODE_VERSION={version} scripts/localnet.sh build'");
    let named = setting("ALLORA_NODE_BIN").filter(|_| release == Release::Newest);
    if let Some(named) = named {
        let node = PathBuf::from(&named);
        let found = node.is_file().then_some(node);
        return found.ok_or_else(|| format!("ALLORA_NODE_BIN={named} is no file; {remedy}"));
    }
    let cache = setting("XDG_CACHE_HOME")
        .map(PathBuf::from)
        .or_else(|| setting("HOME").map(|home| Path::new(&home).join(".cache")))
        .ok_or("neither XDG_CACHE_HOME nor HOME is set")?;
    let node = cache
        .join("allora-worker/bin")
        .join(format!("allorad-{version}"));
    if node.is_file() {
        return Ok(node);
    }
    Err(format!("no node binary at {}; {remedy}", node.display()))
}
