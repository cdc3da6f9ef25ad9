//! What is known of built-in types, in one place: merge keys, atomic lists, defaults, quantities,
//! and the fields that a server leaves out at their zero value.
//!
//! Sources: the published OpenAPI document of Kubernetes 1.36 and of the Gateway API 1.4
//! (`x-kubernetes-list-type`, `x-kubernetes-list-map-keys`, `x-kubernetes-map-type`) and their
//! documented defaults. Only what does not depend on a server's settings stands here. Pod specs
//! and what they contain are in `pod_facts`.

use serde_json::{Map, Value, json};

use super::pod_facts::{JOB_TEMPLATE, POD_SPEC, POD_TEMPLATE};

/// How a value is compared and made canonical.
#[derive(Clone, Copy)]
pub(super) enum Shape {
    /// Nothing is known of it: objects by field, lists by position.
    Any,
    /// An object of a known type.
    One(&'static Type),
    /// A list whose elements are told apart by these fields.
    ListMap(&'static [&'static str], &'static Type),
    /// A list that is replaced as a whole, its elements of a known type.
    Atomic(&'static Type),
    /// A list of scalars in which order carries no meaning.
    Set,
    /// A map of names to texts that several managers may share, kept as it is.
    Entries,
    /// A value that is equal or not, such as a selector: one more key selects something else.
    Exact,
    /// A map of names to quantities.
    Quantities,
    /// A quantity.
    Quantity,
}

/// What is known of one type.
pub(super) struct Type {
    /// Its fields that need more than comparing scalars.
    pub(super) fields: &'static [(&'static str, Shape)],
    /// The defaults of its fields, as JSON.
    pub(super) defaults: &'static [(&'static str, &'static str)],
    /// The fields that a server leaves out when they are false, zero or empty.
    pub(super) omitted: &'static [&'static str],
    /// The defaults that depend on other fields.
    pub(super) fill: Option<fn(&mut Map<String, Value>)>,
}

impl Type {
    pub(super) const NONE: Self = Self { fields: &[], defaults: &[], omitted: &[], fill: None };

    /// The shape of a field.
    pub(super) fn field(&self, name: &str) -> Shape {
        self.fields.iter().find(|(field, _)| *field == name).map_or(Shape::Any, |(_, shape)| *shape)
    }
}

pub(super) static NONE: Type = Type::NONE;

/// Puts `value` at `field` unless something stands there.
pub(super) fn put_default(map: &mut Map<String, Value>, field: &str, value: impl FnOnce() -> Value) {
    if !map.contains_key(field) {
        map.insert(field.to_owned(), value());
    }
}

/// Whether the text field `name` says `expected`.
pub(super) fn says(map: &Map<String, Value>, name: &str, expected: &str) -> bool {
    map.get(name).and_then(Value::as_str) == Some(expected)
}

/// Whether the kind is built in, so that empty lists and the like may be dropped.
pub(super) fn is_built_in(group: &str) -> bool {
    !group.contains('.') || group.ends_with(".k8s.io")
}

