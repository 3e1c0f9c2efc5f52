//! The chain's decimals: read in any notation, written in one.
//!
//! The chain decodes a submitted number and encodes it again before it checks the bundle's
//! signature, so a number that was signed in another notation fails. This is a reading of its own,
//! apart from the worker's, so that an error in one shows against the other.

/// Below this exponent a zero is written with one too.
const ZERO_EXPONENT_MIN: i64 = -2000;
/// Numbers are taken from 1e-40 to 1e40.
const BOUND: i64 = 40;

/// Places behind the point that are written at most beyond a number's own digits.
const LONGEST_PLACES: usize = 100_000;
/// Beyond this exponent no number is written out.
const LONGEST_EXPONENT: i64 = 100_000;

/// A finite decimal: `digits` × 10^`exponent`.
struct Decimal {
    negative: bool,
    digits: String,
    exponent: i64,
}

/// The text that the chain writes for a decimal that it reads.
///
/// # Errors
/// Why the chain doesn't take it.
pub(super) fn canonical(text: &str) -> Result<String, String> {
    if text.is_empty() {
        return Ok("0".into());
    }
    let decimal = Decimal::read(text)?;
    decimal.check_bounds()?;
    Ok(decimal.write())
}

/// The text that the chain's events write for a decimal: without an exponent.
pub(super) fn in_full(text: &str) -> String {
    Decimal::read(text).map_or_else(|_| text.to_owned(), |decimal| decimal.in_full())
}

impl Decimal {
    fn read(text: &str) -> Result<Self, String> {
        let (negative, rest) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text.strip_prefix('+').unwrap_or(text)),
        };
        let lower = rest.to_ascii_lowercase();
        if ["inf", "infinity", "nan", "snan"].contains(&lower.as_str()) {
            return Err("value must be finite: value is out of range".into());
        }
        let (mantissa, mut exponent) = match lower.split_once('e') {
            Some((mantissa, exponent)) => {
                let exponent: i32 = exponent
                    .parse()
                    .map_err(|_| format!("parse exponent: {exponent}"))?;
                (mantissa, i64::from(exponent))
            }
            None => (lower.as_str(), 0),
        };
        let (whole, part) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let digits = format!("{whole}{part}");
        if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
            return Err(format!("parse mantissa: {digits}"));
        }
        exponent -= i64::try_from(part.len()).unwrap_or(i64::MAX);
        let stripped = digits.trim_start_matches('0');
        let digits = if stripped.is_empty() { "0" } else { stripped }.to_owned();
        Ok(Self {
            negative,
            digits,
            exponent,
        })
    }

    fn is_zero(&self) -> bool {
        self.digits == "0"
    }

    /// The exponent of the first digit.
    fn adjusted(&self) -> i64 {
        self.exponent + i64::try_from(self.digits.len()).unwrap_or(i64::MAX) - 1
    }

    fn check_bounds(&self) -> Result<(), String> {
        if self.is_zero() {
            return Ok(());
        }
        if self.exponent.abs() > LONGEST_EXPONENT {
            return Err("value has an exponent out of range: value is out of range".into());
        }
        let text = self.in_full();
        if self.adjusted() < -BOUND {
            return Err(format!(
                "value {text} cannot have higher precision than {BOUND}: value is out of range"
            ));
        }
        let is_bound = self.digits.trim_end_matches('0') == "1";
        if self.adjusted() > BOUND || (self.adjusted() == BOUND && !is_bound) {
            return Err(format!(
                "value {text} cannot be greater than ±1e{BOUND}: value is out of range"
            ));
        }
        Ok(())
    }

    /// Without an exponent, however many zeros that takes.
    fn in_full(&self) -> String {
        let sign = if self.negative { "-" } else { "" };
        let zeros = usize::try_from(self.exponent).unwrap_or_default();
        let zeros = if self.is_zero() { 0 } else { zeros.min(1_000) };
        format!("{sign}{}{}", self.write_plain(), "0".repeat(zeros))
    }

    /// Plain notation when the exponent is at most 0 and the number no smaller than 1E-6, scientific
    /// otherwise. Zeros at the end are kept: they are part of the number.
    fn write(&self) -> String {
        let sign = if self.negative { "-" } else { "" };
        let mut adjusted = self.adjusted();
        if self.is_zero() && (ZERO_EXPONENT_MIN..0).contains(&self.exponent) {
            adjusted -= self.exponent;
        }
        if self.exponent <= 0 && adjusted >= -6 {
            return format!("{sign}{}", self.write_plain());
        }
        let (first, rest) = self.digits.split_at(1);
        let point = if rest.is_empty() { "" } else { "." };
        format!("{sign}{first}{point}{rest}E{:+}", self.adjusted())
    }

    fn write_plain(&self) -> String {
        let places = usize::try_from(-self.exponent).unwrap_or_default();
        if places == 0 {
            return self.digits.clone();
        }
        // No width in the format: those end at 65,535.
        let zeros = (places.min(LONGEST_PLACES) + 1).saturating_sub(self.digits.len());
        let padded = "0".repeat(zeros) + &self.digits;
        let places = places.min(padded.len() - 1);
        let (whole, part) = padded.split_at(padded.len() - places);
        format!("{whole}.{part}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[test]
    fn exponents_without_measure_are_refused() {
        for text in ["1e-70000", "1e-2147483648", "1e2147483647", "-3.5e-100001"] {
            assert!(canonical(text).is_err(), "{text}");
            assert!(in_full(text).len() < 200_000, "{text}");
        }
    }

    #[rstest]
    #[case("0", "0")]
    #[case("", "0")]
    #[case("0.0", "0.0")]
    #[case("-0", "-0")]
    #[case("007.50", "7.50")]
    #[case("+1.5", "1.5")]
    #[case("1e2", "1E+2")]
    #[case("1.20e1", "12.0")]
    #[case("1.2345e-07", "1.2345E-7")]
    #[case("0.00000012345", "1.2345E-7")]
    #[case("0.000001", "0.000001")]
    #[case("0.0000001", "1E-7")]
    #[case("0.00000000", "0.00000000")]
    #[case("0e3", "0E+3")]
    #[case("-1E-40", "-1E-40")]
    #[case("1e40", "1E+40")]
    #[case("12345678901234567890.5", "12345678901234567890.5")]
    fn writes_one_form(#[case] read: &str, #[case] written: &str) {
        let form = canonical(read).expect("a decimal");
        assert_eq!(form, written);
        assert_eq!(
            canonical(&form).as_deref(),
            Ok(written),
            "the form is stable"
        );
    }

    #[rstest]
    #[case("1.5E-7", "0.00000015")]
    #[case("-1E+3", "-1000")]
    #[case("0", "0")]
    #[case("12.50", "12.50")]
    fn events_write_it_in_full(#[case] read: &str, #[case] written: &str) {
        assert_eq!(in_full(read), written);
    }

    #[rstest]
    #[case("abc")]
    #[case(".")]
    #[case("1.2.3")]
    #[case("1e")]
    #[case("--1")]
    #[case("NaN")]
    #[case("-Infinity")]
    #[case("9e-41")]
    #[case("1.1e40")]
    #[case("1 ")]
    fn refuses(#[case] text: &str) {
        assert!(canonical(text).is_err(), "{text:?}");
    }
}
