//! Lists of servers: what callers may filter and sort by.

use std::net::IpAddr;

use ::api::{Error, Microversion, Query, Result};
use db::Direction;
use identity::Caller;
use policy::Target;
use regex::{Regex, RegexBuilder};

use super::Server;
use super::list_filters::{check, usable};
use crate::store::server_list::{Filter, Texts, is_plain, marker_exists, server_ids, server_list, server_texts};
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
    ("name", "name"),
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
        let page = query.page()?;
        let limit = page.limit.unwrap_or(PAGE).min(PAGE);
        let target = Target::new().with("project_id", caller.token.project_id.as_deref().unwrap_or_default());
        let all = caller.may("os_compute_api:servers:allow_all_filters", &target);
        check(query, version, all)?;
        let query = &query.only(|name| usable(name, version, all));
        let Some(mut filter) = filter(caller, version, query, form)? else {
            return Ok(Listed { servers: Vec::new(), limit });
        };
        if let Some(marker) = &page.marker
            && !marker_exists(self.db(), &filter, marker).await?
        {
            return Err(Error::bad_request(format!("marker [{marker}] not found")));
        }
        if let Some(pattern) = query.get("ip").or_else(|| query.get("ip6")) {
            filter.ids = Some(self.servers_of_address(&filter, pattern).await?);
        }
        let sort = sort(caller, version, &page.sort)?;
        let expressions = Expressions::taken(&mut filter)?;
        if expressions.is_empty() {
            let servers = server_list(self.db(), &filter, &sort, page.marker.as_deref(), limit).await?;
            return Ok(Listed { servers, limit });
        }
        let ids = self.servers_expressed(&filter, &sort, page.marker, limit, &expressions).await?;
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
        expressions: &Expressions,
    ) -> Result<Vec<String>> {
        let wanted = usize::try_from(limit).unwrap_or_default();
        let mut ids = Vec::new();
        while ids.len() < wanted {
            let batch = server_texts(self.db(), filter, sort, marker.as_deref(), PAGE).await?;
            let last = i64::try_from(batch.len()).is_ok_and(|count| count < PAGE);
            marker = batch.last().map(|texts| texts.id.clone());
            ids.extend(batch.into_iter().filter(|texts| expressions.meet(texts)).map(|texts| texts.id));
            if last {
                break;
            }
        }
        ids.truncate(wanted);
        Ok(ids)
    }

    /// The servers with an address that fits the pattern: its beginning, or all of it with `^...$`.
    async fn servers_of_address(&self, filter: &Filter, pattern: &str) -> Result<Vec<String>> {
        let whole = pattern.ends_with('$');
        let wanted = pattern.trim_start_matches('^').trim_end_matches('$').replace('\\', "");
        let ids = server_ids(self.db(), filter, ADDRESS_SEARCH).await?;
        let ports = self.0.deps.network.ports_of_servers(&ids).await?;
        let fits = |address: IpAddr| {
            let text = address.to_string();
            if whole { text == wanted } else { text.starts_with(&wanted) }
        };
        Ok(ports
            .into_iter()
            .filter(|(_, ports)| ports.iter().flat_map(|port| &port.fixed_ips).any(|fixed| fits(fixed.ip)))
            .map(|(id, _)| id)
            .collect())
    }
}

/// Filters that are true regular expressions.
#[derive(Default)]
struct Expressions {
    name: Option<Regex>,
    hostname: Option<Regex>,
    description: Option<Regex>,
}

impl Expressions {
    /// Takes them out of the filter.
    fn taken(filter: &mut Filter) -> Result<Self> {
        let take = |pattern: &mut Option<String>| {
            let taken = pattern.take_if(|pattern| !is_plain(pattern));
            taken.map(|pattern| expression(&pattern)).transpose()
        };
        Ok(Self {
            name: take(&mut filter.name)?,
            hostname: take(&mut filter.hostname)?,
            description: take(&mut filter.description)?,
        })
    }

    fn is_empty(&self) -> bool {
        self.name.is_none() && self.hostname.is_none() && self.description.is_none()
    }