/// The type of a kind; defaults are those of the present version of its group.
pub(super) fn root(api_version: &str, kind: &str) -> &'static Type {
    let (group, version) = api_version.rsplit_once('/').unwrap_or(("", api_version));
    let is_legacy = version.contains("beta") || version.contains("alpha");
    match (group, kind) {
        ("apps" | "extensions", _) if is_legacy => &LEGACY_WORKLOAD,
        ("apps", "Deployment") => &DEPLOYMENT,
        ("apps", "StatefulSet") => &STATEFUL_SET,
        ("apps", "DaemonSet") => &DAEMON_SET,
        ("apps", "ReplicaSet") | ("", "ReplicationController") => &LEGACY_WORKLOAD,
        ("batch", "Job") => &JOB,
        ("batch", "CronJob") => &CRON_JOB,
        ("", "Pod") => &POD,
        ("", "Service") => &SERVICE,
        ("", "ConfigMap") => &CONFIG_MAP,
        ("", "Secret") => &SECRET,
        ("", "PersistentVolumeClaim") => &CLAIM,
        ("", "ResourceQuota") => &RESOURCE_QUOTA,
        ("", "LimitRange") => &LIMIT_RANGE,
        ("", "Endpoints") => &ENDPOINTS,
        ("", "ServiceAccount") => &SERVICE_ACCOUNT,
        ("rbac.authorization.k8s.io", "Role" | "ClusterRole") => &ROLE,
        ("rbac.authorization.k8s.io", "RoleBinding" | "ClusterRoleBinding") => &ROLE_BINDING,
        ("networking.k8s.io", "NetworkPolicy") => &NETWORK_POLICY,
        ("policy", "PodDisruptionBudget") => &DISRUPTION_BUDGET,
        ("autoscaling", "HorizontalPodAutoscaler") => &AUTOSCALER,
        ("gateway.networking.k8s.io", "HTTPRoute") => &HTTP_ROUTE,
        ("gateway.networking.k8s.io", "Gateway") => &GATEWAY,
        ("admissionregistration.k8s.io", kind) if kind.ends_with("WebhookConfiguration") => &WEBHOOKS,
        _ => &PLAIN,
    }
}

pub(super) static METADATA: Type = Type {
    fields: &[
        ("labels", Shape::Entries),
        ("annotations", Shape::Entries),
        ("finalizers", Shape::Set),
        ("ownerReferences", Shape::ListMap(&["uid"], &NONE)),
    ],
    ..Type::NONE
};

/// An object of which only the metadata is known.
static PLAIN: Type = Type { fields: &[("metadata", Shape::One(&METADATA))], ..Type::NONE };

macro_rules! object {
    ($name:ident, $spec:ident { $($body:tt)* }) => {
        static $spec: Type = Type { $($body)* };
        static $name: Type = Type {
            fields: &[("metadata", Shape::One(&METADATA)), ("spec", Shape::One(&$spec))],
            ..Type::NONE
        };
    };
}

// Workloads.

object!(
    LEGACY_WORKLOAD,
    LEGACY_WORKLOAD_SPEC {
        fields: &[
            ("selector", Shape::Exact),
            ("template", Shape::One(&POD_TEMPLATE)),
            ("volumeClaimTemplates", Shape::Atomic(&CLAIM))
        ],
        omitted: &["minReadySeconds"],
        ..Type::NONE
    }
);

object!(
    DEPLOYMENT,
    DEPLOYMENT_SPEC {
        fields: &[("selector", Shape::Exact), ("template", Shape::One(&POD_TEMPLATE))],
        defaults: &[("progressDeadlineSeconds", "600"), ("revisionHistoryLimit", "10")],
        omitted: &["minReadySeconds", "paused"],
        fill: Some(|spec| {
            fill_rolling_update(spec, "strategy", &json!({"maxSurge": "25%", "maxUnavailable": "25%"}));
        })
    }
);

