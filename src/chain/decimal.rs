//! Decimal numbers in the one form that the chain signs over.
//!
//! The chain decodes a value, encodes it again and only then verifies the bundle's signature. Its
//! decimals (apd, format `G`) are plain while the exponent is at most 0 and the adjusted exponent at
//! least −6, and scientific otherwise: `0.0000012`, `1.2E-7`, `1E+3`.

use std::{fmt, str::FromStr};

/// The chain's bound on magnitudes: from 10^-40 to 10^40, both included.
const MAX_ADJUSTED: i32 = 40;
/// Below this adjusted exponent the scientific form is used.
const MIN_PLAIN: i32 = -6;
/// A zero of more places than this is written `0E-2001`, not out.
const MAX_ZERO_PLACES: i32 = 2000;
/// The chain's decimals have no exponent beyond this, which only a zero could reach.
const MAX_EXPONENT: u32 = 100_000;
/// Whole numbers of up to this many digits are written out instead of as `5E+3`.
const MAX_WHOLE_DIGITS: usize = 20;

/// A finite decimal within the chain's bounds. Its text is canonical.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decimal {
    negative: bool,
    /// ASCII digits without leading zeros; `0` for zero.
    digits: String,
    exponent: i32,
}

/// Why a number can't go to the chain.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum DecimalError {
    /// NaN or an infinity.
    #[error("{0} is not a finite number")]
    NotFinite(f64),
    /// Its magnitude is beyond the chain's bound.
    #[error("{0} is beyond the chain's bound of 1e±40")]
    OutOfBounds(String),
    /// A text is not a decimal number.
    #[error("{0:?} is not a decimal number")]
    NotANumber(String),
}

impl Decimal {
    /// Zero, the fallback forecast.
    #[must_use]
    pub fn zero() -> Self {
        Self {
            negative: false,
            digits: "0".into(),
            exponent: 0,
        }
    }

    fn is_zero(&self) -> bool {
        self.digits == "0"
    }

    /// The exponent of the first digit.
    fn adjusted(&self) -> i32 {
        let digits = i32::try_from(self.digits.len()).unwrap_or(i32::MAX);
        self.exponent.saturating_add(digits - 1)
    }

    fn is_within_bounds(&self) -> bool {
        if self.is_zero() {
            return self.exponent.unsigned_abs() <= MAX_EXPONENT;
        }
        match self.adjusted() {
            MAX_ADJUSTED => self.digits.trim_end_matches('0') == "1",
            adjusted => (-MAX_ADJUSTED..MAX_ADJUSTED).contains(&adjusted),
        }
    }
}

impl TryFrom<f64> for Decimal {
    type Error = DecimalError;

    /// The shortest decimal that reads back as the same float; what is smaller than 1e-40 is 0.
    fn try_from(value: f64) -> Result<Self, DecimalError> {
        if !value.is_finite() {
            return Err(DecimalError::NotFinite(value));
        }
        let text = format!("{value:e}");
        let mut decimal = Self::read(&text)?;
        if decimal.is_zero() || decimal.adjusted() < -MAX_ADJUSTED {
            return Ok(Self::zero());
        }
        if !decimal.is_within_bounds() {
            return Err(DecimalError::OutOfBounds(text));
        }
        if let Ok(zeros @ 1..) = usize::try_from(decimal.exponent)
            && decimal.digits.len() + zeros <= MAX_WHOLE_DIGITS
        {
            decimal.digits.push_str(&"0".repeat(zeros));
            decimal.exponent = 0;
        }
        Ok(decimal)
    }
}

impl FromStr for Decimal {
    type Err = DecimalError;

    /// Reads plain and scientific forms and keeps trailing zeros, as the chain does.
    fn from_str(text: &str) -> Result<Self, DecimalError> {
        let decimal = Self::read(text)?;
        if decimal.is_within_bounds() {
            Ok(decimal)
        } else {
            Err(DecimalError::OutOfBounds(text.to_owned()))
        }
    }
}

impl Decimal {
    /// Reads a text of any magnitude.
    fn read(text: &str) -> Result<Self, DecimalError> {
        let refuse = || DecimalError::NotANumber(text.to_owned());
        let (negative, rest) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text.strip_prefix('+').unwrap_or(text)),
        };
        let (mantissa, exponent) = match rest.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, exponent.parse().map_err(|_| refuse())?),
            None => (rest, 0_i32),
        };
        let (whole, part) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let digits = format!("{whole}{part}");
        if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
            return Err(refuse());
        }
        let places = i32::try_from(part.len()).map_err(|_| refuse())?;
        let exponent = exponent.checked_sub(places).ok_or_else(refuse)?;
        let digits = match digits.trim_start_matches('0') {
            "" => "0".to_owned(),
            digits => digits.to_owned(),
        };
        Ok(Self {
            negative,
            digits,
            exponent,
        })
    }
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.negative {
            f.write_str("-")?;
        }
        // Zeros keep their places (0.000, not 0E-3), so they count as digits of the adjusted exponent.
        let adjusted = if self.is_zero() && (-MAX_ZERO_PLACES..0).contains(&self.exponent) {
            0
        } else {
            self.adjusted()
        };
        if self.exponent > 0 || adjusted < MIN_PLAIN {
            return self.scientific(f);
        }
        let places = usize::try_from(-self.exponent).unwrap_or_default();
        // No width in the format: those end at 65,535.
        let zeros = (places + 1).saturating_sub(self.digits.len());
        let padded = "0".repeat(zeros) + &self.digits;
        let (whole, part) = padded.split_at(padded.len() - places);
        let point = if part.is_empty() { "" } else { "." };
        write!(f, "{whole}{point}{part}")
    }
}

