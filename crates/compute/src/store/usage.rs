use db::{Db, Direction, Json, Keyset, Result, sql};
use jiff::Timestamp;

use crate::server::Flavor;

db::row! {
    /// A server as usage reports see it.
    #[derive(Debug, Clone)]
    pub(crate) struct Used {
        pub(crate) id: String,
        pub(crate) project_id: String,
        pub(crate) name: String,
        pub(crate) flavor: Json<Flavor>,
        pub(crate) vm_state: String,
        pub(crate) launched_at: Timestamp,
        pub(crate) deleted_at: Option<Timestamp>,
    }
}

/// A time from one moment to another.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Period {
    pub(crate) begin: Timestamp,
    pub(crate) end: Timestamp,
}

/// The servers that were there in a period, of a project or of all, project by project.
pub(crate) async fn servers_used(
    db: &Db,
    period: Period,
    project_id: Option<&str>,
    marker: Option<&str>,
    limit: i64,
) -> Result<Vec<Used>> {
    let mut query = sql("SELECT id, project_id, name, flavor, vm_state, launched_at, deleted_at FROM servers
         WHERE launched_at IS NOT NULL AND launched_at < ");
    query.push_bind(period.end).push(" AND (deleted_at IS NULL OR deleted_at > ").push_bind(period.begin).push(")");
    if let Some(project_id) = project_id {
        query.push(" AND project_id = ").push_bind(project_id);
    }
    let sort = [("project_id", Direction::Ascending), ("id", Direction::Ascending)];
    query.push_keyset(&Keyset { table: "servers", sort: &sort, marker, limit: Some(limit) });
    query.all(db).await
}

/// Whether there is or was such a server.
pub(crate) async fn server_known(db: &Db, id: &str) -> Result<bool> {
    let found: Option<String> = sql("SELECT id FROM servers WHERE id = $1").bind(id).optional(db).await?;
    Ok(found.is_some())
}

db::row! {
    /// How many servers a node had.
    pub(crate) struct OnHost { pub(crate) host: String, pub(crate) servers: i64 }
}

/// How many servers each node had in a period.
pub(crate) async fn hosts_used(db: &Db, period: Period) -> Result<Vec<OnHost>> {
    sql("SELECT host, COUNT(*) AS servers FROM servers WHERE launched_at IS NOT NULL AND launched_at < $2
         AND (deleted_at IS NULL OR deleted_at > $1) AND host <> '' GROUP BY host")
    .bind(period.begin)
    .bind(period.end)
    .all(db)
    .await
}

db::row! {
    /// What a server on a node takes.
    pub(crate) struct Taken { pub(crate) project_id: String, pub(crate) flavor: Json<Flavor> }
}

/// What the servers on a node take.
pub(crate) async fn taken_on_host(db: &Db, host: &str) -> Result<Vec<Taken>> {
    sql("SELECT project_id, flavor FROM servers WHERE deleted_at IS NULL AND host = $1").bind(host).all(db).await
}
