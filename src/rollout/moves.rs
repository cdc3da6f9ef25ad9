//! The allocations of one target, stage by stage.

use std::collections::BTreeMap;

use super::{Effect, MoveProgress, Rollout, Stage};
use crate::model::{
    Allocation, BundleDigest, ComponentName, MoveKey, Place, Size, Slot, Slots, Strategy, Timestamp,
};

impl MoveProgress {
    /// Enters a stage: its clocks begin anew.
    pub(super) fn enter(&mut self, stage: Stage, now: Timestamp) {
        self.stage = stage;
        self.since = now;
        self.progressed = now;
        self.ready = 0;
        self.old = None;
    }

    /// What the worker said under the allocation and settings in force.
    pub(super) fn current_evidence(&self) -> Option<&super::Evidence> {
        self.evidence.as_ref().filter(|evidence| self.is_about(evidence))
    }
}

/// How a target moves from one bundle to another.
pub(super) struct Course<'a> {
    /// What runs before.
    pub from: &'a Allocation,
    /// What is asked for.
    pub to: BundleDigest,
    /// The kind of each component's workload under `to`.
    pub kinds: &'a BTreeMap<ComponentName, String>,
    /// How pods are replaced.
    pub strategy: Strategy,
}

/// The slot of a component: the one it has, or blue.
fn slot_of(from: &Allocation, component: &ComponentName) -> Slot {
    match from.components.get(component) {
        Some(Slots::Steady(place)) => place.slot,
        Some(Slots::InPlace { slot, .. }) => *slot,
        Some(Slots::Ordinal { .. }) | None => Slot::Blue,
    }
}

impl Course<'_> {
    fn steady(&self, component: &ComponentName, bundle: BundleDigest, size: Size) -> Slots {
        Slots::Steady(Place { bundle, slot: slot_of(self.from, component), size })
    }

    /// The bundle that a component runs before, if it does.
    fn before(&self, component: &ComponentName) -> Option<BundleDigest> {
        self.from.stable.filter(|_| self.from.components.contains_key(component))
    }

    /// The StatefulSets that move pod by pod: those that run before and after.
    pub fn ordinals(&self) -> Vec<ComponentName> {
        if self.strategy == Strategy::Recreate {
            return Vec::new();
        }
        let sets = self.kinds.iter().filter(|(_, kind)| kind.as_str() == "StatefulSet");
        sets.map(|(name, _)| name).filter(|name| self.before(name).is_some()).cloned().collect()
    }

    /// Configuration and services of `to` come; workloads stay.
    pub fn preparing(&self) -> Allocation {
        Allocation { preparing: Some(self.to), ..self.from.clone() }
    }

    /// Every workload stops.
    pub fn stopping(&self) -> Allocation {
        let mut allocation = self.preparing();
        if let Some(stable) = self.from.stable {
            for component in self.from.components.keys() {
                allocation.components.insert(component.clone(), self.steady(component, stable, Size::Zero));
            }
        }
        allocation
    }

    /// One StatefulSet runs `to` from an ordinal on; those before it in the order run it whole.
    pub fn ordinal(&self, component: &ComponentName, partition: u32) -> Allocation {
        let mut allocation = self.preparing();
        for name in self.ordinals() {
            let done = name < *component;
            if !done && name != *component {
                continue;
            }
            let partition = if done { 0 } else { partition };
            let slots = Slots::Ordinal { from: self.before(&name), to: self.to, partition, retire: false };
            allocation.components.insert(name, slots);
        }
        allocation
    }

    /// Everything but CronJobs runs `to`. CronJobs change at the commit: a run in between would be
    /// one of a release that is not yet trusted.
    pub fn moving(&self) -> Allocation {
        let mut allocation = self.preparing();
        for (component, kind) in self.kinds {
            let before = self.before(component);
            let slots = match kind.as_str() {
                "CronJob" => continue,
                _ if self.strategy == Strategy::Recreate => self.steady(component, self.to, Size::Full),
                "StatefulSet" if before.is_some() => {
                    Slots::Ordinal { from: before, to: self.to, partition: 0, retire: false }
                }
                _ => Slots::InPlace { from: before, to: self.to, slot: slot_of(self.from, component) },
            };
            allocation.components.insert(component.clone(), slots);
        }
        // Components that `to` no longer has stay until the last soak is over.
        allocation
    }

    /// `to` is stable; what only the old bundle had is kept until the last soak is over.
    pub fn committed(&self) -> Allocation {
        Allocation {
            stable: Some(self.to),
            components: self
                .kinds
                .keys()
                .map(|name| (name.clone(), self.steady(name, self.to, Size::Full)))
                .collect(),
            preparing: None,
            retained: self.from.stable.filter(|stable| *stable != self.to),
            number: 0,
        }
    }

    /// What was stable, again. A first release has nothing to go back to: it is scaled to zero.
    pub fn restoring(&self) -> Allocation {
        let Some(stable) = self.from.stable else {
            let zero = |name: &ComponentName| (name.clone(), self.steady(name, self.to, Size::Zero));
            let components = self.kinds.keys().map(zero).collect();
            return Allocation { stable: None, components, preparing: None, retained: None, number: 0 };
        };
        let mut allocation = self.from.clone();
        // What the failed release added stays until everything is back.
        allocation.retained = Some(self.to);
        for (component, kind) in self.kinds {
            if kind == "StatefulSet" && self.strategy == Strategy::Rolling && self.before(component).is_some()
            {
                let slots = Slots::Ordinal { from: Some(self.to), to: stable, partition: 0, retire: true };
                allocation.components.insert(component.clone(), slots);
            }
        }
        allocation
    }

    /// What is held once everything is back.
    pub fn restored(&self) -> Allocation {
        match self.from.stable {
            Some(_) => self.from.clone(),
            None => self.restoring(),
        }
    }
}

impl Rollout {
    /// How a target moves.
    pub(super) fn course<'a>(&'a self, key: &MoveKey) -> Course<'a> {
        const NONE: &BTreeMap<ComponentName, String> = &BTreeMap::new();
        let program = self.program();
        Course {
            from: &self.back[key],
            to: program.to[key],
            kinds: program.kinds.get(key).unwrap_or(NONE),
            strategy: program.rules.strategy,
        }
    }

    /// Tells a target what to hold from now on, and enters a stage.
    pub(super) fn allocate(
        &mut self,
        key: &MoveKey,
        mut allocation: Allocation,
        stage: Stage,
        now: Timestamp,
        effects: &mut Vec<Effect>,
    ) {
        let Some(progress) = self.moves.get_mut(key) else { return };
        allocation.number = progress.allocation.number + 1;
        progress.allocation = allocation.clone();
        progress.enter(stage, now);
        progress.silent = false;
        progress.evidence = None;
        effects.push(Effect::Allocate(key.clone(), allocation));
    }
}
