//! Routers, their ways out and their interfaces.

use std::net::IpAddr;

use api::fields::nullable;
use api::{Error, Page, Query, Result};
use identity::Caller;
use ipnet::IpNet;
use serde::Deserialize;

use crate::access::{conflict, guard, invalid, missing, network_target, of_project, owner, visible};
use crate::ipam::FixedIpRequest;
use crate::model::{self, Gateway, Port, ROUTER_GATEWAY, ROUTER_INTERFACE, Route, Router, Subnet};
use crate::port;
use crate::write::Write;
use crate::{Kind, Network, quota, store};

/// A way out, as a user asks for it.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct GatewayRequest {
    network_id: Option<String>,
    enable_snat: Option<bool>,
    external_fixed_ips: Option<Vec<FixedIpRequest>>,
}

/// What is said of a new router.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Create {
    name: Option<String>,
    description: Option<String>,
    #[serde(alias = "tenant_id")]
    project_id: Option<String>,
    admin_state_up: Option<bool>,
    external_gateway_info: Option<GatewayRequest>,
    availability_zone_hints: Option<Vec<String>>,
}

/// What is said anew of a router.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Update {
    name: Option<String>,
    description: Option<String>,
    admin_state_up: Option<bool>,
    #[serde(deserialize_with = "nullable")]
    external_gateway_info: Option<Option<GatewayRequest>>,
    #[serde(deserialize_with = "nullable")]
    routes: Option<Option<Vec<Route>>>,
}

/// A subnet or a port to connect a router to.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct InterfaceRequest {
    subnet_id: Option<String>,
    port_id: Option<String>,
}

/// A router's connection.
#[derive(Debug)]
pub(crate) struct Interface {
    pub(crate) router: Router,
    pub(crate) port: Port,
    pub(crate) subnet_id: String,
}

fn not_found(id: &str) -> Error {
    missing("RouterNotFound", "Router", id)
}

fn bad(message: impl Into<String>) -> Error {
    Error::bad_request(message).with_code("BadRequest")
}

impl Network {
    pub(crate) async fn router_list(&self, caller: &Caller, query: &Query, page: &Page) -> Result<Vec<Router>> {
        let visible = visible(caller, store::router::VISIBLE);
        let mut routers = store::list::rows(&self.0.db, &store::router::TABLE, query, page, visible).await?;
        store::router::complete((&self.0.db).into(), &mut routers).await?;
        Ok(routers)
    }

    pub(crate) async fn router_show(&self, caller: &Caller, id: &str) -> Result<Router> {
        self.router_for(caller, id, "get_router").await
    }

    /// A router, whoever asks.
    pub(crate) async fn router_get(&self, id: &str) -> Result<Router> {
        store::router::get(&self.0.db, &[id.to_owned()]).await?.remove(id).ok_or_else(|| not_found(id))
    }

    pub(crate) async fn router_for(&self, caller: &Caller, id: &str, action: &str) -> Result<Router> {
        let router = self.router_get(id).await?;
        guard(caller, "get_router", action, &of_project(&router.standard.project_id), || not_found(id))?;
        Ok(router)
    }

    pub(crate) async fn router_create(&self, caller: &Caller, creates: Vec<Create>) -> Result<Vec<Router>> {
        let mut write = self.write().await?;
        let mut routers = Vec::new();
        for create in creates {
            let project = owner(caller, create.project_id)?;
            caller.allow("create_router", &of_project(&project))?;
            let hints = create.availability_zone_hints.iter().flatten();
            if let Some(zone) = hints.into_iter().find(|zone| **zone != self.0.options.availability_zone) {
                return Err(missing("AvailabilityZoneNotFound", "AvailabilityZone", zone));
            }
            quota::claim(&mut write.tx, &self.0.identity, &project, "router", 1).await?;
            let mut router = Router {
                standard: self.standard(&project, create.name, create.description, write.now)?,
                admin_state_up: create.admin_state_up.unwrap_or(true),
                gateway: None,
                routes: Vec::new(),
            };
            store::router::create(&mut write.tx, &router).await?;
            if let Some(gateway) = create.external_gateway_info.filter(|gateway| gateway.network_id.is_some()) {
                gateway_allowed(caller, &gateway, &project, "create_router")?;
                self.gateway_set(&mut write, caller, &mut router, gateway).await?;
                self.router_store(&mut write, &router).await?;
            }
            write.changed(Kind::Router, &router.standard.id);
            routers.push(router.standard.id);
        }
        self.commit(write).await?;
        let mut made = store::router::get(&self.0.db, &routers).await?;
        Ok(routers.iter().filter_map(|id| made.remove(id)).collect())
    }

