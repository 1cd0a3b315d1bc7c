use db::{Db, Direction, Keyset, Result, Tx, sql};
use jiff::Timestamp;

db::row! {
    /// A server's move.
    #[derive(Debug, Clone, PartialEq)]
    pub(crate) struct Migration {
        pub(crate) id: String,
        pub(crate) number: i64,
        pub(crate) type_: String,
        pub(crate) status: String,
        pub(crate) server_id: String,
        pub(crate) project_id: String,
        pub(crate) user_id: String,
        pub(crate) source_compute: String,
        pub(crate) source_node: String,
        pub(crate) dest_compute: Option<String>,
        pub(crate) dest_node: Option<String>,
        pub(crate) dest_host: Option<String>,
        pub(crate) old_flavor_id: Option<String>,
        pub(crate) new_flavor_id: Option<String>,
        pub(crate) memory_total: Option<i64>,
        pub(crate) memory_processed: Option<i64>,
        pub(crate) memory_remaining: Option<i64>,
        pub(crate) disk_total: Option<i64>,
        pub(crate) disk_processed: Option<i64>,
        pub(crate) disk_remaining: Option<i64>,
        pub(crate) created_at: Timestamp,
        pub(crate) updated_at: Timestamp,
    }
}

const SELECT: &str = "SELECT id, number, type AS type_, status, server_id, project_id, user_id, source_compute,
    source_node, dest_compute, dest_node, dest_host, old_flavor_id, new_flavor_id, memory_total, memory_processed,
    memory_remaining, disk_total, disk_processed, disk_remaining, created_at, updated_at FROM migrations";

/// Which moves are wanted; what is `None` or empty does not matter.
#[derive(Debug, Clone, Default)]
pub(crate) struct Filter {
    pub(crate) server_id: Option<String>,
    pub(crate) project_id: Option<String>,
    pub(crate) user_id: Option<String>,
    pub(crate) source_compute: Option<String>,
    /// The node that it goes from or to.
    pub(crate) host: Option<String>,
    pub(crate) kind: Option<String>,
    pub(crate) statuses: Vec<String>,
    pub(crate) hidden: bool,
    pub(crate) changed_since: Option<Timestamp>,
    pub(crate) changed_before: Option<Timestamp>,
}

/// One page of moves, the newest first.
pub(crate) async fn migrations_list(
    db: &Db,
    filter: &Filter,
    marker: Option<&str>,
    limit: i64,
) -> Result<Vec<Migration>> {
    let mut query = sql(SELECT);
    query.push(" WHERE hidden = ").push_bind(filter.hidden);
    for (column, text) in [
        (" AND server_id = ", &filter.server_id),
        (" AND project_id = ", &filter.project_id),
        (" AND user_id = ", &filter.user_id),
        (" AND source_compute = ", &filter.source_compute),
        (" AND type = ", &filter.kind),
    ] {
        if let Some(text) = text {
            query.push(column).push_bind(text);
        }
    }
    if let Some(host) = &filter.host {
        query.push(" AND (source_compute = ").push_bind(host).push(" OR dest_compute = ").push_bind(host).push(")");
    }
    if !filter.statuses.is_empty() {
        query.push(" AND status IN ").push_list(&filter.statuses);
    }
    for (column, time) in
        [(" AND updated_at >= ", filter.changed_since), (" AND updated_at <= ", filter.changed_before)]
    {
        if let Some(time) = time {
            query.push(column).push_bind(time);
        }
    }
    let sort = [("created_at", Direction::Descending), ("id", Direction::Descending)];
    query.push_keyset(&Keyset { table: "migrations", sort: &sort, marker, limit: Some(limit) });
    query.all(db).await
}

pub(crate) async fn migration_exists(db: &Db, id: &str) -> Result<bool> {
    let found: Option<i64> = sql("SELECT number FROM migrations WHERE id = $1").bind(id).optional(db).await?;
    Ok(found.is_some())
}

pub(crate) async fn migration_of_server(db: &Db, server_id: &str, number: i64) -> Result<Option<Migration>> {
    let mut query = sql(SELECT);
    query.push(" WHERE server_id = ").push_bind(server_id).push(" AND number = ").push_bind(number);
    query.optional(db).await
}

/// Writes a new move; its number is the next one.
pub(crate) async fn migration_insert(tx: &mut Tx, new: &Migration) -> Result<()> {
    let number: i64 =
        sql("UPDATE server_numbers SET last = last + 1 WHERE id = 'migration' RETURNING last").one(&mut *tx).await?;
    sql("INSERT INTO migrations (id, number, type, status, server_id, project_id, user_id, source_compute, source_node,
           dest_compute, dest_node, dest_host, old_flavor_id, new_flavor_id, hidden, created_at, updated_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, FALSE, $15, $15)")
    .bind(&new.id)
    .bind(number)
    .bind(&new.type_)
    .bind(&new.status)
    .bind(&new.server_id)
    .bind(&new.project_id)
    .bind(&new.user_id)
    .bind(&new.source_compute)
    .bind(&new.source_node)
    .bind(new.dest_compute.clone())
    .bind(new.dest_node.clone())
    .bind(new.dest_host.clone())
    .bind(new.old_flavor_id.clone())
    .bind(new.new_flavor_id.clone())
    .bind(new.created_at)
    .execute(tx)
    .await
    .map(drop)
}

/// Says how far a move is, if it was as far as `from`. Tells whether it was.
pub(crate) async fn migration_status_set(
    tx: &mut Tx,
    id: &str,
    from: &str,
    status: &str,
    now: Timestamp,
) -> Result<bool> {
    let changed = sql("UPDATE migrations SET status = $3, updated_at = $4 WHERE id = $1 AND status = $2")
        .bind(id)
        .bind(from)
        .bind(status)
        .bind(now)
        .execute(tx)
        .await?;
    Ok(changed == 1)
}
