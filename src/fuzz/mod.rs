//! Hostile input: what reads others' bytes is sent valid input with faults, again and again.
//!
//! Each room lists its readers as [`Target`]s: a few inputs that are right, and what is done with any.
//! The [`engine`] spoils them with the [`mutate`] module's knowledge of their form, keeps what makes a
//! reader answer in a new way, and takes for a finding what panics, breaks a property, takes too long or
//! too much memory. `cargo test` sends each target a little; `scripts/fuzz.sh` as much as there is time.
//!
//! It is guided by what readers answer, not by coverage: that needs a nightly compiler or unsafe code.

mod engine;
mod mutate;
mod proto;
mod report;
mod tree;

pub(crate) use mutate::Form;

/// What is done with an input.
type Read = Box<dyn Fn(&[u8]) -> String>;

/// A reader of others' bytes.
pub(crate) struct Target {
    pub(crate) name: &'static str,
    pub(crate) form: Form,
    /// Inputs that are right, of each kind one.
    pub(crate) seeds: Vec<Vec<u8>>,
    /// Reads an input and says, in a few words, what came of it. It panics where a property is broken.
    pub(crate) read: Read,
}

impl Target {
    pub(crate) fn new(
        name: &'static str,
        form: Form,
        seeds: impl IntoIterator<Item = impl Into<Vec<u8>>>,
        read: impl Fn(&[u8]) -> String + 'static,
    ) -> Self {
        Self {
            name,
            form,
            seeds: seeds.into_iter().map(Into::into).collect(),
            read: Box::new(read),
        }
    }

    /// A reader of text: bytes that are none are made such.
    pub(crate) fn of_text(
        name: &'static str,
        form: Form,
        seeds: &[&str],
        read: impl Fn(&str) -> String + 'static,
    ) -> Self {
        let seeds = seeds.iter().copied();
        Self::new(name, form, seeds, move |bytes| {
            read(&String::from_utf8_lossy(bytes))
        })
    }
}

/// What a reader made of an input, in few words.
pub(crate) fn told<T, E: std::fmt::Display>(read: &Result<T, E>) -> String {
    match read {
        Ok(_) => "read".into(),
        Err(error) => error.to_string(),
    }
}

fn all() -> Vec<Target> {
    let mut all = Vec::new();
    all.extend(crate::chain::fuzz::targets());
    all.extend(crate::config::fuzz::targets());
    all.extend(crate::density::fuzz::targets());
    all.extend(crate::devnet::fuzz::targets());
    all.extend(crate::forecasters::fuzz::targets());
    all.extend(crate::market::fuzz::targets());
    all.extend(crate::models::fuzz::targets());
    all.extend(crate::ops::fuzz::targets());
    all.extend(crate::predict::fuzz::targets());
    all.extend(crate::store::fuzz::targets());
    all
}

#[cfg(test)]
mod tests {
    use super::{all, engine, report};

    /// Inputs that each target is sent by `cargo test`.
    const FEW: u64 = 60;

    /// With `FUZZ_TARGET` one target is sent input for `FUZZ_SECONDS`, or `FUZZ_INPUT` alone; see
    /// `scripts/fuzz.sh`.
    #[test]
    fn readers_stand_what_they_are_sent() {
        let Ok(name) = std::env::var("FUZZ_TARGET") else {
            for target in all() {
                let tally = engine::run(&target, 1, engine::Until::Inputs(FEW));
                assert!(
                    tally.findings.is_empty(),
                    "{}: {:?}",
                    target.name,
                    tally.findings
                );
                assert!(tally.answers > 1, "{} answers all alike", target.name);
            }
            return;
        };
        report::as_told(&all(), &name);
    }

    #[test]
    fn targets_have_names_of_their_own() {
        let mut names: Vec<_> = all().iter().map(|it| it.name).collect();
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count);
    }
}