    async fn router_store(&self, write: &mut Write, router: &Router) -> Result<()> {
        let id = &router.standard.id;
        let fields = store::router::fields(router);
        if !store::update(&mut write.tx, "network_routers", id, write.now, fields).await? {
            return Err(not_found(id));
        }
        write.changed(Kind::Router, id);
        Ok(())
    }

    pub(crate) async fn router_update(&self, caller: &Caller, id: &str, update: Update) -> Result<Router> {
        self.router_for(caller, id, "update_router").await?;
        let mut write = self.write().await?;
        let mut router = self.router_locked(&mut write, id).await?;
        router.standard.rename(update.name, update.description)?;
        router.admin_state_up = update.admin_state_up.unwrap_or(router.admin_state_up);
        if let Some(routes) = update.routes.map(Option::unwrap_or_default) {
            for route in &routes {
                crate::subnet::route_check(route)?;
            }
            router.routes = routes;
        }
        match update.external_gateway_info {
            None => {}
            Some(Some(gateway)) if gateway.network_id.is_some() => {
                gateway_allowed(caller, &gateway, &router.standard.project_id, "update_router")?;
                self.gateway_set(&mut write, caller, &mut router, gateway).await?;
            }
            Some(_) => {
                caller.allow("update_router:external_gateway_info", &of_project(&router.standard.project_id))?;
                self.gateway_clear(&mut write, &mut router).await?;
            }
        }
        self.router_store(&mut write, &router).await?;
        self.commit(write).await?;
        self.router_get(id).await
    }

    /// The router, which nobody else changes until the transaction ends.
    async fn router_locked(&self, write: &mut Write, id: &str) -> Result<Router> {
        if !store::update(&mut write.tx, "network_routers", id, write.now, Vec::new()).await? {
            return Err(not_found(id));
        }
        store::router::get(&mut write.tx, &[id.to_owned()]).await?.remove(id).ok_or_else(|| not_found(id))
    }

    async fn gateway_set(
        &self,
        write: &mut Write,
        caller: &Caller,
        router: &mut Router,
        asked: GatewayRequest,
    ) -> Result<()> {
        let network_id = asked.network_id.unwrap_or_default();
        let found = store::network::get(&mut write.tx, std::slice::from_ref(&network_id)).await?.remove(&network_id);
        let network = found
            .filter(|network| caller.may("get_network", &network_target(network)))
            .ok_or_else(|| crate::network::not_found(&network_id))?;
        if !network.external {
            return Err(bad(format!(
                "Bad router request: Network {network_id} is not an external network; take one with router:external."
            )));
        }
        if let Some(gateway) = &mut router.gateway
            && gateway.network_id == network_id
        {
            gateway.enable_snat = asked.enable_snat.unwrap_or(gateway.enable_snat);
            if let Some(fixed) = asked.external_fixed_ips {
                let id = gateway.port_id.clone();
                let port = store::port::get(&mut write.tx, std::slice::from_ref(&id)).await?.remove(&id);
                let port = port.ok_or_else(|| crate::subnet::port_not_found(&id))?;
                self.port_readdress(write, &port, &fixed).await?;
            }
            return Ok(());
        }
        self.gateway_clear(write, router).await?;
        if network.subnet_ids.is_empty() {
            return Err(bad(format!("Bad router request: Network {network_id} has no subnet; give it one first.")));
        }
        let create = port::Create {
            device_id: Some(router.standard.id.clone()),
            device_owner: Some(ROUTER_GATEWAY.to_owned()),
            fixed_ips: asked.external_fixed_ips.filter(|ips| !ips.is_empty()),
            ..port::Create::default()
        };
        let draft = self.port_draft(write, create, &network, "").await?;
        let port = self.ports_insert(write, vec![draft]).await?.into_iter().next();
        router.gateway = port.map(|port| Gateway {
            network_id,
            port_id: port.standard.id,
            fixed_ips: port.fixed_ips,
            enable_snat: asked.enable_snat.unwrap_or(true),
        });
        Ok(())
    }

    async fn gateway_clear(&self, write: &mut Write, router: &mut Router) -> Result<()> {
        let Some(gateway) = router.gateway.take() else { return Ok(()) };
        let id = &router.standard.id;
        if !store::floating_ip::of_routers(&mut write.tx, std::slice::from_ref(id)).await?.is_empty() {
            return Err(conflict(
                "RouterExternalGatewayInUseByFloatingIp",
                format!(
                    "Gateway cannot be updated for router {id}, since a gateway to external network {} is required by one or more floating IPs; disassociate them first.",
                    gateway.network_id
                ),
            ));
        }
        self.router_store(write, router).await?;
        let port =
            store::port::get(&mut write.tx, std::slice::from_ref(&gateway.port_id)).await?.remove(&gateway.port_id);
        match port {
            Some(port) => self.port_remove(write, &port).await,
            None => Ok(()),
        }
    }

