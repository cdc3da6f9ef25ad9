//! Checks of `sluice.yaml` beside the other definitions: tenants' own repositories and signers.

use std::collections::BTreeSet;

use super::Definitions;
use crate::definition::{CommitSignatures, Fleet, nearest};
use crate::diagnostic::{Code, Diagnostic};
use crate::resolve::Resolved;
use crate::signature::Signers;

/// What is wrong with the sources and signers of a fleet.
pub(super) fn check(fleet: &Resolved<Fleet>, platform: &Definitions) -> Vec<Diagnostic> {
    let mut faults = Vec::new();
    sources(fleet, platform, &mut faults);
    signers(fleet, &mut faults);
    faults
}

fn at(parts: &[&str]) -> Vec<String> {
    parts.iter().map(|part| (*part).to_owned()).collect()
}

fn sources(fleet: &Resolved<Fleet>, platform: &Definitions, faults: &mut Vec<Diagnostic>) {
    let mut seen = BTreeSet::new();
    for (index, source) in fleet.value.sources.iter().enumerate() {
        let place = |field: &str| fleet.place(&at(&["sources", &index.to_string(), field]));
        let tenant = &source.tenant;
        if !seen.insert(tenant) {
            let message = format!("the tenant `{tenant}` has two repositories");
            faults.push(Diagnostic::error(Code::S0411, place("tenant"), message));
        }
        if !platform.tenants.contains_key(tenant) {
            let message = format!("there is no tenant `{tenant}`");
            let known = platform.tenants.keys().map(|name| name.as_str());
            let fault = Diagnostic::error(Code::S0404, place("tenant"), message);
            faults.push(match nearest(tenant.as_str(), known) {
                Some(near) => fault.help(format!("did you mean `{near}`?")),
                None => fault,
            });
        }
        for name in source.branches.keys() {
            if !fleet.value.environments.iter().any(|environment| environment.name == *name) {
                let message = format!("the fleet has no environment `{name}`");
                faults.push(Diagnostic::error(Code::S0404, place("branches"), message));
            }
        }
    }
}

fn signers(fleet: &Resolved<Fleet>, faults: &mut Vec<Diagnostic>) {
    let value = &fleet.value;
    let mut readable = 0_usize;
    for (name, user) in &value.users {
        for (index, key) in user.signing_keys.iter().enumerate() {
            match Signers::default().add(name, key) {
                Ok(()) => readable += 1,
                Err(error) => {
                    let place = fleet.place(&at(&["users", name, "signingKeys", &index.to_string()]));
                    let message = format!("the signing key can't be used: {error}");
                    faults.push(Diagnostic::error(Code::S0412, place, message));
                }
            }
        }
    }
    for (index, name) in value.policy.signers.iter().enumerate() {
        if !value.users.contains_key(name) && !value.groups.contains_key(name) {
            let place = fleet.place(&at(&["policy", "signers", &index.to_string()]));
            let known = value.users.keys().chain(value.groups.keys()).map(String::as_str);
            let fault = Diagnostic::error(Code::S0404, place, format!("there is no user or group `{name}`"));
            faults.push(match nearest(name, known) {
                Some(near) => fault.help(format!("did you mean `{near}`?")),
                None => fault,
            });
        }
    }
    if value.policy.commit_signatures != CommitSignatures::Off && readable == 0 {
        let place = fleet.place(&at(&["policy", "commitSignatures"]));
        let message = "commits must be signed and nobody has a signing key";
        let help = "write `signingKeys` of a user, or give the engine a file with `--signers-file`";
        faults.push(Diagnostic::warning(Code::S0412, place, message).help(help));
    }
}
