//! Lists of servers: what callers may filter and sort by.

use ::api::{Error, Microversion, Query, Result};
use db::Direction;
use identity::Caller;
use policy::Target;
use regex::{Regex, RegexBuilder};

use super::Server;
use super::list_filters::{check, usable};
use crate::api::common;
use crate::store::server_list::{
    Filter, MOMENTS, TEXTS, Texts, is_plain, marker_exists, server_ids, server_list, server_texts,
};
use crate::{Compute, state};

/// The most servers of a page.
pub(crate) const PAGE: i64 = 1000;

/// Whose servers, and in which form, a list is asked for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// Ids and names.
    Names,
    /// All of it.
    Details,
}

/// The most servers that are looked through for an address.
const ADDRESS_SEARCH: i64 = 10_000;

/// The most memory that a regular expression may take.
const EXPRESSION_BYTES: usize = 1 << 18;

/// What users may sort by, and its column.
const SORT_KEYS: &[(&str, &str)] = &[
    ("access_ip_v4", "access_ipv4"),
    ("access_ip_v6", "access_ipv6"),
    ("auto_disk_config", "disk_config"),
    ("availability_zone", "zone"),
    ("config_drive", "config_drive"),
    ("created_at", "created_at"),
    ("display_description", "COALESCE({}.description, '')"),
    ("display_name", "name"),
    ("host", "host"),
    ("hostname", "hostname"),
    ("image_ref", "image_id"),
    ("instance_type_id", "flavor_id"),
    ("key_name", "COALESCE({}.key_name, '')"),
    ("launch_index", "launch_index"),
    ("launched_at", "COALESCE({}.launched_at, 0)"),
    ("locked", "locked"),
    ("locked_by", "locked_by"),
    ("node", "host"),
    ("power_state", "power_state"),
    ("project_id", "project_id"),
    ("task_state", "task_state"),
    ("terminated_at", "COALESCE({}.deleted_at, 0)"),
    ("updated_at", "updated_at"),
    ("user_id", "user_id"),
    ("uuid", "id"),
    ("vm_state", "vm_state"),
];

/// Sort keys that were taken until 2.74 and changed nothing.
const IGNORED_SORT_KEYS: &[&str] = &[
    "architecture",
    "cell_name",
    "cleaned",
    "default_ephemeral_device",
    "default_swap_device",
    "deleted",
    "deleted_at",
    "disable_terminate",
    "ephemeral_gb",
    "ephemeral_key_uuid",
    "id",
    "key_data",
    "launched_on",
    "memory_mb",
    "os_type",
    "reservation_id",
    "root_gb",
    "shutdown_terminate",
    "user_data",
    "vcpus",
    "vm_mode",
];

/// Sort keys by which all servers are the same.
const CONSTANT_SORT_KEYS: &[&str] = &["kernel_id", "progress", "ramdisk_id", "root_device_name"];

/// Other names of filters in [`TEXTS`].
const OTHER_NAMES: &[(&str, &str)] = &[("name", "display_name"), ("description", "display_description")];

/// Sort keys that only administrators may use.
const ADMIN_SORT_KEYS: &[&str] = &["host", "node"];

/// One page and how many were asked for at most.
pub(crate) struct Listed {
    pub(crate) servers: Vec<Server>,
    pub(crate) limit: i64,
}

