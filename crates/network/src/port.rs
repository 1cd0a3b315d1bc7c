//! Ports.

use std::collections::{BTreeMap, BTreeSet};

use api::fields::nullable;
use api::{Error, Page, Query, Result};
use identity::Caller;
use macaddr::MacAddr6;
use serde::Deserialize;

use crate::access::{conflict, guard, in_network, invalid, visible};
use crate::ipam::{self, FixedIpRequest};
use crate::model::{self, AddressPair, DhcpOption, FLOATING_IP, Port, ROUTER_GATEWAY, ROUTER_INTERFACE, Subnet};
use crate::subnet::port_not_found;
use crate::write::Write;
use crate::{Kind, Network, quota, store};

/// What is said of a new port.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Create {
    pub(crate) network_id: String,
    pub(crate) name: Option<String>,
    pub(crate) description: Option<String>,
    #[serde(alias = "tenant_id")]
    pub(crate) project_id: Option<String>,
    pub(crate) admin_state_up: Option<bool>,
    pub(crate) mac_address: Option<String>,
    pub(crate) fixed_ips: Option<Vec<FixedIpRequest>>,
    pub(crate) device_id: Option<String>,
    pub(crate) device_owner: Option<String>,
    pub(crate) security_groups: Option<Vec<String>>,
    pub(crate) port_security_enabled: Option<bool>,
    pub(crate) allowed_address_pairs: Option<Vec<AddressPair>>,
    pub(crate) extra_dhcp_opts: Option<Vec<DhcpOption>>,
    pub(crate) dns_name: Option<String>,
    #[serde(rename = "binding:host_id")]
    pub(crate) host: Option<String>,
    #[serde(rename = "binding:vnic_type")]
    pub(crate) vnic_type: Option<String>,
    #[serde(rename = "binding:profile")]
    pub(crate) profile: Option<serde_json::Map<String, serde_json::Value>>,
}

/// What is said anew of a port.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Update {
    name: Option<String>,
    description: Option<String>,
    admin_state_up: Option<bool>,
    mac_address: Option<String>,
    fixed_ips: Option<Vec<FixedIpRequest>>,
    device_id: Option<String>,
    device_owner: Option<String>,
    security_groups: Option<Vec<String>>,
    port_security_enabled: Option<bool>,
    allowed_address_pairs: Option<Vec<AddressPair>>,
    extra_dhcp_opts: Option<Vec<DhcpOption>>,
    dns_name: Option<String>,
    #[serde(rename = "binding:host_id", deserialize_with = "nullable")]
    host: Option<Option<String>>,
    #[serde(rename = "binding:vnic_type")]
    vnic_type: Option<String>,
    #[serde(rename = "binding:profile", deserialize_with = "nullable")]
    profile: Option<Option<serde_json::Map<String, serde_json::Value>>>,
}

impl Update {
    /// Other security groups.
    pub(crate) fn groups(groups: Vec<String>) -> Self {
        Self { security_groups: Some(groups), ..Self::default() }
    }

    /// Other addresses.
    pub(crate) fn addresses(fixed_ips: Vec<FixedIpRequest>) -> Self {
        Self { fixed_ips: Some(fixed_ips), ..Self::default() }
    }
}

/// A port to be made and the addresses it asks for.
pub(crate) struct Draft {
    pub(crate) port: Port,
    pub(crate) fixed_ips: Option<Vec<FixedIpRequest>>,
    /// Whether the MAC address is the user's.
    pub(crate) mac_given: bool,
}

impl Network {
    pub(crate) async fn port_list(&self, caller: &Caller, query: &Query, page: &Page) -> Result<Vec<Port>> {
        let visible = visible(caller, store::port::VISIBLE);
        let mut ports = store::list::rows(&self.0.db, &store::port::TABLE, query, page, visible).await?;
        store::port::complete((&self.0.db).into(), &mut ports).await?;
        Ok(ports)
    }

    pub(crate) async fn port_show(&self, caller: &Caller, id: &str) -> Result<Port> {
        Ok(self.port_for(caller, id, "get_port").await?.0)
    }

    /// A port, whoever asks.
    pub(crate) async fn port_get(&self, id: &str) -> Result<Port> {
        store::port::get(&self.0.db, &[id.to_owned()]).await?.remove(id).ok_or_else(|| port_not_found(id))
    }

