//! Lists of servers: filters and pages.

use db::{Db, Direction, Keyset, Result, Sql, sql};
use jiff::{SignedDuration, Timestamp};

use crate::server::Server;
use crate::state;
use crate::store::servers::COLUMNS;

/// Which servers are wanted; what is `None` or empty does not matter.
#[derive(Debug, Clone, Default)]
pub(crate) struct Filter {
    pub(crate) project_id: Option<String>,
    pub(crate) user_id: Option<String>,
    pub(crate) ids: Option<Vec<String>>,
    /// Whether to list those that are gone instead of those that are there; `None`: both.
    pub(crate) deleted: Option<bool>,
    pub(crate) changed_since: Option<Timestamp>,
    pub(crate) changed_before: Option<Timestamp>,
    /// Within that second.
    pub(crate) created_at: Option<Timestamp>,
    pub(crate) launched_at: Option<Timestamp>,
    pub(crate) terminated_at: Option<Timestamp>,
    pub(crate) flavor_id: Option<String>,
    pub(crate) image_id: Option<String>,
    pub(crate) host: Option<String>,
    /// Plain patterns, each by the place of its text in [`TEXTS`].
    pub(crate) patterns: Vec<(usize, String)>,
    pub(crate) config_drive: Option<bool>,
    pub(crate) locked: Option<bool>,
    /// Any of these states.
    pub(crate) states: Vec<state::Meant>,
    pub(crate) vm_states: Vec<String>,
    pub(crate) task_states: Vec<String>,
    pub(crate) tags_all: Vec<String>,
    pub(crate) tags_any: Vec<String>,
    pub(crate) tags_not_all: Vec<String>,
    pub(crate) tags_not_any: Vec<String>,
}