impl Compute {
    /// The servers that the query asks for, as far as the caller may see them.
    pub(crate) async fn servers_list(
        &self,
        caller: &Caller,
        version: Microversion,
        query: &Query,
        form: Form,
    ) -> Result<Listed> {
        let limit = limit(query)?;
        let marker = last(query, "marker").filter(|marker| !marker.is_empty());
        let sort = sort(caller, version, query)?;
        let target = Target::new().with("project_id", caller.token.project_id.as_deref().unwrap_or_default());
        let all = caller.may("os_compute_api:servers:allow_all_filters", &target);
        check(query, version, all)?;
        let query = &query.only(|name| usable(name, version, all));
        let Some(mut filter) = filter(caller, version, query, form)? else {
            return Ok(Listed { servers: Vec::new(), limit });
        };
        let expressions = expressions(query, &mut filter)?;
        if let Some(marker) = marker
            && !marker_exists(self.db(), &filter, marker).await?
        {
            return Err(Error::bad_request(format!("marker [{marker}] not found")));
        }
        let parts: Vec<&str> = ["ip", "ip6"].into_iter().filter_map(|name| last(query, name)).collect();
        if !parts.is_empty() {
            filter.ids = Some(self.servers_of_address(&filter, &parts).await?);
        }
        if expressions.is_empty() {
            let servers = server_list(self.db(), &filter, &sort, marker, limit).await?;
            return Ok(Listed { servers, limit });
        }
        let marker = marker.map(str::to_owned);
        let ids = self.servers_expressed(&filter, &sort, marker, limit, &expressions).await?;
        filter.ids = Some(ids);
        Ok(Listed { servers: server_list(self.db(), &filter, &sort, None, limit).await?, limit })
    }

