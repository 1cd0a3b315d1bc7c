//! Routers, their ways out and their interfaces.

use std::net::IpAddr;

use api::fields::nullable;
use api::{Error, Page, Query, Result};
use identity::Caller;
use serde::Deserialize;

use crate::access::{conflict, guard, invalid, missing, network_target, of_project, owner, visible};
use crate::ipam::FixedIpRequest;
use crate::model::{self, Gateway, Port, ROUTER_GATEWAY, ROUTER_INTERFACE, Route, Router};
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

pub(crate) fn not_found(id: &str) -> Error {
    missing("RouterNotFound", "Router", id)
}

pub(crate) fn bad(message: impl Into<String>) -> Error {
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
    pub(crate) async fn router_locked(&self, write: &mut Write, id: &str) -> Result<Router> {
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

/// The address of a port in a subnet, for whoever needs one of the family.
pub(crate) fn first_v4(port: &Port) -> Option<&model::FixedIp> {
    port.fixed_ips.iter().find(|ip| matches!(ip.ip_address, IpAddr::V4(_)))
}

/// 400 for a request that names no external network.
pub(crate) fn no_network() -> Error {
    invalid("A floating IP needs an external network: give floating_network_id.")
}
