//! The shape of the kinds that are served, and what the server makes of objects by it.

pub(crate) mod normalize;

pub(crate) use crate::model::schema::{ListMerge, Schema, Struct, Type};

use super::kinds::Kind;

/// The schema of the built-in kinds.
pub(crate) fn schema() -> &'static Schema {
    crate::model::schema::builtin()
}

/// The type of a kind's objects.
pub(crate) fn type_of(kind: &Kind) -> Type {
    match schema().of_kind(&kind.api_version(), kind.kind) {
        Some(named) => Type::Named(named.name.clone()),
        None => Type::Any,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::playground::kinds::KINDS;

    #[test]
    fn every_kind_that_is_served_has_a_shape() {
        for kind in KINDS {
            let Type::Named(name) = type_of(kind) else { panic!("{kind:?}") };
            assert!(
                schema().named(&name).is_some_and(|held| held.fields.contains_key("metadata")),
                "{kind:?}"
            );
        }
    }
}