    fn meet(&self, texts: &Texts) -> bool {
        let meets = |expression: &Option<Regex>, text: &str| expression.as_ref().is_none_or(|one| one.is_match(text));
        meets(&self.name, &texts.name)
            && meets(&self.hostname, &texts.hostname)
            && meets(&self.description, texts.description.as_deref().unwrap_or_default())
    }
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
    let text = |names: &[&str]| names.iter().find_map(|name| query.get(name)).map(str::to_owned);
    let mut filter = Filter {
        deleted: Some(false),
        name: text(&["name", "display_name"]),
        hostname: text(&["hostname"]),
        flavor_id: text(&["flavor"]),
        image_id: text(&["image", "image_ref"]),
        reservation_id: text(&["reservation_id"]),
        config_drive: query.flag("config_drive")?,
        key_name: text(&["key_name"]),
        zone: text(&["availability_zone"]),
        host: text(&["host", "node", "hypervisor_hostname"]),
        user_id: text(&["user_id"]),
        description: text(&["description", "display_description"]),
        vm_states: query.all("vm_state").map(str::to_owned).collect(),
        task_states: query.all("task_state").map(str::to_owned).collect(),
        power_state: query.number("power_state")?,
        locked: query.flag("locked")?,
        ids: text(&["uuid"]).map(|id| vec![id]),
        changed_since: time(query, "changes-since")?,
        changed_before: time(query, "changes-before")?,
        created_at: time(query, "created_at")?,
        launched_at: time(query, "launched_at")?,
        terminated_at: time(query, "terminated_at")?,
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
    filter.deleted = query.flag("deleted")?.map_or(filter.deleted, Some);
    // No server is ever shown to have progressed.
    if query.number("progress")?.is_some_and(|progress| progress != 0) {
        return Ok(None);
    }
    let admin = caller.may("context_is_admin", &Target::new());
    statuses(query, version, admin, filter)
}

/// Whose servers: the caller's project's, or for administrators who ask so everybody's or those of one project.
fn scope(caller: &Caller, query: &Query, filter: &mut Filter, form: Form) -> Result<()> {
    if query.flag("all_tenants")?.unwrap_or(false) {
        let target = Target::new().with("project_id", caller.token.project_id.as_deref().unwrap_or_default());
        let rule = match form {
            Form::Names => "os_compute_api:servers:index:get_all_tenants",
            Form::Details => "os_compute_api:servers:detail:get_all_tenants",
        };
        caller.allow(rule, &target)?;
        filter.project_id = query.get("project_id").or_else(|| query.get("tenant_id")).map(str::to_owned);
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

fn words(query: &Query, name: &str) -> Vec<String> {
    query.all(name).flat_map(|value| value.split(',')).filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

fn time(query: &Query, name: &str) -> Result<Option<jiff::Timestamp>> {
    query
        .get(name)
        .map(|text| {
            ::api::time::parse(text)
                .ok_or_else(|| Error::bad_request(format!("Invalid {name} value: write 2026-11-21T03:39:46Z.")))
        })
        .transpose()
}

fn sort(caller: &Caller, version: Microversion, asked: &[(String, bool)]) -> Result<Vec<(&'static str, Direction)>> {
    let admin = caller.may("context_is_admin", &Target::new());
    let mut sort: Vec<(&'static str, Direction)> = Vec::new();
    for (key, descending) in asked {
        let ignored = version < Microversion(2, 75) && IGNORED_SORT_KEYS.contains(&key.as_str());
        let without_effect = ignored || CONSTANT_SORT_KEYS.contains(&key.as_str());
        if without_effect || key == "locked" && version < Microversion(2, 73) {
            continue;
        }
        let Some((_, column)) = SORT_KEYS.iter().find(|(name, _)| name == key) else {
            let keys: Vec<&str> = SORT_KEYS.iter().map(|(name, _)| *name).collect();
            return Err(Error::bad_request(format!("Cannot sort by {key}; sort by one of {}.", keys.join(", "))));
        };
        if !admin && ADMIN_SORT_KEYS.contains(&key.as_str()) {
            return Err(Error::forbidden(format!("Only administrators may sort servers by {key}.")));
        }
        if !sort.iter().any(|(column_before, _)| column_before == column) {
            sort.push((*column, if *descending { Direction::Descending } else { Direction::Ascending }));
        }
    }
    for column in ["created_at", "id"] {
        if !sort.iter().any(|(column_before, _)| *column_before == column) {
            sort.push((column, Direction::Descending));
        }
    }
    Ok(sort)
}