object!(
    STATEFUL_SET,
    STATEFUL_SET_SPEC {
        fields: &[
            ("selector", Shape::Exact),
            ("template", Shape::One(&POD_TEMPLATE)),
            ("volumeClaimTemplates", Shape::Atomic(&CLAIM))
        ],
        defaults: &[
            ("podManagementPolicy", "\"OrderedReady\""),
            ("revisionHistoryLimit", "10"),
            ("persistentVolumeClaimRetentionPolicy", r#"{"whenDeleted":"Retain","whenScaled":"Retain"}"#)
        ],
        omitted: &["minReadySeconds"],
        fill: Some(|spec| fill_rolling_update(spec, "updateStrategy", &json!({"partition": 0})))
    }
);

object!(
    DAEMON_SET,
    DAEMON_SET_SPEC {
        fields: &[("selector", Shape::Exact), ("template", Shape::One(&POD_TEMPLATE))],
        defaults: &[("revisionHistoryLimit", "10")],
        omitted: &["minReadySeconds"],
        fill: Some(|spec| {
            fill_rolling_update(spec, "updateStrategy", &json!({"maxSurge": 0, "maxUnavailable": 1}));
        })
    }
);

/// `RollingUpdate` is what every workload does unless told otherwise, by these parameters.
fn fill_rolling_update(spec: &mut Map<String, Value>, field: &str, parameters: &Value) {
    put_default(spec, field, || json!({}));
    let Some(strategy) = spec.get_mut(field).and_then(Value::as_object_mut) else { return };
    put_default(strategy, "type", || json!("RollingUpdate"));
    if !says(strategy, "type", "RollingUpdate") {
        return;
    }
    put_default(strategy, "rollingUpdate", || json!({}));
    let rolling = strategy.get_mut("rollingUpdate").and_then(Value::as_object_mut);
    if let (Some(rolling), Some(parameters)) = (rolling, parameters.as_object()) {
        for (name, value) in parameters {
            put_default(rolling, name, || value.clone());
        }
    }
}

static JOB: Type = Type {
    fields: &[("metadata", Shape::One(&METADATA)), ("spec", Shape::One(&super::pod_facts::JOB_SPEC))],
    ..Type::NONE
};

object!(
    CRON_JOB,
    CRON_JOB_SPEC {
        fields: &[("jobTemplate", Shape::One(&JOB_TEMPLATE))],
        defaults: &[
            ("concurrencyPolicy", "\"Allow\""),
            ("suspend", "false"),
            ("successfulJobsHistoryLimit", "3"),
            ("failedJobsHistoryLimit", "1")
        ],
        ..Type::NONE
    }
);

static POD: Type =
    Type { fields: &[("metadata", Shape::One(&METADATA)), ("spec", Shape::One(&POD_SPEC))], ..Type::NONE };

// Services, configuration, storage.

static SERVICE_PORT: Type = Type {
    defaults: &[("protocol", "\"TCP\"")],
    omitted: &["nodePort", "name"],
    fill: Some(|port| {
        if let Some(number) = port.get("port").cloned() {
            put_default(port, "targetPort", || number);
        }
    }),
    ..Type::NONE
};

object!(
    SERVICE,
    SERVICE_SPEC {
        fields: &[
            ("ports", Shape::ListMap(&["port", "protocol"], &SERVICE_PORT)),
            ("selector", Shape::Exact)
        ],
        defaults: &[("type", "\"ClusterIP\""), ("sessionAffinity", "\"None\"")],
        omitted: &["publishNotReadyAddresses", "externalName", "loadBalancerIP", "clusterIP"],
        fill: Some(|spec| {
            if !says(spec, "type", "ExternalName") {
                put_default(spec, "internalTrafficPolicy", || json!("Cluster"));
            }
            if says(spec, "type", "LoadBalancer") {
                put_default(spec, "allocateLoadBalancerNodePorts", || json!(true));
            }
            if says(spec, "type", "LoadBalancer") || says(spec, "type", "NodePort") {
                put_default(spec, "externalTrafficPolicy", || json!("Cluster"));
            }
        })
    }
);

static CONFIG_MAP: Type = Type {
    fields: &[("metadata", Shape::One(&METADATA)), ("data", Shape::Entries), ("binaryData", Shape::Entries)],
    ..Type::NONE
};

static SECRET: Type = Type {
    fields: &[("metadata", Shape::One(&METADATA)), ("data", Shape::Entries), ("stringData", Shape::Entries)],
    defaults: &[("type", "\"Opaque\"")],
    ..Type::NONE
};

pub(super) static AMOUNTS: Type =
    Type { fields: &[("limits", Shape::Quantities), ("requests", Shape::Quantities)], ..Type::NONE };

object!(
    CLAIM,
    CLAIM_SPEC {
        fields: &[
            ("resources", Shape::One(&AMOUNTS)),
            ("selector", Shape::Exact),
            ("accessModes", Shape::Set)
        ],
        defaults: &[("volumeMode", "\"Filesystem\"")],
        ..Type::NONE
    }
);

object!(RESOURCE_QUOTA, RESOURCE_QUOTA_SPEC { fields: &[("hard", Shape::Quantities)], ..Type::NONE });

static LIMIT: Type = Type {
    fields: &[
        ("max", Shape::Quantities),
        ("min", Shape::Quantities),
        ("default", Shape::Quantities),
        ("defaultRequest", Shape::Quantities),
        ("maxLimitRequestRatio", Shape::Quantities),
    ],
    ..Type::NONE
};

object!(LIMIT_RANGE, LIMIT_RANGE_SPEC { fields: &[("limits", Shape::Atomic(&LIMIT))], ..Type::NONE });

// The server sorts the addresses of a subset.
static ENDPOINT_PORT: Type = Type { defaults: &[("protocol", "\"TCP\"")], ..Type::NONE };
static ENDPOINT_SUBSET: Type = Type {
    fields: &[
        ("addresses", Shape::ListMap(&["ip"], &NONE)),
        ("notReadyAddresses", Shape::ListMap(&["ip"], &NONE)),
        ("ports", Shape::ListMap(&["port", "protocol"], &ENDPOINT_PORT)),
    ],
    ..Type::NONE
};
static ENDPOINTS: Type = Type {
    fields: &[("metadata", Shape::One(&METADATA)), ("subsets", Shape::Atomic(&ENDPOINT_SUBSET))],
    ..Type::NONE
};

static SERVICE_ACCOUNT: Type = Type {
    fields: &[("metadata", Shape::One(&METADATA)), ("secrets", Shape::ListMap(&["name"], &NONE))],
    ..Type::NONE
};

// Rights and network.

static ROLE: Type =
    Type { fields: &[("metadata", Shape::One(&METADATA)), ("rules", Shape::Atomic(&NONE))], ..Type::NONE };

static SUBJECT: Type = Type {
    omitted: &["apiGroup", "namespace"],
    fill: Some(|subject| {
        if !says(subject, "kind", "ServiceAccount") {
            put_default(subject, "apiGroup", || json!("rbac.authorization.k8s.io"));
        }
    }),
    ..Type::NONE
};
static ROLE_REF: Type = Type { defaults: &[("apiGroup", "\"rbac.authorization.k8s.io\"")], ..Type::NONE };
static ROLE_BINDING: Type = Type {
    fields: &[
        ("metadata", Shape::One(&METADATA)),
        ("subjects", Shape::Atomic(&SUBJECT)),
        ("roleRef", Shape::One(&ROLE_REF)),
    ],
    ..Type::NONE
};

static PEER: Type =
    Type { fields: &[("podSelector", Shape::Exact), ("namespaceSelector", Shape::Exact)], ..Type::NONE };
static POLICY_PORT: Type = Type { defaults: &[("protocol", "\"TCP\"")], ..Type::NONE };
static POLICY_RULE: Type = Type {
    fields: &[
        ("from", Shape::Atomic(&PEER)),
        ("to", Shape::Atomic(&PEER)),
        ("ports", Shape::Atomic(&POLICY_PORT)),
    ],
    ..Type::NONE
};

object!(
    NETWORK_POLICY,
    NETWORK_POLICY_SPEC {
        fields: &[
            ("podSelector", Shape::Exact),
            ("ingress", Shape::Atomic(&POLICY_RULE)),
            ("egress", Shape::Atomic(&POLICY_RULE))
        ],
        fill: Some(|spec| {
            let has_egress =
                spec.get("egress").and_then(Value::as_array).is_some_and(|rules| !rules.is_empty());
            put_default(spec, "policyTypes", || match has_egress {
                true => json!(["Ingress", "Egress"]),
                false => json!(["Ingress"]),
            });
        }),
        ..Type::NONE
    }
);

object!(DISRUPTION_BUDGET, DISRUPTION_BUDGET_SPEC { fields: &[("selector", Shape::Exact)], ..Type::NONE });

static METRIC_TARGET: Type =
    Type { fields: &[("averageValue", Shape::Quantity), ("value", Shape::Quantity)], ..Type::NONE };
static METRIC_SOURCE: Type = Type { fields: &[("target", Shape::One(&METRIC_TARGET))], ..Type::NONE };
static METRIC: Type = Type {
    fields: &[
        ("resource", Shape::One(&METRIC_SOURCE)),
        ("containerResource", Shape::One(&METRIC_SOURCE)),
        ("pods", Shape::One(&METRIC_SOURCE)),
        ("object", Shape::One(&METRIC_SOURCE)),
        ("external", Shape::One(&METRIC_SOURCE)),
    ],
    ..Type::NONE
};

object!(
    AUTOSCALER,
    AUTOSCALER_SPEC {
        fields: &[("metrics", Shape::Atomic(&METRIC))],
        defaults: &[("minReplicas", "1")],
        ..Type::NONE
    }
);

static WEBHOOK_SERVICE: Type = Type { defaults: &[("port", "443")], ..Type::NONE };
static WEBHOOK_CLIENT: Type = Type { fields: &[("service", Shape::One(&WEBHOOK_SERVICE))], ..Type::NONE };
static WEBHOOK_RULE: Type = Type { defaults: &[("scope", "\"*\"")], ..Type::NONE };
static WEBHOOK: Type = Type {
    fields: &[("clientConfig", Shape::One(&WEBHOOK_CLIENT)), ("rules", Shape::Atomic(&WEBHOOK_RULE))],
    ..Type::NONE
};
static WEBHOOKS: Type = Type {
    fields: &[("metadata", Shape::One(&METADATA)), ("webhooks", Shape::ListMap(&["name"], &WEBHOOK))],
    ..Type::NONE
};

// Gateway API.

static PARENT: Type =
    Type { defaults: &[("group", "\"gateway.networking.k8s.io\""), ("kind", "\"Gateway\"")], ..Type::NONE };
static BACKEND: Type = Type {
    fields: &[("filters", Shape::Atomic(&ROUTE_FILTER))],
    defaults: &[("group", "\"\""), ("kind", "\"Service\""), ("weight", "1")],
    ..Type::NONE
};
static MIRROR_BACKEND: Type = Type { defaults: &[("group", "\"\""), ("kind", "\"Service\"")], ..Type::NONE };
static MIRROR: Type = Type { fields: &[("backendRef", Shape::One(&MIRROR_BACKEND))], ..Type::NONE };
static REDIRECT: Type = Type { defaults: &[("statusCode", "302")], ..Type::NONE };
static ROUTE_FILTER: Type = Type {
    fields: &[("requestMirror", Shape::One(&MIRROR)), ("requestRedirect", Shape::One(&REDIRECT))],
    ..Type::NONE
};
static NAMED_MATCH: Type = Type { defaults: &[("type", "\"Exact\"")], ..Type::NONE };
static PATH_MATCH: Type = Type { defaults: &[("type", "\"PathPrefix\""), ("value", "\"/\"")], ..Type::NONE };
static ROUTE_MATCH: Type = Type {
    fields: &[
        ("path", Shape::One(&PATH_MATCH)),
        ("headers", Shape::ListMap(&["name"], &NAMED_MATCH)),
        ("queryParams", Shape::ListMap(&["name"], &NAMED_MATCH)),
    ],
    defaults: &[("path", r#"{"type":"PathPrefix","value":"/"}"#)],
    ..Type::NONE
};
static ROUTE_RULE: Type = Type {
    fields: &[
        ("matches", Shape::Atomic(&ROUTE_MATCH)),
        ("filters", Shape::Atomic(&ROUTE_FILTER)),
        ("backendRefs", Shape::Atomic(&BACKEND)),
    ],
    defaults: &[("matches", r#"[{"path":{"type":"PathPrefix","value":"/"}}]"#)],
    ..Type::NONE
};

object!(
    HTTP_ROUTE,
    HTTP_ROUTE_SPEC {
        fields: &[("parentRefs", Shape::Atomic(&PARENT)), ("rules", Shape::Atomic(&ROUTE_RULE))],
        ..Type::NONE
    }
);

static LISTENER: Type =
    Type { defaults: &[("allowedRoutes", r#"{"namespaces":{"from":"Same"}}"#)], ..Type::NONE };

object!(
    GATEWAY,
    GATEWAY_SPEC { fields: &[("listeners", Shape::ListMap(&["name"], &LISTENER))], ..Type::NONE }
);
