//! Durations as people write them: `30s`, `5m`, `1h30m`.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Why a text is no duration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParseDurationError {
    /// Not a sequence of whole numbers with units.
    #[error("`{0}` is no duration: write whole numbers with units, for example `30s`, `5m` or `1h30m`")]
    Malformed(String),
    /// More than the limit of 366 days.
    #[error("the duration `{0}` is longer than 366 days")]
    TooLong(String),
}

/// The longest duration that is read: longer ones are mistakes.
const LIMIT: Duration = Duration::from_secs(366 * 24 * 3600);

/// Reads a duration: whole numbers, each followed by `ms`, `s`, `m`, `h` or `d`, in any order.
///
/// # Errors
/// The text is empty, has a sign, a fraction or an unknown unit, or is longer than 366 days.
pub fn parse_duration(text: &str) -> Result<Duration, ParseDurationError> {
    let malformed = || ParseDurationError::Malformed(text.to_owned());
    let too_long = || ParseDurationError::TooLong(text.to_owned());
    if text.is_empty() {
        return Err(malformed());
    }
    let mut total: u64 = 0;
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let (number, tail) = rest.split_at(digits);
        let letters = tail.bytes().take_while(u8::is_ascii_alphabetic).count();
        let (unit, tail) = tail.split_at(letters);
        let scale: u64 = match unit {
            "ms" => 1,
            "s" => 1000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            _ => return Err(malformed()),
        };
        if number.is_empty() {
            return Err(malformed());
        }
        let number: u64 = number.parse().map_err(|_| too_long())?;
        total = number.checked_mul(scale).and_then(|n| total.checked_add(n)).ok_or_else(too_long)?;
        rest = tail;
    }
    let duration = Duration::from_millis(total);
    if duration > LIMIT { Err(too_long()) } else { Ok(duration) }
}

/// Writes a duration so that [`parse_duration`] reads it back (to the millisecond): `1h30m`, `0s`.
pub fn format_duration(duration: Duration) -> String {
    let mut rest = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    if rest == 0 {
        return "0s".to_owned();
    }
    let mut text = String::new();
    for (scale, unit) in [(3_600_000, "h"), (60_000, "m"), (1000, "s"), (1, "ms")] {
        let number = rest / scale;
        rest %= scale;
        if number > 0 {
            text.push_str(&format!("{number}{unit}"));
        }
    }
    text
}

/// A duration in a definition, written and read as text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Span(pub Duration);

impl Span {
    /// A span of whole seconds.
    pub const fn from_secs(seconds: u64) -> Self {
        Self(Duration::from_secs(seconds))
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format_duration(self.0))
    }
}

impl Serialize for Span {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        parse_duration(&text).map(Span).map_err(serde::de::Error::custom)
    }
}

impl schemars::JsonSchema for Span {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Duration".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string",
            "description": "A duration: whole numbers with the units ms, s, m, h or d, for example 90s or 1h30m.",
            "pattern": "^([0-9]+(ms|s|m|h|d))+$"
        })
    }
}
