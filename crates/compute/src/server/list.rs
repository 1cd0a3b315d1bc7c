//! Lists of servers: what callers may filter and sort by.

use std::net::IpAddr;

use ::api::{Error, Microversion, Query, Result};
use db::Direction;
use identity::Caller;
use policy::Target;
use regex::{Regex, RegexBuilder};

use super::Server;
use crate::store::server_list::{Filter, Texts, is_plain, marker_exists, server_ids, server_list, server_texts};
use crate::{Compute, state};

/// The most servers of a page.
pub(crate) const PAGE: i64 = 1000;

/// The most servers that are looked through for an address.
const ADDRESS_SEARCH: i64 = 10_000;

/// The most memory that a regular expression may take.
const EXPRESSION_BYTES: usize = 1 << 18;

/// What users may sort by, and its column.
const SORT_KEYS: &[(&str, &str)] = &[
    ("access_ip_v4", "access_ipv4"),
    ("access_ip_v6", "access_ipv6"),
    ("availability_zone", "zone"),
    ("config_drive", "config_drive"),
    ("created_at", "created_at"),
    ("display_name", "name"),
    ("name", "name"),
    ("host", "host"),
    ("hostname", "hostname"),
    ("image_ref", "image_id"),
    ("instance_type_id", "flavor_id"),
    ("launch_index", "launch_index"),
    ("locked", "locked"),
    ("node", "host"),
    ("power_state", "power_state"),
    ("project_id", "project_id"),
    ("task_state", "task_state"),
    ("updated_at", "updated_at"),
    ("user_id", "user_id"),
    ("uuid", "id"),
    ("vm_state", "vm_state"),
];

/// Sort keys that only administrators may use.
const ADMIN_SORT_KEYS: &[&str] = &["host", "node"];

/// One page and how many were asked for at most.
pub(crate) struct Listed {
    pub(crate) servers: Vec<Server>,
    pub(crate) limit: i64,
}

impl Compute {
    /// The servers that the query asks for, as far as the caller may see them.
    pub(crate) async fn servers_list(&self, caller: &Caller, version: Microversion, query: &Query) -> Result<Listed> {
        let page = query.page()?;
        let limit = page.limit.unwrap_or(PAGE).min(PAGE);
        let Some(mut filter) = self.filter(caller, version, query)? else {
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
        let sort = sort(caller, &page.sort)?;
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

    /// The filter; `None` when nothing can match.
    fn filter(&self, caller: &Caller, version: Microversion, query: &Query) -> Result<Option<Filter>> {
        let target = Target::new().with("project_id", caller.token.project_id.as_deref().unwrap_or_default());
        let admin = caller.may("context_is_admin", &target);
        let text = |name: &str| query.get(name).map(str::to_owned);
        let mut filter = Filter {
            deleted: Some(false),
            name: text("name"),
            hostname: text("hostname").filter(|_| version >= Microversion(2, 90)),
            flavor_id: text("flavor"),
            image_id: text("image"),
            reservation_id: text("reservation_id"),
            config_drive: query.flag("config_drive")?,
            key_name: text("key_name"),
            zone: text("availability_zone"),
            changed_since: time(query, "changes-since")?,
            changed_before: if version >= Microversion(2, 66) { time(query, "changes-before")? } else { None },
            ..Filter::default()
        };
        scope(caller, query, &mut filter)?;
        if filter.changed_since.is_some() || filter.changed_before.is_some() {
            filter.deleted = None;
        }
        if admin {
            filter.host = text("host").or_else(|| text("hypervisor_hostname")).or_else(|| text("node"));
            filter.user_id = text("user_id");
            filter.description = text("description");
            filter.vm_states = query.all("vm_state").map(str::to_owned).collect();
            filter.task_states = query.all("task_state").map(str::to_owned).collect();
            filter.power_state = query.number("power_state")?;
            filter.deleted = query.flag("deleted")?.map_or(filter.deleted, Some);
        }
        if version >= Microversion(2, 26) {
            filter.tags_all = words(query, "tags");
            filter.tags_any = words(query, "tags-any");
            filter.tags_not_all = words(query, "not-tags");
            filter.tags_not_any = words(query, "not-tags-any");
        }
        if version >= Microversion(2, 73) {
            filter.locked = query.flag("locked")?;
        }
        statuses(query, version, admin, filter)
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

/// Whose servers: the caller's project's, or for administrators who ask so everybody's or those of one project.
fn scope(caller: &Caller, query: &Query, filter: &mut Filter) -> Result<()> {
    if query.flag("all_tenants")?.unwrap_or(false) {
        let target = Target::new().with("project_id", caller.token.project_id.as_deref().unwrap_or_default());
        caller.allow("os_compute_api:servers:index:get_all_tenants", &target)?;
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

fn sort(caller: &Caller, asked: &[(String, bool)]) -> Result<Vec<(&'static str, Direction)>> {
    let admin = caller.may("context_is_admin", &Target::new());
    let mut sort: Vec<(&'static str, Direction)> = Vec::new();
    for (key, descending) in asked {
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
