//! What compute asks for: the ports of servers.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use api::{Error, Result};
use identity::Caller;
use ipnet::IpNet;

use crate::access::{conflict, network_target};
use crate::ipam::FixedIpRequest;
use crate::model::{self, Port, Route};
use crate::port;
use crate::store::server::Row;
use crate::write::Write;
use crate::{Network, store};

/// What a new server wants to be connected to.
#[derive(Debug, Clone, Default)]
pub struct ServerPortsRequest {
    /// The server.
    pub server_id: String,
    /// Its project.
    pub project_id: String,
    /// Its availability zone; ports get the `device_owner` `compute:<zone>`.
    pub zone: String,
    /// Names or ids of the groups of ports made for it; the project's `default` when empty.
    pub security_groups: Vec<String>,
    /// The ports, in order of the guest's interfaces.
    pub wanted: Vec<WantedPort>,
    /// The place of the first of them among the server's ports: 0 for a new server, and any larger than those taken
    /// for a port that is added.
    pub first: i64,
    /// The host name in the networks' DNS.
    pub dns_name: String,
}

/// One wanted port: a network to make a port in, or a port that exists.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WantedPort {
    /// Make a port here.
    pub network_id: Option<String>,
    /// Take this port.
    pub port_id: Option<String>,
    /// The address of the port to be made.
    pub fixed_ip: Option<String>,
    /// The label in the guest's metadata.
    pub tag: Option<String>,
}

/// A port of a server.
#[derive(Debug, Clone, PartialEq)]
pub struct PortInfo {
    /// The port's id.
    pub id: String,
    /// Its network.
    pub network_id: String,
    /// The network's name.
    pub network_name: String,
    /// Its MAC address.
    pub mac_address: String,
    /// Its addresses, in order.
    pub fixed_ips: Vec<PortAddress>,
    /// `ACTIVE` or `DOWN`.
    pub status: String,
    /// The node that it is bound to.
    pub host: Option<String>,
    /// The largest packet.
    pub mtu: u32,
    /// Names of its security groups.
    pub security_groups: Vec<String>,
    /// Their ids.
    pub security_group_ids: Vec<String>,
    /// Whether it was made for the server and goes with it.
    pub made_by_server: bool,
    /// The label in the guest's metadata.
    pub tag: Option<String>,
    /// The subnets of its addresses.
    pub subnets: Vec<SubnetInfo>,
}

/// An address of a server's port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PortAddress {
    /// The address.
    pub ip: IpAddr,
    /// Its subnet.
    pub subnet_id: String,
    /// Floating addresses that lead to it.
    pub floating_ips: Vec<IpAddr>,
}

impl PortAddress {
    /// 4 or 6.
    pub fn version(&self) -> u8 {
        if self.ip.is_ipv4() { 4 } else { 6 }
    }
}

/// A subnet as a guest's metadata describes it.
#[derive(Debug, Clone, PartialEq)]
pub struct SubnetInfo {
    /// The subnet's id.
    pub id: String,
    /// Its addresses.
    pub cidr: IpNet,
    /// The router.
    pub gateway_ip: Option<IpAddr>,
    /// Name servers.
    pub dns_nameservers: Vec<IpAddr>,
    /// Further routes.
    pub routes: Vec<Route>,
    /// Whether the guest learns its address by DHCP.
    pub enable_dhcp: bool,
    /// How IPv6 addresses are made.
    pub ipv6_address_mode: Option<String>,
}

