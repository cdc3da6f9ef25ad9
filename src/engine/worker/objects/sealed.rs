//! Objects whose values are sealed, opened for the cluster alone.

use std::sync::Arc;

use super::{Held, Scene};
use crate::model::{Manifest, is_sealed};
use crate::port::cluster::ClusterError;

/// The object with its values opened, remembered by the digest of the sealed one.
pub(super) fn opened(
    scene: &Scene<'_>,
    held: &mut Held,
    object: &Arc<Manifest>,
) -> Result<Arc<Manifest>, ClusterError> {
    if !is_sealed(object) {
        return Ok(object.clone());
    }
    let digest = object.digest();
    if let Some(opened) = held.opened.get(&digest) {
        return Ok(opened.clone());
    }
    let opened = open(scene, object)?;
    held.opened.insert(digest, opened.clone());
    Ok(opened)
}

/// The object with its values opened.
pub(in super::super) fn open(scene: &Scene<'_>, object: &Manifest) -> Result<Arc<Manifest>, ClusterError> {
    if !is_sealed(object) {
        return Ok(Arc::new(object.clone()));
    }
    let opened = crate::artifact::unseal(object, scene.keys);
    opened.map(Arc::new).map_err(|error| ClusterError::Invalid(error.to_string()))
}
