//! What compute changes of the ports of a server that exists: security groups, addresses, floating addresses.

use std::net::IpAddr;

use api::{Error, Page, Query, Result};
use identity::Caller;

use crate::ipam::FixedIpRequest;
use crate::model::Port;
use crate::{Network, floating_ip, port, store};

impl Network {
    /// Puts all ports of a server into a security group of the project (by name or id), or takes them out of it. 404
    /// when there is no such group, or the server is not in it.
    pub async fn server_group_change(
        &self,
        caller: &Caller,
        server_id: &str,
        project_id: &str,
        group: &str,
        member: bool,
    ) -> Result<()> {
        let found = store::security_group::named(&self.0.db, project_id, &[group.to_owned()]).await?;
        let group_id = crate::servers::group_choose(&found, group).map_err(|error| match error.kind {
            api::Kind::BadRequest => {
                Error::not_found(format!("Security group {group} not found for project {project_id}."))
            }
            _ => error,
        })?;
        let mut changed = false;
        for port in self.ports_raw(server_id).await? {
            let mut groups = port.security_groups.clone();
            if groups.contains(&group_id) == member || !port.port_security_enabled {
                continue;
            }
            if member {
                groups.push(group_id.clone());
            } else {
                groups.retain(|other| *other != group_id);
            }
            let update = port::Update::groups(groups);
            self.port_update(caller, &port.standard.id, update).await?;
            changed = true;
        }
        if !changed && !member {
            return Err(Error::not_found(format!(
                "Security group {group} is not associated with the instance {server_id}."
            )));
        }
        Ok(())
    }

    /// Gives the server's port in a network one more address.
    pub async fn server_address_add(&self, caller: &Caller, server_id: &str, network_id: &str) -> Result<()> {
        let ports = self.ports_raw(server_id).await?;
        let port = ports.into_iter().find(|port| port.network_id == network_id).ok_or_else(|| {
            Error::bad_request(format!("Network not found for uuid {network_id}: the server has no port there."))
        })?;
        let subnets = store::subnet::of_networks(&self.0.db, std::slice::from_ref(&port.network_id)).await?;
        let subnet =
            subnets.first().ok_or_else(|| Error::bad_request(format!("Network {network_id} has no subnet.")))?;
        let mut fixed = kept(&port, None);
        fixed.push(FixedIpRequest { subnet_id: Some(subnet.standard.id.clone()), ip_address: None });
        let update = port::Update::addresses(fixed);
        self.port_update(caller, &port.standard.id, update).await.map(drop)
    }

    /// Takes an address from the server.
    pub async fn server_address_remove(&self, caller: &Caller, server_id: &str, address: IpAddr) -> Result<()> {
        let ports = self.ports_raw(server_id).await?;
        let has = |port: &Port| port.fixed_ips.iter().any(|fixed| fixed.ip_address == address);
        let port = ports.into_iter().find(has).ok_or_else(|| {
            Error::bad_request(format!("Fixed IP {address} is not associated with the instance {server_id}."))
        })?;
        let update = port::Update::addresses(kept(&port, Some(address)));
        self.port_update(caller, &port.standard.id, update).await.map(drop)
    }

    /// Leads a floating address of the caller to a port, or to none.
    pub async fn floating_address_lead(
        &self,
        caller: &Caller,
        address: IpAddr,
        to: Option<(String, Option<IpAddr>)>,
    ) -> Result<()> {
        let id = self.floating_address_find(caller, address).await?;
        let (port_id, fixed) = to.map_or((None, None), |(port_id, fixed)| (Some(port_id), fixed));
        let update = floating_ip::Update::leading(port_id, fixed);
        self.floating_ip_update(caller, &id, update).await.map(drop)
    }

    /// The id of a floating address of the caller; 404 if there is none.
    pub async fn floating_address_find(&self, caller: &Caller, address: IpAddr) -> Result<String> {
        let query = Query::parse(&format!("floating_ip_address={address}"));
        let found = self.floating_ip_list(caller, &query, &Page::default()).await?.pop();
        let found = found.ok_or_else(|| Error::not_found(format!("Floating IP not found for address {address}.")))?;
        Ok(found.standard.id)
    }

    async fn ports_raw(&self, server_id: &str) -> Result<Vec<Port>> {
        let rows = store::server::of(&self.0.db, &[server_id.to_owned()]).await?;
        let ids: Vec<String> = rows.into_iter().map(|row| row.port_id).collect();
        let mut ports = store::port::get(&self.0.db, &ids).await?;
        Ok(ids.iter().filter_map(|id| ports.remove(id)).collect())
    }
}

/// The addresses that a port keeps.
fn kept(port: &Port, without: Option<IpAddr>) -> Vec<FixedIpRequest> {
    let kept = port.fixed_ips.iter().filter(|fixed| Some(fixed.ip_address) != without);
    kept.map(|fixed| FixedIpRequest { subnet_id: Some(fixed.subnet_id.clone()), ip_address: Some(fixed.ip_address) })
        .collect()
}
