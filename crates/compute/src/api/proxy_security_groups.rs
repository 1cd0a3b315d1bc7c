//! `/os-security-groups` and `/os-security-group-rules`, as clients before microversion 2.36 know them, and the groups of
//! a server: the network service's groups in another form, which knows incoming traffic only.

use std::collections::BTreeMap;
use std::net::IpAddr;

use ::api::{Error, Json, Kind, Microversion, Page, Query, Result, fields};
use axum::Router;
use axum::extract::{Path, State};
use axum::routing::{delete, get, post};
use http::StatusCode;
use identity::Caller;
use ipnet::IpNet;
use network::model::{SecurityGroup, SecurityRule};
use policy::Target;
use serde::Deserialize;
use serde_json::{Value, json};

use super::common::{self, NoParameters, Whole};
use crate::Compute;

pub(super) fn routes() -> Router<Compute> {
    Router::new()
        .route("/v2.1/os-security-groups", get(groups_list).post(group_create))
        .route("/v2.1/os-security-groups/{id}", get(group_show).put(group_update).delete(group_delete))
        .route("/v2.1/os-security-group-rules", post(rule_create))
        .route("/v2.1/os-security-group-rules/{id}", delete(rule_delete))
        .route("/v2.1/servers/{id}/os-security-groups", get(groups_of_server))
}

/// Asks whether the caller may, in a microversion that has it.
fn allowed(caller: &Caller, version: Microversion, action: &str) -> Result<()> {
    common::until(version, 35, "Use the network API.")?;
    let target = Target::new().with("project_id", caller.project_id()?);
    caller.allow(&format!("os_compute_api:os-security-groups:{action}"), &target).map(drop)
}

/// What the network service refuses, with the statuses of these resources.
fn refused(error: Error) -> Error {
    match (error.kind, error.code) {
        (Kind::Conflict, Some("OverQuota")) => Error::forbidden(error.message),
        (Kind::Conflict, _) => Error::bad_request(error.message),
        _ => error,
    }
}

fn id_check(id: &str) -> Result<()> {
    if fields::is_uuid(id) {
        return Ok(());
    }
    Err(Error::bad_request(format!("Security group id should be uuid, not {id}.")))
}

/// Name and project of groups, by id.
type Names = BTreeMap<String, Value>;

fn rule_view(rule: &SecurityRule, names: &Names) -> Value {
    let tcp_or_udp = rule.protocol.as_deref().is_some_and(|name| ["tcp", "udp"].contains(&name));
    let (from, to) = match (&rule.protocol, rule.port_range_min, rule.port_range_max) {
        (Some(_), None, None) if tcp_or_udp => (Some(1), Some(65_535)),
        (Some(_), None, None) => (Some(-1), Some(-1)),
        (_, from, to) => (from, to),
    };
    let everywhere = if rule.ethertype == "IPv6" { "::/0" } else { "0.0.0.0/0" };
    let range = rule.remote_ip_prefix.map_or_else(|| everywhere.to_owned(), |prefix| prefix.to_string());
    let remote = rule.remote_group_id.as_ref().map(|id| names.get(id).cloned().unwrap_or_else(|| json!({})));
    json!({
        "id": rule.standard.id,
        "parent_group_id": rule.group_id,
        "ip_protocol": rule.protocol,
        "from_port": from,
        "to_port": to,
        "ip_range": if remote.is_some() { json!({}) } else { json!({"cidr": range}) },
        "group": remote.unwrap_or_else(|| json!({})),
    })
}

fn view(group: &SecurityGroup, names: &Names) -> Value {
    let incoming = group.rules.iter().filter(|rule| rule.direction == "ingress");
    json!({
        "id": group.standard.id,
        "name": group.standard.name,
        "description": group.standard.description,
        "tenant_id": group.standard.project_id,
        "rules": incoming.map(|rule| rule_view(rule, names)).collect::<Vec<_>>(),
    })
}

/// The groups in the form of these resources. Groups that rules name are looked up together.
async fn views(compute: &Compute, caller: &Caller, mut groups: Vec<SecurityGroup>) -> Result<Vec<Value>> {
    let entry = |group: &SecurityGroup| {
        let standard = &group.standard;
        (standard.id.clone(), json!({"name": standard.name, "tenant_id": standard.project_id}))
    };
    let mut names: Names = groups.iter().map(entry).collect();
    let named = groups.iter().flat_map(|group| &group.rules).filter_map(|rule| rule.remote_group_id.as_deref());
    let mut missing: Vec<String> = named.filter(|id| !names.contains_key(*id)).map(|id| format!("id={id}")).collect();
    missing.sort_unstable();
    missing.dedup();
    for ids in missing.chunks(500) {
        let query = Query::parse(&ids.join("&"));
        let found = compute.0.deps.network.security_group_list(caller, &query, &Page::default()).await?;
        names.extend(found.iter().map(entry));
    }
    let key = |group: &SecurityGroup| (group.standard.project_id.clone(), group.standard.name.clone());
    groups.sort_by_key(key);
    Ok(groups.iter().map(|group| view(group, &names)).collect())
}

