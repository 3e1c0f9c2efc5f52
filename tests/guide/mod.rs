//! The lines of shell in the project's documents, as a reader would type them.

pub(crate) mod checkout;
pub(crate) mod typist;

use std::path::Path;

/// A line that a reader is told to type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Line {
    /// The document it stands in.
    pub(crate) document: &'static str,
    /// The heading above it.
    pub(crate) section: String,
    /// The line, without its comment; one that is continued is whole.
    pub(crate) text: String,
}

/// All lines in the blocks of shell of a document, in order.
pub(crate) fn lines(document: &'static str) -> Vec<Line> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(root.join(document)).expect("the document");
    lines_in(document, &text)
}

fn lines_in(document: &'static str, text: &str) -> Vec<Line> {
    let mut found = Vec::new();
    let mut section = String::new();
    let mut block: Option<bool> = None;
    let mut begun = String::new();
    for line in text.lines() {
        if let Some(language) = line.trim_start().strip_prefix("```") {
            block = match block {
                None => Some(language.trim() == "sh"),
                Some(_) => None,
            };
            continue;
        }
        match block {
            None => {
                if let Some(heading) = line.strip_prefix('#') {
                    heading
                        .trim_start_matches('#')
                        .trim()
                        .clone_into(&mut section);
                }
            }
            Some(false) => {}
            Some(true) => {
                let line = without_comment(line).trim();
                begun.push_str(line.strip_suffix('\\').unwrap_or(line));
                if line.ends_with('\\') || begun.is_empty() {
                    continue;
                }
                let text = std::mem::take(&mut begun);
                found.push(Line {
                    document,
                    section: section.clone(),
                    text,
                });
            }
        }
    }
    found
}

/// A comment begins the line, or stands after two blanks.
fn without_comment(line: &str) -> &str {
    if line.starts_with('#') {
        return "";
    }
    line.find("  #").map_or(line, |at| &line[..at])
}

#[test]
fn lines_are_found_whole_and_without_comments() {
    let text = "# A\n```sh\n# not this\nls -l  # that\nA=1 \\\n  b c   # d\n\n```\n## B\n```toml\nx = 1\n```\n```sh\necho '#1'\n```\n";
    let found = lines_in("any", text);
    let found: Vec<(&str, &str)> = found
        .iter()
        .map(|line| (line.section.as_str(), line.text.as_str()))
        .collect();
    assert_eq!(
        found,
        [("A", "ls -l"), ("A", "A=1 b c"), ("B", "echo '#1'")]
    );
}