impl Network {
    /// Makes or takes the ports of a new server in one transaction, and remembers which it made. Asked again for the
    /// same server it makes only what is missing.
    pub async fn server_ports_create(&self, request: &ServerPortsRequest) -> Result<Vec<PortInfo>> {
        let mut write = self.write().await?;
        let server = &request.server_id;
        let done: BTreeSet<i64> = store::server::of(&mut write.tx, std::slice::from_ref(server))
            .await?
            .iter()
            .map(|row| row.position)
            .collect();
        let owner = format!("compute:{}", request.zone);
        let groups = if request.wanted.iter().any(|wanted| wanted.port_id.is_none()) {
            self.groups_resolve(&mut write, &request.project_id, &request.security_groups).await?
        } else {
            None
        };
        let ids: Vec<String> = request.wanted.iter().filter_map(|wanted| wanted.network_id.clone()).collect();
        let networks = store::network::get(&mut write.tx, &ids).await?;
        let mut drafts = Vec::new();
        let mut rows = Vec::new();
        for (position, wanted) in (request.first..).zip(&request.wanted) {
            if done.contains(&position) {
                continue;
            }
            let row = |port_id: &str, made| Row {
                server_id: server.clone(),
                position,
                port_id: port_id.to_owned(),
                made,
                tag: wanted.tag.clone(),
            };
            if let Some(id) = &wanted.port_id {
                self.port_adopt(&mut write, id, server, &owner).await?;
                rows.push(row(id, false));
                continue;
            }
            let id = wanted.network_id.as_deref().unwrap_or_default();
            let network = networks.get(id).ok_or_else(|| crate::network::not_found(id))?;
            let create = port::Create {
                device_id: Some(server.clone()),
                device_owner: Some(owner.clone()),
                fixed_ips: wanted.fixed_ip.as_deref().map(fixed_parse).transpose()?,
                security_groups: groups.clone().filter(|_| network.port_security_enabled),
                dns_name: Some(request.dns_name.clone()),
                ..port::Create::default()
            };
            let draft = self.port_draft(&mut write, create, network, &request.project_id).await?;
            rows.push(row(&draft.port.standard.id, true));
            drafts.push(draft);
        }
        self.ports_insert(&mut write, drafts).await?;
        for row in &rows {
            store::server::add(&mut write.tx, row).await?;
        }
        self.commit(write).await?;
        self.ports_of_server(server).await
    }

    /// The ids of groups that are given by name or id; `None` for the project's default one.
    async fn groups_resolve(&self, write: &mut Write, project: &str, texts: &[String]) -> Result<Option<Vec<String>>> {
        if texts.is_empty() {
            return Ok(None);
        }
        if texts.iter().any(|text| text == "default") {
            self.default_group_ensure(write, project).await?;
        }
        let found = store::security_group::named(&mut write.tx, project, texts).await?;
        let mut ids = Vec::new();
        for text in texts {
            ids.push(group_choose(&found, text)?);
        }
        Ok(Some(ids))
    }

    async fn port_adopt(&self, write: &mut Write, id: &str, server: &str, owner: &str) -> Result<()> {
        let found = store::port::get(&mut write.tx, &[id.to_owned()]).await?.remove(id);
        let port = found.ok_or_else(|| crate::subnet::port_not_found(id))?;
        if !store::server::adopt(&mut write.tx, id, server, owner).await? {
            return Err(port_in_use(id));
        }
        self.port_changed(write, &port);
        Ok(())
    }

    /// The networks that a server of the project gets when it names none: the project's own, else the shared ones that
    /// are not external.
    pub async fn networks_default(&self, project_id: &str) -> Result<Vec<String>> {
        Ok(store::server::networks_default(&self.0.db, project_id).await?)
    }

