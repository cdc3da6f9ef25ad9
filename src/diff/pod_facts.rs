//! What is known of pod specs, containers and Jobs: the part of `facts` that workloads share.

use serde_json::{Map, Value, json};

use super::facts::{AMOUNTS, METADATA, NONE, Shape, Type, put_default};

pub(super) static POD_TEMPLATE: Type =
    Type { fields: &[("metadata", Shape::One(&METADATA)), ("spec", Shape::One(&POD_SPEC))], ..Type::NONE };

pub(super) static POD_SPEC: Type = Type {
    fields: &[
        ("containers", Shape::ListMap(&["name"], &CONTAINER)),
        ("initContainers", Shape::ListMap(&["name"], &CONTAINER)),
        ("ephemeralContainers", Shape::ListMap(&["name"], &CONTAINER)),
        ("volumes", Shape::ListMap(&["name"], &VOLUME)),
        ("imagePullSecrets", Shape::ListMap(&["name"], &NONE)),
        ("hostAliases", Shape::ListMap(&["ip"], &NONE)),
        ("nodeSelector", Shape::Exact),
        ("overhead", Shape::Quantities),
        ("resources", Shape::One(&AMOUNTS)),
        ("topologySpreadConstraints", Shape::ListMap(&["topologyKey", "whenUnsatisfiable"], &SPREAD)),
    ],
    defaults: &[
        ("restartPolicy", "\"Always\""),
        ("dnsPolicy", "\"ClusterFirst\""),
        ("schedulerName", "\"default-scheduler\""),
        ("terminationGracePeriodSeconds", "30"),
    ],
    omitted: &["hostNetwork", "hostPID", "hostIPC", "nodeName", "hostname", "subdomain", "priorityClassName"],
    fill: None,
};

static SPREAD: Type = Type { fields: &[("labelSelector", Shape::Exact)], ..Type::NONE };

static CONTAINER: Type = Type {
    fields: &[
        ("env", Shape::ListMap(&["name"], &ENVIRONMENT)),
        ("ports", Shape::ListMap(&["containerPort", "protocol"], &CONTAINER_PORT)),
        ("volumeMounts", Shape::ListMap(&["mountPath"], &MOUNT)),
        ("volumeDevices", Shape::ListMap(&["devicePath"], &NONE)),
        ("resources", Shape::One(&AMOUNTS)),
        ("livenessProbe", Shape::One(&PROBE)),
        ("readinessProbe", Shape::One(&PROBE)),
        ("startupProbe", Shape::One(&PROBE)),
        ("lifecycle", Shape::One(&LIFECYCLE)),
    ],
    defaults: &[
        ("terminationMessagePath", "\"/dev/termination-log\""),
        ("terminationMessagePolicy", "\"File\""),
    ],
    omitted: &["stdin", "stdinOnce", "tty", "workingDir"],
    fill: Some(|container| {
        if let Some(image) = container.get("image").and_then(Value::as_str) {
            let policy = pull_policy(image);
            put_default(container, "imagePullPolicy", || json!(policy));
        }
    }),
};

/// A tag of `latest`, written or meant, is fetched each time.
fn pull_policy(image: &str) -> &'static str {
    let name = image.rsplit_once('/').map_or(image, |(_, name)| name);
    match (image.contains('@'), name.rsplit_once(':')) {
        (true, None) => "IfNotPresent",
        (_, Some((_, "latest"))) | (false, None) => "Always",
        _ => "IfNotPresent",
    }
}

static ENVIRONMENT: Type =
    Type { fields: &[("valueFrom", Shape::One(&VALUE_FROM))], omitted: &["value"], ..Type::NONE };
static VALUE_FROM: Type = Type {
    fields: &[("fieldRef", Shape::One(&FIELD_REF)), ("resourceFieldRef", Shape::One(&RESOURCE_FIELD_REF))],
    ..Type::NONE
};
static FIELD_REF: Type = Type { defaults: &[("apiVersion", "\"v1\"")], ..Type::NONE };
static RESOURCE_FIELD_REF: Type =
    Type { fields: &[("divisor", Shape::Quantity)], defaults: &[("divisor", "\"0\"")], ..Type::NONE };