    pub(crate) async fn port_for(&self, caller: &Caller, id: &str, action: &str) -> Result<(Port, model::Network)> {
        let port = self.port_get(id).await?;
        let network = self.network_get(&port.network_id).await?;
        let target = in_network(&port.standard.project_id, &network);
        guard(caller, "get_port", action, &target, || port_not_found(id))?;
        Ok((port, network))
    }

    pub(crate) async fn port_create(&self, caller: &Caller, creates: Vec<Create>) -> Result<Vec<Port>> {
        let ids: BTreeSet<String> = creates.iter().map(|create| create.network_id.clone()).collect();
        let networks = store::network::get(&self.0.db, &ids.into_iter().collect::<Vec<_>>()).await?;
        for create in &creates {
            if create.network_id.is_empty() {
                return Err(invalid("A port needs a network: give network_id."));
            }
            crate::access::uuid_check("network_id", &create.network_id)?;
            let network = networks.get(&create.network_id);
            let network = network
                .filter(|network| caller.may("get_network", &crate::access::network_target(network)))
                .ok_or_else(|| crate::network::not_found(&create.network_id))?;
            create_allowed(caller, create, network)?;
        }
        let mut write = self.write().await?;
        let mut drafts = Vec::new();
        for create in creates {
            let Some(network) = networks.get(&create.network_id) else { continue };
            let project = crate::access::owner(caller, create.project_id.clone())?;
            drafts.push(self.port_draft(&mut write, create, network, &project).await?);
        }
        self.groups_check(&mut write, caller, drafts.iter().map(|draft| &draft.port)).await?;
        let ports = self.ports_insert(&mut write, drafts).await?;
        self.commit(write).await?;
        Ok(ports)
    }

    /// A port as it is to be, with defaults; in `write`, because the project's default group may have to be made.
    pub(crate) async fn port_draft(
        &self,
        write: &mut Write,
        create: Create,
        network: &model::Network,
        project: &str,
    ) -> Result<Draft> {
        let owner = create.device_owner.unwrap_or_default();
        let protected = create.port_security_enabled.unwrap_or(network.port_security_enabled);
        let protected = protected && !owner.starts_with("network:");
        let security_groups = match create.security_groups {
            Some(groups) => groups,
            None if protected && !project.is_empty() => vec![self.default_group_ensure(write, project).await?],
            None => Vec::new(),
        };
        let host = create.host.filter(|host| !host.is_empty());
        let mut port = Port {
            standard: self.standard(project, create.name, create.description, write.now)?,
            network_id: network.standard.id.clone(),
            mac_address: match &create.mac_address {
                Some(mac) => mac_parse(mac)?,
                None => self.mac_make(),
            },
            fixed_ips: Vec::new(),
            device_id: create.device_id.unwrap_or_default(),
            device_owner: owner,
            admin_state_up: create.admin_state_up.unwrap_or(true),
            status: String::new(),
            port_security_enabled: protected,
            security_groups,
            allowed_address_pairs: create.allowed_address_pairs.unwrap_or_default(),
            extra_dhcp_opts: create.extra_dhcp_opts.unwrap_or_default(),
            dns_name: create.dns_name.unwrap_or_default(),
            host,
            vnic_type: create.vnic_type.unwrap_or_else(|| "normal".to_owned()),
            profile: create.profile.unwrap_or_default(),
        };
        self.status_derive(&mut port);
        port_check(&mut port)?;
        Ok(Draft { port, fixed_ips: create.fixed_ips, mac_given: create.mac_address.is_some() })
    }

    /// The status that follows from the binding; with a real backend a bound port stays down until it reports.
    fn status_derive(&self, port: &mut Port) {
        port.status = match port.device_owner.as_str() {
            ROUTER_INTERFACE | ROUTER_GATEWAY => "ACTIVE",
            FLOATING_IP => "N/A",
            _ if port.host.is_none() => "DOWN",
            _ if self.0.backend.is_fake() => "ACTIVE",
            _ if port.status.is_empty() => "DOWN",
            _ => return,
        }
        .to_owned();
    }