    /// The first servers behind the marker that meet the expressions: the database narrows and orders, batch by batch.
    async fn servers_expressed(
        &self,
        filter: &Filter,
        sort: &[(&'static str, Direction)],
        mut marker: Option<String>,
        limit: i64,
        expressions: &[Expression],
    ) -> Result<Vec<String>> {
        let wanted = usize::try_from(limit).unwrap_or_default();
        let mut ids = Vec::new();
        while ids.len() < wanted {
            let batch = server_texts(self.db(), filter, sort, marker.as_deref(), PAGE).await?;
            let last = i64::try_from(batch.len()).is_ok_and(|count| count < PAGE);
            marker = batch.last().map(|texts| texts.id.clone());
            let meets = |texts: &Texts| expressions.iter().all(|expression| expression.meets(texts));
            ids.extend(batch.into_iter().filter(meets).map(|texts| texts.id));
            if last {
                break;
            }
        }
        ids.truncate(wanted);
        Ok(ids)
    }

    /// The servers with an address that one of these is a part of; nothing is a part of none.
    async fn servers_of_address(&self, filter: &Filter, parts: &[&str]) -> Result<Vec<String>> {
        let parts: Vec<String> = parts.iter().filter(|part| !part.is_empty()).map(|part| part.to_lowercase()).collect();
        if parts.is_empty() {
            return Ok(Vec::new());
        }
        let ids = server_ids(self.db(), filter, ADDRESS_SEARCH).await?;
        let ports = self.0.deps.network.ports_of_servers(&ids).await?;
        let fits = |address: &str| parts.iter().any(|part| address.contains(part.as_str()));
        Ok(ports
            .into_iter()
            .filter(|(_, ports)| ports.iter().flat_map(|port| &port.fixed_ips).any(|fixed| fits(&fixed.ip.to_string())))
            .map(|(id, _)| id)
            .collect())
    }
}

/// A true regular expression, and the place among [`Texts`] of what it is compared with.
struct Expression {
    place: usize,
    regex: Regex,
}

impl Expression {
    /// A server without the text meets nothing.
    fn meets(&self, texts: &Texts) -> bool {
        texts.texts.get(self.place).and_then(Option::as_ref).is_some_and(|text| self.regex.is_match(text))
    }
}

/// Puts the query's plain patterns into the filter and returns its true regular expressions.
fn expressions(query: &Query, filter: &mut Filter) -> Result<Vec<Expression>> {
    let mut expressions = Vec::new();
    let others = OTHER_NAMES.iter().map(|(other, name)| (*other, *name));
    for (asked, name) in TEXTS.iter().map(|(name, _)| (*name, *name)).chain(others) {
        let pattern = last(query, asked).filter(|text| asked != "config_drive" || common::flag(text).is_none());
        let Some(pattern) = pattern else { continue };
        let Some(place) = TEXTS.iter().position(|(text, _)| *text == name) else { continue };
        if is_plain(pattern) {
            filter.patterns.push((place, pattern.to_owned()));
        } else {
            expressions.push(Expression { place, regex: expression(pattern)? });
        }
    }
    for (place, (name, _)) in MOMENTS.iter().enumerate() {
        if let Some(pattern) = last(query, name).filter(|text| moment(text).is_none()) {
            expressions.push(Expression { place: TEXTS.len() + place, regex: expression(pattern)? });
        }
    }
    Ok(expressions)
}

/// A user's expression, bounded in length and in what it may cost.
fn expression(pattern: &str) -> Result<Regex> {
    ::api::fields::length("A regular expression", pattern, 0, 255)?;
    RegexBuilder::new(pattern)
        .size_limit(EXPRESSION_BYTES)
        .dfa_size_limit(EXPRESSION_BYTES)
        .build()
        .map_err(|_| Error::bad_request(format!("{pattern} is not a regular expression, or one that is too large.")))
}

/// The filter; `None` when nothing can match.
fn filter(caller: &Caller, version: Microversion, query: &Query, form: Form) -> Result<Option<Filter>> {
    let text = |names: &[&str]| names.iter().find_map(|name| last(query, name)).map(str::to_owned);
    let at = |name: &str| last(query, name).and_then(moment);
    let mut filter = Filter {
        deleted: Some(false),
        flavor_id: text(&["flavor"]),
        image_id: text(&["image", "image_ref"]),
        config_drive: last(query, "config_drive").and_then(common::flag),
        host: text(&["host", "hypervisor_hostname"]),
        user_id: text(&["user_id"]),
        vm_states: text(&["vm_state"]).into_iter().collect(),
        task_states: text(&["task_state"]).into_iter().collect(),
        locked: last(query, "locked").map(|text| flag("locked", text)).transpose()?,
        ids: text(&["uuid"]).map(|id| vec![id]),
        changed_since: time(query, "changes-since")?,
        changed_before: time(query, "changes-before")?,
        created_at: at("created_at"),
        launched_at: at("launched_at"),
        terminated_at: at("terminated_at"),
        tags_all: words(query, "tags"),
        tags_any: words(query, "tags-any"),
        tags_not_all: words(query, "not-tags"),
        tags_not_any: words(query, "not-tags-any"),
        ..Filter::default()
    };
    scope(caller, query, &mut filter, form)?;
    if let (Some(since), Some(before)) = (filter.changed_since, filter.changed_before)
        && before < since
    {
        return Err(Error::bad_request("The value of changes-since must be less than or equal to changes-before."));
    }
    if filter.changed_since.is_some() || filter.changed_before.is_some() {
        filter.deleted = None;
    }
    if let Some(text) = last(query, "deleted") {
        filter.deleted = Some(common::flag(text).unwrap_or(false));
    }
    let admin = caller.may("context_is_admin", &Target::new());
    statuses(query, version, admin, filter)
}

/// Whose servers: the caller's project's, or for administrators who ask so everybody's or those of one project.
fn scope(caller: &Caller, query: &Query, filter: &mut Filter, form: Form) -> Result<()> {
    let all = match last(query, "all_tenants") {
        None => false,
        Some("") => true,
        Some(text) => flag("all_tenants", text)?,
    };
    if all {
        let target = Target::new().with("project_id", caller.token.project_id.as_deref().unwrap_or_default());
        let rule = match form {
            Form::Names => "os_compute_api:servers:index:get_all_tenants",
            Form::Details => "os_compute_api:servers:detail:get_all_tenants",
        };
        caller.allow(rule, &target)?;
        filter.project_id = last(query, "project_id").or_else(|| last(query, "tenant_id")).map(str::to_owned);
    } else {
        filter.project_id = Some(caller.project_id()?.to_owned());
    }
    Ok(())
}

fn statuses(query: &Query, version: Microversion, admin: bool, mut filter: Filter) -> Result<Option<Filter>> {
    let mut asked = false;
    for status in query.all("status") {
        asked = true;
        if status.eq_ignore_ascii_case("deleted") {
            if !admin {
                return Err(Error::forbidden("Only administrators may list deleted instances"));
            }
            filter.deleted = Some(true);
        }
        filter.states.extend(state::states_of(status).into_iter().flatten());
    }
    if asked && filter.states.is_empty() && version >= Microversion(2, 38) {
        return Err(Error::bad_request("Invalid status value: no server ever has that status."));
    }
    Ok((!asked || !filter.states.is_empty()).then_some(filter))
}

/// What a parameter says: the last of its values.
fn last<'a>(query: &'a Query, name: &'a str) -> Option<&'a str> {
    query.all(name).last()
}

fn limit(query: &Query) -> Result<i64> {
    let Some(text) = last(query, "limit") else { return Ok(PAGE) };
    let limit = text.parse().ok().filter(|limit| *limit >= 0);
    limit.map(|limit: i64| limit.min(PAGE)).ok_or_else(|| Error::bad_request("limit must be a number, zero or more."))
}

fn flag(name: &str, text: &str) -> Result<bool> {
    common::flag(text).ok_or_else(|| Error::bad_request(format!("{name} must be true or false, not \"{text}\".")))
}

fn words(query: &Query, name: &str) -> Vec<String> {
    let words = last(query, name).unwrap_or_default().split(',');
    words.filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

/// A day with a time; less is an expression for the text of a moment.
fn moment(text: &str) -> Option<jiff::Timestamp> {
    if text.contains(':') { ::api::time::parse(text) } else { None }
}

fn time(query: &Query, name: &str) -> Result<Option<jiff::Timestamp>> {
    last(query, name)
        .map(|text| {
            ::api::time::parse(text)
                .ok_or_else(|| Error::bad_request(format!("Invalid {name} value: write 2026-11-21T03:39:46Z.")))
        })
        .transpose()
}

/// The columns to sort by. Without a key that is when servers were made; a key without a direction, and what decides among
/// equals, has the first direction that is given, or newest and largest first.
fn sort(caller: &Caller, version: Microversion, query: &Query) -> Result<Vec<(&'static str, Direction)>> {
    let admin = caller.may("context_is_admin", &Target::new());
    let directions = query.all("sort_dir").map(direction).collect::<Result<Vec<_>>>()?;
    let mut keys: Vec<&str> = query.all("sort_key").collect();
    if keys.is_empty() {
        keys.push("created_at");
    }
    if directions.len() > keys.len() {
        return Err(Error::bad_request(
            "Sort direction size exceeds sort key size: give a sort_key with each sort_dir.",
        ));
    }
    let ignored = |key: &str| {
        version < Microversion(2, 75) && IGNORED_SORT_KEYS.contains(&key)
            || version < Microversion(2, 73) && key == "locked"
    };
    let asked = keys.iter().enumerate().map(|(index, key)| (*key, directions.get(index).copied()));
    let asked: Vec<(&str, Option<Direction>)> = asked.filter(|(key, _)| !ignored(key)).collect();
    let usual = asked.first().and_then(|(_, direction)| *direction).unwrap_or(Direction::Descending);
    let mut sort: Vec<(&'static str, Direction)> = Vec::new();
    for (key, direction) in asked {
        if CONSTANT_SORT_KEYS.contains(&key) {
            continue;
        }
        let Some((_, column)) = SORT_KEYS.iter().find(|(name, _)| *name == key) else {
            let keys: Vec<&str> = SORT_KEYS.iter().map(|(name, _)| *name).collect();
            return Err(Error::bad_request(format!("Cannot sort by {key}; sort by one of {}.", keys.join(", "))));
        };
        if !admin && ADMIN_SORT_KEYS.contains(&key) {
            return Err(Error::forbidden(format!("Only administrators may sort servers by {key}.")));
        }
        if !sort.iter().any(|(column_before, _)| column_before == column) {
            sort.push((*column, direction.unwrap_or(usual)));
        }
    }
    for column in ["created_at", "id"] {
        if !sort.iter().any(|(column_before, _)| *column_before == column) {
            sort.push((column, usual));
        }
    }
    Ok(sort)
}

fn direction(text: &str) -> Result<Direction> {
    match text.trim() {
        "asc" => Ok(Direction::Ascending),
        "desc" => Ok(Direction::Descending),
        _ => Err(Error::bad_request(format!("Unknown sort direction \"{text}\", must be 'desc' or 'asc'."))),
    }
}
