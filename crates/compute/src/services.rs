//! Services and nodes as administrators handle them: look, disable, force down, delete.

use std::collections::BTreeMap;

use ::api::{Error, Result};
use db::On;

use crate::Compute;
use crate::nodes::{AGENT, Node, Service};
use crate::store::{aggregates, fleet, nodes as store, servers};

/// What an administrator changes of a service.
#[derive(Debug, Clone, Default)]
pub(crate) struct Change {
    /// Disable with an optional reason, or enable.
    pub(crate) disabled: Option<(bool, Option<String>)>,
    pub(crate) forced_down: Option<bool>,
}

impl Compute {
    pub(crate) async fn services_list(&self, host: Option<&str>, name: Option<&str>) -> Result<Vec<Service>> {
        Ok(store::services_list(self.db(), host, name).await?)
    }

    /// Says that services were heard of just now.
    pub(crate) async fn services_seen(&self, host: &str, names: &[&str]) -> Result<()> {
        let mut tx = self.db().begin().await?;
        for name in names {
            let id = self.runtime().ids.uuid();
            store::service_seen(&mut tx, &id, host, name, self.runtime().clock.now()).await?;
        }
        Ok(tx.commit().await?)
    }

    /// The service by id, or by the number of old microversions.
    pub(crate) async fn service_get(&self, id: Reference<'_>) -> Result<Service> {
        let found = match id {
            Reference::Id(id) => store::service_get(self.db(), id).await?,
            Reference::Number(number) => store::service_of_number(self.db(), number).await?,
        };
        found.ok_or_else(|| Error::not_found(format!("Service {id} could not be found. GET /os-services lists them.")))
    }

    pub(crate) async fn service_of(&self, host: &str, name: &str) -> Result<Service> {
        let found = store::services_list(self.db(), Some(host), Some(name)).await?.into_iter().next();
        found.ok_or_else(|| Error::not_found(format!("Could not find binary {name} on host {host}.")))
    }

    pub(crate) async fn service_update(&self, mut service: Service, change: Change) -> Result<Service> {
        if service.name != AGENT {
            return Err(Error::bad_request(format!(
                "Updating a {} service is not supported. Only {AGENT} services can be updated.",
                service.name
            )));
        }
        if let Some((disabled, reason)) = change.disabled.clone() {
            service.disabled = disabled;
            service.disabled_reason = reason;
        }
        if let Some(forced_down) = change.forced_down {
            service.forced_down = forced_down;
        }
        let mut tx = self.db().begin().await?;
        store::service_update(&mut tx, &service, self.runtime().clock.now()).await?;
        fleet::node_changed(&mut tx, &service.host).await?;
        tx.commit().await?;
        if let (Some(_), Some(node)) = (change.disabled, store::node_of_host(self.db(), &service.host).await?) {
            self.node_tell_or_warn(&node).await;
        }
        Ok(service)
    }

    /// Deletes a service and its node. A node that is still alive comes back with its next report.
    pub(crate) async fn service_delete(&self, service: &Service) -> Result<()> {
        self.hosting_check(service, self.db()).await?;
        let node = store::node_of_host(self.db(), &service.host).await?.filter(|_| service.name == AGENT);
        if let Some(node) = &node {
            self.0.deps.placement.provider_delete(&node.id).await?;
        }
        let mut tx = self.db().begin().await?;
        // A server that came meanwhile: the node's next report tells placement of it again.
        self.hosting_check(service, &mut tx).await?;
        if service.name == AGENT {
            store::node_delete(&mut tx, &service.host).await?;
            aggregates::advance(&mut tx).await?;
            aggregates::host_forget(&mut tx, &service.host).await?;
            fleet::node_gone(&mut tx).await?;
        }
        store::service_delete(&mut tx, &service.id).await?;
        Ok(tx.commit().await?)
    }

    /// The servers on the nodes.
    pub(crate) async fn servers_of_nodes(&self, nodes: &[Node]) -> Result<Vec<servers::OnNode>> {
        let hosts: Vec<&str> = nodes.iter().map(|node| node.host.as_str()).collect();
        Ok(servers::servers_of_hosts(self.db(), &hosts).await?)
    }

    /// How many virtual CPUs of each node are given out.
    pub(crate) async fn vcpus_used(&self, nodes: &[Node]) -> Result<BTreeMap<String, i64>> {
        let ids: Vec<String> = nodes.iter().map(|node| node.id.clone()).collect();
        let summaries = self.0.deps.placement.provider_summaries(&ids).await?;
        let used = |summary: &placement::Summary| summary.resources.get("VCPU").map_or(0, |vcpu| vcpu.used);
        Ok(summaries.into_iter().map(|summary| (summary.provider.id.clone(), used(&summary))).collect())
    }

    /// 409 for a service whose node has servers.
    async fn hosting_check(&self, service: &Service, on: impl Into<On<'_>>) -> Result<()> {
        if service.name == AGENT && servers::are_on(on, &service.host).await? {
            return Err(Error::conflict(
                "Unable to delete compute service that is hosting instances. Migrate or delete the instances first.",
            ));
        }
        Ok(())
    }

    /// The node by id, or by the number of old microversions.
    pub(crate) async fn node_get(&self, id: Reference<'_>) -> Result<Node> {
        let found = match id {
            Reference::Id(id) => store::node_get(self.db(), id).await?,
            Reference::Number(number) => store::node_of_number(self.db(), number).await?,
        };
        found.ok_or_else(|| Error::not_found(format!("Hypervisor with ID '{id}' could not be found.")))
    }

    /// One page of nodes, after the one with the id `marker`.
    pub(crate) async fn nodes_page(&self, marker: Option<Reference<'_>>, limit: Option<i64>) -> Result<Vec<Node>> {
        let marker = match marker {
            None => None,
            Some(id) => {
                Some(self.node_get(id).await.map_err(|_| Error::bad_request(format!("marker [{id}] not found")))?.id)
            }
        };
        let filter = store::Filter { marker: marker.as_deref(), limit, ..store::Filter::default() };
        Ok(store::nodes_list(self.db(), &filter).await?)
    }

    /// The nodes whose name has `pattern` in it; 404 when there is none.
    pub(crate) async fn nodes_matching(&self, pattern: &str) -> Result<Vec<Node>> {
        let filter = store::Filter { pattern: Some(pattern), ..store::Filter::default() };
        let nodes = store::nodes_list(self.db(), &filter).await?;
        if nodes.is_empty() {
            return Err(Error::not_found(format!("No hypervisor matching '{pattern}' could be found.")));
        }
        Ok(nodes)
    }
}

/// How a request names a service or node.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Reference<'a> {
    /// By its UUID, since microversion 2.53.
    Id(&'a str),
    /// By its number, before.
    Number(i64),
}

impl std::fmt::Display for Reference<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Id(id) => f.write_str(id),
            Self::Number(number) => write!(f, "{number}"),
        }
    }
}