    fn mac_make(&self) -> String {
        let [a, b, c] = self.0.runtime.ids.bytes::<3>();
        format!("fa:16:3e:{a:02x}:{b:02x}:{c:02x}")
    }

    /// Writes new ports: quota, MAC addresses, addresses and rows, a constant number of steps per network.
    pub(crate) async fn ports_insert(&self, write: &mut Write, mut drafts: Vec<Draft>) -> Result<Vec<Port>> {
        let mut per_project: BTreeMap<String, i64> = BTreeMap::new();
        let mut per_network: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        for (index, draft) in drafts.iter().enumerate() {
            *per_project.entry(draft.port.standard.project_id.clone()).or_default() += 1;
            per_network.entry(draft.port.network_id.clone()).or_default().push(index);
        }
        for (project, count) in per_project {
            quota::claim(&mut write.tx, &self.0.identity, &project, "port", count).await?;
        }
        let network_ids: Vec<String> = per_network.keys().cloned().collect();
        let mut subnets: BTreeMap<String, Vec<Subnet>> = BTreeMap::new();
        for subnet in store::subnet::of_networks(&mut write.tx, &network_ids).await? {
            subnets.entry(subnet.network_id.clone()).or_default().push(subnet);
        }
        for (network_id, indexes) in per_network {
            self.macs_settle(write, &network_id, &mut drafts, &indexes).await?;
            let subnets = subnets.remove(&network_id).unwrap_or_default();
            let mut wants = Vec::new();
            for index in &indexes {
                let draft = &drafts[*index];
                wants.push((&draft.port, ipam::plan(&draft.port, draft.fixed_ips.as_deref(), &subnets)?));
            }
            let claims = ipam::claim(&mut write.tx, &wants, &ipam::by_id(&subnets)).await?;
            for index in &indexes {
                store::port::create(&mut write.tx, &drafts[*index].port).await.map_err(insert_error)?;
            }
            ipam::claims_write(&mut write.tx, &claims, &network_id).await?;
            for claim in claims {
                let mut mine = indexes.iter().copied();
                if let Some(index) = mine.find(|index| drafts[*index].port.standard.id == claim.port_id) {
                    let fixed = model::FixedIp { subnet_id: claim.subnet_id, ip_address: claim.address };
                    drafts[index].port.fixed_ips.push(fixed);
                }
            }
        }
        for draft in &drafts {
            self.port_changed(write, &draft.port);
        }
        Ok(drafts.into_iter().map(|draft| draft.port).collect())
    }

    /// Tells the backend of a port and, if it is a router's, of the router.
    pub(crate) fn port_changed(&self, write: &mut Write, port: &Port) {
        if port.device_owner == FLOATING_IP {
            return;
        }
        write.changed_in(Kind::Port, &port.standard.id, &port.network_id);
        if port.device_owner.starts_with("network:router_") {
            write.changed(Kind::Router, &port.device_id);
        }
    }

    async fn macs_settle(
        &self,
        write: &mut Write,
        network_id: &str,
        drafts: &mut [Draft],
        indexes: &[usize],
    ) -> Result<()> {
        let mut seen = BTreeSet::new();
        for _ in 0..16 {
            let macs: Vec<String> = indexes.iter().map(|index| drafts[*index].port.mac_address.clone()).collect();
            let taken = store::port::macs_taken(&mut write.tx, network_id, &macs).await?;
            let mut again = false;
            seen.clear();
            for index in indexes {
                let draft = &mut drafts[*index];
                let free = !taken.contains(&draft.port.mac_address) && seen.insert(draft.port.mac_address.clone());
                if !free && draft.mac_given {
                    return Err(mac_taken(&draft.port.mac_address, network_id));
                }
                if !free {
                    draft.port.mac_address = self.mac_make();
                    again = true;
                }
            }
            if !again {
                return Ok(());
            }
        }
        Err(conflict("MacAddressGenerationFailure", format!("Unable to generate unique mac on network {network_id}.")))
    }

