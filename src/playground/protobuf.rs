//! Reads the Kubernetes protobuf encoding of the objects that `kubectl create` sends.
//!
//! The few kinds and fields that it sets; anything else is refused, never dropped. Answers are
//! always JSON, which such clients accept too.

use base64::Engine as _;
use serde_json::{Map, Value, json};

/// The media type of such bodies.
pub(crate) const MEDIA_TYPE: &str = "application/vnd.kubernetes.protobuf";

/// What such a body begins with.
const MAGIC: &[u8] = b"k8s\0";

/// Messages with their fields: number, name, type. A type in brackets repeats; `map` and `bytes`
/// are maps of text and of bytes, `skip` is what the server sets itself.
const MESSAGES: &str = "
ObjectMeta 1 name str 2 generateName str 3 namespace str 5 uid str 6 resourceVersion str 8 creationTimestamp skip 11 labels map 12 annotations map 14 finalizers [str]
Namespace 1 metadata ObjectMeta 2 spec Empty 3 status skip
ConfigMap 1 metadata ObjectMeta 2 data map 3 binaryData bytes 4 immutable bool
Secret 1 metadata ObjectMeta 2 data bytes 3 type str 4 stringData map 5 immutable bool
ServiceAccount 1 metadata ObjectMeta
Deployment 1 metadata ObjectMeta 2 spec DeploymentSpec 3 status skip
DeploymentSpec 1 replicas int 2 selector LabelSelector 3 template PodTemplateSpec 4 strategy UpdateStrategy 5 minReadySeconds int 6 revisionHistoryLimit int 7 paused bool
UpdateStrategy 1 type str
LabelSelector 1 matchLabels map
PodTemplateSpec 1 metadata ObjectMeta 2 spec PodSpec
PodSpec 2 containers [Container] 3 restartPolicy str 4 terminationGracePeriodSeconds int 6 dnsPolicy str 8 serviceAccountName str 9 serviceAccount str 10 nodeName str 11 hostNetwork bool 12 hostPID bool 13 hostIPC bool 16 hostname str 17 subdomain str 19 schedulerName str
Container 1 name str 2 image str 3 command [str] 4 args [str] 5 workingDir str 6 ports [ContainerPort] 7 env [EnvVar] 8 resources Empty 13 terminationMessagePath str 14 imagePullPolicy str 16 stdin bool 17 stdinOnce bool 18 tty bool 20 terminationMessagePolicy str
ContainerPort 1 name str 2 hostPort int 3 containerPort int 4 protocol str 5 hostIP str
EnvVar 1 name str 2 value str
Job 1 metadata ObjectMeta 2 spec JobSpec 3 status skip
JobSpec 1 parallelism int 2 completions int 3 activeDeadlineSeconds int 4 selector LabelSelector 5 manualSelector bool 6 template PodTemplateSpec 7 backoffLimit int 8 ttlSecondsAfterFinished int 10 suspend bool
CronJob 1 metadata ObjectMeta 2 spec CronJobSpec 3 status skip
CronJobSpec 1 schedule str 2 startingDeadlineSeconds int 3 concurrencyPolicy str 4 suspend bool 5 jobTemplate JobTemplateSpec
JobTemplateSpec 1 metadata ObjectMeta 2 spec JobSpec
Service 1 metadata ObjectMeta 2 spec ServiceSpec 3 status skip
ServiceSpec 1 ports [ServicePort] 2 selector map 3 clusterIP str 4 type str 7 sessionAffinity str 8 loadBalancerIP str 10 externalName str 11 externalTrafficPolicy str 12 healthCheckNodePort int 13 publishNotReadyAddresses bool
ServicePort 1 name str 2 protocol str 3 port int 4 targetPort IntOrString 5 nodePort int
IntOrString 1 type int 2 intVal int 3 strVal str
HorizontalPodAutoscaler 1 metadata ObjectMeta 2 spec HorizontalPodAutoscalerSpec 3 status skip
HorizontalPodAutoscalerSpec 1 scaleTargetRef CrossReference 2 minReplicas int 3 maxReplicas int 4 metrics [MetricSpec]
CrossReference 1 kind str 2 name str 3 apiVersion str
MetricSpec 1 type str 4 resource ResourceMetric
ResourceMetric 1 name str 2 target MetricTarget
MetricTarget 1 type str 4 averageUtilization int
Role 1 metadata ObjectMeta 2 rules [PolicyRule]
ClusterRole 1 metadata ObjectMeta 2 rules [PolicyRule]
PolicyRule 1 verbs [str] 2 apiGroups [str] 3 resources [str] 4 resourceNames [str] 5 nonResourceURLs [str]
RoleBinding 1 metadata ObjectMeta 2 subjects [Subject] 3 roleRef RoleRef
ClusterRoleBinding 1 metadata ObjectMeta 2 subjects [Subject] 3 roleRef RoleRef
Subject 1 kind str 2 apiGroup str 3 name str 4 namespace str
RoleRef 1 apiGroup str 2 kind str 3 name str
DeleteOptions 1 gracePeriodSeconds int 2 preconditions Preconditions 3 orphanDependents bool 4 propagationPolicy str 5 dryRun [str]
Preconditions 1 uid str 2 resourceVersion str
SelfSubjectReview 1 metadata ObjectMeta 2 status skip
SelfSubjectAccessReview 1 metadata ObjectMeta 2 spec AccessReviewSpec 3 status skip
AccessReviewSpec 1 resourceAttributes ResourceAttributes 2 nonResourceAttributes NonResourceAttributes
ResourceAttributes 1 namespace str 2 verb str 3 group str 4 version str 5 resource str 6 subresource str 7 name str
NonResourceAttributes 1 path str 2 verb str
Empty
";