    /// Whether the caller may use all of these for a new server: 400 for what is not there or not usable, 409 for what
    /// is taken, 403 when the quota does not suffice.
    pub async fn networks_check(&self, caller: &Caller, wanted: &[WantedPort], groups: &[String]) -> Result<()> {
        let project = caller.project_id()?;
        let db = &self.0.db;
        let ids: Vec<String> = wanted.iter().filter_map(|wanted| wanted.network_id.clone()).collect();
        let networks = store::network::get(db, &ids).await?;
        let ids: Vec<String> = wanted.iter().filter_map(|wanted| wanted.port_id.clone()).collect();
        let ports = store::port::get(db, &ids).await?;
        let subnets = store::subnet::of_networks(db, &networks.keys().cloned().collect::<Vec<_>>()).await?;
        for want in wanted {
            if let Some(id) = &want.port_id {
                port_usable(ports.get(id), id, project, caller)?;
            } else if let Some(id) = &want.network_id {
                network_usable(networks.get(id), id, &subnets, want, caller)?;
            }
        }
        if groups.iter().any(|group| group != "default") {
            let found = store::security_group::named(db, project, groups).await?;
            for group in groups.iter().filter(|group| *group != "default") {
                group_choose(&found, group)?;
            }
        }
        let made = i64::try_from(wanted.iter().filter(|want| want.port_id.is_none()).count()).unwrap_or(i64::MAX);
        let limit = store::quota::given(db, project).await?.get("port").copied().unwrap_or(500);
        let used = store::quota::used(db, project).await?.get("port").copied().unwrap_or(0);
        if limit >= 0 && used.saturating_add(made) > limit {
            return Err(Error::forbidden(format!(
                "Maximum number of ports exceeded: the project has {used} of {limit}. Delete some or ask for a larger quota."
            )));
        }
        Ok(())
    }

    /// Binds the server's ports to a node and has them wired there.
    pub async fn server_ports_bind(&self, server_id: &str, host: &str) -> Result<Vec<PortInfo>> {
        self.server_ports_host(server_id, Some(host)).await?;
        self.ports_of_server(server_id).await
    }

    /// Takes the server's ports off their node.
    pub async fn server_ports_unbind(&self, server_id: &str) -> Result<()> {
        self.server_ports_host(server_id, None).await
    }

    async fn server_ports_host(&self, server_id: &str, host: Option<&str>) -> Result<()> {
        let mut write = self.write().await?;
        let rows = store::server::of(&mut write.tx, &[server_id.to_owned()]).await?;
        let ids: Vec<String> = rows.into_iter().map(|row| row.port_id).collect();
        for (id, mut port) in store::port::get(&mut write.tx, &ids).await? {
            if port.host.as_deref() == host {
                continue;
            }
            self.port_bind(&mut port, host);
            store::update(&mut write.tx, "network_ports", &id, write.now, store::port::fields(&port)).await?;
            write.status_changed();
            self.port_changed(&mut write, &port);
        }
        self.commit(write).await
    }

    /// Deletes the ports that were made for the server and gives the others back.
    pub async fn server_ports_delete(&self, server_id: &str) -> Result<()> {
        self.server_ports_release(server_id, |_| true).await
    }

    /// Deletes one of the server's ports, if it was made for it, or gives it back.
    pub async fn server_port_delete(&self, server_id: &str, port_id: &str) -> Result<()> {
        self.server_ports_release(server_id, |row| row.port_id == port_id).await
    }

    /// The port in that place among the server's.
    pub async fn server_port_at(&self, server_id: &str, position: i64) -> Result<Option<String>> {
        let rows = store::server::of(&self.0.db, &[server_id.to_owned()]).await?;
        Ok(rows.into_iter().find(|row| row.position == position).map(|row| row.port_id))
    }

    async fn server_ports_release(&self, server_id: &str, wanted: impl Fn(&Row) -> bool) -> Result<()> {
        let mut write = self.write().await?;
        let mut rows = store::server::of(&mut write.tx, &[server_id.to_owned()]).await?;
        rows.retain(|row| wanted(row));
        let ids: Vec<String> = rows.iter().map(|row| row.port_id.clone()).collect();
        let mut ports = store::port::get(&mut write.tx, &ids).await?;
        for row in rows {
            store::delete(&mut write.tx, "network_server_ports", "port_id", &row.port_id).await?;
            let Some(mut port) = ports.remove(&row.port_id) else { continue };
            if row.made {
                self.port_remove(&mut write, &port).await?;
                continue;
            }
            self.port_bind(&mut port, None);
            port.device_id = String::new();
            port.device_owner = String::new();
            store::update(&mut write.tx, "network_ports", &row.port_id, write.now, store::port::fields(&port)).await?;
            write.status_changed();
            self.port_changed(&mut write, &port);
        }
        self.commit(write).await
    }

