use std::collections::BTreeMap;

use db::{FromRow, On, Result, Row, Tx, sql};

use super::list::{Filter, Table};
use super::{Field, again, by_ids, insert, parsed_option, tag};
use crate::model::{SecurityGroup, SecurityRule, Standard};

pub(crate) const TABLE: Table = Table {
    name: "network_security_groups",
    filters: &[("stateful", Filter::Bool("stateful"))],
    sorts: &[("stateful", "stateful")],
};

pub(crate) const RULE_TABLE: Table = Table {
    name: "network_security_rules",
    filters: &[
        ("security_group_id", Filter::Text("security_group_id")),
        ("direction", Filter::Text("direction")),
        ("ethertype", Filter::Text("ethertype")),
        ("protocol", Filter::Text("protocol")),
        ("port_range_min", Filter::Int("port_range_min")),
        ("port_range_max", Filter::Int("port_range_max")),
        ("remote_ip_prefix", Filter::Text("remote_ip_prefix")),
        ("remote_group_id", Filter::Text("remote_group_id")),
    ],
    sorts: &[("security_group_id", "security_group_id"), ("direction", "direction"), ("ethertype", "ethertype")],
};

/// The rows that a project sees, of both tables.
pub(crate) const VISIBLE: &str = "project_id = ?";

impl FromRow for SecurityGroup {
    fn from_row(row: &Row) -> Result<Self> {
        Ok(Self {
            standard: Standard::read(row)?,
            stateful: row.get("stateful")?,
            is_default: row.get("is_default")?,
            rules: Vec::new(),
        })
    }
}

impl FromRow for SecurityRule {
    fn from_row(row: &Row) -> Result<Self> {
        Ok(Self {
            standard: Standard::read(row)?,
            group_id: row.get("security_group_id")?,
            direction: row.get("direction")?,
            ethertype: row.get("ethertype")?,
            protocol: row.get("protocol")?,
            port_range_min: row.get("port_range_min")?,
            port_range_max: row.get("port_range_max")?,
            remote_ip_prefix: parsed_option(row, "remote_ip_prefix")?,
            remote_group_id: row.get("remote_group_id")?,
        })
    }
}

/// Adds what lies in other tables.
pub(crate) async fn complete(mut on: On<'_>, groups: &mut [SecurityGroup]) -> Result<()> {
    let ids: Vec<String> = groups.iter().map(|group| group.standard.id.clone()).collect();
    let mut rows: Vec<SecurityRule> =
        by_ids(again(&mut on), "network_security_rules", "security_group_id", &ids).await?;
    rows.sort_by(|a, b| (a.standard.created_at, &a.standard.id).cmp(&(b.standard.created_at, &b.standard.id)));
    let mut rules: BTreeMap<String, Vec<SecurityRule>> = BTreeMap::new();
    for rule in rows {
        rules.entry(rule.group_id.clone()).or_default().push(rule);
    }
    let mut tags = tag::of(on, &ids).await?;
    for group in groups {
        group.rules = rules.remove(&group.standard.id).unwrap_or_default();
        group.standard.tags = tags.remove(&group.standard.id).unwrap_or_default();
    }
    Ok(())
}

/// Groups by id; those that are gone are left out.
pub(crate) async fn get(on: impl Into<On<'_>>, ids: &[String]) -> Result<BTreeMap<String, SecurityGroup>> {
    let mut on = on.into();
    let mut groups: Vec<SecurityGroup> = by_ids(again(&mut on), "network_security_groups", "id", ids).await?;
    complete(on, &mut groups).await?;
    Ok(groups.into_iter().map(|group| (group.standard.id.clone(), group)).collect())
}

db::row! {
    /// A group's identity, for resolving names.
    pub(crate) struct Name { pub id: String, pub project_id: String, pub name: String, pub is_default: bool }
}

/// The groups of a project with one of these ids or names.
pub(crate) async fn named(on: impl Into<On<'_>>, project_id: &str, texts: &[String]) -> Result<Vec<Name>> {
    let mut statement = sql("SELECT id, project_id, name, is_default FROM network_security_groups WHERE project_id = ");
    statement.push_bind(project_id).push(" AND (id IN ").push_list(texts).push(" OR name IN ").push_list(texts);
    statement.push(")");
    statement.all(on).await
}

