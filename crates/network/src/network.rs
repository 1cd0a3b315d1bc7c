//! Networks.

use api::{Error, Page, Query, Result};
use identity::Caller;
use serde::Deserialize;

use crate::access::{conflict, guard, invalid, missing, network_target, of_project, owner, visible};
use crate::model::{self, DHCP, DISTRIBUTED};
use crate::{Kind, Network, quota, store};

/// What is said of a new network.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Create {
    name: Option<String>,
    description: Option<String>,
    #[serde(alias = "tenant_id")]
    project_id: Option<String>,
    admin_state_up: Option<bool>,
    shared: Option<bool>,
    #[serde(rename = "router:external")]
    external: Option<bool>,
    is_default: Option<bool>,
    mtu: Option<i64>,
    port_security_enabled: Option<bool>,
    dns_domain: Option<String>,
    #[serde(rename = "provider:network_type")]
    network_type: Option<String>,
    #[serde(rename = "provider:physical_network")]
    physical_network: Option<String>,
    #[serde(rename = "provider:segmentation_id")]
    segmentation_id: Option<i64>,
    availability_zone_hints: Option<Vec<String>>,
}

/// What is said anew of a network.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Update {
    name: Option<String>,
    description: Option<String>,
    admin_state_up: Option<bool>,
    shared: Option<bool>,
    #[serde(rename = "router:external")]
    external: Option<bool>,
    is_default: Option<bool>,
    mtu: Option<i64>,
    port_security_enabled: Option<bool>,
    dns_domain: Option<String>,
}

/// What OVN's Geneve header takes of a packet.
const GENEVE_OVERHEAD: i64 = 58;

pub(crate) fn not_found(id: &str) -> Error {
    missing("NetworkNotFound", "Network", id)
}

impl Network {
    /// The networks that the caller sees and the query asks for.
    pub async fn network_list(&self, caller: &Caller, query: &Query, page: &Page) -> Result<Vec<model::Network>> {
        let visible = visible(caller, store::network::VISIBLE);
        let mut networks = store::list::rows(&self.0.db, &store::network::TABLE, query, page, visible).await?;
        store::network::complete((&self.0.db).into(), &mut networks).await?;
        Ok(networks)
    }

    /// A network; 404 unless the caller sees it.
    pub async fn network_show(&self, caller: &Caller, id: &str) -> Result<model::Network> {
        self.network_for(caller, id, "get_network").await
    }

    async fn network_for(&self, caller: &Caller, id: &str, action: &str) -> Result<model::Network> {
        let network = self.network_get(id).await?;
        guard(caller, "get_network", action, &network_target(&network), || not_found(id))?;
        Ok(network)
    }

    /// A network, whoever asks.
    pub(crate) async fn network_get(&self, id: &str) -> Result<model::Network> {
        store::network::get(&self.0.db, &[id.to_owned()]).await?.remove(id).ok_or_else(|| not_found(id))
    }

    pub(crate) async fn network_create(&self, caller: &Caller, creates: Vec<Create>) -> Result<Vec<model::Network>> {
        let mut write = self.write().await?;
        let mut networks = Vec::new();
        for create in creates {
            let project = owner(caller, create.project_id.clone())?;
            create_allowed(caller, &create, &project)?;
            let mut network = self.network_draft(create, &project, write.now)?;
            quota::claim(&mut write.tx, &self.0.identity, &project, "network", 1).await?;
            if network.network_type == "geneve" {
                network.segmentation_id = Some(self.geneve_claim(&mut write.tx, network.segmentation_id).await?);
            }
            store::network::create(&mut write.tx, &network)
                .await
                .map_err(|error| if error.is_unique() { segment_taken(&network) } else { error.into() })?;
            write.changed(Kind::Network, &network.standard.id);
            networks.push(network);
        }
        self.commit(write).await?;
        Ok(networks)
    }

