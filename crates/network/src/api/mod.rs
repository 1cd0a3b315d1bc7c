//! The networking API v2.0: one file per resource.

mod body;
mod floating_ip;
mod network;
mod other;
mod port;
mod quota;
mod router;
mod security_group;
mod subnet;
mod tag;

use api::{Service, Style};
use axum::Router;
use axum::routing::{get, put};

use crate::Network;

/// Every route.
pub(crate) fn router(network: Network) -> Router {
    let v2 = Router::new()
        .route("/networks", get(network::list).post(network::create))
        .route("/networks/{id}", get(network::show).put(network::update).delete(network::delete))
        .route("/subnets", get(subnet::list).post(subnet::create))
        .route("/subnets/{id}", get(subnet::show).put(subnet::update).delete(subnet::delete))
        .route("/ports", get(port::list).post(port::create))
        .route("/ports/{id}", get(port::show).put(port::update).delete(port::delete))
        .route("/routers", get(router::list).post(router::create))
        .route("/routers/{id}", get(router::show).put(router::update).delete(router::delete))
        .route("/routers/{id}/add_router_interface", put(router::interface_add))
        .route("/routers/{id}/remove_router_interface", put(router::interface_remove))
        .route("/floatingips", get(floating_ip::list).post(floating_ip::create))
        .route("/floatingips/{id}", get(floating_ip::show).put(floating_ip::update).delete(floating_ip::delete))
        .route("/security-groups", get(security_group::list).post(security_group::create))
        .route(
            "/security-groups/{id}",
            get(security_group::show).put(security_group::update).delete(security_group::delete),
        )
        .route("/security-group-rules", get(security_group::rule_list).post(security_group::rule_create))
        .route("/security-group-rules/{id}", get(security_group::rule_show).delete(security_group::rule_delete))
        .route("/quotas", get(quota::list))
        .route("/quotas/{id}", get(quota::show).put(quota::update).delete(quota::reset))
        .route("/quotas/{id}/default", get(quota::defaults))
        .route("/quotas/{id}/details", get(quota::details))
        .route("/quotas/{id}/details.json", get(quota::details))
        .route("/extensions", get(other::extension_list))
        .route("/extensions/{alias}", get(other::extension_show))
        .route("/agents", get(other::agent_list))
        .route("/agents/{id}", get(other::agent_show))
        .route("/availability_zones", get(other::zone_list))
        .route("/network-ip-availabilities", get(other::availability_list))
        .route("/network-ip-availabilities/{id}", get(other::availability_show))
        .route("/service-providers", get(other::provider_list));
    let mut v2 = v2;
    for kind in crate::tag::TAGGED.iter().map(|(name, _)| name) {
        v2 = v2
            .route(&format!("/{kind}/{{id}}/tags"), get(tag::list).put(tag::set).delete(tag::clear))
            .route(&format!("/{kind}/{{id}}/tags/{{tag}}"), get(tag::show).put(tag::add).delete(tag::remove));
    }
    let routes = Router::new()
        .route("/", get(other::versions))
        .route("/v2.0", get(other::version))
        .route("/v2.0/", get(other::version))
        .nest("/v2.0", v2)
        .with_state(network);
    Service { kind: "network", prefix: "/network", style: Style::Network, negotiation: None }.wrap(routes)
}