    /// The groups of ports must be there, and the port's project's unless an administrator says so.
    async fn groups_check<'a>(
        &self,
        write: &mut Write,
        caller: &Caller,
        ports: impl Iterator<Item = &'a Port>,
    ) -> Result<()> {
        let wanted: Vec<(&str, &String)> = ports
            .flat_map(|port| port.security_groups.iter().map(|group| (port.standard.project_id.as_str(), group)))
            .collect();
        let ids: BTreeSet<String> = wanted.iter().map(|(_, id)| (*id).clone()).collect();
        let groups = store::security_group::names(&mut write.tx, &ids.into_iter().collect::<Vec<_>>()).await?;
        let admin = crate::access::is_admin(caller);
        for (project, id) in wanted {
            if !groups.get(id).is_some_and(|group| admin || group.project_id == project) {
                return Err(crate::security_group::not_found(id));
            }
        }
        Ok(())
    }

    pub(crate) async fn port_update(&self, caller: &Caller, id: &str, update: Update) -> Result<Port> {
        let (before, network) = self.port_for(caller, id, "update_port").await?;
        update_allowed(caller, &update, &before, &network)?;
        let mut write = self.write().await?;
        let groups_given = update.security_groups.is_some();
        let fixed = update.fixed_ips.clone();
        let mut port = self.port_updated(before.clone(), update)?;
        port_check(&mut port)?;
        if groups_given {
            self.groups_check(&mut write, caller, std::iter::once(&port)).await?;
            store::port::groups_set(&mut write.tx, &port).await?;
        }
        if port.mac_address != before.mac_address {
            let taken = store::port::macs_taken(&mut write.tx, &port.network_id, &[port.mac_address.clone()]).await?;
            if !taken.is_empty() {
                return Err(mac_taken(&port.mac_address, &port.network_id));
            }
        }
        if let Some(fixed) = fixed {
            self.port_readdress(&mut write, &port, &fixed).await?;
        }
        store::update(&mut write.tx, "network_ports", id, write.now, store::port::fields(&port)).await?;
        if port.status != before.status {
            write.status_changed();
        }
        self.port_changed(&mut write, &port);
        self.commit(write).await?;
        self.port_get(id).await
    }

    fn port_updated(&self, mut port: Port, update: Update) -> Result<Port> {
        port.standard.rename(update.name, update.description)?;
        port.admin_state_up = update.admin_state_up.unwrap_or(port.admin_state_up);
        if let Some(mac) = update.mac_address {
            port.mac_address = mac_parse(&mac)?;
        }
        port.device_id = update.device_id.unwrap_or(port.device_id);
        port.device_owner = update.device_owner.unwrap_or(port.device_owner);
        port.security_groups = update.security_groups.unwrap_or(port.security_groups);
        port.port_security_enabled = update.port_security_enabled.unwrap_or(port.port_security_enabled);
        port.allowed_address_pairs = update.allowed_address_pairs.unwrap_or(port.allowed_address_pairs);
        port.extra_dhcp_opts = update.extra_dhcp_opts.unwrap_or(port.extra_dhcp_opts);
        port.dns_name = update.dns_name.unwrap_or(port.dns_name);
        port.vnic_type = update.vnic_type.unwrap_or(port.vnic_type);
        port.profile = update.profile.map_or(port.profile, Option::unwrap_or_default);
        if let Some(host) = update.host {
            self.port_bind(&mut port, host.as_deref());
        }
        Ok(port)
    }

    /// Sets the node and the status that follows.
    pub(crate) fn port_bind(&self, port: &mut Port, host: Option<&str>) {
        let host = host.filter(|host| !host.is_empty());
        if port.host.as_deref() != host {
            port.status = String::new();
        }
        port.host = host.map(str::to_owned);
        self.status_derive(port);
    }

    /// Gives a port other addresses; those that it keeps stay claimed.
    pub(crate) async fn port_readdress(&self, write: &mut Write, port: &Port, asked: &[FixedIpRequest]) -> Result<()> {
        let subnets = store::subnet::of_networks(&mut write.tx, std::slice::from_ref(&port.network_id)).await?;
        let mut wants = ipam::plan(port, Some(asked), &subnets)?;
        // A port that asks for some address of a subnet where it has one keeps that.
        let mut left = port.fixed_ips.clone();
        left.retain(|ip| !wants.contains(&ipam::Want::Exact(ip.subnet_id.clone(), ip.ip_address)));
        for want in &mut wants {
            if let ipam::Want::Any(candidates) = want
                && let Some(place) = left.iter().position(|ip| candidates.contains(&ip.subnet_id))
            {
                let kept = left.remove(place);
                *want = ipam::Want::Exact(kept.subnet_id, kept.ip_address);
            }
        }
        let pools: BTreeSet<String> = subnets.iter().map(|subnet| subnet.standard.id.clone()).collect();
        store::pool::lock(&mut write.tx, &pools).await?;
        for fixed in &port.fixed_ips {
            store::port::address_remove(&mut write.tx, &port.standard.id, fixed).await?;
        }
        let claims = ipam::claim(&mut write.tx, &[(port, wants)], &ipam::by_id(&subnets)).await?;
        ipam::claims_write(&mut write.tx, &claims, &port.network_id).await?;
        self.floating_ips_release(write, port, |ip| !claims.iter().any(|claim| claim.address == ip)).await
    }

    pub(crate) async fn port_delete(&self, caller: &Caller, id: &str) -> Result<()> {
        let (port, _) = self.port_for(caller, id, "delete_port").await?;
        if [ROUTER_INTERFACE, ROUTER_GATEWAY, FLOATING_IP].contains(&port.device_owner.as_str()) {
            return Err(conflict(
                "ServicePortInUse",
                format!(
                    "Port {id} cannot be deleted directly via the port API: it has device owner {}; remove it from {} instead.",
                    port.device_owner, port.device_id
                ),
            ));
        }
        let mut write = self.write().await?;
        let has_card = store::ports_gone::note(&mut write.tx, id, write.now).await?;
        self.port_remove(&mut write, &port).await?;
        self.commit(write).await?;
        if has_card {
            self.0.gone.notify_one();
        }
        Ok(())
    }

    /// Deletes a port of any kind, and gives back what it holds.
    pub(crate) async fn port_remove(&self, write: &mut Write, port: &Port) -> Result<()> {
        let id = &port.standard.id;
        quota::count(&mut write.tx, &self.0.identity, &port.standard.project_id, "port", -1).await?;
        self.floating_ips_release(write, port, |_| true).await?;
        let pools: BTreeSet<String> = port.fixed_ips.iter().map(|ip| ip.subnet_id.clone()).collect();
        store::pool::lock(&mut write.tx, &pools).await?;
        let fixed = store::port::addresses((&mut write.tx).into(), std::slice::from_ref(id)).await?;
        for fixed in fixed.into_values().flatten() {
            store::port::address_remove(&mut write.tx, id, &fixed).await?;
        }
        store::tag::clear(&mut write.tx, id).await?;
        if store::delete(&mut write.tx, "network_ports", "id", id).await? == 0 {
            return Err(port_not_found(id));
        }
        write.status_changed();
        self.port_changed(write, port);
        Ok(())
    }
}

