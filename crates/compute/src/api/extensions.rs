//! `/extensions`: from the time before microversions. Everything served is in the core now; the list says which of
//! the names that clients still look for are there. And what is gone for good, which is 410 in every microversion.

use ::api::{Error, Json, Kind, Result};
use axum::Router;
use axum::extract::{Path, State};
use axum::routing::{any, get};
use identity::Caller;
use policy::Target;
use serde_json::{Value, json};

use crate::Compute;

pub(super) fn routes() -> Router<Compute> {
    let mut router = Router::new()
        .route("/v2.1/extensions", get(extensions_list))
        .route("/v2.1/extensions/{alias}", get(extension_show));
    for gone in GONE {
        router = router
            .route(&format!("/v2.1/{gone}"), any(resource_gone))
            .route(&format!("/v2.1/{gone}/{{*rest}}"), any(resource_gone));
    }
    router
}

const EXTENSIONS: &[(&str, &str)] = &[
    ("os-availability-zone", "AvailabilityZone"),
    ("os-flavor-access", "FlavorAccess"),
    ("os-flavor-extra-specs", "FlavorExtraSpecs"),
    ("os-flavor-manage", "FlavorManage"),
    ("os-hypervisors", "Hypervisors"),
    ("os-keypairs", "Keypairs"),
    ("os-quota-class-sets", "QuotaClasses"),
    ("os-quota-sets", "Quotas"),
    ("os-services", "Services"),
    ("os-used-limits", "UsedLimits"),
];

/// What the real service took out for good, with everything below it.
const GONE: &[&str] = &[
    "os-agents",
    "os-cells",
    "os-cloudpipe",
    "os-fixed-ips",
    "os-floating-ip-dns",
    "os-floating-ips-bulk",
    "os-fping",
    "os-networks",
    "os-security-group-default-rules",
    "os-virtual-interfaces",
];

fn view(alias: &str, name: &str) -> Value {
    json!({
        "alias": alias, "name": name, "description": "", "links": [],
        "namespace": "http://docs.openstack.org/compute/ext/fake_xml", "updated": "2014-12-03T00:00:00Z",
    })
}

async fn extensions_list(State(_): State<Compute>, caller: Caller) -> Result<Json<Value>> {
    caller.allow("os_compute_api:extensions", &Target::new())?;
    let shown: Vec<Value> = EXTENSIONS.iter().map(|(alias, name)| view(alias, name)).collect();
    Ok(Json(json!({"extensions": shown})))
}

async fn extension_show(State(_): State<Compute>, caller: Caller, Path(alias): Path<String>) -> Result<Json<Value>> {
    caller.allow("os_compute_api:extensions", &Target::new())?;
    let (alias, name) = EXTENSIONS
        .iter()
        .find(|(known, _)| *known == alias)
        .ok_or_else(|| Error::not_found(format!("There is no extension {alias}; GET /extensions lists them.")))?;
    Ok(Json(json!({"extension": view(alias, name)})))
}

async fn resource_gone(State(_): State<Compute>, _: Caller) -> Error {
    Error::new(Kind::Gone, "This resource is gone for good. Networks, addresses and their like are the network API's.")
}
