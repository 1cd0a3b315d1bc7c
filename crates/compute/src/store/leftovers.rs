use db::{Db, Result, Tx, sql};
use jiff::Timestamp;

db::row! {
    /// Something of a server may be left on a node.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub(crate) struct Leftover {
        pub(crate) server_id: String,
        pub(crate) host: String,
    }
}

pub(crate) async fn note(tx: &mut Tx, host: &str, server_id: &str) -> Result<u64> {
    sql("INSERT INTO server_leftovers (server_id, host, busy_until) VALUES ($1, $2, 0)
         ON CONFLICT (server_id, host) DO NOTHING")
    .bind(server_id)
    .bind(host)
    .execute(tx)
    .await
}

/// Those that nobody is removing on nodes that have reported since.
pub(crate) async fn due(db: &Db, reported_since: Timestamp, now: Timestamp) -> Result<Vec<Leftover>> {
    sql("SELECT server_leftovers.server_id, server_leftovers.host FROM server_leftovers
         JOIN compute_services s ON s.host = server_leftovers.host AND s.name = 'nova-compute'
         WHERE s.seen_at >= $1 AND NOT s.forced_down AND server_leftovers.busy_until <= $2")
    .bind(reported_since)
    .bind(now)
    .all(db)
    .await
}

/// Takes it to be removed until then. Tells whether it may be: nobody else is at it, and the server is not on that node.
pub(crate) async fn take(tx: &mut Tx, leftover: &Leftover, now: Timestamp, until: Timestamp) -> Result<bool> {
    let taken =
        sql("UPDATE server_leftovers SET busy_until = $4 WHERE server_id = $1 AND host = $2 AND busy_until <= $3
         AND NOT EXISTS (SELECT 1 FROM servers WHERE id = $1 AND host = $2 AND deleted_at IS NULL)")
        .bind(&leftover.server_id)
        .bind(&leftover.host)
        .bind(now)
        .bind(until)
        .execute(tx)
        .await?;
    Ok(taken == 1)
}

pub(crate) async fn forget(tx: &mut Tx, host: &str, server_id: &str) -> Result<u64> {
    sql("DELETE FROM server_leftovers WHERE server_id = $1 AND host = $2").bind(server_id).bind(host).execute(tx).await
}
