//! What was expected and what came, case by case.

use std::{fmt::Write as _, io::Write as _};

use serde_json::Value;

use super::{Version, pattern};

/// One case: what it says, and how the answer differs from what is expected.
struct Case {
    name: String,
    differs: Option<String>,
}

/// All cases that were played.
pub(crate) struct Book {
    version: Version,
    cases: Vec<Case>,
}

impl Book {
    pub(crate) const fn new(version: Version) -> Self {
        Self {
            version,
            cases: Vec::new(),
        }
    }

    pub(crate) const fn version(&self) -> Version {
        self.version
    }

    fn write(&mut self, name: &str, differs: Option<String>) {
        assert!(
            self.cases.iter().all(|case| case.name != name),
            "two cases are called '{name}'"
        );
        self.cases.push(Case {
            name: name.into(),
            differs,
        });
    }

    /// A text is expected.
    pub(crate) fn says(&mut self, name: &str, got: &str, expected: &str) {
        let expected = expected.replace("{v}", self.version.word());
        let differs = !pattern::fits(&expected, got);
        let told = format!("expected {expected}\n         got {got}");
        self.write(name, differs.then_some(told));
    }

    /// A JSON value is expected.
    pub(crate) fn shows(&mut self, name: &str, got: &Value, expected: &Value) {
        let text = expected.to_string().replace("{v}", self.version.word());
        let expected = serde_json::from_str(&text).expect("json stays json");
        let differs = pattern::differs(&expected, got);
        let told = differs.map(|at| format!("{at}\n    expected {expected}\n         got {got}"));
        self.write(name, told);
    }

    /// `N of N cases`, and each case that differs with both answers.
    fn report(&self, target: &str) -> String {
        let differing: Vec<_> = self
            .cases
            .iter()
            .filter_map(|c| Some((c, c.differs.as_ref()?)))
            .collect();
        let mut text = format!(
            "{target}: {} of {} cases",
            self.cases.len() - differing.len(),
            self.cases.len()
        );
        for (case, differs) in differing {
            write!(text, "\n  DIFFERS: {}\n    {differs}", case.name).expect("a string takes all");
        }
        text
    }

    /// Prints the report past the test runner's capture, so that the count is always seen.
    pub(crate) fn print(&self, target: &str) -> String {
        let report = self.report(target);
        writeln!(std::io::stdout().lock(), "{report}").expect("standard output can be written");
        report
    }

    /// Whether all answers are as expected.
    pub(crate) fn agrees(&self) -> bool {
        !self.cases.is_empty() && self.cases.iter().all(|case| case.differs.is_none())
    }
}
