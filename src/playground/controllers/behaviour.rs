//! How simulated pods behave: what a tag or an annotation asks for, and how long things take.

use std::time::Duration;

use serde_json::Value;

use super::object::annotation;

/// The annotation on a pod that chooses its behaviour; it wins over the tags of its images.
pub const BEHAVIOUR_ANNOTATION: &str = "playground.sluice.dev/behaviour";

/// How long the steps of a simulated pod take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PodBehaviour {
    /// From scheduling to running and ready.
    pub ready_after: Duration,
    /// From scheduling to ready for `slow`.
    pub slow_after: Duration,
    /// From deletion to gone, if the grace period is not shorter.
    pub terminate_after: Duration,
    /// How long a pod that is meant to end runs.
    pub job_time: Duration,
    /// How long a container of `crash`, `oom` or `fail` runs before it ends.
    pub crash_after: Duration,
    /// How long a failed pull shows as `ErrImagePull` before `ImagePullBackOff`.
    pub pull_error_for: Duration,
    /// How long a pod of `flap` stays ready, and then not ready.
    pub flap_every: Duration,
    /// The first wait after a crash or a failed pull; doubled each time.
    pub back_off: Duration,
    /// The longest wait after a crash or a failed pull.
    pub back_off_limit: Duration,
}

impl Default for PodBehaviour {
    fn default() -> Self {
        Self {
            ready_after: Duration::from_millis(500),
            slow_after: Duration::from_secs(20),
            terminate_after: Duration::from_millis(200),
            job_time: Duration::from_secs(1),
            crash_after: Duration::from_millis(300),
            pull_error_for: Duration::from_secs(2),
            flap_every: Duration::from_secs(5),
            // The kubelet's own figures.
            back_off: Duration::from_secs(10),
            back_off_limit: Duration::from_secs(300),
        }
    }
}

impl PodBehaviour {
    /// The wait after the `nth` failure, counted from 0.
    pub fn back_off_after(&self, nth: u32) -> Duration {
        let factor = 1_u32.checked_shl(nth.min(16)).unwrap_or(u32::MAX);
        self.back_off.saturating_mul(factor).min(self.back_off_limit)
    }
}

/// What a container does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Conduct {
    /// Gets ready and stays so, or ends well where its pod is meant to end.
    Well,
    /// Its image can't be pulled.
    Bad,
    /// Ends with code 1 again and again.
    Crash,
    /// Gets ready late.
    Slow,
    /// Runs, but never gets ready.
    Never,
    /// Is killed for want of memory again and again.
    Oom,
    /// Ends with code 1 where its pod is meant to end; else like `Crash`.
    Fail,
    /// Gets ready, not ready, ready...
    Flap,
}

const WORDS: [(&str, Conduct); 7] = [
    ("bad", Conduct::Bad),
    ("crash", Conduct::Crash),
    ("slow", Conduct::Slow),
    ("never", Conduct::Never),
    ("oom", Conduct::Oom),
    ("fail", Conduct::Fail),
    ("flap", Conduct::Flap),
];

impl Conduct {
    /// What a word asks for: the word itself, or a tag that contains it between characters that are
    /// neither letters nor digits.
    pub fn of_word(word: &str) -> Self {
        word.split(|c: char| !c.is_ascii_alphanumeric())
            .find_map(|part| WORDS.iter().find(|(word, _)| *word == part))
            .map_or(Self::Well, |(_, conduct)| *conduct)
    }

    /// What a container of a pod does, by the pod's annotation or else by its image's tag.
    pub fn of(pod: &Value, image: &str) -> Self {
        match annotation(pod, BEHAVIOUR_ANNOTATION) {
            Some(word) => Self::of_word(word),
            None => Self::of_word(tag_of(image)),
        }
    }
}

/// The tag of an image reference; empty where it has none.
fn tag_of(image: &str) -> &str {
    let named = image.split_once('@').map_or(image, |(named, _)| named);
    let last = named.rsplit_once('/').map_or(named, |(_, last)| last);
    last.rsplit_once(':').map_or("", |(_, tag)| tag)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_chooses_by_whole_words() {
        let cases = [
            ("shop:1.4.2", Conduct::Well),
            ("shop:bad", Conduct::Bad),
            ("registry.example:5000/bad/shop", Conduct::Well),
            ("registry.example:5000/shop:1.4.2-bad", Conduct::Bad),
            ("shop:badger", Conduct::Well),
            ("shop:v2_crash.1", Conduct::Crash),
            ("shop:oom@sha256:0000", Conduct::Oom),
        ];
        for (image, conduct) in cases {
            assert_eq!(Conduct::of(&serde_json::json!({}), image), conduct, "{image}");
        }
        let pod = serde_json::json!({"metadata": {"annotations": {BEHAVIOUR_ANNOTATION: "never"}}});
        assert_eq!(Conduct::of(&pod, "shop:bad"), Conduct::Never);
    }

    #[test]
    fn the_wait_doubles_up_to_its_limit() {
        let waits: Vec<u64> =
            (0..7).map(|nth| PodBehaviour::default().back_off_after(nth).as_secs()).collect();
        assert_eq!(waits, [10, 20, 40, 80, 160, 300, 300]);
    }
}