async fn one(compute: &Compute, caller: &Caller, group: SecurityGroup) -> Result<Json<Value>> {
    let view = views(compute, caller, vec![group]).await?.pop().unwrap_or_default();
    Ok(Json(json!({"security_group": view})))
}

async fn groups_list(
    State(compute): State<Compute>,
    caller: Caller,
    version: Microversion,
    query: Query,
) -> Result<Json<Value>> {
    allowed(&caller, version, "get")?;
    let all = query.get("all_tenants").is_some_and(|text| common::flag(text) == Some(true));
    let asked = if all { String::new() } else { format!("project_id={}", caller.project_id()?) };
    let groups = compute.0.deps.network.security_group_list(&caller, &Query::parse(&asked), &Page::default()).await?;
    let number = |name: &str| -> Result<Option<usize>> {
        let refused = || Error::bad_request(format!("{name} must be zero or more."));
        query.number(name)?.map(|number| usize::try_from(number).map_err(|_| refused())).transpose()
    };
    let (limit, offset) = (number("limit")?.unwrap_or(usize::MAX), number("offset")?.unwrap_or(0));
    let groups: Vec<SecurityGroup> = groups.into_iter().skip(offset).take(limit).collect();
    Ok(Json(json!({"security_groups": views(&compute, &caller, groups).await?})))
}

