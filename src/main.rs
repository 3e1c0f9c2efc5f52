//! The command line: see `allora-worker --help`.

fn main() {}