    pub(crate) async fn router_delete(&self, caller: &Caller, id: &str) -> Result<()> {
        self.router_for(caller, id, "delete_router").await?;
        let mut write = self.write().await?;
        let mut router = self.router_locked(&mut write, id).await?;
        let ports = store::port::of_devices(&mut write.tx, &[id.to_owned()]).await?;
        if ports.iter().any(|port| port.device_owner == ROUTER_INTERFACE) {
            return Err(conflict("RouterInUse", format!("Router {id} still has ports; remove its interfaces first.")));
        }
        self.gateway_clear(&mut write, &mut router).await?;
        store::tag::clear(&mut write.tx, id).await?;
        store::delete(&mut write.tx, "network_routers", "id", id).await?;
        quota::count(&mut write.tx, &self.0.identity, &router.standard.project_id, "router", -1).await?;
        write.changed(Kind::Router, id);
        self.commit(write).await
    }

    pub(crate) async fn interface_add(&self, caller: &Caller, id: &str, asked: InterfaceRequest) -> Result<Interface> {
        self.router_for(caller, id, "add_router_interface").await?;
        let found = match (&asked.subnet_id, &asked.port_id) {
            (Some(subnet), None) => (Some(self.subnet_for(caller, subnet, "get_subnet").await?), None),
            (None, Some(port)) => (None, Some(self.port_for(caller, port, "update_port").await?.0)),
            _ => return Err(bad("Give either subnet_id or port_id of what the router is to be connected to.")),
        };
        let mut write = self.write().await?;
        let router = self.router_locked(&mut write, id).await?;
        let port = match found {
            (Some(subnet), _) => self.interface_make(&mut write, &router, &subnet).await?,
            (_, Some(port)) => self.interface_take(&mut write, &router, port).await?,
            _ => return Err(bad("Give subnet_id or port_id.")),
        };
        write.changed(Kind::Router, id);
        self.commit(write).await?;
        let subnet_id = port.fixed_ips.first().map(|ip| ip.subnet_id.clone()).unwrap_or_default();
        Ok(Interface { router, port, subnet_id })
    }

    async fn interface_make(&self, write: &mut Write, router: &Router, subnet: &Subnet) -> Result<Port> {
        let Some(gateway) = subnet.gateway_ip else {
            return Err(bad(format!(
                "Subnet for router interface must have a gateway IP; set gateway_ip of {} or use a port.",
                subnet.standard.id
            )));
        };
        self.interface_check(write, router, std::slice::from_ref(subnet)).await?;
        let networks = store::network::get(&mut write.tx, std::slice::from_ref(&subnet.network_id)).await?;
        let Some(network) = networks.get(&subnet.network_id) else {
            return Err(crate::network::not_found(&subnet.network_id));
        };
        let create = port::Create {
            device_id: Some(router.standard.id.clone()),
            device_owner: Some(ROUTER_INTERFACE.to_owned()),
            fixed_ips: Some(vec![FixedIpRequest {
                subnet_id: Some(subnet.standard.id.clone()),
                ip_address: Some(gateway),
            }]),
            ..port::Create::default()
        };
        let draft = self.port_draft(write, create, network, &router.standard.project_id).await?;
        let mut ports = self.ports_insert(write, vec![draft]).await?;
        ports.pop().ok_or_else(|| not_found(&router.standard.id))
    }

    async fn interface_take(&self, write: &mut Write, router: &Router, port: Port) -> Result<Port> {
        let id = port.standard.id.clone();
        if !port.device_id.is_empty() {
            return Err(conflict(
                "PortInUse",
                format!(
                    "Unable to complete operation on port {id} for network {}. Port already has an attached device {}.",
                    port.network_id, port.device_id
                ),
            ));
        }
        if port.fixed_ips.is_empty() {
            return Err(bad("Cannot add interface: the port has no address; give it one first."));
        }
        let subnet_ids: Vec<String> = port.fixed_ips.iter().map(|ip| ip.subnet_id.clone()).collect();
        let subnets: Vec<Subnet> = store::subnet::get(&mut write.tx, &subnet_ids).await?.into_values().collect();
        self.interface_check(write, router, &subnets).await?;
        if !store::server::adopt(&mut write.tx, &id, &router.standard.id, ROUTER_INTERFACE).await? {
            return Err(conflict("PortInUse", format!("Port {id} was attached to something else at the same moment.")));
        }
        let port = Port { device_id: router.standard.id.clone(), device_owner: ROUTER_INTERFACE.to_owned(), ..port };
        store::port::status_set(&mut write.tx, &[id], "ACTIVE").await?;
        self.port_changed(write, &port);
        Ok(port)
    }

