//! Ingress: one per component and host.

use serde_json::{Value, json};

use super::{Site, config::Named, http_route, label, object::object, object::put};
use crate::definition::Component;
use crate::model::ComponentName;

pub(super) fn render(site: &Site, name: &ComponentName, component: &Component, named: &Named) -> Vec<Value> {
    http_route::by_host(component)
        .into_iter()
        .map(|(host, routes)| {
            let mut ingress = object(
                "networking.k8s.io/v1",
                "Ingress",
                site.namespace.as_str(),
                &http_route::name(name, host),
                &label::of_app(site, Some(name)),
            );
            let paths: Vec<Value> = routes
                .iter()
                .filter_map(|route| {
                    let (port, _) = http_route::service_port(component, route)?;
                    Some(json!({
                        "path": route.path,
                        "pathType": "Prefix",
                        "backend": {"service": {"name": name.as_str(), "port": {"name": port}}},
                    }))
                })
                .collect();
            ingress["spec"] = json!({"rules": [{"host": host, "http": {"paths": paths}}]});
            put(&mut ingress["spec"], "ingressClassName", site.offers.traffic.ingress_class.clone());
            if let Some(secret) = routes.iter().find_map(|route| route.tls.as_deref()) {
                ingress["spec"]["tls"] = json!([{"hosts": [host], "secretName": named.secret(secret)}]);
            }
            ingress
        })
        .collect()
}
