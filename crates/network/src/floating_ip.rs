//! Floating IPs.

use std::net::IpAddr;

use api::fields::nullable;
use api::{Error, Page, Query, Result};
use identity::Caller;
use serde::Deserialize;

use crate::access::{conflict, guard, missing, network_target, of_project, owner, visible};
use crate::ipam::FixedIpRequest;
use crate::model::{FLOATING_IP, FloatingIp, FloatingTarget, Port};
use crate::write::Write;
use crate::{Network, port, quota, router, store};

/// What is said of a new floating IP.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Create {
    floating_network_id: String,
    #[serde(alias = "tenant_id")]
    project_id: Option<String>,
    description: Option<String>,
    subnet_id: Option<String>,
    floating_ip_address: Option<IpAddr>,
    port_id: Option<String>,
    fixed_ip_address: Option<IpAddr>,
}

/// What is said anew of a floating IP.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Update {
    description: Option<String>,
    #[serde(deserialize_with = "nullable")]
    port_id: Option<Option<String>>,
    #[serde(deserialize_with = "nullable")]
    fixed_ip_address: Option<Option<IpAddr>>,
}

impl Update {
    /// To lead to that port, or to none.
    pub(crate) fn leading(port_id: Option<String>, fixed: Option<IpAddr>) -> Self {
        Self { description: None, port_id: Some(port_id), fixed_ip_address: Some(fixed) }
    }
}

fn not_found(id: &str) -> Error {
    missing("FloatingIPNotFound", "Floating IP", id)
}

impl Network {
    /// The floating IPs that the caller sees and the query asks for.
    pub async fn floating_ip_list(&self, caller: &Caller, query: &Query, page: &Page) -> Result<Vec<FloatingIp>> {
        let visible = visible(caller, store::floating_ip::VISIBLE);
        let mut floating = store::list::rows(&self.0.db, &store::floating_ip::TABLE, query, page, visible).await?;
        store::floating_ip::complete((&self.0.db).into(), &mut floating).await?;
        Ok(floating)
    }

    /// A floating IP; 404 unless the caller sees it.
    pub async fn floating_ip_show(&self, caller: &Caller, id: &str) -> Result<FloatingIp> {
        self.floating_ip_for(caller, id, "get_floatingip").await
    }

    pub(crate) async fn floating_ip_for(&self, caller: &Caller, id: &str, action: &str) -> Result<FloatingIp> {
        let found = store::floating_ip::get(&self.0.db, &[id.to_owned()]).await?.remove(id);
        let floating = found.ok_or_else(|| not_found(id))?;
        guard(caller, "get_floatingip", action, &of_project(&floating.standard.project_id), || not_found(id))?;
        Ok(floating)
    }

    /// Takes a floating IP.
    pub async fn floating_ip_create(&self, caller: &Caller, create: Create) -> Result<FloatingIp> {
        let project = owner(caller, create.project_id)?;
        caller.allow("create_floatingip", &of_project(&project))?;
        if create.floating_ip_address.is_some() {
            caller.allow("create_floatingip:floating_ip_address", &of_project(&project))?;
        }
        if create.floating_network_id.is_empty() {
            return Err(router::no_network());
        }
        let network = self.network_get(&create.floating_network_id).await?;
        if !caller.may("get_network", &network_target(&network)) {
            return Err(crate::network::not_found(&create.floating_network_id));
        }
        if !network.external {
            return Err(Error::bad_request(format!(
                "Network {} is not a valid external network; take one with router:external.",
                network.standard.id
            ))
            .with_code("BadRequest"));
        }
        let mut write = self.write().await?;
        quota::claim(&mut write.tx, &self.0.identity, &project, "floatingip", 1).await?;
        let standard = self.standard(&project, None, create.description, write.now)?;
        let asked = (create.subnet_id.is_some() || create.floating_ip_address.is_some())
            .then(|| vec![FixedIpRequest { subnet_id: create.subnet_id, ip_address: create.floating_ip_address }]);
        let holder = port::Create {
            device_id: Some(standard.id.clone()),
            device_owner: Some(FLOATING_IP.to_owned()),
            fixed_ips: asked,
            ..port::Create::default()
        };
        let draft = self.port_draft(&mut write, holder, &network, "").await?;
        let holder = self.ports_insert(&mut write, vec![draft]).await?.pop();
        let Some((holder_port_id, address)) =
            holder.and_then(|port| Some((port.standard.id.clone(), router::first_v4(&port)?.ip_address)))
        else {
            return Err(conflict(
                "ExternalIpAddressExhausted",
                format!(
                    "Unable to find any IPv4 address on external network {}; give it an IPv4 subnet.",
                    network.standard.id
                ),
            ));
        };
        let mut floating = FloatingIp {
            standard,
            network_id: network.standard.id,
            address,
            holder_port_id,
            target: None,
            status: "DOWN".to_owned(),
        };
        store::floating_ip::create(&mut write.tx, &floating).await?;
        if let Some(port_id) = create.port_id {
            self.floating_ip_lead(&mut write, caller, &mut floating, &port_id, create.fixed_ip_address).await?;
        }
        self.commit(write).await?;
        self.floating_ip_show(caller, &floating.standard.id).await
    }