    fn network_draft(&self, create: Create, project: &str, now: jiff::Timestamp) -> Result<model::Network> {
        if let Some(zone) =
            create.availability_zone_hints.iter().flatten().find(|z| **z != self.0.options.availability_zone)
        {
            return Err(missing("AvailabilityZoneNotFound", "AvailabilityZone", zone));
        }
        let network_type = create.network_type.unwrap_or_else(|| "geneve".to_owned());
        let most = if network_type == "geneve" { self.0.options.mtu - GENEVE_OVERHEAD } else { self.0.options.mtu };
        let network = model::Network {
            standard: self.standard(project, create.name, create.description, now)?,
            admin_state_up: create.admin_state_up.unwrap_or(true),
            shared: create.shared.unwrap_or(false),
            external: create.external.unwrap_or(false),
            is_default: create.is_default.unwrap_or(false),
            mtu: create.mtu.filter(|mtu| *mtu != 0).unwrap_or(most),
            network_type,
            physical_network: create.physical_network,
            segmentation_id: create.segmentation_id,
            port_security_enabled: create.port_security_enabled.unwrap_or(true),
            dns_domain: create.dns_domain.unwrap_or_default(),
            subnet_ids: Vec::new(),
        };
        self.segment_check(&network)?;
        mtu_check(network.mtu, most)?;
        Ok(network)
    }

    fn segment_check(&self, network: &model::Network) -> Result<()> {
        let physical = network.physical_network.as_deref();
        match (network.network_type.as_str(), physical, network.segmentation_id) {
            ("geneve", Some(_), _) => Err(invalid("A geneve network has no provider:physical_network; leave it out.")),
            ("geneve", None, Some(id)) if id < self.0.options.geneve_ids.0 || id > self.0.options.geneve_ids.1 => {
                let (first, last) = self.0.options.geneve_ids;
                Err(invalid(format!("provider:segmentation_id must be {first} to {last} for a geneve network.")))
            }
            ("geneve", ..) => Ok(()),
            ("flat" | "vlan", None, _) => Err(invalid("Say which provider:physical_network carries the network.")),
            ("flat", _, Some(_)) => Err(invalid("A flat network has no provider:segmentation_id; leave it out.")),
            ("vlan", _, None) => Err(invalid("A vlan network needs a provider:segmentation_id of 1 to 4094.")),
            ("vlan", _, Some(id)) if !(1..=4094).contains(&id) => {
                Err(invalid("provider:segmentation_id must be 1 to 4094 for a vlan network."))
            }
            ("flat" | "vlan", Some(name), _) if !self.0.options.physical_networks.iter().any(|known| known == name) => {
                let known = self.0.options.physical_networks.join(", ");
                Err(invalid(format!("The physical network '{name}' is unknown; there is: {known}.")))
            }
            ("flat" | "vlan", ..) => Ok(()),
            (other, ..) => {
                Err(invalid(format!("provider:network_type '{other}' is not supported; use geneve, flat or vlan.")))
            }
        }
    }

    async fn geneve_claim(&self, tx: &mut db::Tx, asked: Option<i64>) -> Result<i64> {
        let (first, last) = self.0.options.geneve_ids;
        let bounds = (u128::try_from(first).unwrap_or(1), u128::try_from(last).unwrap_or(1));
        store::pool::create(tx, "geneve", &[bounds]).await?;
        store::pool::lock(tx, &["geneve".to_owned()].into()).await?;
        if let Some(id) = asked {
            let free = store::pool::take_one(tx, "geneve", u128::try_from(id).unwrap_or(0)).await?;
            return if free {
                Ok(id)
            } else {
                Err(conflict("TunnelIdInUse", format!("Unable to create the network. The tunnel ID {id} is in use.")))
            };
        }
        let taken = store::pool::take(tx, "geneve", 1).await?;
        taken.first().and_then(|id| i64::try_from(*id).ok()).ok_or_else(|| {
            conflict("NoNetworkAvailable", "Every geneve number is in use; delete networks or widen the range.")
        })
    }

    pub(crate) async fn network_update(&self, caller: &Caller, id: &str, update: Update) -> Result<model::Network> {
        let mut network = self.network_for(caller, id, "update_network").await?;
        let target = of_project(&network.standard.project_id);
        for (given, rule) in [
            (update.shared.is_some(), "update_network:shared"),
            (update.external.is_some(), "update_network:router:external"),
            (update.is_default.is_some(), "update_network:is_default"),
            (update.port_security_enabled.is_some(), "update_network:port_security_enabled"),
        ] {
            if given {
                caller.allow(rule, &target)?;
            }
        }
        network.standard.rename(update.name, update.description)?;
        network.admin_state_up = update.admin_state_up.unwrap_or(network.admin_state_up);
        network.shared = update.shared.unwrap_or(network.shared);
        network.external = update.external.unwrap_or(network.external);
        network.is_default = update.is_default.unwrap_or(network.is_default);
        network.port_security_enabled = update.port_security_enabled.unwrap_or(network.port_security_enabled);
        network.dns_domain = update.dns_domain.unwrap_or(network.dns_domain);
        if let Some(mtu) = update.mtu {
            let overhead = if network.network_type == "geneve" { GENEVE_OVERHEAD } else { 0 };
            mtu_check(mtu, self.0.options.mtu - overhead)?;
            network.mtu = mtu;
        }
        let mut write = self.write().await?;
        store::update(&mut write.tx, "networks", id, write.now, store::network::fields(&network)).await?;
        write.changed(Kind::Network, id);
        // Names of subnets' DHCP options (the MTU) hang on the network.
        for subnet in &network.subnet_ids {
            write.changed_in(Kind::Subnet, subnet, id);
        }
        self.commit(write).await?;
        self.network_get(id).await
    }

