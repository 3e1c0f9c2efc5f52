//! The last line of defence against a secret in a log: known secrets are blotted out of every line.

use secrecy::{ExposeSecret, SecretString};

/// Stands in a line where a secret stood.
const BLOT: &str = "[secret]";
/// Shorter texts would blot out ordinary words.
const SHORTEST: usize = 8;

/// The secrets that no line may hold.
#[derive(Clone, Debug, Default)]
pub(super) struct Mask {
    secrets: Vec<SecretString>,
}

impl Mask {
    pub(super) fn new(secrets: Vec<SecretString>) -> Self {
        let long_enough = |it: &SecretString| it.expose_secret().len() >= SHORTEST;
        Self {
            secrets: secrets.into_iter().filter(long_enough).collect(),
        }
    }

    /// The line without secrets.
    pub(super) fn clean(&self, line: String) -> String {
        self.secrets.iter().fold(line, |line, secret| {
            let secret = secret.expose_secret();
            if line.contains(secret) {
                line.replace(secret, BLOT)
            } else {
                line
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_blotted_out_and_the_rest_stays() {
        let mask = Mask::new(vec!["0123456789abcdef".into(), "key".into()]);
        let clean = mask.clean("token=0123456789abcdef of a key".into());
        assert_eq!(clean, "token=[secret] of a key");
        assert!(!format!("{mask:?}").contains("0123"));
    }
}
