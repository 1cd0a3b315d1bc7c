//! What other services tell of servers.

use std::collections::BTreeMap;

use ::api::Result;

use crate::Compute;
use crate::store::servers;

/// Something that happened to what a server uses.
#[derive(Debug, Clone)]
pub(crate) struct Event {
    pub(crate) name: String,
    pub(crate) server_id: String,
    pub(crate) status: String,
    /// What it is about: a port, a volume.
    pub(crate) tag: Option<String>,
    pub(crate) needs_tag: bool,
}

impl Compute {
    /// Takes events in, and tells for each what became of it, as a status of HTTP. Nothing here waits for them: ports,
    /// disks and power are looked at where they are. They go into the log. Nova takes a card out on `network-vif-deleted`
    /// because its networks are another program; here the networks note that themselves with a port's deletion, and a card
    /// whose port is there stays, whoever says that it is deleted.
    pub(crate) async fn events_take(&self, events: &[Event]) -> Result<Vec<u16>> {
        let ids: Vec<String> = events.iter().map(|event| event.server_id.clone()).collect();
        let hosts: BTreeMap<String, String> = servers::hosts_of(self.db(), &ids).await?;
        let take = |event: &Event| match hosts.get(&event.server_id).map(String::as_str) {
            None => 404,
            Some(_) if event.needs_tag && event.tag.is_none() => 400,
            Some("") => 422,
            Some(host) => {
                let Event { name, server_id, status, tag, .. } = event;
                tracing::info!(
                    server = server_id,
                    host,
                    event = name,
                    status,
                    tag,
                    "another service tells of a server"
                );
                200
            }
        };
        Ok(events.iter().map(take).collect())
    }
}