impl Decimal {
    fn scientific(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (first, rest) = self.digits.split_at(1);
        let point = if rest.is_empty() { "" } else { "." };
        write!(f, "{first}{point}{rest}E{:+}", self.adjusted())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rstest::rstest;

    /// Expected texts were printed by apd's own `Text('G')`.
    #[rstest]
    #[case(0.0, "0")]
    #[case(-0.0, "0")]
    #[case(1.0, "1")]
    #[case(-0.001_230_07, "-0.00123007")]
    #[case(0.000_001, "0.000001")]
    #[case(1.234_5e-7, "1.2345E-7")]
    #[case(-9e-10, "-9E-10")]
    #[case(5000.0, "5000")]
    #[case(1e25, "1E+25")]
    #[case(1.5e-41, "0")]
    #[case(86_430.08, "86430.08")]
    fn writes_floats_canonically(#[case] value: f64, #[case] text: &str) {
        assert_eq!(Decimal::try_from(value).unwrap().to_string(), text);
    }

    #[rstest]
    #[case("1.2345e-07", "1.2345E-7")]
    #[case("0.0000001", "1E-7")]
    #[case("0.10", "0.10")]
    #[case("00.5", "0.5")]
    #[case("0e-3", "0.000")]
    #[case("1e3", "1E+3")]
    #[case("12.5e-8", "1.25E-7")]
    fn rewrites_texts_as_the_chain_does(#[case] text: &str, #[case] canonical: &str) {
        assert_eq!(text.parse::<Decimal>().unwrap().to_string(), canonical);
    }

    #[rstest]
    #[case(f64::NAN)]
    #[case(f64::INFINITY)]
    #[case(1.1e40)]
    #[case(-1e300)]
    fn refuses_what_the_chain_refuses(#[case] value: f64) {
        assert!(Decimal::try_from(value).is_err());
    }

    #[rstest]
    #[case("")]
    #[case("-")]
    #[case("1.2.3")]
    #[case("0x10")]
    #[case("1e")]
    #[case("NaN")]
    fn refuses_what_is_no_number(#[case] text: &str) {
        assert!(text.parse::<Decimal>().is_err());
    }

    /// `number TAB text that the chain signs over, or "refused"`, printed by apd itself; floats first.
    const VECTORS: &str = include_str!("decimal_vectors.tsv");

    #[test]
    fn agrees_with_the_chains_own_decimals() {
        let (floats, texts) = VECTORS.split_once("# text\n").unwrap();
        let floats = floats.lines().skip(1).map(|line| (line, true));
        let vectors: Vec<_> = floats
            .chain(texts.lines().map(|line| (line, false)))
            .collect();
        assert_eq!(vectors.len(), 2000);
        let mismatches: Vec<_> = vectors.into_iter().filter_map(mismatch).collect();
        assert!(mismatches.is_empty(), "{}", mismatches.join("\n"));
    }

    fn mismatch((line, is_float): (&str, bool)) -> Option<String> {
        let (number, expected) = line.split_once('\t').unwrap();
        let written = |decimal: Result<Decimal, _>| match decimal {
            Ok(decimal) => decimal.to_string(),
            Err(_) => "refused".to_owned(),
        };
        let ours = if is_float {
            written(Decimal::try_from(number.parse::<f64>().unwrap()))
        } else {
            written(number.parse())
        };
        // What the chain signs over is read back as itself.
        let again = written(expected.parse());
        (ours != expected || again != expected)
            .then(|| format!("{number}: {expected}, not {ours}; read back: {again}"))
    }

    #[test]
    fn writes_any_number_of_places() {
        let text = format!("0.{}1", "0".repeat(30)) + &"7".repeat(70_000);
        let scientific = format!("1.{}E-31", "7".repeat(70_000));
        assert_eq!(text.parse::<Decimal>().unwrap().to_string(), scientific);
        let plain = format!("0.5{}", "7".repeat(70_000));
        assert_eq!(plain.parse::<Decimal>().unwrap().to_string(), plain);
    }

    proptest! {
        #[test]
        fn is_a_fixed_point_and_loses_nothing(value in -1e39_f64..1e39, scale in -38_i32..1) {
            let value = value * 10_f64.powi(scale);
            let text = Decimal::try_from(value).unwrap().to_string();
            prop_assert_eq!(text.parse::<Decimal>().unwrap().to_string(), text.clone());
            if value.abs() >= 1e-40 {
                prop_assert_eq!(text.parse::<f64>().unwrap().to_bits(), value.to_bits());
            }
        }
    }
}