    pub(crate) async fn floating_ip_update(&self, caller: &Caller, id: &str, update: Update) -> Result<FloatingIp> {
        let mut floating = self.floating_ip_for(caller, id, "update_floatingip").await?;
        floating.standard.rename(None, update.description)?;
        let mut write = self.write().await?;
        let fixed = update.fixed_ip_address.flatten();
        match update.port_id {
            Some(Some(port_id)) => self.floating_ip_lead(&mut write, caller, &mut floating, &port_id, fixed).await?,
            Some(None) => {
                self.floating_ip_loose(&mut write, &mut floating);
                self.floating_ip_store(&mut write, &floating).await?;
            }
            None => self.floating_ip_store(&mut write, &floating).await?,
        }
        self.commit(write).await?;
        self.floating_ip_show(caller, id).await
    }

    /// Leads it nowhere.
    fn floating_ip_loose(&self, write: &mut Write, floating: &mut FloatingIp) {
        if let Some(target) = floating.target.take() {
            write.floating_changed(&target);
        }
        floating.status = "DOWN".to_owned();
    }

    async fn floating_ip_store(&self, write: &mut Write, floating: &FloatingIp) -> Result<()> {
        let id = &floating.standard.id;
        let fields = store::floating_ip::fields(floating);
        let stored = store::update(&mut write.tx, "network_floating_ips", id, write.now, fields).await;
        match stored {
            Ok(true) => Ok(()),
            Ok(false) => Err(not_found(id)),
            Err(error) if error.is_unique() => Err(conflict(
                "FloatingIPPortAlreadyAssociated",
                format!(
                    "Cannot associate floating IP {} with that fixed IP, as it has a floating IP already; disassociate that first.",
                    floating.address
                ),
            )),
            Err(error) => Err(error.into()),
        }
    }

    async fn floating_ip_lead(
        &self,
        write: &mut Write,
        caller: &Caller,
        floating: &mut FloatingIp,
        port_id: &str,
        fixed: Option<IpAddr>,
    ) -> Result<()> {
        let found = store::port::get(&mut write.tx, &[port_id.to_owned()]).await?.remove(port_id);
        let port = found
            .filter(|port| port.standard.project_id == floating.standard.project_id || crate::access::is_admin(caller))
            .ok_or_else(|| crate::subnet::port_not_found(port_id))?;
        let fixed = fixed_choose(&port, fixed)?;
        let router = store::router::between(&mut write.tx, &fixed.subnet_id, &floating.network_id).await?;
        let router_id = router.ok_or_else(|| {
            Error::not_found(format!(
                "External network {} is not reachable from subnet {}. Therefore, cannot associate Port {port_id} with a Floating IP; connect both with a router.",
                floating.network_id, fixed.subnet_id
            ))
            .with_code("ExternalGatewayForFloatingIPNotFound")
        })?;
        self.floating_ip_loose(write, floating);
        let target = FloatingTarget { port_id: port_id.to_owned(), fixed_ip: fixed.ip_address, router_id };
        write.floating_changed(&target);
        floating.target = Some(target);
        floating.status = "ACTIVE".to_owned();
        self.floating_ip_store(write, floating).await
    }

    /// Floating IPs that lead to the port's addresses for which `gone` holds lead nowhere from now on.
    pub(crate) async fn floating_ips_release(
        &self,
        write: &mut Write,
        port: &Port,
        gone: impl Fn(IpAddr) -> bool,
    ) -> Result<()> {
        for mut floating in store::floating_ip::of_ports(&mut write.tx, std::slice::from_ref(&port.standard.id)).await?
        {
            if floating.target.as_ref().is_some_and(|target| gone(target.fixed_ip)) {
                self.floating_ip_loose(write, &mut floating);
                self.floating_ip_store(write, &floating).await?;
            }
        }
        Ok(())
    }

    /// Gives a floating IP back.
    pub async fn floating_ip_delete(&self, caller: &Caller, id: &str) -> Result<()> {
        let floating = self.floating_ip_for(caller, id, "delete_floatingip").await?;
        let mut write = self.write().await?;
        self.floating_ip_remove(&mut write, floating).await?;
        self.commit(write).await
    }

    pub(crate) async fn floating_ip_remove(&self, write: &mut Write, mut floating: FloatingIp) -> Result<()> {
        let id = floating.standard.id.clone();
        quota::count(&mut write.tx, &self.0.identity, &floating.standard.project_id, "floatingip", -1).await?;
        self.floating_ip_loose(write, &mut floating);
        store::tag::clear(&mut write.tx, &id).await?;
        if store::delete(&mut write.tx, "network_floating_ips", "id", &id).await? == 0 {
            return Err(not_found(&id));
        }
        let holder = &floating.holder_port_id;
        if let Some(port) = store::port::get(&mut write.tx, std::slice::from_ref(holder)).await?.remove(holder) {
            self.port_remove(write, &port).await?;
        }
        Ok(())
    }
}

fn fixed_choose(port: &Port, asked: Option<IpAddr>) -> Result<crate::model::FixedIp> {
    let found = match asked {
        Some(address) => port.fixed_ips.iter().find(|ip| ip.ip_address == address && address.is_ipv4()),
        None => router::first_v4(port),
    };
    found.cloned().ok_or_else(|| {
        let id = &port.standard.id;
        Error::bad_request(match asked {
            Some(address) => format!("Port {id} does not have fixed ip {address}; take one of its IPv4 addresses."),
            None => format!("Cannot add floating IP to port {id} that has no fixed IPv4 addresses; give it one."),
        })
        .with_code("BadRequest")
    })
}
