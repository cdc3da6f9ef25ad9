//! Definitions: what people write in the fleet repository, as types.
//!
//! A type here is the *full* form of a definition. The short forms (`port`, `health`, an app
//! without `components`) are lifted into it on the tree of the document, where every node still
//! knows its place. Nothing here looks at another definition; `resolve` does.

mod app;
mod calendar;
mod cluster;
mod component;
mod config;
mod container;
mod envelope;
mod fleet;
mod gray_release;
mod kind;
mod lift;
mod reference;
pub mod secret;
mod shape;
mod tenant;
pub mod yaml;

pub use app::{
    App, AppRef, JsonPatchOp, ObjectPatch, Override, OwnedElsewhere, PatchTarget, Placement,
    PlacementReplicas, RunState, Source, Split, When,
};
pub use calendar::{Calendar, ClusterCalendar, Day, Freeze, TimeOfDay, TimeZoneName, Window};
pub use cluster::{Access, Cluster, NodePorts, Traffic, TrafficProvider, Zone};
pub use component::{
    AccessMode, Autoscale, Component, DaemonUpdate, Disruption, DnsPolicy, Exposure, IntOrPercent,
    PortProtocol, Route, Service, ServicePort, SessionAffinity, Spread, Volume, Workload,
};
pub use config::{Config, ConfigFile, Secret, SecretType};
pub use container::{
    Container, ContainerPort, EnvSource, EnvValue, Mount, Probe, ProbeCheck, Probes, Resources, Security,
};
pub use envelope::{Definition, Metadata, parse};
pub use fleet::{
    CommitSignatures, DeletionBudget, Environment, Fleet, ForcePush, Healing, ImagePolicy, Policy,
    TenantSource, User,
};
pub use gray_release::{GrayRelease, Rollback, Scope, Strategy, Timeouts};
pub use kind::{Kind, UnknownKind};
pub use lift::lift;
pub use reference::{Entry, Field, reference, reference_markdown};
pub use shape::{nearest, schema, typed};
pub use tenant::{
    LimitBounds, Limits, Member, Namespace, Network, NetworkDefault, PodSecurity, Role, Subject, Tenant,
    TenantKinds,
};

/// `apiVersion` of every definition.
pub const API_VERSION: &str = "sluice.dev/v1alpha1";

#[cfg(test)]
mod tests;
