//! The fleet's policy: images, probes, limits.

use super::Component;
use crate::definition::{LimitBounds, Policy, Workload};
use crate::diagnostic::{Code, Fault};
use crate::model::Amounts;
use crate::render;

pub(super) fn check(here: &Component, policy: &Policy, registries: &[String], faults: &mut Vec<Fault>) {
    let runs = !matches!(here.component.workload, Workload::Job | Workload::CronJob);
    let defaults = here.site.rules.limits.as_ref().map(|limits| &limits.container);
    for (list, name, container) in here.containers() {
        for (message, help) in image_faults(&container.image, policy, registries) {
            faults.push(here.error(Code::S0505, &[list, name, "image"], message).help(help));
        }
        if policy.require_probes && runs && list == "containers" && container.probes.readiness.is_none() {
            let fault = here.error(Code::S0506, &[list, name], probe_message(name));
            faults.push(fault.help("write `probes.readiness`"));
        }
        if policy.require_limits {
            let (_, limits) = render::amounts(&container.resources);
            for resource in missing_limits(&limits, defaults) {
                let message = limit_message(resource, name);
                let fault = here.error(Code::S0506, &[list, name, "resources"], message);
                faults.push(fault.help(format!("write `resources: {{limits: {{{resource}: ...}}}}`")));
            }
        }
    }
}

/// The resources that need a limit and have none, nor get one from the namespace.
pub(super) fn missing_limits(
    limits: &Amounts,
    defaults: Option<&LimitBounds>,
) -> impl Iterator<Item = &'static str> {
    let given = move |resource: &str| {
        let filled =
            defaults.is_some_and(|d| d.default.contains_key(resource) || d.max.contains_key(resource));
        limits.get(resource).is_some_and(|amount| amount.nano() > 0) || filled
    };
    ["cpu", "memory"].into_iter().filter(move |resource| !given(resource))
}

pub(super) fn probe_message(container: &str) -> String {
    format!("the fleet's policy asks for a readiness probe of container `{container}`")
}

pub(super) fn limit_message(resource: &str, container: &str) -> String {
    format!("the fleet's policy asks for a {resource} limit of container `{container}`")
}

/// An image reference in its parts.
struct Image<'a> {
    tag: Option<&'a str>,
    digest: Option<&'a str>,
    /// With the registry and folder that Docker would add.
    full: String,
}

/// Takes an image reference apart; none if it is none.
fn parse(text: &str) -> Option<Image<'_>> {
    let (rest, digest) = match text.split_once('@') {
        Some((rest, digest)) => (rest, Some(digest)),
        None => (text, None),
    };
    let path_start = rest.rfind('/').map_or(0, |slash| slash + 1);
    let (name, tag) = match rest[path_start..].rfind(':') {
        Some(colon) => (&rest[..path_start + colon], Some(&rest[path_start + colon + 1..])),
        None => (rest, None),
    };
    let legal = |part: &str| {
        !part.is_empty()
            && part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-_.:".contains(&b))
    };
    let hex = |digest: &str| {
        digest
            .strip_prefix("sha256:")
            .is_some_and(|hex| hex.len() == 64 && hex.bytes().all(|b| b.is_ascii_hexdigit()))
    };
    let tag_legal = |tag: &str| {
        !tag.is_empty()
            && tag.len() <= 128
            && tag.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
    };
    if !name.split('/').all(legal) || !digest.is_none_or(hex) || !tag.is_none_or(tag_legal) {
        return None;
    }
    let full = match name.split_once('/') {
        None => format!("docker.io/library/{rest}"),
        Some((first, _)) if !first.contains(['.', ':']) && first != "localhost" => {
            format!("docker.io/{rest}")
        }
        Some(_) => rest.to_owned(),
    };
    Some(Image { tag, digest, full })
}

/// What is wrong with an image, each with what to do.
pub(super) fn image_faults(text: &str, policy: &Policy, registries: &[String]) -> Vec<(String, String)> {
    let mut faults = Vec::new();
    let shown = crate::diagnostic::shorten(text);
    let Some(image) = parse(text) else {
        let help = "write for example `registry.example/team/web:1.4.2`, without a leading `/`";
        return vec![(format!("`{shown}` is no image"), help.to_owned())];
    };
    for (whose, allowed) in
        [("the fleet's policy", &policy.images.registries[..]), ("the tenant", registries)]
    {
        let fits =
            |prefix: &String| image.full.starts_with(prefix.as_str()) || text.starts_with(prefix.as_str());
        if !allowed.is_empty() && !allowed.iter().any(fits) {
            let message = format!("{whose} does not allow the image `{text}`");
            faults.push((message, format!("images begin with {}", allowed.join(" or "))));
        }
    }
    if policy.images.require_digest && image.digest.is_none() {
        let message = format!("the fleet's policy asks for a digest: `{text}`");
        faults.push((message, "write `name:tag@sha256:...`".to_owned()));
    }
    if policy.images.forbid_latest && image.digest.is_none() && matches!(image.tag, None | Some("latest")) {
        let message = format!("`{text}` means another image every time");
        faults.push((message, "write a tag that says the version".to_owned()));
    }
    faults
}