fn insert_error(error: db::Error) -> Error {
    match error {
        db::Error::ForeignKey => conflict(
            "NetworkInUse",
            "The network or a security group was deleted at the same moment; look and try again.",
        ),
        db::Error::Unique { .. } => {
            conflict("MacAddressInUse", "The MAC address was taken at the same moment; try again.")
        }
        other => other.into(),
    }
}

fn mac_taken(mac: &str, network_id: &str) -> Error {
    conflict(
        "MacAddressInUse",
        format!(
            "Unable to complete operation for network {network_id}. The mac address {mac} is in use; choose another."
        ),
    )
}

fn mac_parse(text: &str) -> Result<String> {
    let mac: MacAddr6 = text.parse().map_err(|_| {
        invalid(format!(
            "Invalid input for mac_address. Reason: '{text}' is not a valid MAC address such as fa:16:3e:01:02:03."
        ))
    })?;
    if mac.is_nil() || mac.is_multicast() {
        return Err(invalid(format!("The MAC address {text} is not one of a single interface.")));
    }
    Ok(mac.to_string().to_ascii_lowercase())
}

/// What must be true of a port however it came to be.
fn port_check(port: &mut Port) -> Result<()> {
    port.security_groups.sort();
    port.security_groups.dedup();
    if !port.port_security_enabled && !port.security_groups.is_empty() {
        return Err(conflict(
            "PortSecurityAndIPRequiredForSecurityGroups",
            "Port security must be enabled for a port with security groups; enable it or give an empty security_groups.",
        ));
    }
    if !port.port_security_enabled && !port.allowed_address_pairs.is_empty() {
        return Err(conflict(
            "AddressPairAndPortSecurityRequired",
            "Port Security must be enabled in order to have allowed address pairs on a port.",
        ));
    }
    for (index, pair) in port.allowed_address_pairs.iter_mut().enumerate() {
        let address = &pair.ip_address;
        if address.parse::<std::net::IpAddr>().is_err() && address.parse::<ipnet::IpNet>().is_err() {
            return Err(invalid(format!(
                "allowed_address_pairs[{index}]: '{address}' is neither an address nor a CIDR."
            )));
        }
        if let Some(mac) = &mut pair.mac_address {
            *mac = mac_parse(mac)?;
        }
    }
    let name = &port.dns_name;
    if name.len() > 63 || !name.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c)) {
        return Err(invalid(format!("Invalid input for dns_name. Reason: '{name}' is not a host name.")));
    }
    if !["normal", "direct", "macvtap"].contains(&port.vnic_type.as_str()) {
        return Err(invalid(format!("binding:vnic_type '{}' is not supported; use normal.", port.vnic_type)));
    }
    api::fields::length("device_id", &port.device_id, 0, 255)?;
    api::fields::length("device_owner", &port.device_owner, 0, 255)
}

