//! Five-field schedules, as cron has them: when a job is due next.
//!
//! Source: the syntax that Kubernetes documents for CronJobs: lists, ranges, steps, names of months
//! and days, and the `@hourly` family. Where both days are restricted, either suffices.

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{ToSpan, Zoned};

use crate::model::Timestamp;

/// How far ahead a schedule is searched: the 29th of February comes within eight years.
const YEARS_AHEAD: i64 = 9;

/// When a job is due.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Schedule {
    minutes: u64,
    hours: u64,
    days: u64,
    months: u64,
    weekdays: u64,
    /// Whether a day must meet both day fields, since one of them is unrestricted.
    both_days: bool,
}

const MONTHS: [&str; 12] =
    ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const WEEKDAYS: [&str; 7] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

impl Schedule {
    /// Reads a schedule; none if it is none.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let text = match text.trim() {
            "@yearly" | "@annually" => "0 0 1 1 *",
            "@monthly" => "0 0 1 * *",
            "@weekly" => "0 0 * * 0",
            "@daily" | "@midnight" => "0 0 * * *",
            "@hourly" => "0 * * * *",
            other => other,
        };
        let fields: Vec<&str> = text.split_ascii_whitespace().collect();
        let [minute, hour, day, month, weekday] = fields[..] else { return None };
        let weekdays = field(weekday, 0, 7, &WEEKDAYS)?;
        Some(Self {
            minutes: field(minute, 0, 59, &[])?,
            hours: field(hour, 0, 23, &[])?,
            days: field(day, 1, 31, &[])?,
            months: field(month, 1, 12, &MONTHS)?,
            // Sunday is 0 and 7.
            weekdays: (weekdays | weekdays >> 7) & 0x7f,
            both_days: is_open(day) || is_open(weekday),
        })
    }

    /// The first moment after `from` that the schedule names in a time zone.
    pub(super) fn next(&self, from: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        let start = from.to_zoned(zone.clone()).datetime();
        let mut at =
            start.with().second(0).subsec_nanosecond(0).build().ok()?.checked_add(1.minute()).ok()?;
        let end = at.checked_add(YEARS_AHEAD.years()).ok()?;
        while at < end {
            if !has(self.months, at.month()) {
                at = midnight(at).with().day(1).build().ok()?.checked_add(1.month()).ok()?;
            } else if !self.names_day(at) {
                at = midnight(at).checked_add(1.day()).ok()?;
            } else if !has(self.hours, at.hour()) {
                at = at.with().minute(0).build().ok()?.checked_add(1.hour()).ok()?;
            } else if !has(self.minutes, at.minute()) {
                at = at.checked_add(1.minute()).ok()?;
            } else {
                let due: Zoned = at.to_zoned(zone.clone()).ok()?;
                // A time that the zone skips or repeats must not lead backwards.
                if due.timestamp() > from {
                    return Some(due.timestamp());
                }
                at = at.checked_add(1.minute()).ok()?;
            }
        }
        None
    }

    fn names_day(&self, at: DateTime) -> bool {
        let day = has(self.days, at.day());
        let weekday = has(self.weekdays, at.weekday().to_sunday_zero_offset());
        if self.both_days { day && weekday } else { day || weekday }
    }
}

fn midnight(at: DateTime) -> DateTime {
    at.date().to_datetime(jiff::civil::Time::midnight())
}

fn is_open(text: &str) -> bool {
    text.starts_with('*') || text.starts_with('?')
}

fn has(set: u64, number: i8) -> bool {
    u32::try_from(number).is_ok_and(|number| set & (1 << number) != 0)
}

/// The numbers that a field names, as bits.
fn field(text: &str, least: u32, most: u32, names: &[&str]) -> Option<u64> {
    let number = |text: &str| -> Option<u32> {
        let named = names.iter().position(|name| name.eq_ignore_ascii_case(text));
        let number = match named {
            Some(position) => u32::try_from(position).ok()? + least,
            None => text.parse().ok()?,
        };
        (least..=most).contains(&number).then_some(number)
    };
    let mut set = 0;
    for part in text.split(',') {
        let (range, step) = match part.split_once('/') {
            Some((range, step)) => (range, step.parse::<usize>().ok().filter(|step| *step > 0)?),
            None => (part, 1),
        };
        let (from, to) = match range.split_once('-') {
            _ if matches!(range, "*" | "?") => (least, most),
            Some((from, to)) => (number(from)?, number(to)?),
            // `5/10` means from 5 on.
            None if part.contains('/') => (number(range)?, most),
            None => (number(range)?, number(range)?),
        };
        if from > to {
            return None;
        }
        for number in (from..=to).step_by(step) {
            set |= 1 << number;
        }
    }
    Some(set)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schedules_name_their_next_moment() {
        let cases = [
            ("* * * * *", "2026-03-01T10:00:30Z", Some("2026-03-01T10:01:00Z")),
            ("*/15 * * * *", "2026-03-01T10:00:00Z", Some("2026-03-01T10:15:00Z")),
            ("0 3 * * mon-fri", "2026-02-27T03:00:00Z", Some("2026-03-02T03:00:00Z")),
            ("30 2 29 2 *", "2026-03-01T00:00:00Z", Some("2028-02-29T02:30:00Z")),
            ("0 0 1 * 7", "2026-03-02T00:00:00Z", Some("2026-03-08T00:00:00Z")),
            ("5/20 8-9 * JAN,Mar *", "2026-03-01T09:45:00Z", Some("2026-03-02T08:05:00Z")),
            ("@daily", "2026-12-31T12:00:00Z", Some("2027-01-01T00:00:00Z")),
            ("0 0 31 2 *", "2026-01-01T00:00:00Z", None),
        ];
        for (text, from, expected) in cases {
            let next = Schedule::parse(text).unwrap().next(from.parse().unwrap(), &TimeZone::UTC);
            assert_eq!(next, expected.map(|at| at.parse().unwrap()), "{text}");
        }
    }

    #[test]
    fn what_is_no_schedule_is_refused() {
        for text in ["", "* * * *", "60 * * * *", "*/0 * * * *", "5-1 * * * *", "* * * foo *", "* * 0 * *"] {
            assert_eq!(Schedule::parse(text), None, "{text}");
        }
    }
}