    async fn ports_of_server(&self, server_id: &str) -> Result<Vec<PortInfo>> {
        Ok(self.ports_of_servers(&[server_id.to_owned()]).await?.remove(server_id).unwrap_or_default())
    }

    /// The ports of many servers at once, each server's in the order of its interfaces.
    pub async fn ports_of_servers(&self, server_ids: &[String]) -> Result<BTreeMap<String, Vec<PortInfo>>> {
        let db = &self.0.db;
        let rows = store::server::of(db, server_ids).await?;
        let ids: Vec<String> = rows.iter().map(|row| row.port_id.clone()).collect();
        let views = self.model().ports(&ids).await?;
        let views: BTreeMap<&str, &model::PortView> =
            views.iter().map(|view| (view.port.standard.id.as_str(), view)).collect();
        let floating = store::floating_ip::of_ports(db, &ids).await?;
        let groups: BTreeSet<String> =
            views.values().flat_map(|view| view.port.security_groups.iter().cloned()).collect();
        let names = store::security_group::names(db, &groups.into_iter().collect::<Vec<_>>()).await?;
        let mut infos: BTreeMap<String, Vec<PortInfo>> = BTreeMap::new();
        for row in rows {
            if let Some(view) = views.get(row.port_id.as_str()) {
                infos.entry(row.server_id.clone()).or_default().push(info(&row, view, &floating, &names));
            }
        }
        Ok(infos)
    }

    /// The servers that have these ports, by port.
    pub async fn servers_of_ports(&self, port_ids: &[String]) -> Result<BTreeMap<String, String>> {
        let rows = store::server::of_ports(&self.0.db, port_ids).await?;
        Ok(rows.into_iter().map(|row| (row.port_id, row.server_id)).collect())
    }

    /// Whether all ports of the server are wired.
    pub async fn ports_active(&self, server_id: &str) -> Result<bool> {
        let statuses = store::server::statuses(&self.0.db, server_id).await?;
        Ok(statuses.iter().all(|status| status == "ACTIVE"))
    }

    /// The server (and its project) that has the address in the network, for metadata.
    pub async fn port_of_address(&self, network_id: &str, address: IpAddr) -> Result<Option<(String, String)>> {
        let owner = store::server::of_address(&self.0.db, network_id, &address.to_string()).await?;
        Ok(owner.map(|owner| (owner.device_id, owner.project_id)))
    }
}

fn info(
    row: &Row,
    view: &model::PortView,
    floating: &[model::FloatingIp],
    names: &BTreeMap<String, store::security_group::Name>,
) -> PortInfo {
    let port = &view.port;
    let leads = |address: IpAddr| {
        let mine = |ip: &&model::FloatingIp| {
            ip.target.as_ref().is_some_and(|t| t.port_id == port.standard.id && t.fixed_ip == address)
        };
        floating.iter().filter(mine).map(|ip| ip.address).collect()
    };
    PortInfo {
        id: port.standard.id.clone(),
        network_id: port.network_id.clone(),
        network_name: view.network.standard.name.clone(),
        mac_address: port.mac_address.clone(),
        fixed_ips: port
            .fixed_ips
            .iter()
            .map(|ip| PortAddress {
                ip: ip.ip_address,
                subnet_id: ip.subnet_id.clone(),
                floating_ips: leads(ip.ip_address),
            })
            .collect(),
        status: port.status.clone(),
        host: port.host.clone(),
        mtu: u32::try_from(view.network.mtu).unwrap_or(1500),
        security_groups: port.security_groups.iter().filter_map(|id| Some(names.get(id)?.name.clone())).collect(),
        security_group_ids: port.security_groups.clone(),
        made_by_server: row.made,
        tag: row.tag.clone(),
        subnets: view.subnets.iter().map(subnet_info).collect(),
    }
}

