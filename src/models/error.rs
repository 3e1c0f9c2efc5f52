//! Why the network of models can't be used as asked.

use std::path::PathBuf;

use super::Kind;

/// Why the client of the models failed; each message says what to do.
#[derive(Debug, thiserror::Error)]
pub enum ModelsError {
    /// A value of the configuration makes no sense.
    #[error("models.{key} {wrong}; {right}")]
    Config {
        /// Which key.
        key: &'static str,
        /// What is wrong with it.
        wrong: String,
        /// What would be right.
        right: &'static str,
    },
    /// A file of the credentials can't be used.
    #[error("the credentials' file {path} can't be used: {cause}; {remedy}")]
    Credentials {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it; never its content.
        cause: String,
        /// What would be right.
        remedy: &'static str,
    },
    /// A kind of value that no model takes reliably.
    #[error(
        "values of the kind {0} are not supported: servers of models decode ARROW nowhere, and PARQUET only where pandas and pyarrow are installed; give JSON instead"
    )]
    Unsupported(Kind),
    /// A name that is no kind of value.
    #[error("{0:?} is no kind of value; the kinds are STRING, INT, DOUBLE, JSON and NONE")]
    UnknownKind(String),
    /// A configured argument for which the caller has no value.
    #[error(
        "the method {method} is configured with an argument {argument:?} that is not known here; the ones known are {known}"
    )]
    UnknownArgument {
        /// The method's name.
        method: String,
        /// What it is configured with.
        argument: String,
        /// What there is.
        known: String,
    },
    /// A value that can't be given as the configured kind.
    #[error(
        "the argument {argument:?} of {method} can't be given as {kind}; correct its kind in the configuration"
    )]
    Mismatch {
        /// The method's name.
        method: String,
        /// The argument's name.
        argument: String,
        /// The configured kind.
        kind: Kind,
    },
    /// A call that no server reads.
    #[error(
        "the call of {method} has {bytes} bytes, and servers of models read at most {limit}; give it in parts"
    )]
    TooLarge {
        /// The method's name.
        method: String,
        /// The size of the encoded call.
        bytes: usize,
        /// The most that is read.
        limit: usize,
    },
    /// A call without a method's name.
    #[error("a call needs a method's name; name it in the configuration")]
    NoMethod,
}
