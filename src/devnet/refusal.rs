//! Refusals as the node words them: a codespace, a code and a text.

/// Why a transaction or a query is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    /// The module whose code it is.
    pub codespace: String,
    /// Its code; never 0.
    pub code: u32,
    /// Its text, as a node's log shows it.
    pub log: String,
}

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $space:literal $code:literal $text:literal;)*) => {
        $($(#[$doc])* pub(super) fn $name(detail: impl AsRef<str>) -> Self {
            Self::new($space, $code, detail.as_ref(), $text)
        })*
    };
}

impl Refusal {
    fn new(codespace: &str, code: u32, detail: &str, text: &str) -> Self {
        let log = match (detail, text) {
            ("", only) | (only, "") => only.to_owned(),
            _ => format!("{detail}: {text}"),
        };
        Self {
            codespace: codespace.into(),
            code,
            log,
        }
    }

    codes! {
        decode = "sdk" 2 "tx parse error";
        unauthorized = "sdk" 4 "unauthorized";
        insufficient_funds = "sdk" 5 "insufficient funds";
        unknown_request = "sdk" 6 "unknown request";
        invalid_pubkey = "sdk" 8 "invalid pubkey";
        unknown_address = "sdk" 9 "unknown address";
        out_of_gas = "sdk" 11 "out of gas";
        memo_too_large = "sdk" 12 "memo too large";
        insufficient_fee = "sdk" 13 "insufficient fee";
        no_signatures = "sdk" 15 "no signatures supplied";
        invalid_request = "sdk" 18 "invalid request";
        key_not_found = "sdk" 22 "key not found";
        invalid_height = "sdk" 26 "invalid height";
        invalid_type = "sdk" 29 "invalid type";
        tx_timeout = "sdk" 30 "tx timeout height";
        wrong_sequence = "sdk" 32 "incorrect account sequence";
        no_fee_coin = "feemarket" 1 "no fee coin provided. Must provide one.";
        too_many_fee_coins = "feemarket" 2 "too many fee coins provided.  Only one fee coin may be provided";
        /// An error of Go's without a code of its own.
        plain = "undefined" 1 "";
        invalid_topic = "emissions" 6 "invalid topic ID";
        already_registered = "emissions" 8 "address already registered in a topic";
        not_registered = "emissions" 13 "address not registered";
        no_such_topic = "emissions" 23 "topic does not exist";
        invalid_value = "emissions" 52 "invalid value";
        window_unavailable = "emissions" 67 "worker nonce window not available";
        nonce_not_found = "emissions" 75 "unfulfilled nonce not found";
        ema_twice = "emissions" 78 "cannot update EMA more than once per window";
        not_permitted = "emissions" 83 "not permitted to submit worker payload";
        invalid_label = "emissions" 95 "invalid label name";
        label_not_listed = "emissions" 96 "label is not in the topic's label whitelist";
        too_many_labels = "emissions" 97 "too many labels in one submission (exceeds per-topic cap)";
    }

    /// Whether it says that the chain has the answer already.
    pub(super) fn says_it_is_in(&self) -> bool {
        let code = (self.codespace.as_str(), self.code);
        code == ("emissions", 78) || self.log.contains("inference already submitted")
    }

    /// The same refusal, with what was being done before it.
    pub(super) fn while_doing(mut self, what: &str) -> Self {
        self.log = format!("{what}: {}", self.log);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_follows_its_detail() {
        let wrong = Refusal::wrong_sequence("account sequence mismatch, expected 5, got 3");
        assert_eq!((wrong.codespace.as_str(), wrong.code), ("sdk", 32));
        assert_eq!(
            wrong.log,
            "account sequence mismatch, expected 5, got 3: incorrect account sequence"
        );
        assert_eq!(
            Refusal::nonce_not_found("").log,
            "unfulfilled nonce not found"
        );
    }
}
