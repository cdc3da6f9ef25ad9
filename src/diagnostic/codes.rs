//! The codes of diagnostics, with their explanations. A code is never reused for another meaning.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

macro_rules! codes {
    ($($code:ident $title:literal $explanation:literal;)*) => {
        /// The code of a diagnostic. S01: the tree; S02: YAML; S03: the shape of a definition; S04:
        /// variables, overrides, references; S05: checks over the whole commit; S06: rendering and
        /// manifests; S07: secrets; S08: plans;
        /// S09: webhooks.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum Code {
            $(
                #[doc = $title]
                $code,
            )*
        }

        impl Code {
            /// Every code, in order.
            pub const ALL: &[Code] = &[$(Code::$code),*];

            /// The code as text, `S0101`.
            pub fn as_str(self) -> &'static str {
                match self { $(Code::$code => stringify!($code),)* }
            }

            /// What it means, in a few words.
            pub fn title(self) -> &'static str {
                match self { $(Code::$code => $title,)* }
            }

            /// Why it is a fault and what to do, for `sluice explain`.
            pub fn explanation(self) -> &'static str {
                match self { $(Code::$code => $explanation,)* }
            }
        }
    };
}

codes! {
    S0101 "a path in the tree is not allowed"
        "Names such as `..`, `.git`, or names with `/`, `\\` or a NUL byte could reach outside the folder that owns them. The whole commit is refused and what was accepted before stays. Rename the entry.";
    S0102 "a symbolic link"
        "Links are never followed: they could reach another tenant's files or the machine's. Put a copy of the file in its place.";
    S0103 "a submodule"
        "Submodules are never fetched. Put the files into this repository, or take the entry away.";
    S0104 "the tree is over a limit"
        "A file, a folder's depth or the number of files is over the limit of what is read. Take generated and binary files out of the fleet repository.";
    S0105 "two paths differ only in case or in Unicode form"
        "Such paths are one file on some machines and two on others. Rename one.";
    S0201 "YAML that can't be read"
        "The document is no YAML as Kubernetes reads it. The message says what was met and where.";
    S0202 "a key stands twice"
        "YAML readers disagree on which of two equal keys counts. Take one away.";
    S0203 "a document is over a limit"
        "Size, depth, aliases or the number of nodes is over the limit of what is read.";
    S0204 "a tag or value that Kubernetes does not know"
        "`!!binary`, local tags, `.inf`, `.nan` and integers over 64 bits have no meaning in a definition.";
    S0205 "the file is not in UTF-8"
        "Save it in UTF-8.";
    S0301 "an unknown field"
        "No field of this name stands here: fields are never ignored, because a misspelt one would then do nothing in silence. The help names the nearest one; `sluice schema KIND` prints them all.";
    S0302 "an unknown kind or version"
        "Definitions have `apiVersion: sluice.dev/v1alpha1` and one of the kinds Fleet, Cluster, Tenant, App, Config, Secret and GrayRelease.";
    S0303 "a field is missing"
        "The definition means nothing without this field. Write it where the message points.";
    S0304 "short form and full form at once"
        "An app is written either with its fields directly in `spec`, or with `components`; a component likewise with the fields of its only container, or with `containers`. Beside the full form a field of the short one would belong to nobody. Move it.";
    S0305 "a value of another type"
        "YAML chooses the type of a plain value: `on`, `yes` and `no` are truth values, `1.20` is a number. Where a text is wanted, quote it; where a number is wanted, take the quotes away.";
    S0306 "a word that is not one of the known"
        "Only the words that the message lists are allowed here.";
    S0307 "a value that can't be, or is out of range"
        "Durations are whole numbers with units (`90s`, `1h30m`), quantities are written as in Kubernetes (`500m`, `256Mi`), and numbers have bounds that the message names.";
    S0308 "not exactly one of several fields"
        "These fields exclude each other, and one of them is needed.";
    S0309 "not supported yet"
        "The design has this field, word or kind and this version does not do it. It is refused, because to accept and ignore it would be worse. Take it away.";
    S0310 "metadata that Kubernetes refuses"
        "Names are DNS labels: lower-case letters, digits and `-`, at most 63 characters, fewer where room is left for suffixes. Labels and annotations follow the rules of Kubernetes.";
    S0401 "an unknown variable"
        "Variables are `${environment.name}`, `${environment.vars.X}`, `${tenant}`, `${app}`, `${cluster.name}` and `${cluster.vars.X}`. The names under `vars` come from `sluice.yaml` and from the Cluster. A literal `${` is written `$${`.";
    S0402 "a definition in the wrong folder"
        "Where a file lies decides who owns it: App, Config, Secret and the like lie under `tenants/<tenant>/`, Cluster and Tenant under `platform/`, Fleet in `sluice.yaml`.";
    S0403 "two definitions of one name"
        "Several definitions of one kind and name are allowed only when their `environments` are disjoint. Rename one or give both disjoint `environments`.";
    S0404 "a reference to a definition that is not there"
        "The Config, Secret, GrayRelease, Tenant, environment, cluster or app that is named has no definition here, or none that counts in this environment.";
    S0405 "a namespace that the tenant does not have"
        "An app runs in one of its tenant's `namespaces`. With more than one, the app says which.";
    S0406 "an app without a target"
        "No cluster of the environment has the app's namespace and the labels that `placement` asks for.";
    S0407 "a file that is not there"
        "Paths in a definition are relative to its own file and must stay inside the tenant's folder.";
    S0408 "an override that can't be merged"
        "`merge` is a JSON Merge Patch (RFC 7386) of `spec`: a map of the fields that differ; null takes a field away.";
    S0409 "one field that must be the same on every cluster"
        "The gray release of an app spans its clusters, so an override by cluster can't change it.";
    S0410 "pods that can't be split over clusters"
        "`placement.replicas.split` gives each cluster its share of an app's pods by `weights`. One of the app's clusters needs a weight, and the pods must be counted by the app's own definition.";
    S0411 "a tenant's own repository"
        "A tenant named under `sources` has its files in the repository that stands there, one for each tenant; what the fleet repository holds under `tenants/<tenant>/` is then not looked at. Take one of the two away.";
    S0412 "a signing key that can't be used"
        "Signing keys are public keys of SSH in one line as in `authorized_keys`. A key that can't be read counts for nobody, so that commits signed with it are refused.";
    S0501 "two owners of one object"
        "Two definitions render the same object of one cluster. Rename one: ownership never goes to and fro.";
    S0502 "a port is taken or out of range"
        "A port of the nodes belongs to one Service or pod of a cluster, lies in the cluster's range, is not reserved and is granted to the tenant.";
    S0503 "a host and path is claimed twice"
        "One cluster sends a host and path to one component only.";
    S0504 "apps wait for each other in a circle"
        "`dependsOn` must have an end. Take one of the printed edges away.";
    S0505 "an image that the policy does not allow"
        "`policy.images` of the Fleet and `registries` of the tenant say which images may run.";
    S0506 "a container without what the policy asks for"
        "The fleet's policy asks for probes or for limits of every long-running container.";
    S0507 "resources that can't be granted"
        "A request over its limit, or an amount outside the namespace's `limits`: the cluster would refuse the pods.";
    S0508 "over the namespace's quota"
        "The sum over all apps of the namespace, with the pods that a release adds while it runs, does not fit the quota. Less replicas, a larger quota or the strategy `recreate`.";
    S0509 "a volume that these pods can't share"
        "A volume that one node mounts can't serve several pods, nor the old and the new pod of a rolling update. Use a StatefulSet, one replica with the strategy `recreate`, or `access: ReadWriteMany`.";
    S0510 "what the namespace's pod security forbids"
        "The namespace enforces a Pod Security Standard; the cluster would refuse the pods. Change the pods, or ask the platform team for another `podSecurity`.";
    S0511 "the host's ports hinder the new pod"
        "Pods that listen on ports of the host can't run twice on a node, so a rolling update may wait for ever. Use `recreate` or a DaemonSet.";
    S0512 "an autoscaler without a measure"
        "A share of the CPU or memory request needs that request on every container.";
    S0513 "a secret in plain text"
        "Whoever reads the repository reads it. Encrypt it in a Secret and refer to it: `PASSWORD: {secret: name}`.";
    S0514 "a reference inside the app leads nowhere"
        "The volume, port, key, host or service that is named is not there.";
    S0515 "a probe that asks nothing or several things"
        "A probe has exactly one of `http`, `tcp`, `exec`, `grpc`.";
    S0516 "one namespace of two tenants"
        "Two namespaces have the same name in one cluster. Give one another name with `as`.";
    S0517 "an object over a limit of the API server"
        "Objects may have 1.5 MB, a ConfigMap or Secret 1 MiB, names 253 characters, label values 63.";
    S0518 "network policies are not enforced here"
        "The cluster says `networkPolicy: false`: the isolation of its tenants is written and has no effect.";
    S0519 "a file that nothing refers to"
        "A YAML file under `tenants/` that is no definition and that no definition names has no effect. A misspelt `apiVersion`, or a file left behind?";
    S0520 "no readiness probe"
        "Without one a pod counts as ready as soon as it runs, so the gate of a release can't judge it. Add `health: /path` or `probes.readiness`.";
    S0521 "a setting that this workload does not have"
        "The workload kind has no use for the field: replicas of a DaemonSet, a schedule of a Deployment and the like.";
    S0522 "a name or value that Kubernetes refuses"
        "Names of ports have 15 characters, keys of a ConfigMap letters, digits, `-`, `_` and `.`, label values 63 characters; a StatefulSet's or CronJob's name leaves room for a suffix.";
    S0523 "probes against the grace time or the deadline"
        "The time of a probe or of `preStop` is longer than what the pod or the rollout is given.";
    S0524 "a member who is nobody, or the cluster itself"
        "A member of a tenant is one user or one group as the cluster knows it; names that begin with `system:` are the cluster's own.";
    S0601 "a manifest that is no object"
        "Files of `source.manifests` hold Kubernetes objects: maps with `apiVersion`, `kind` and `metadata.name`, or Lists of them.";
    S0602 "a manifest with fields of the cluster or of the engine"
        "`uid`, `resourceVersion`, `managedFields`, `ownerReferences` and the like are written by the cluster; labels and annotations under `sluice.dev/` by the engine.";
    S0603 "a kind that the tenant may not bring"
        "Manifests of tenants hold the usual kinds of an app in the tenant's own namespace. The platform team allows more with `kinds.allow` of the Tenant.";
    S0604 "a manifest for another namespace"
        "The objects of an app go to the app's namespace; leave `metadata.namespace` out.";
    S0605 "a patch that matches nothing or does not fit"
        "`patches` and `ownedElsewhere` name rendered objects by kind and name; at least one must match and every operation must succeed there.";
    S0606 "a patch of what must stay"
        "Names, namespaces, selectors, replicas, content-named objects and the labels of the engine are not for patches.";
    S0607 "a kind that the cluster does not serve"
        "The cluster's API server does not know the kind. The app waits there until it does.";
    S0608 "routes without a router"
        "The cluster's `traffic.provider` has no router, or lacks its gateway, so a component with routes can't be reached there.";
    S0609 "two list entries of one name"
        "Lists that Kubernetes merges by a key can't hold the key twice.";
    S0610 "an object that does not fit the shape of its kind"
        "The cluster's API publishes the fields of every kind, their types and words. A field that is not among them would be left out in silence, and an object with a wrong one is refused. Without a cluster the kinds of Kubernetes 1.36 and of the Gateway API are known.";
    S0701 "a secret's value is not encrypted"
        "Values of a Secret are encrypted with `sops --encrypt`; plain text is refused and never shown.";
    S0702 "a secret without the data of SOPS"
        "The document must carry the field `sops` that `sops` writes; it names the keys that can open it.";
    S0901 "a webhook that is not signed as agreed"
        "A delivery counts only once, and only if it is signed with the secret that stands in the folder of `--hook-secrets`, in the file called as the path: `github`, `gitlab`, `gitea` or `generic`. The engine's log says what was wrong. Compare the secret at the Git host with the file (at least 16 characters on a line of its own).";
    S0902 "a webhook that can't be read"
        "The body is JSON in the form of the Git host whose path it was sent to, with the content type `application/json`. The message says what was met.";
    S0903 "a webhook that is too big"
        "Nothing but the repository's address is used of a delivery. Let the Git host send pushes alone.";
}

impl Code {
    /// The text of `sluice explain`.
    pub fn explain(self) -> String {
        format!("{self}: {}\n\n{}\n", self.title(), self.explanation())
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A text is no code of a diagnostic.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no diagnostic `{0}`; codes look like `S0201`")]
pub struct UnknownCode(pub String);

impl FromStr for Code {
    type Err = UnknownCode;
    fn from_str(text: &str) -> Result<Self, UnknownCode> {
        let wanted = text.to_ascii_uppercase();
        Self::ALL
            .iter()
            .copied()
            .find(|code| code.as_str() == wanted)
            .ok_or_else(|| UnknownCode(text.to_owned()))
    }
}
