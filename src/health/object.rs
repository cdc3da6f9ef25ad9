//! Reading an object's status without trusting its shape: what is not of the expected type counts
//! as absent.

use serde_json::Value;

/// An object as its controllers left it.
pub(super) struct Object<'a>(&'a Value);

/// One entry of a `conditions` list.
#[derive(Debug, Clone, Copy)]
pub(super) struct Condition<'a> {
    /// What the condition is about.
    pub(super) name: &'a str,
    /// `True`, `False` or `Unknown`.
    pub(super) status: &'a str,
    /// The controller's one word; may be empty.
    pub(super) reason: &'a str,
    /// The controller's sentence; may be empty.
    pub(super) message: &'a str,
    /// When the status last changed, as it was written; may be empty.
    pub(super) since: &'a str,
    /// The generation that the condition speaks of.
    pub(super) observed: Option<i64>,
}

impl<'a> Condition<'a> {
    fn read(value: &'a Value) -> Self {
        let text = |field: &str| value.get(field).and_then(Value::as_str).unwrap_or_default();
        Self {
            name: text("type"),
            status: text("status"),
            reason: text("reason"),
            message: text("message"),
            since: text("lastTransitionTime"),
            observed: value.get("observedGeneration").and_then(Value::as_i64),
        }
    }

    pub(super) fn is_true(&self) -> bool {
        self.status == "True"
    }

    pub(super) fn is_false(&self) -> bool {
        self.status == "False"
    }

    /// The controller's word, or the condition's name where it gave none.
    pub(super) fn reason_or_name(&self) -> &'a str {
        if self.reason.is_empty() { self.name } else { self.reason }
    }

    /// The controller's sentence, or the condition spelled out where it gave none.
    pub(super) fn message_or_state(&self) -> String {
        match self.message {
            "" => format!("condition {} is {}", self.name, self.status),
            message => message.to_owned(),
        }
    }
}

/// Every entry of a list of conditions.
pub(super) fn conditions(list: Option<&Value>) -> impl Iterator<Item = Condition<'_>> {
    list.and_then(Value::as_array).into_iter().flatten().map(Condition::read)
}

impl<'a> Object<'a> {
    pub(super) fn new(value: &'a Value) -> Self {
        Self(value)
    }

    pub(super) fn group(&self) -> &'a str {
        let version = self.text("/apiVersion").unwrap_or_default();
        version.rsplit_once('/').map_or("", |(group, _)| group)
    }

    pub(super) fn kind(&self) -> &'a str {
        self.text("/kind").unwrap_or_default()
    }

    pub(super) fn at(&self, pointer: &str) -> Option<&'a Value> {
        self.0.pointer(pointer)
    }

    pub(super) fn text(&self, pointer: &str) -> Option<&'a str> {
        self.at(pointer)?.as_str().filter(|text| !text.is_empty())
    }

    pub(super) fn integer(&self, pointer: &str) -> Option<i64> {
        self.at(pointer)?.as_i64()
    }

    /// A count of the status: absent is zero, as Kubernetes writes it.
    pub(super) fn count(&self, pointer: &str) -> i64 {
        self.integer(pointer).unwrap_or(0)
    }

    pub(super) fn flag(&self, pointer: &str) -> bool {
        self.at(pointer).and_then(Value::as_bool).unwrap_or(false)
    }

    pub(super) fn list(&self, pointer: &str) -> &'a [Value] {
        self.at(pointer).and_then(Value::as_array).map_or(&[], Vec::as_slice)
    }

    /// How many pods the spec asks for; the API's default is one.
    pub(super) fn replicas(&self) -> i64 {
        self.integer("/spec/replicas").unwrap_or(1)
    }

    pub(super) fn conditions(&self) -> impl Iterator<Item = Condition<'a>> {
        conditions(self.at("/status/conditions"))
    }

    pub(super) fn condition(&self, name: &str) -> Option<Condition<'a>> {
        self.conditions().find(|condition| condition.name == name)
    }

    pub(super) fn has_status(&self) -> bool {
        self.at("/status").and_then(Value::as_object).is_some_and(|status| !status.is_empty())
    }

    /// The observed and the present generation, where the status speaks of another one.
    pub(super) fn unobserved_generation(&self) -> Option<(i64, i64)> {
        let generation = self.integer("/metadata/generation")?;
        let observed = self.integer("/status/observedGeneration")?;
        (observed != generation).then_some((observed, generation))
    }

    /// Whether a kind that always reports a generation has not reported one yet.
    pub(super) fn is_not_observed(&self) -> bool {
        !self.has_status()
            || self.integer("/metadata/generation").is_some()
                && self.integer("/status/observedGeneration").is_none()
    }
}