fn subnet_info(subnet: &model::Subnet) -> SubnetInfo {
    SubnetInfo {
        id: subnet.standard.id.clone(),
        cidr: subnet.cidr,
        gateway_ip: subnet.gateway_ip,
        dns_nameservers: subnet.dns_nameservers.clone(),
        routes: subnet.host_routes.clone(),
        enable_dhcp: subnet.enable_dhcp,
        ipv6_address_mode: subnet.ipv6_address_mode.clone(),
    }
}

pub(crate) fn group_choose(found: &[store::security_group::Name], text: &str) -> Result<String> {
    if let Some(group) = found.iter().find(|group| group.id == text) {
        return Ok(group.id.clone());
    }
    let mut named = found.iter().filter(|group| group.name == text);
    match (named.next(), named.next()) {
        (Some(group), None) => Ok(group.id.clone()),
        (Some(_), Some(_)) => Err(conflict(
            "NoUniqueMatch",
            format!("Multiple security groups are named '{text}'; use the id of the one you mean."),
        )),
        (None, _) => Err(Error::bad_request(format!(
            "Security group {text} not found in this project; list security groups and use one of them."
        ))),
    }
}

fn fixed_parse(text: &str) -> Result<Vec<FixedIpRequest>> {
    let address = text
        .parse()
        .map_err(|_| Error::bad_request(format!("fixed_ip '{text}' is not an IP address such as 10.0.0.5.")))?;
    Ok(vec![FixedIpRequest { subnet_id: None, ip_address: Some(address) }])
}

fn port_in_use(id: &str) -> Error {
    conflict("PortInUse", format!("Port {id} is still in use; take it off what has it, or choose another."))
}

fn port_usable(port: Option<&Port>, id: &str, project: &str, caller: &Caller) -> Result<()> {
    let port = port
        .filter(|port| port.standard.project_id == project || crate::access::is_admin(caller))
        .ok_or_else(|| Error::bad_request(format!("Port id {id} could not be found.")).with_code("PortNotFound"))?;
    if !port.device_id.is_empty() {
        return Err(port_in_use(id));
    }
    if port.fixed_ips.is_empty() {
        return Err(Error::bad_request(format!(
            "Port {id} requires a FixedIP in order to be used; give it an address."
        )));
    }
    Ok(())
}

fn network_usable(
    network: Option<&model::Network>,
    id: &str,
    subnets: &[model::Subnet],
    want: &WantedPort,
    caller: &Caller,
) -> Result<()> {
    let network = network
        .filter(|network| caller.may("get_network", &network_target(network)))
        .ok_or_else(|| Error::bad_request(format!("Network {id} could not be found.")).with_code("NetworkNotFound"))?;
    let mut mine = subnets.iter().filter(|subnet| subnet.network_id == id).peekable();
    if mine.peek().is_none() {
        return Err(Error::bad_request(format!(
            "Network {id} requires a subnet in order to boot instances on; give it one."
        )));
    }
    let own = caller.token.project_id.as_deref() == Some(network.standard.project_id.as_str());
    if network.external && !network.shared && !own && !crate::access::is_admin(caller) {
        return Err(Error::forbidden(format!(
            "It is not allowed to create an interface on external network {id}; use a network of your own and a floating IP."
        )));
    }
    if let Some(text) = &want.fixed_ip {
        let asked = fixed_parse(text)?;
        let address = asked.first().and_then(|request| request.ip_address);
        if !mine.any(|subnet| address.is_some_and(|address| subnet.cidr.contains(&address))) {
            return Err(Error::bad_request(format!(
                "Fixed IP {text} is not a valid ip address for network {id}; take one of its subnets'."
            )));
        }
    }
    Ok(())
}