    pub(crate) async fn network_delete(&self, caller: &Caller, id: &str) -> Result<()> {
        let network = self.network_for(caller, id, "delete_network").await?;
        let mut write = self.write().await?;
        // Floating IPs that lead nowhere go with their network.
        for floating in store::floating_ip::of_network(&mut write.tx, id).await? {
            if floating.target.is_some() {
                return Err(in_use(id));
            }
            self.floating_ip_remove(&mut write, floating).await?;
        }
        let ports = store::port::of_networks(&mut write.tx, &[id.to_owned()]).await?;
        let own = |port: &model::Port| [DHCP, DISTRIBUTED].contains(&port.device_owner.as_str());
        if ports.iter().any(|port| !own(port)) {
            return Err(in_use(id));
        }
        for port in &ports {
            self.port_remove(&mut write, port).await?;
        }
        for subnet in store::subnet::of_networks(&mut write.tx, &[id.to_owned()]).await? {
            self.subnet_remove(&mut write, &subnet).await?;
        }
        if let ("geneve", Some(segment)) = (network.network_type.as_str(), network.segmentation_id) {
            store::pool::lock(&mut write.tx, &["geneve".to_owned()].into()).await?;
            store::pool::give_back(&mut write.tx, "geneve", u128::try_from(segment).unwrap_or(0)).await?;
        }
        store::tag::clear(&mut write.tx, id).await?;
        match store::delete(&mut write.tx, "networks", "id", id).await {
            Ok(0) => return Err(not_found(id)),
            Ok(_) => {}
            Err(db::Error::ForeignKey) => return Err(in_use(id)),
            Err(error) => return Err(error.into()),
        }
        quota::count(&mut write.tx, &self.0.identity, &network.standard.project_id, "network", -1).await?;
        write.changed(Kind::Network, id);
        self.commit(write).await
    }
}

fn create_allowed(caller: &Caller, create: &Create, project: &str) -> Result<()> {
    let target = of_project(project);
    caller.allow("create_network", &target)?;
    for (given, rule) in [
        (create.shared == Some(true), "create_network:shared"),
        (create.external == Some(true), "create_network:router:external"),
        (create.is_default.is_some(), "create_network:is_default"),
        (create.port_security_enabled.is_some(), "create_network:port_security_enabled"),
        (create.network_type.is_some(), "create_network:provider:network_type"),
        (create.physical_network.is_some(), "create_network:provider:physical_network"),
        (create.segmentation_id.is_some(), "create_network:provider:segmentation_id"),
    ] {
        if given {
            caller.allow(rule, &target)?;
        }
    }
    Ok(())
}

fn mtu_check(mtu: i64, most: i64) -> Result<()> {
    if (68..=most).contains(&mtu) {
        Ok(())
    } else {
        Err(invalid(format!("mtu must be 68 to {most} for this type of network, not {mtu}.")))
    }
}

fn segment_taken(network: &model::Network) -> Error {
    let physical = network.physical_network.as_deref().unwrap_or_default();
    match network.segmentation_id {
        Some(id) => conflict(
            "VlanIdInUse",
            format!("Unable to create the network. The VLAN {id} on physical network {physical} is in use."),
        ),
        None => conflict(
            "FlatNetworkInUse",
            format!("Unable to create the flat network. Physical network {physical} is in use."),
        ),
    }
}

fn in_use(id: &str) -> Error {
    conflict(
        "NetworkInUse",
        format!(
            "Unable to complete operation on network {id}. There are one or more ports still in use on the network; delete them first."
        ),
    )
}
