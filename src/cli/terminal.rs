//! What is asked of the operator in the terminal.

use std::io;

use zeroize::Zeroizing;

/// Asks in the process's terminal, wherever its streams lead, and does not show what is typed.
pub(super) fn ask(question: &str) -> io::Result<Zeroizing<String>> {
    rpassword::prompt_password(question).map(Zeroizing::new)
}
