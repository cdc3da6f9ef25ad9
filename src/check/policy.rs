//! The fleet's policy: images, probes, limits.

use super::Component;
use crate::definition::{Policy, Workload};
use crate::diagnostic::{Code, Fault};
use crate::render;

pub(super) fn check(here: &Component, policy: &Policy, registries: &[String], faults: &mut Vec<Fault>) {
    let runs = !matches!(here.component.workload, Workload::Job | Workload::CronJob);
    for (list, name, container) in here.containers() {
        image(here, &[list, name, "image"], &container.image, policy, registries, faults);
        if policy.require_probes && runs && list == "containers" && container.probes.readiness.is_none() {
            let message = format!("the fleet's policy asks for a readiness probe of container `{name}`");
            faults.push(here.error(Code::S0506, &[list, name], message).help("write `probes.readiness`"));
        }
        if policy.require_limits {
            let (_, limits) = render::amounts(&container.resources);
            let defaults = here.site.rules.limits.as_ref().map(|limits| &limits.container);
            let given = |resource: &str| {
                let filled = defaults
                    .is_some_and(|d| d.default.contains_key(resource) || d.max.contains_key(resource));
                limits.get(resource).is_some_and(|amount| amount.nano() > 0) || filled
            };
            for resource in ["cpu", "memory"].into_iter().filter(|resource| !given(resource)) {
                let message = format!("the fleet's policy asks for a {resource} limit of container `{name}`");
                let fault = here.error(Code::S0506, &[list, name, "resources"], message);
                faults.push(fault.help(format!("write `resources: {{limits: {{{resource}: ...}}}}`")));
            }
        }
    }
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

fn image(
    here: &Component,
    at: &[&str; 3],
    text: &str,
    policy: &Policy,
    registries: &[String],
    faults: &mut Vec<Fault>,
) {
    let Some(image) = parse(text) else {
        let message = format!("`{}` is no image", crate::diagnostic::shorten(text));
        let help = "write for example `registry.example/team/web:1.4.2`, without a leading `/`";
        faults.push(here.error(Code::S0505, at, message).help(help));
        return;
    };
    for (whose, allowed) in
        [("the fleet's policy", &policy.images.registries[..]), ("the tenant", registries)]
    {
        let fits =
            |prefix: &String| image.full.starts_with(prefix.as_str()) || text.starts_with(prefix.as_str());
        if !allowed.is_empty() && !allowed.iter().any(fits) {
            let message = format!("{whose} does not allow the image `{text}`");
            let help = format!("images begin with {}", allowed.join(" or "));
            faults.push(here.error(Code::S0505, at, message).help(help));
        }
    }
    if policy.images.require_digest && image.digest.is_none() {
        let message = format!("the fleet's policy asks for a digest: `{text}`");
        faults.push(here.error(Code::S0505, at, message).help("write `name:tag@sha256:...`"));
    }
    if policy.images.forbid_latest && image.digest.is_none() && matches!(image.tag, None | Some("latest")) {
        let message = format!("`{text}` means another image every time");
        faults.push(here.error(Code::S0505, at, message).help("write a tag that says the version"));
    }
}