static CONTAINER_PORT: Type =
    Type { defaults: &[("protocol", "\"TCP\"")], omitted: &["name", "hostPort", "hostIP"], ..Type::NONE };
static MOUNT: Type = Type { omitted: &["readOnly", "subPath", "subPathExpr"], ..Type::NONE };

static HTTP_GET: Type = Type { defaults: &[("path", "\"/\""), ("scheme", "\"HTTP\"")], ..Type::NONE };
static GRPC: Type = Type { defaults: &[("service", "\"\"")], ..Type::NONE };
static PROBE: Type = Type {
    fields: &[("httpGet", Shape::One(&HTTP_GET)), ("grpc", Shape::One(&GRPC))],
    defaults: &[
        ("timeoutSeconds", "1"),
        ("periodSeconds", "10"),
        ("successThreshold", "1"),
        ("failureThreshold", "3"),
    ],
    omitted: &["initialDelaySeconds"],
    fill: None,
};
static HOOK: Type = Type { fields: &[("httpGet", Shape::One(&HTTP_GET))], ..Type::NONE };
static LIFECYCLE: Type =
    Type { fields: &[("postStart", Shape::One(&HOOK)), ("preStop", Shape::One(&HOOK))], ..Type::NONE };

static VOLUME: Type = Type {
    fields: &[
        ("secret", Shape::One(&FILES)),
        ("configMap", Shape::One(&FILES)),
        ("downwardAPI", Shape::One(&DOWNWARD)),
        ("projected", Shape::One(&PROJECTED)),
        ("emptyDir", Shape::One(&EMPTY_DIR)),
        ("hostPath", Shape::One(&HOST_PATH)),
    ],
    fill: Some(|volume| {
        if volume.len() == 1 && volume.contains_key("name") {
            put_default(volume, "emptyDir", || json!({}));
        }
    }),
    ..Type::NONE
};
static FILES: Type = Type { defaults: &[("defaultMode", "420")], ..Type::NONE };
static DOWNWARD_FILE: Type = Type {
    fields: &[("fieldRef", Shape::One(&FIELD_REF)), ("resourceFieldRef", Shape::One(&RESOURCE_FIELD_REF))],
    ..Type::NONE
};
static DOWNWARD: Type = Type {
    fields: &[("items", Shape::Atomic(&DOWNWARD_FILE))],
    defaults: &[("defaultMode", "420")],
    ..Type::NONE
};
static TOKEN: Type = Type { defaults: &[("expirationSeconds", "3600")], ..Type::NONE };
static DOWNWARD_SOURCE: Type = Type { fields: &[("items", Shape::Atomic(&DOWNWARD_FILE))], ..Type::NONE };
static PROJECTION: Type = Type {
    fields: &[("serviceAccountToken", Shape::One(&TOKEN)), ("downwardAPI", Shape::One(&DOWNWARD_SOURCE))],
    ..Type::NONE
};
static PROJECTED: Type = Type {
    fields: &[("sources", Shape::Atomic(&PROJECTION))],
    defaults: &[("defaultMode", "420")],
    ..Type::NONE
};
static EMPTY_DIR: Type =
    Type { fields: &[("sizeLimit", Shape::Quantity)], omitted: &["medium"], ..Type::NONE };
static HOST_PATH: Type = Type { omitted: &["type"], ..Type::NONE };

pub(super) static JOB_SPEC: Type = Type {
    fields: &[("template", Shape::One(&POD_TEMPLATE)), ("selector", Shape::Exact)],
    defaults: &[("completionMode", "\"NonIndexed\""), ("suspend", "false")],
    omitted: &[],
    fill: Some(fill_job),
};

pub(super) static JOB_TEMPLATE: Type =
    Type { fields: &[("metadata", Shape::One(&METADATA)), ("spec", Shape::One(&JOB_SPEC))], ..Type::NONE };

fn fill_job(spec: &mut Map<String, Value>) {
    if !spec.contains_key("completions") && !spec.contains_key("parallelism") {
        put_default(spec, "completions", || json!(1));
    }
    put_default(spec, "parallelism", || json!(1));
    if !spec.contains_key("backoffLimitPerIndex") {
        put_default(spec, "backoffLimit", || json!(6));
    }
}