async fn group_show(
    State(compute): State<Compute>,
    caller: Caller,
    version: Microversion,
    Path(id): Path<String>,
) -> Result<Json<Value>> {
    allowed(&caller, version, "show")?;
    id_check(&id)?;
    let group = compute.0.deps.network.security_group_show(&caller, &id).await?;
    one(&compute, &caller, group).await
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct GroupBody {
    security_group: Named,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Named {
    name: String,
    #[serde(default)]
    description: Option<String>,
}

impl Named {
    fn check(&self) -> Result<()> {
        fields::length("name", &self.name, 0, 255)?;
        fields::length("description", self.description.as_deref().unwrap_or_default(), 0, 255)
    }
}

async fn group_create(
    State(compute): State<Compute>,
    caller: Caller,
    version: Microversion,
    Json(GroupBody { security_group: new }): Json<GroupBody>,
) -> Result<Json<Value>> {
    allowed(&caller, version, "create")?;
    new.check()?;
    let description = new.description.unwrap_or_default();
    let create = serde_json::from_value(json!({"name": new.name, "description": description}));
    let create = create.map_err(Error::internal)?;
    let made = compute.0.deps.network.security_group_create(&caller, vec![create]).await.map_err(refused)?;
    match made.into_iter().next() {
        Some(group) => one(&compute, &caller, group).await,
        None => Err(Error::unavailable("The group was not made; try again.")),
    }
}

async fn group_update(
    State(compute): State<Compute>,
    caller: Caller,
    version: Microversion,
    Path(id): Path<String>,
    Json(GroupBody { security_group: update }): Json<GroupBody>,
) -> Result<Json<Value>> {
    allowed(&caller, version, "update")?;
    id_check(&id)?;
    update.check()?;
    let change = serde_json::from_value(json!({"name": update.name, "description": update.description}));
    let change = change.map_err(Error::internal)?;
    let group = compute.0.deps.network.security_group_update(&caller, &id, change).await.map_err(refused)?;
    one(&compute, &caller, group).await
}

async fn group_delete(
    State(compute): State<Compute>,
    caller: Caller,
    version: Microversion,
    Path(id): Path<String>,
) -> Result<StatusCode> {
    allowed(&caller, version, "delete")?;
    id_check(&id)?;
    compute.0.deps.network.security_group_delete(&caller, &id).await.map_err(refused)?;
    Ok(StatusCode::ACCEPTED)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RuleBody {
    security_group_rule: NewRule,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewRule {
    parent_group_id: String,
    #[serde(default)]
    group_id: Option<String>,
    #[serde(default)]
    ip_protocol: Option<String>,
    #[serde(default)]
    from_port: Option<Whole>,
    #[serde(default)]
    to_port: Option<Whole>,
    #[serde(default)]
    cidr: Option<String>,
}

impl NewRule {
    /// The same rule in the network service's words.
    fn translated(&self) -> Result<Value> {
        let protocol = self.ip_protocol.as_deref().map(str::to_ascii_lowercase).filter(|name| !name.is_empty());
        let ports = self.ports(protocol.as_deref())?;
        let range = match self.cidr.as_deref().map(str::trim).filter(|_| self.group_id.is_none()) {
            None | Some("") => None,
            Some(text) => {
                Some(text.parse::<IpNet>().or_else(|_| text.parse::<IpAddr>().map(IpNet::from)).map_err(|_| {
                    Error::bad_request(format!("Invalid input: {text} is no range of addresses such as 10.0.0.0/8."))
                })?)
            }
        };
        let ethertype = if range.is_some_and(|range| range.addr().is_ipv6()) { "IPv6" } else { "IPv4" };
        // Everywhere is what a rule without a range means, and is shown as such.
        let range = range.map(|range| range.to_string());
        Ok(json!({
            "security_group_id": self.parent_group_id, "direction": "ingress", "ethertype": ethertype,
            "protocol": protocol, "port_range_min": ports.map(|ports| ports.0), "port_range_max": ports.map(|ports| ports.1),
            "remote_ip_prefix": range, "remote_group_id": self.group_id,
        }))
    }

    /// The ports, or type and code of ICMP; nothing for any.
    fn ports(&self, protocol: Option<&str>) -> Result<Option<(i64, i64)>> {
        let (Some(protocol), Some(Whole(from)), Some(Whole(to))) = (protocol, self.from_port, self.to_port) else {
            if self.group_id.is_some() {
                return Ok(None);
            }
            return Err(Error::bad_request(
                "Not enough parameters to build a valid rule: give ip_protocol, from_port and to_port.",
            ));
        };
        let allowed = match protocol {
            "tcp" | "udp" => 1..=65_535,
            "icmp" => -1..=255,
            _ => {
                return Err(Error::bad_request(format!(
                    "Invalid IP protocol {protocol}. Use tcp, udp or icmp; the network API knows more."
                )));
            }
        };
        if !allowed.contains(&from) || !allowed.contains(&to) || (protocol != "icmp" && from > to) {
            return Err(Error::bad_request(format!("Invalid port range {from}:{to} for {protocol}.")));
        }
        Ok((from >= 0 || to >= 0).then_some((from, to)))
    }
}

async fn rule_create(
    State(compute): State<Compute>,
    caller: Caller,
    version: Microversion,
    Json(RuleBody { security_group_rule: new }): Json<RuleBody>,
) -> Result<Json<Value>> {
    allowed(&caller, version, "rule:create")?;
    if !fields::is_uuid(&new.parent_group_id) {
        return Err(Error::bad_request(format!("Security group id {} should be a UUID.", new.parent_group_id)));
    }
    let network = &compute.0.deps.network;
    network.security_group_show(&caller, &new.parent_group_id).await?;
    let mut names = Names::new();
    if let Some(id) = &new.group_id {
        let group = network.security_group_show(&caller, id).await?;
        let standard = group.standard;
        names.insert(id.clone(), json!({"name": standard.name, "tenant_id": standard.project_id}));
    }
    let create = serde_json::from_value(new.translated()?).map_err(Error::internal)?;
    let made = network.security_rule_create(&caller, vec![create]).await.map_err(refused)?;
    let shown = made.first().map(|rule| rule_view(rule, &names));
    Ok(Json(json!({"security_group_rule": shown})))
}

async fn rule_delete(
    State(compute): State<Compute>,
    caller: Caller,
    version: Microversion,
    Path(id): Path<String>,
) -> Result<StatusCode> {
    allowed(&caller, version, "rule:delete")?;
    id_check(&id)?;
    compute.0.deps.network.security_rule_delete(&caller, &id).await.map_err(refused)?;
    Ok(StatusCode::ACCEPTED)
}

async fn groups_of_server(
    State(compute): State<Compute>,
    caller: Caller,
    _: NoParameters,
    Path(id): Path<String>,
) -> Result<Json<Value>> {
    compute.server_for(&caller, "os_compute_api:os-security-groups:list", &id).await?;
    let ports = compute.ports_of(&id).await?;
    let mut ids: Vec<String> =
        ports.iter().flat_map(|port| &port.security_group_ids).map(|id| format!("id={id}")).collect();
    ids.sort_unstable();
    ids.dedup();
    let mut groups = Vec::new();
    if !ids.is_empty() {
        let query = Query::parse(&ids.join("&"));
        groups = compute.0.deps.network.security_group_list(&caller, &query, &Page::default()).await?;
    }
    Ok(Json(json!({"security_groups": views(&compute, &caller, groups).await?})))
}