/// One page of servers.
pub(crate) async fn server_list(
    db: &Db,
    filter: &Filter,
    sort: &[(&'static str, Direction)],
    marker: Option<&str>,
    limit: i64,
) -> Result<Vec<Server>> {
    let mut select = sql("SELECT ");
    select.push(COLUMNS).push(" FROM servers WHERE TRUE");
    push_filter(&mut select, filter);
    select.push_keyset(&Keyset { table: "servers", sort, marker, limit: Some(limit) });
    select.all(db).await
}

/// What patterns are compared with: the name of a filter and its text, which is NULL where servers have none.
pub(crate) const TEXTS: &[(&str, &str)] = &[
    ("display_name", "name"),
    ("hostname", "hostname"),
    ("display_description", "description"),
    ("key_name", "key_name"),
    ("availability_zone", "NULLIF(zone, '')"),
    ("reservation_id", "reservation_id"),
    ("node", "NULLIF(host, '')"),
    ("locked_by", "NULLIF(locked_by, '')"),
    ("access_ip_v4", "NULLIF(access_ipv4, '')"),
    ("access_ip_v6", "NULLIF(access_ipv6, '')"),
    ("auto_disk_config", "CASE disk_config WHEN 'AUTO' THEN '1' ELSE '0' END"),
    ("config_drive", "CASE WHEN config_drive THEN 'True' ELSE '' END"),
    ("launch_index", "CAST(launch_index AS TEXT)"),
    ("power_state", "CAST(power_state AS TEXT)"),
    // The same of all servers.
    ("progress", "CAST('0' AS TEXT)"),
    ("kernel_id", "CAST('' AS TEXT)"),
    ("ramdisk_id", "CAST('' AS TEXT)"),
    ("root_device_name", "CASE WHEN host <> '' THEN '/dev/vda' END"),
];

/// What else regular expressions are compared with, behind the texts: the name of a filter and its moment.
pub(crate) const MOMENTS: &[(&str, &str)] =
    &[("created_at", "created_at"), ("launched_at", "launched_at"), ("terminated_at", "deleted_at")];

/// A server as regular expressions see it: its texts, then its moments, in the order of their tables.
pub(crate) struct Texts {
    pub(crate) id: String,
    pub(crate) texts: Vec<Option<String>>,
}

impl db::FromRow for Texts {
    fn from_row(row: &db::Row<'_>) -> Result<Self> {
        let texts = (0..TEXTS.len()).map(|place| row.get(&format!("t{place}")));
        let moments = MOMENTS.iter().map(|(_, column)| {
            let moment: Option<Timestamp> = row.get(column)?;
            Ok(moment.map(|moment| moment.strftime("%Y-%m-%d %H:%M:%S").to_string()))
        });
        Ok(Self { id: row.get("id")?, texts: texts.chain(moments).collect::<Result<_>>()? })
    }
}

/// One page of servers as regular expressions see them.
pub(crate) async fn server_texts(
    db: &Db,
    filter: &Filter,
    sort: &[(&'static str, Direction)],
    marker: Option<&str>,
    limit: i64,
) -> Result<Vec<Texts>> {
    let texts = TEXTS.iter().enumerate().map(|(place, (_, text))| format!("{text} AS t{place}"));
    let columns: Vec<String> = texts.chain(MOMENTS.iter().map(|(_, column)| (*column).to_owned())).collect();
    let mut select = sql("SELECT id, ");
    select.push(&columns.join(", ")).push(" FROM servers WHERE TRUE");
    push_filter(&mut select, filter);
    select.push_keyset(&Keyset { table: "servers", sort, marker, limit: Some(limit) });
    select.all(db).await
}

/// The ids of all that match, at most `limit`.
pub(crate) async fn server_ids(db: &Db, filter: &Filter, limit: i64) -> Result<Vec<String>> {
    let mut select = sql("SELECT id FROM servers WHERE TRUE");
    push_filter(&mut select, filter);
    select.push(" ORDER BY created_at DESC, id DESC LIMIT ").push_bind(limit);
    select.all(db).await
}

/// Whether the marker names a server of the list.
pub(crate) async fn marker_exists(db: &Db, filter: &Filter, id: &str) -> Result<bool> {
    let mut select = sql("SELECT id FROM servers WHERE id = ");
    select.push_bind(id);
    if let Some(project_id) = &filter.project_id {
        select.push(" AND project_id = ").push_bind(project_id);
    }
    Ok(select.optional::<String>(db).await?.is_some())
}

fn push_filter(select: &mut Sql, filter: &Filter) {
    match filter.deleted {
        // What can still be restored counts as deleted.
        Some(true) => {
            select.push(" AND (deleted_at IS NOT NULL OR vm_state = ").push_bind(state::SOFT_DELETED).push(")");
        }
        Some(false) => {
            select.push(" AND deleted_at IS NULL");
        }
        None => {}
    }
    for (column, text) in [
        (" AND project_id = ", &filter.project_id),
        (" AND user_id = ", &filter.user_id),
        (" AND flavor_id = ", &filter.flavor_id),
        (" AND image_id = ", &filter.image_id),
        (" AND host = ", &filter.host),
    ] {
        if let Some(text) = text {
            select.push(column).push_bind(text);
        }
    }
    for (place, pattern) in &filter.patterns {
        select.push(" AND ").push(TEXTS[*place].1).push(" LIKE ").push_bind(like(pattern)).push(" ESCAPE '\\'");
    }
    if let Some(ids) = &filter.ids {
        select.push(" AND id IN ").push_list(ids);
    }
    for (column, time) in
        [(" AND updated_at >= ", filter.changed_since), (" AND updated_at <= ", filter.changed_before)]
    {
        if let Some(time) = time {
            select.push(column).push_bind(time);
        }
    }
    push_moments(select, filter);
    for (column, flag) in [(" AND config_drive = ", filter.config_drive), (" AND locked = ", filter.locked)] {
        if let Some(flag) = flag {
            select.push(column).push_bind(flag);
        }
    }
    push_states(select, filter);
    push_tags(select, filter);
}

/// Moments are given as exactly as servers are shown: to the second.
fn push_moments(select: &mut Sql, filter: &Filter) {
    for (from, before, moment) in [
        (" AND created_at >= ", " AND created_at < ", filter.created_at),
        (" AND launched_at >= ", " AND launched_at < ", filter.launched_at),
        (" AND deleted_at >= ", " AND deleted_at < ", filter.terminated_at),
    ] {
        if let Some(moment) = moment {
            select.push(from).push_bind(moment);
            select.push(before).push_bind(moment.saturating_add(SignedDuration::from_secs(1)).unwrap_or(moment));
        }
    }
}

fn push_states(select: &mut Sql, filter: &Filter) {
    // What can only be restored is shown to those who look for it.
    let asked = filter.ids.is_some()
        || filter.states.iter().any(|meant| meant.vm_state == state::SOFT_DELETED)
        || filter.vm_states.iter().any(|state| state == state::SOFT_DELETED);
    if !asked && filter.deleted == Some(false) {
        select.push(" AND vm_state <> ").push_bind(state::SOFT_DELETED);
    }
    if !filter.states.is_empty() {
        let mut separator = " AND (";
        for meant in &filter.states {
            select.push(separator).push("(vm_state = ").push_bind(meant.vm_state);
            if !meant.tasks.is_empty() {
                select.push(if meant.needs { " AND task_state IN " } else { " AND task_state NOT IN " });
                select.push_list(meant.tasks.iter().copied());
            }
            select.push(")");
            separator = " OR ";
        }
        select.push(")");
    }
    for (column, states) in [(" AND vm_state IN ", &filter.vm_states), (" AND task_state IN ", &filter.task_states)] {
        if !states.is_empty() {
            select.push(column).push_list(states);
        }
    }
}

fn push_tags(select: &mut Sql, filter: &Filter) {
    const HAS: &str = "EXISTS (SELECT 1 FROM server_tags t WHERE t.server_id = servers.id AND t.tag ";
    for tag in &filter.tags_all {
        select.push(" AND ").push(HAS).push("= ").push_bind(tag).push(")");
    }
    if !filter.tags_any.is_empty() {
        select.push(" AND ").push(HAS).push("IN ").push_list(&filter.tags_any).push(")");
    }
    if !filter.tags_not_any.is_empty() {
        select.push(" AND NOT ").push(HAS).push("IN ").push_list(&filter.tags_not_any).push(")");
    }
    let mut separator = " AND NOT (";
    for tag in &filter.tags_not_all {
        select.push(separator).push(HAS).push("= ").push_bind(tag).push(")");
        separator = " AND ";
    }
    if !filter.tags_not_all.is_empty() {
        select.push(")");
    }
}

/// Whether a filter says nothing that `LIKE` does not: words, perhaps with `^`, `$` and `.*`.
pub(crate) fn is_plain(pattern: &str) -> bool {
    let inner = pattern.strip_prefix('^').unwrap_or(pattern);
    let inner = inner.strip_suffix('$').unwrap_or(inner).replace(".*", "");
    !inner.contains(['\\', '.', '+', '*', '?', '(', ')', '[', ']', '{', '}', '|', '^', '$'])
}

/// The `LIKE` pattern of a plain filter.
fn like(pattern: &str) -> String {
    let (head, rest) = pattern.strip_prefix('^').map_or(("%", pattern), |rest| ("", rest));
    let (tail, rest) = rest.strip_suffix('$').map_or(("%", rest), |rest| ("", rest));
    let mut like = head.to_owned();
    for (index, part) in rest.split(".*").enumerate() {
        if index > 0 {
            like.push('%');
        }
        for letter in part.chars() {
            if matches!(letter, '%' | '_' | '\\') {
                like.push('\\');
            }
            like.push(letter);
        }
    }
    like.push_str(tail);
    like
}

#[cfg(test)]
mod tests {
    use super::{is_plain, like};

    #[test]
    fn regular_expressions_are_told_from_words() {
        for (pattern, expected) in
            [("web", true), ("^a.*b$", true), ("web-[0-9]+$", false), ("a.b", false), ("a|b", false), (".*-1", true)]
        {
            assert_eq!(is_plain(pattern), expected, "{pattern}");
        }
    }

    #[test]
    fn filters_are_words_with_anchors() {
        for (pattern, expected) in
            [("web", "%web%"), ("^web", "web%"), ("web$", "%web"), ("^a.*b$", "a%b"), ("100%_", "%100\\%\\_%")]
        {
            assert_eq!(like(pattern), expected);
        }
    }
}
