//! What a plain scalar is, by the rules of Kubernetes' reader (YAML 1.1 without sexagesimals).

use serde_json::Number;

use super::NodeValue;

/// Why a plain scalar has no value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unreadable {
    /// `.inf` and `.nan`: JSON has none.
    NotFinite,
    /// An integer over 64 bits.
    TooLarge,
    /// A number with more digits than a double holds.
    LosesDigits,
}

/// Integers up to this are exact as doubles.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// The value of a plain scalar.
pub(super) fn resolve(text: &str) -> Result<NodeValue, Unreadable> {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Ok(NodeValue::Null),
        "y" | "Y" | "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => {
            return Ok(NodeValue::Bool(true));
        }
        "n" | "N" | "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => {
            return Ok(NodeValue::Bool(false));
        }
        ".nan" | ".NaN" | ".NAN" => return Err(Unreadable::NotFinite),
        _ => {}
    }
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    if matches!(unsigned, ".inf" | ".Inf" | ".INF") {
        return Err(Unreadable::NotFinite);
    }
    let first = unsigned.bytes().next().unwrap_or_default();
    if !first.is_ascii_digit() && first != b'.' {
        return Ok(NodeValue::String(text.to_owned()));
    }
    let plain = text.replace('_', "");
    if let Some(integer) = integer(&plain) {
        return integer.map(NodeValue::Number);
    }
    if is_float(&plain) {
        return float(&plain).map(NodeValue::Number);
    }
    Ok(NodeValue::String(text.to_owned()))
}

/// An integer in base 2, 8, 10 or 16; `None` where the text is none.
fn integer(text: &str) -> Option<Result<Number, Unreadable>> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let prefixed = |lower: &str, upper: &str| digits.strip_prefix(lower).or(digits.strip_prefix(upper));
    let (radix, digits) = if let Some(rest) = prefixed("0x", "0X") {
        (16, rest)
    } else if let Some(rest) = prefixed("0b", "0B") {
        (2, rest)
    } else if let Some(rest) = prefixed("0o", "0O") {
        (8, rest)
    } else if digits.len() > 1 && digits.starts_with('0') {
        (8, &digits[1..])
    } else {
        (10, digits)
    };
    if digits.is_empty() || !digits.chars().all(|digit| digit.is_digit(radix)) {
        return None;
    }
    let Ok(magnitude) = u64::from_str_radix(digits, radix) else { return Some(Err(Unreadable::TooLarge)) };
    Some(match negative {
        false => Ok(Number::from(magnitude)),
        true => i64::try_from(-i128::from(magnitude)).map(Number::from).map_err(|_| Unreadable::TooLarge),
    })
}

/// Whether the text is `[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?`.
fn is_float(text: &str) -> bool {
    let text = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent.strip_prefix(['+', '-']).unwrap_or(exponent))),
        None => (text, None),
    };
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    digits(whole)
        && digits(fraction)
        && !(whole.is_empty() && fraction.is_empty())
        && exponent.is_none_or(|exponent| !exponent.is_empty() && digits(exponent))
}

/// The number that a decimal text names, an integer where it is whole.
fn float(text: &str) -> Result<Number, Unreadable> {
    let value: f64 = text.parse().map_err(|_| Unreadable::LosesDigits)?;
    if !value.is_finite() || significant(text) != significant(&format!("{value:e}")) {
        return Err(Unreadable::LosesDigits);
    }
    if value.fract() == 0.0 && value.abs() <= EXACT {
        #[expect(clippy::cast_possible_truncation, reason = "whole and within 53 bits")]
        return Ok(Number::from(value as i64));
    }
    Number::from_f64(value).ok_or(Unreadable::NotFinite)
}

/// The significant digits of a decimal text, without its sign, point, exponent and outer zeros.
fn significant(text: &str) -> String {
    let mantissa = text.split(['e', 'E']).next().unwrap_or_default();
    let digits: String = mantissa.chars().filter(char::is_ascii_digit).collect();
    digits.trim_matches('0').to_owned()
}
