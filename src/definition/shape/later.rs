//! What the design names and this version does not do: refused by name, never silently accepted.

/// Fields and words by the type that will have them.
const LATER: &[(&str, &[&str])] = &[
    ("Environment", &["promoteFrom", "approvals", "verify", "strategies"]),
    ("Healing", &["detect"]),
    ("User", &["logins"]),
    ("Cluster", &["metrics", "nodePools", "registry", "dns", "externalServices", "rateLimit"]),
    ("Access", &["agent"]),
    ("Access.kubeconfig", &["secret"]),
    ("TrafficProvider", &["istio"]),
    ("Tenant", &["approvals"]),
    ("Namespace", &["storage"]),
    ("App", &["template"]),
    ("PlacementReplicas", &["utilisation"]),
    ("Source", &["helm", "kustomize", "export", "slots"]),
    ("Component", &["schedule", "together", "apart", "observability"]),
    ("DaemonUpdate", &["OnDelete"]),
    ("Secret", &["files", "overrides"]),
    (
        "GrayRelease",
        &[
            "gates",
            "steps",
            "waves",
            "match",
            "mirror",
            "closeTraffic",
            "together",
            "keepOld",
            "queue",
            "notice",
            "sticky",
        ],
    ),
    ("Strategy", &["blueGreen", "canary", "abTest", "shadow"]),
    ("Rollback", &["git"]),
    ("Scope", &["target", "wave"]),
];

/// The fields and words of a type that come later.
pub(in crate::definition) fn later(type_name: &str) -> &'static [&'static str] {
    LATER.iter().find(|(name, _)| *name == type_name).map_or(&[], |(_, words)| words)
}
