use api::{Json, Links, Query, Result};
use axum::extract::{Path, State};
use axum::response::Response;
use http::StatusCode;
use identity::Caller;
use serde::Serialize;

use super::body::{self, Body, Common, List};
use crate::Network;
use crate::model::{SecurityGroup, SecurityRule};

/// A security group as users see it.
#[derive(Serialize)]
struct View<'a> {
    #[serde(flatten)]
    common: Common<'a>,
    stateful: bool,
    shared: bool,
    security_group_rules: Vec<RuleView<'a>>,
}

/// A rule as users see it.
#[derive(Serialize)]
struct RuleView<'a> {
    #[serde(flatten)]
    common: Common<'a>,
    security_group_id: &'a str,
    direction: &'a str,
    ethertype: &'a str,
    protocol: Option<&'a str>,
    port_range_min: Option<i64>,
    port_range_max: Option<i64>,
    remote_ip_prefix: Option<String>,
    normalized_cidr: Option<String>,
    remote_group_id: Option<&'a str>,
    remote_address_group_id: Option<&'a str>,
}

fn view(group: &SecurityGroup) -> View<'_> {
    View {
        common: (&group.standard).into(),
        stateful: group.stateful,
        shared: false,
        security_group_rules: group.rules.iter().map(rule_view).collect(),
    }
}

fn rule_view(rule: &SecurityRule) -> RuleView<'_> {
    RuleView {
        common: Common::nameless(&rule.standard),
        security_group_id: &rule.group_id,
        direction: &rule.direction,
        ethertype: &rule.ethertype,
        protocol: rule.protocol.as_deref(),
        port_range_min: rule.port_range_min,
        port_range_max: rule.port_range_max,
        normalized_cidr: rule.remote_ip_prefix.map(|prefix| prefix.trunc().to_string()),
        remote_ip_prefix: rule.remote_ip_prefix.map(|prefix| prefix.to_string()),
        remote_group_id: rule.remote_group_id.as_deref(),
        remote_address_group_id: None,
    }
}

pub(super) async fn rule_list(
    State(x): State<Network>,
    caller: Caller,
    links: Links,
    query: Query,
) -> Result<Response> {
    let page = body::page(&x, &query)?;
    let rules = x.security_rule_list(&caller, &query, &page).await?;
    let views: Vec<RuleView<'_>> = rules.iter().map(rule_view).collect();
    let (names, path) = ("security_group_rules", "security-group-rules");
    let list = List { names, path, query: &query, page: &page, links: &links };
    list.answer(&views, body::ends(&rules, |rule| &rule.standard))
}

pub(super) async fn rule_show(
    State(x): State<Network>,
    caller: Caller,
    Path(id): Path<String>,
    query: Query,
) -> Result<Response> {
    let rule = x.security_rule_show(&caller, &id).await?;
    body::shown(StatusCode::OK, "security_group_rule", &rule_view(&rule), &query)
}

pub(super) async fn rule_create(State(x): State<Network>, caller: Caller, Json(body): Body) -> Result<Response> {
    let (creates, several) = body::creates(body, "security_group_rule", "security_group_rules")?;
    let rules = x.security_rule_create(&caller, creates).await?;
    let views: Vec<RuleView<'_>> = rules.iter().map(rule_view).collect();
    body::created("security_group_rule", "security_group_rules", &views, several)
}

pub(super) async fn rule_delete(State(x): State<Network>, caller: Caller, Path(id): Path<String>) -> Result<Response> {
    x.security_rule_delete(&caller, &id).await?;
    Ok(body::gone())
}

pub(super) async fn list(State(x): State<Network>, caller: Caller, links: Links, query: Query) -> Result<Response> {
    let page = body::page(&x, &query)?;
    let items = x.security_group_list(&caller, &query, &page).await?;
    let views: Vec<View<'_>> = items.iter().map(view).collect();
    let list = List { names: "security_groups", path: "security-groups", query: &query, page: &page, links: &links };
    list.answer(&views, body::ends(&items, |item| &item.standard))
}

pub(super) async fn show(
    State(x): State<Network>,
    caller: Caller,
    Path(id): Path<String>,
    query: Query,
) -> Result<Response> {
    let item = x.security_group_show(&caller, &id).await?;
    body::shown(StatusCode::OK, "security_group", &view(&item), &query)
}

pub(super) async fn create(State(x): State<Network>, caller: Caller, Json(body): Body) -> Result<Response> {
    let (creates, several) = body::creates(body, "security_group", "security_groups")?;
    let items = x.security_group_create(&caller, creates).await?;
    let views: Vec<View<'_>> = items.iter().map(view).collect();
    body::created("security_group", "security_groups", &views, several)
}

pub(super) async fn update(
    State(x): State<Network>,
    caller: Caller,
    Path(id): Path<String>,
    Json(body): Body,
) -> Result<Response> {
    let item = x.security_group_update(&caller, &id, body::one(body, "security_group")?).await?;
    body::shown(StatusCode::OK, "security_group", &view(&item), &Query::default())
}

pub(super) async fn delete(State(x): State<Network>, caller: Caller, Path(id): Path<String>) -> Result<Response> {
    x.security_group_delete(&caller, &id).await?;
    Ok(body::gone())
}