    /// A router may not be connected twice to the same addresses.
    async fn interface_check(&self, write: &mut Write, router: &Router, wanted: &[Subnet]) -> Result<()> {
        let ports = store::port::of_devices(&mut write.tx, std::slice::from_ref(&router.standard.id)).await?;
        let ids: Vec<String> = ports.iter().flat_map(|port| &port.fixed_ips).map(|ip| ip.subnet_id.clone()).collect();
        for (id, connected) in store::subnet::get(&mut write.tx, &ids).await? {
            for subnet in wanted {
                if id == subnet.standard.id {
                    return Err(bad(format!("Bad router request: Router already has a port on subnet {id}.")));
                }
                if overlap(connected.cidr, subnet.cidr) {
                    return Err(bad(format!(
                        "Bad router request: Cidr {} of subnet {} overlaps with cidr {} of subnet {id}.",
                        subnet.cidr, subnet.standard.id, connected.cidr
                    )));
                }
            }
        }
        Ok(())
    }

    pub(crate) async fn interface_remove(
        &self,
        caller: &Caller,
        id: &str,
        asked: InterfaceRequest,
    ) -> Result<Interface> {
        self.router_for(caller, id, "remove_router_interface").await?;
        let mut write = self.write().await?;
        let router = self.router_locked(&mut write, id).await?;
        let ports = store::port::of_devices(&mut write.tx, &[id.to_owned()]).await?;
        let found = ports.into_iter().filter(|port| port.device_owner == ROUTER_INTERFACE).find(|port| {
            let here = |subnet: &String| port.fixed_ips.iter().any(|ip| ip.subnet_id == *subnet);
            asked.port_id.as_ref().is_none_or(|id| port.standard.id == *id) && asked.subnet_id.as_ref().is_none_or(here)
        });
        let port = match (&asked.subnet_id, &asked.port_id) {
            (None, None) => return Err(bad("Give subnet_id or port_id of the interface.")),
            (Some(subnet), _) => found.ok_or_else(|| {
                let text = format!("Router {id} has no interface on subnet {subnet}");
                Error::not_found(text).with_code("RouterInterfaceNotFoundForSubnet")
            })?,
            (None, Some(port)) => found.ok_or_else(|| {
                let text = format!("Router {id} does not have an interface with id {port}");
                Error::not_found(text).with_code("RouterInterfaceNotFound")
            })?,
        };
        for fixed in &port.fixed_ips {
            if store::floating_ip::through(&mut write.tx, id, &fixed.subnet_id).await?.is_some() {
                return Err(conflict(
                    "RouterInterfaceInUseByFloatingIP",
                    format!(
                        "Router interface for subnet {} on router {id} cannot be deleted, as it is required by one or more floating IPs; disassociate them first.",
                        fixed.subnet_id
                    ),
                ));
            }
        }
        let subnet_id = asked.subnet_id.or_else(|| port.fixed_ips.first().map(|ip| ip.subnet_id.clone()));
        self.port_remove(&mut write, &port).await?;
        write.changed(Kind::Router, id);
        self.commit(write).await?;
        Ok(Interface { router, port, subnet_id: subnet_id.unwrap_or_default() })
    }
}

fn gateway_allowed(caller: &Caller, gateway: &GatewayRequest, project: &str, action: &str) -> Result<()> {
    let target = of_project(project);
    caller.allow(&format!("{action}:external_gateway_info"), &target)?;
    if gateway.enable_snat.is_some() {
        caller.allow(&format!("{action}:external_gateway_info:enable_snat"), &target)?;
    }
    if gateway.external_fixed_ips.as_ref().is_some_and(|ips| !ips.is_empty()) {
        caller.allow(&format!("{action}:external_gateway_info:external_fixed_ips"), &target)?;
    }
    Ok(())
}

fn overlap(one: IpNet, other: IpNet) -> bool {
    one.contains(&other.network()) || other.contains(&one.network())
}

/// The address of a port in a subnet, for whoever needs one of the family.
pub(crate) fn first_v4(port: &Port) -> Option<&model::FixedIp> {
    port.fixed_ips.iter().find(|ip| matches!(ip.ip_address, IpAddr::V4(_)))
}

/// 400 for a request that names no external network.
pub(crate) fn no_network() -> Error {
    invalid("A floating IP needs an external network: give floating_network_id.")
}
