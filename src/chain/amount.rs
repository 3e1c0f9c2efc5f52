//! Amounts of the chain's coin.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

/// An amount in uallo; 1 ALLO = 10^18 uallo. In configuration: `"25 uallo"` or `"0.5 allo"`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Uallo(pub u128);

impl Uallo {
    const PER_ALLO: u128 = 1_000_000_000_000_000_000;
    const DECIMALS: usize = 18;

    /// The sum, held at the largest amount.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

/// A text is not an amount.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is not an amount: write a whole number of uallo (\"25 uallo\") or up to 18 decimals of ALLO (\"0.5 allo\")"
)]
pub struct NotAnAmount(String);

impl FromStr for Uallo {
    type Err = NotAnAmount;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let refuse = || NotAnAmount(text.to_owned());
        let lower = text.trim().to_ascii_lowercase();
        if let Some(number) = lower.strip_suffix("uallo") {
            return number.trim().parse().map(Self).map_err(|_| refuse());
        }
        let number = lower.strip_suffix("allo").ok_or_else(refuse)?.trim();
        let (whole, part) = number.split_once('.').unwrap_or((number, ""));
        if part.len() > Self::DECIMALS || !part.bytes().all(|b| b.is_ascii_digit()) {
            return Err(refuse());
        }
        let whole: u128 = whole.parse().map_err(|_| refuse())?;
        let part: u128 = format!("{part:0<18}").parse().map_err(|_| refuse())?;
        let uallo = whole
            .checked_mul(Self::PER_ALLO)
            .and_then(|w| w.checked_add(part));
        uallo.map(Self).ok_or_else(refuse)
    }
}

impl fmt::Display for Uallo {
    /// Small amounts in uallo, others in ALLO without trailing zeros.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 < Self::PER_ALLO / 1_000_000_000 {
            return write!(f, "{} uallo", self.0);
        }
        let part = format!("{:018}", self.0 % Self::PER_ALLO);
        let part = part.trim_end_matches('0');
        let point = if part.is_empty() { "" } else { "." };
        write!(f, "{}{point}{part} ALLO", self.0 / Self::PER_ALLO)
    }
}

impl Serialize for Uallo {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Uallo {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        String::deserialize(from)?.parse().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("25 uallo", 25, "25 uallo")]
    #[case("0.5 allo", 500_000_000_000_000_000, "0.5 ALLO")]
    #[case("2ALLO", 2_000_000_000_000_000_000, "2 ALLO")]
    #[case("0.000000001 allo", 1_000_000_000, "0.000000001 ALLO")]
    fn reads_and_writes(#[case] text: &str, #[case] uallo: u128, #[case] shown: &str) {
        let amount: Uallo = text.parse().expect("an amount");
        assert_eq!(amount, Uallo(uallo));
        assert_eq!(amount.to_string(), shown);
        assert_eq!(shown.parse(), Ok(amount));
    }

    #[rstest]
    #[case("")]
    #[case("5")]
    #[case("-1 uallo")]
    #[case("1.5 uallo")]
    #[case("1.0000000000000000001 allo")]
    #[case("1.+5 allo")]
    #[case(".5 allo")]
    fn refuses(#[case] text: &str) {
        assert!(text.parse::<Uallo>().is_err(), "{text:?}");
    }
}