/// A field on the wire.
enum Wire<'a> {
    Number(u64),
    Bytes(&'a [u8]),
}

/// Splits off a varint.
fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (first, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(first & 0x7f) << shift;
        if first & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

/// The fields of a message, in the order of the wire.
fn fields(mut bytes: &[u8]) -> Option<Vec<(u64, Wire<'_>)>> {
    let mut fields = Vec::new();
    while !bytes.is_empty() {
        let tag = varint(&mut bytes)?;
        let value = match tag & 7 {
            0 => Wire::Number(varint(&mut bytes)?),
            2 => {
                let length = usize::try_from(varint(&mut bytes)?).ok()?;
                let (value, rest) = bytes.split_at_checked(length)?;
                bytes = rest;
                Wire::Bytes(value)
            }
            _ => return None,
        };
        fields.push((tag >> 3, value));
    }
    Some(fields)
}

/// The name and type of a message's field.
fn field_of(message: &str, number: u64) -> Option<(&'static str, &'static str)> {
    let line = MESSAGES.lines().find(|line| line.split(' ').next() == Some(message))?;
    let words: Vec<&str> = line.split(' ').skip(1).collect();
    words.chunks_exact(3).find(|field| field[0].parse() == Ok(number)).map(|field| (field[1], field[2]))
}

fn text(bytes: &[u8]) -> Option<Value> {
    std::str::from_utf8(bytes).ok().map(|text| json!(text))
}

fn map_entry(bytes: &[u8], base64: bool) -> Option<(String, Value)> {
    let (mut key, mut value) = (String::new(), json!(""));
    for (number, held) in fields(bytes)? {
        let Wire::Bytes(held) = held else { return None };
        match number {
            1 => key = std::str::from_utf8(held).ok()?.to_owned(),
            2 if base64 => value = json!(base64::engine::general_purpose::STANDARD.encode(held)),
            2 => value = text(held)?,
            _ => return None,
        }
    }
    Some((key, value))
}

fn scalar(kind: &str, wire: &Wire<'_>) -> Option<Value> {
    match (kind, wire) {
        ("str", Wire::Bytes(bytes)) => text(bytes),
        ("int", Wire::Number(number)) => Some(json!(number.cast_signed())),
        ("bool", Wire::Number(number)) => Some(json!(*number != 0)),
        (message, Wire::Bytes(bytes)) => decode_message(message, bytes),
        _ => None,
    }
}

fn decode_message(message: &str, bytes: &[u8]) -> Option<Value> {
    let mut object = Map::new();
    for (number, wire) in fields(bytes)? {
        let Some((name, kind)) = field_of(message, number) else {
            // Unknown but unset: Go writes empty messages and zeros for what it can't leave out.
            match wire {
                Wire::Bytes([]) | Wire::Number(0) => continue,
                _ => return None,
            }
        };
        match (kind, &wire) {
            ("skip", _) => {}
            ("map" | "bytes", Wire::Bytes(bytes)) => {
                let (key, value) = map_entry(bytes, kind == "bytes")?;
                object.entry(name).or_insert_with(|| json!({}))[key] = value;
            }
            _ => match kind.strip_prefix('[').and_then(|kind| kind.strip_suffix(']')) {
                Some(item) => {
                    let item = scalar(item, &wire)?;
                    object.entry(name).or_insert_with(|| json!([])).as_array_mut()?.push(item);
                }
                None => drop(object.insert(name.to_owned(), scalar(kind, &wire)?)),
            },
        }
    }
    if message == "IntOrString" {
        let field = if object.get("type") == Some(&json!(1)) { "strVal" } else { "intVal" };
        return Some(object.remove(field).unwrap_or_else(|| json!(0)));
    }
    Some(Value::Object(object))
}

/// Reads a body. `None` if it has more in it than is understood.
pub(crate) fn decode(body: &[u8]) -> Option<Value> {
    let (mut kind, mut api_version, mut raw) = (String::new(), String::new(), &[][..]);
    for (number, wire) in fields(body.strip_prefix(MAGIC)?)? {
        match (number, wire) {
            (1, Wire::Bytes(types)) => {
                for (number, wire) in fields(types)? {
                    let Wire::Bytes(bytes) = wire else { return None };
                    let target = if number == 1 { &mut api_version } else { &mut kind };
                    *target = std::str::from_utf8(bytes).ok()?.to_owned();
                }
            }
            (2, Wire::Bytes(bytes)) => raw = bytes,
            (3 | 4, _) => {}
            _ => return None,
        }
    }
    MESSAGES.lines().find(|line| line.split(' ').next() == Some(kind.as_str()))?;
    let mut object = decode_message(&kind, raw)?;
    object["apiVersion"] = json!(api_version);
    object["kind"] = json!(kind);
    Some(object)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::decode;

    /// A message's field that holds bytes.
    fn field(number: u8, bytes: &[u8]) -> Vec<u8> {
        [&[number << 3 | 2, u8::try_from(bytes.len()).unwrap()], bytes].concat()
    }

    fn body(kind: &str, raw: &[u8]) -> Vec<u8> {
        let types = [field(1, b"v1"), field(2, kind.as_bytes())].concat();
        [b"k8s\0".to_vec(), field(1, &types), field(2, raw)].concat()
    }

    #[test]
    fn what_kubectl_creates_is_read() {
        let metadata = field(1, &field(1, b"a"));
        let entry = field(2, &[field(1, b"k"), field(2, b"v")].concat());
        let map = body("ConfigMap", &[metadata.clone(), entry.clone()].concat());
        let expected =
            json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": {"k": "v"}});
        assert_eq!(decode(&map), Some(expected));
        let secret = decode(&body("Secret", &[metadata, entry].concat())).unwrap();
        assert_eq!(secret["data"], json!({"k": "dg=="}));
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        let unknown = field(15, b"x");
        for bad in [body("Node", b""), body("ConfigMap", &unknown), b"k8s\0\x0a\xff".to_vec(), b"{}".to_vec()]
        {
            assert_eq!(decode(&bad), None, "{bad:?}");
        }
    }
}
