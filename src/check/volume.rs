//! Volumes: who can share them, and what the namespace and the cluster allow.

use super::Component;
use crate::definition::{AccessMode, PodSecurity, Strategy, Volume, Workload, nearest};
use crate::diagnostic::{Code, Fault};

pub(super) fn check(here: &Component, faults: &mut Vec<Fault>) {
    for (name, volume) in &here.component.volumes {
        let at = ["volumes", name.as_str()];
        if crate::model::ComponentName::new(name.as_str()).is_err() {
            let message = format!("`{name}` is no volume's name: lower-case letters, digits and `-`");
            faults.push(here.error(Code::S0522, &at, message));
        }
        let used = here.containers().any(|(_, _, container)| {
            container.mounts.values().any(|mount| mount.volume.as_deref() == Some(name))
        });
        if !used {
            faults.push(here.warning(Code::S0514, &at, format!("no container mounts the volume `{name}`")));
        }
        match volume {
            Volume::Claim { access, class, .. } => {
                claim(here, name, *access, faults);
                storage_class(here, name, class.as_deref(), faults);
            }
            Volume::HostPath { .. } => host_path(here, name, faults),
            Volume::EmptyDir { size_limit: None } => {}
            Volume::EmptyDir { .. } | Volume::ExistingClaim { .. } => {}
        }
    }
}

fn claim(here: &Component, name: &str, access: AccessMode, faults: &mut Vec<Fault>) {
    let alone = matches!(access, AccessMode::ReadWriteOnce | AccessMode::ReadWriteOncePod);
    if !alone || here.component.workload == Workload::StatefulSet {
        return;
    }
    let at = ["volumes", name];
    if here.component.workload == Workload::DaemonSet {
        let message = format!("one claim `{name}` can't serve a pod on every node");
        faults.push(here.error(Code::S0509, &at, message));
    } else if here.component.workload == Workload::Deployment && here.most_pods() > 1 {
        let message = format!("{} pods can't share the volume `{name}`: {access:?}", here.most_pods());
        let fault = here.error(Code::S0509, &at, message);
        faults.push(
            fault.help("use `workload: StatefulSet`, or `access: ReadWriteMany` where the class has it"),
        );
    } else if here.component.workload == Workload::Deployment && here.site.strategy == Strategy::Rolling {
        let message =
            format!("a rolling update starts the new pod while the old one still holds the volume `{name}`");
        let fault = here.error(Code::S0509, &at, message);
        faults.push(fault.help("release it with `strategy: recreate`, or use `workload: StatefulSet`"));
    }
}

fn storage_class(here: &Component, name: &str, class: Option<&str>, faults: &mut Vec<Fault>) {
    let known = &here.site.offers.storage_classes;
    let Some(class) = class.filter(|class| !known.is_empty() && !known.iter().any(|known| known == class))
    else {
        return;
    };
    let message = format!("cluster `{}` has no storage class `{class}`", here.site.cluster);
    let fault = here.error(Code::S0514, &["volumes", name], message);
    faults.push(match nearest(class, known.iter().map(String::as_str)) {
        Some(near) => fault.help(format!("did you mean `{near}`?")),
        None => fault.help(format!("it has {}", known.join(", "))),
    });
}

fn host_path(here: &Component, name: &str, faults: &mut Vec<Fault>) {
    let at = ["volumes", name];
    if here.site.rules.pod_security != PodSecurity::Privileged {
        let message = format!("the namespace forbids folders of the node (volume `{name}`)");
        let help = "use a claim; only `podSecurity: privileged` allows `hostPath`";
        faults.push(here.error(Code::S0510, &at, message).help(help));
    }
    if here.component.workload == Workload::DaemonSet {
        return;
    }
    if here.most_pods() > 1 {
        let message = format!("pods on several nodes see different folders under `{name}`");
        faults.push(here.error(Code::S0509, &at, message).help("use one replica, a DaemonSet or a claim"));
    } else if here.component.nodes.is_empty() && here.site.rules.nodes.is_empty() {
        let message = format!("the pod may come up on a node without the data of `{name}`");
        faults.push(here.warning(Code::S0509, &at, message).help("bind it with `nodes`"));
    }
}
