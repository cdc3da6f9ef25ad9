//! What the identity of a client may do in its cluster, asked of the API server itself.

use http::Method;
use serde_json::json;

use super::{Call, KubeCluster};
use crate::model::Right;
use crate::port::cluster::ClusterError;

const REVIEWS: &str = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";

impl KubeCluster {
    /// Whether the identity that this client has may do something. Writes nothing: a review is
    /// answered and not kept.
    ///
    /// # Errors
    /// The API server does not answer, or does not let the identity in.
    pub async fn may(&self, right: &Right) -> Result<bool, ClusterError> {
        let mut attributes = json!({"group": right.group, "resource": right.resource, "verb": right.verb});
        for (field, value) in [("name", &right.name), ("namespace", &right.namespace)] {
            if let Some(value) = value {
                attributes[field] = json!(value);
            }
        }
        let review = json!({
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectAccessReview",
            "spec": {"resourceAttributes": attributes},
        });
        let call = Call {
            method: Method::POST,
            uri: REVIEWS.to_owned(),
            as_user: None,
            content_type: Some("application/json"),
            body: Some(review),
        };
        let answer = self.send(call).await?;
        Ok(answer["status"]["allowed"] == true)
    }
}
