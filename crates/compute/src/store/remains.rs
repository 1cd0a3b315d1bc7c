use db::{Db, Result, Tx, sql};

db::row! {
    /// Something of a server may be left on a node.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub(crate) struct Remains {
        pub(crate) server_id: String,
        pub(crate) host: String,
    }
}

pub(crate) async fn note(tx: &mut Tx, host: &str, server_id: &str) -> Result<u64> {
    sql("INSERT INTO server_remains (server_id, host) VALUES ($1, $2) ON CONFLICT (server_id, host) DO NOTHING")
        .bind(server_id)
        .bind(host)
        .execute(tx)
        .await
}

pub(crate) async fn all(db: &Db) -> Result<Vec<Remains>> {
    sql("SELECT server_id, host FROM server_remains ORDER BY host, server_id").all(db).await
}

/// Those of one server.
pub(crate) async fn of_server(db: &Db, server_id: &str) -> Result<Vec<Remains>> {
    sql("SELECT server_id, host FROM server_remains WHERE server_id = $1").bind(server_id).all(db).await
}

pub(crate) async fn forget(tx: &mut Tx, remains: &Remains) -> Result<u64> {
    sql("DELETE FROM server_remains WHERE server_id = $1 AND host = $2")
        .bind(&remains.server_id)
        .bind(&remains.host)
        .execute(tx)
        .await
}

/// Forgets those on a node that is gone for good.
pub(crate) async fn host_forget(tx: &mut Tx, host: &str) -> Result<u64> {
    sql("DELETE FROM server_remains WHERE host = $1").bind(host).execute(tx).await
}