/// Names of groups by id.
pub(crate) async fn names(on: impl Into<On<'_>>, ids: &[String]) -> Result<BTreeMap<String, Name>> {
    if ids.is_empty() {
        return Ok(BTreeMap::new());
    }
    let mut statement = sql("SELECT id, project_id, name, is_default FROM network_security_groups WHERE id IN ");
    statement.push_list(ids);
    Ok(statement.all::<Name>(on).await?.into_iter().map(|name| (name.id.clone(), name)).collect())
}

/// The project's default group.
pub(crate) async fn default_of(on: impl Into<On<'_>>, project_id: &str) -> Result<Option<String>> {
    sql("SELECT id FROM network_security_groups WHERE project_id = $1 AND is_default")
        .bind(project_id)
        .optional(on)
        .await
}

/// What can be changed later.
pub(crate) fn fields(group: &SecurityGroup) -> Vec<Field> {
    vec![
        ("name", (&group.standard.name).into()),
        ("description", (&group.standard.description).into()),
        ("stateful", group.stateful.into()),
    ]
}

/// Writes a group, unless it is a project's second default one. Its rules are written apart.
pub(crate) async fn create(tx: &mut Tx, group: &SecurityGroup) -> Result<bool> {
    let mut all = group.standard.fields();
    all.push(("stateful", group.stateful.into()));
    all.push(("is_default", group.is_default.into()));
    let mut statement = insert("network_security_groups", all);
    statement.push(" ON CONFLICT DO NOTHING");
    Ok(statement.execute(tx).await? == 1)
}

/// Writes a rule, unless the group has the same one. `meaning` is what it permits, in one text.
pub(crate) async fn rule_create(tx: &mut Tx, rule: &SecurityRule, meaning: &str) -> Result<bool> {
    let mut all = rule.standard.fields();
    all.push(("security_group_id", (&rule.group_id).into()));
    all.push(("direction", (&rule.direction).into()));
    all.push(("ethertype", (&rule.ethertype).into()));
    all.push(("protocol", rule.protocol.as_deref().into()));
    all.push(("port_range_min", rule.port_range_min.into()));
    all.push(("port_range_max", rule.port_range_max.into()));
    all.push(("remote_ip_prefix", rule.remote_ip_prefix.map(|prefix| prefix.to_string()).into()));
    all.push(("remote_group_id", rule.remote_group_id.as_deref().into()));
    all.push(("meaning", meaning.into()));
    let mut statement = insert("network_security_rules", all);
    statement.push(" ON CONFLICT DO NOTHING");
    Ok(statement.execute(tx).await? == 1)
}

/// A port in the group.
pub(crate) async fn user(tx: &mut Tx, group_id: &str) -> Result<Option<String>> {
    sql("SELECT port_id FROM network_port_groups WHERE security_group_id = $1 LIMIT 1")
        .bind(group_id)
        .optional(tx)
        .await
}

/// Rules of other groups that name this one go with it; their groups, and how many rules each project loses.
pub(crate) async fn referring(tx: &mut Tx, group_id: &str) -> Result<Vec<SecurityRule>> {
    sql("SELECT * FROM network_security_rules WHERE remote_group_id = $1 OR security_group_id = $1")
        .bind(group_id)
        .all(tx)
        .await
}

db::row! {
    struct PortIn { security_group_id: String, port_id: String }
}

/// The ports in groups.
pub(crate) async fn ports(on: impl Into<On<'_>>, ids: &[String]) -> Result<BTreeMap<String, Vec<String>>> {
    let mut ports: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut rows: Vec<PortIn> = by_ids(on.into(), "network_port_groups", "security_group_id", ids).await?;
    rows.sort_by(|a, b| a.port_id.cmp(&b.port_id));
    for row in rows {
        ports.entry(row.security_group_id).or_default().push(row.port_id);
    }
    Ok(ports)
}
