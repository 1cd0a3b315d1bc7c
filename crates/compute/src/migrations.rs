//! Servers' moves: what may be seen of them.

use ::api::{Error, Result};

use crate::Compute;
use crate::store::migrations as store;

/// The states in which a live migration is on its way.
pub(crate) const IN_PROGRESS: &[&str] = &["queued", "preparing", "running", "post-migrating"];

/// The type of a move of a running server.
pub(crate) const LIVE: &str = "live-migration";

impl Compute {
    /// One page of moves, after the one with the id `marker`.
    pub(crate) async fn migrations_list(
        &self,
        filter: &store::Filter,
        marker: Option<&str>,
        limit: i64,
    ) -> Result<Vec<store::Migration>> {
        if let Some(marker) = marker
            && !store::migration_exists(self.db(), marker).await?
        {
            return Err(Error::bad_request(format!("marker [{marker}] not found")));
        }
        Ok(store::migrations_list(self.db(), filter, marker, limit).await?)
    }

    /// The live migrations of a server that are on their way.
    pub(crate) async fn migrations_of_server(&self, server_id: &str) -> Result<Vec<store::Migration>> {
        let filter = store::Filter {
            server_id: Some(server_id.to_owned()),
            kind: Some(LIVE.to_owned()),
            statuses: IN_PROGRESS.iter().map(|status| (*status).to_owned()).collect(),
            ..store::Filter::default()
        };
        Ok(store::migrations_list(self.db(), &filter, None, 1000).await?)
    }

    /// A live migration of a server that is on its way; 404 for any other move.
    pub(crate) async fn migration_of_server(&self, server_id: &str, number: i64) -> Result<store::Migration> {
        let missing = |what: &str| Error::not_found(format!("Migration {number} for server {server_id} {what}"));
        let found = store::migration_of_server(self.db(), server_id, number).await?;
        let found = found.ok_or_else(|| missing("could not be found."))?;
        if found.type_ != LIVE {
            return Err(missing("is not live-migration."));
        }
        if !IN_PROGRESS.contains(&found.status.as_str()) {
            return Err(missing("is not in progress."));
        }
        Ok(found)
    }
}
