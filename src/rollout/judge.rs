//! What counts as a failure, and when.

use super::{FAULT_MEMORY, MoveProgress, RESTART_LIMIT, Sighting, Stage};
use crate::accepted::{Failure, FailureKind};
use crate::model::{ComponentName, MoveKey, Timeouts, Timestamp};
use crate::rollout::{ComponentReport, Evidence};

impl MoveProgress {
    /// Takes in what a worker said. Evidence older than allocation or settings is dropped.
    pub(super) fn observe(&mut self, evidence: &Evidence, now: Timestamp) {
        if !self.is_about(evidence) {
            return;
        }
        self.silent = false;
        let ready = evidence.components.values().map(|report| report.ready).sum();
        if ready > self.ready {
            self.ready = ready;
            self.progressed = now;
        }
        // The last of a release that is left may take its whole grace to end.
        let old = evidence.components.values().map(|report| report.old).sum();
        if self.old.is_some_and(|before| old < before) {
            self.progressed = now;
        }
        self.old = Some(self.old.map_or(old, |before| before.min(old)));
        self.sight(evidence, now);
        self.evidence = Some(evidence.clone());
    }

    /// Whether a report is about what the target is told to hold now, under the settings in force.
    pub(super) fn is_about(&self, evidence: &Evidence) -> bool {
        evidence.allocation >= self.allocation.number && evidence.settings >= self.settings
    }

    /// Remembers a fault from its first sighting on.
    fn sight(&mut self, evidence: &Evidence, now: Timestamp) {
        let seen = evidence.components.iter().find_map(|(name, report)| {
            report.faults.iter().find(|fault| fault.counts).map(|fault| (name.clone(), fault.clone()))
        });
        match (seen, &mut self.sighting) {
            (Some((component, fault)), Some(sighting)) => {
                sighting.gone = None;
                sighting.component = component;
                sighting.fault = fault;
            }
            (Some((component, fault)), none) => {
                *none = Some(Sighting { first: now, gone: None, component, fault });
            }
            (None, Some(sighting)) => {
                let gone = *sighting.gone.get_or_insert(now);
                if elapsed(gone, now) > FAULT_MEMORY {
                    self.sighting = None;
                }
            }
            (None, None) => {}
        }
    }

    /// The failure of this target, if what is known of it counts as one by now.
    pub(super) fn failure(&self, at: &MoveKey, timeouts: &Timeouts, now: Timestamp) -> Option<Failure> {
        let base = |kind, component: Option<&ComponentName>, reason: &str, message: &str, since| Failure {
            kind,
            at: Some(at.clone()),
            component: component.cloned(),
            reason: reason.to_owned(),
            message: message.to_owned(),
            since,
            found: now,
        };
        if let Some(evidence) = self.current_evidence()
            && evidence.refused
        {
            let message = evidence.trouble.as_deref().unwrap_or_default();
            return Some(base(FailureKind::Refused, None, "Refused", message, self.since));
        }
        if self.stage == Stage::Preparing {
            let late = elapsed(self.since, now) >= timeouts.prepare.0;
            return late.then(|| {
                base(FailureKind::NotPrepared, None, "NotPrepared", &self.why_not_ready(), self.since)
            });
        }
        if let Some(failure) = self.fault(timeouts, now) {
            let Sighting { first, component, fault, .. } = failure;
            let message = fault.to_string();
            return Some(base(FailureKind::Fault, Some(component), &fault.reason, &message, *first));
        }
        if elapsed(self.progressed, now) >= timeouts.progress.0 && !self.is_ready() {
            let (component, reason) = self.blocking();
            let reason = reason.unwrap_or_else(|| "NoProgress".to_owned());
            let message = self.why_not_ready();
            return Some(base(
                FailureKind::NoProgress,
                component.as_ref(),
                &reason,
                &message,
                self.progressed,
            ));
        }
        None
    }

    /// A fault that is there now and has been long enough, or restarts beyond the limit.
    fn fault(&self, timeouts: &Timeouts, now: Timestamp) -> Option<&Sighting> {
        let sighting = self.sighting.as_ref()?;
        let evidence = self.current_evidence()?;
        let restarts = evidence.components.get(&sighting.component).map_or(0, |report| report.restarts);
        let long_enough = elapsed(sighting.first, now) >= timeouts.fault.0;
        ((sighting.gone.is_none() && long_enough) || restarts >= RESTART_LIMIT).then_some(sighting)
    }

    /// Whether everything on this target is ready, by evidence under the numbers in force.
    pub(super) fn is_ready(&self) -> bool {
        self.current_evidence().is_some_and(Evidence::is_ready)
    }

    /// The first component that is not ready, and the reason that it gives.
    fn blocking(&self) -> (Option<ComponentName>, Option<String>) {
        let Some(evidence) = self.current_evidence() else { return (None, None) };
        match evidence.components.iter().find(|(_, report)| !report.is_ready()) {
            Some((name, report)) => (Some(name.clone()), first_reason(report)),
            None => (None, None),
        }
    }

    /// What is missing, for people.
    pub(super) fn why_not_ready(&self) -> String {
        let Some(evidence) = self.current_evidence() else {
            return "the cluster has not answered yet".to_owned();
        };
        if let Some(trouble) = &evidence.trouble {
            return trouble.clone();
        }
        let waiting = evidence.components.iter().find(|(_, report)| !report.is_ready());
        match waiting {
            Some((name, report)) => {
                let words =
                    report.faults.first().map(ToString::to_string).unwrap_or_else(|| report.message.clone());
                let counts = format!("{name}: {} of {} pods ready", report.ready, report.wanted);
                if words.is_empty() { counts } else { format!("{counts}; {words}") }
            }
            None => String::new(),
        }
    }
}

fn first_reason(report: &ComponentReport) -> Option<String> {
    report
        .faults
        .first()
        .map(|fault| fault.reason.clone())
        .or_else(|| (!report.reason.is_empty()).then(|| report.reason.clone()))
}

impl std::fmt::Display for super::Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.container.is_empty() {
            write!(f, "pod {}: {}", self.pod, self.message)
        } else {
            write!(f, "container {} of pod {}: {}", self.container, self.pod, self.message)
        }
    }
}

/// The time from one moment to a later one; zero if it is not later.
pub(super) fn elapsed(from: Timestamp, to: Timestamp) -> std::time::Duration {
    to.duration_since(from).try_into().unwrap_or_default()
}
