//! The HTTP API: one file per resource.

pub(crate) mod common;
pub(crate) mod console_proxy;
pub(crate) mod metadata;
pub(crate) mod project_url;

mod actions;
mod aggregates;
mod events;
mod extensions;
mod flavor_extras;
mod flavors;
mod groups;
mod hosts;
mod hypervisors;
mod key_pairs;
mod migrations;
mod proxy_images;
mod proxy_networks;
mod proxy_security_groups;
mod proxy_volumes;
mod quotas;
mod server_diagnostics;
mod server_hints;
mod server_history;
mod server_interfaces;
mod server_labels;
mod server_order;
mod server_password;
mod server_shares;
mod server_view;
mod server_volumes;
mod servers;
mod services;
mod topology;
mod usage;
mod versions;
mod volumes_boot;
mod zones;

use axum::Router;

use crate::Compute;

/// Every route.
pub(crate) fn routes() -> Router<Compute> {
    Router::new()
        .merge(versions::routes())
        .merge(flavors::routes())
        .merge(flavor_extras::routes())
        .merge(key_pairs::routes())
        .merge(quotas::routes())
        .merge(services::routes())
        .merge(hypervisors::routes())
        .merge(zones::routes())
        .merge(aggregates::routes())
        .merge(groups::routes())
        .merge(proxy_images::routes())
        .merge(proxy_networks::routes())
        .merge(proxy_security_groups::routes())
        .merge(proxy_volumes::routes())
        .merge(hosts::routes())
        .merge(usage::routes())
        .merge(events::routes())
        .merge(migrations::routes())
        .merge(topology::routes())
        .merge(extensions::routes())
        .merge(servers::routes())
        .merge(volumes_boot::routes())
        .merge(actions::routes())
        .merge(server_diagnostics::routes())
        .merge(server_volumes::routes())
        .merge(server_shares::routes())
        .merge(server_password::routes())
        .merge(server_labels::routes())
        .merge(server_history::routes())
        .merge(server_interfaces::routes())
}