fn create_allowed(caller: &Caller, create: &Create, network: &model::Network) -> Result<()> {
    let project = crate::access::owner(caller, create.project_id.clone())?;
    let target = in_network(&project, network);
    caller.allow("create_port", &target)?;
    let asked = create.fixed_ips.as_deref().unwrap_or_default();
    for (given, rule) in [
        (create.device_owner.as_deref().is_some_and(|o| o.starts_with("network:")), "create_port:device_owner"),
        (create.mac_address.is_some(), "create_port:mac_address"),
        (asked.iter().any(|ip| ip.ip_address.is_some()), "create_port:fixed_ips:ip_address"),
        (asked.iter().any(|ip| ip.subnet_id.is_some()), "create_port:fixed_ips:subnet_id"),
        (create.port_security_enabled.is_some(), "create_port:port_security_enabled"),
        (create.allowed_address_pairs.as_ref().is_some_and(|p| !p.is_empty()), "create_port:allowed_address_pairs"),
        (create.host.as_ref().is_some_and(|host| !host.is_empty()), "create_port:binding:host_id"),
        (create.profile.as_ref().is_some_and(|p| !p.is_empty()), "create_port:binding:profile"),
        (create.vnic_type.is_some(), "create_port:binding:vnic_type"),
    ] {
        if given {
            caller.allow(rule, &target)?;
        }
    }
    Ok(())
}

fn update_allowed(caller: &Caller, update: &Update, port: &Port, network: &model::Network) -> Result<()> {
    let target = in_network(&port.standard.project_id, network);
    let asked = update.fixed_ips.as_deref().unwrap_or_default();
    for (given, rule) in [
        (update.device_owner.as_deref().is_some_and(|o| o.starts_with("network:")), "update_port:device_owner"),
        (update.mac_address.is_some(), "update_port:mac_address"),
        (asked.iter().any(|ip| ip.ip_address.is_some()), "update_port:fixed_ips:ip_address"),
        (asked.iter().any(|ip| ip.subnet_id.is_some()), "update_port:fixed_ips:subnet_id"),
        (update.port_security_enabled.is_some(), "update_port:port_security_enabled"),
        (update.allowed_address_pairs.is_some(), "update_port:allowed_address_pairs"),
        (update.host.is_some(), "update_port:binding:host_id"),
        (update.profile.is_some(), "update_port:binding:profile"),
        (update.vnic_type.is_some(), "update_port:binding:vnic_type"),
    ] {
        if given {
            caller.allow(rule, &target)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mac_addresses_are_checked() {
        assert_eq!(mac_parse("FA:16:3E:00:00:01").unwrap(), "fa:16:3e:00:00:01");
        assert!(mac_parse("ff:ff:ff:ff:ff:ff").is_err() && mac_parse("00:00:00:00:00:00").is_err());
        assert!(mac_parse("fa:16").is_err());
    }
}
