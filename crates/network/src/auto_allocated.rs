//! The network that a project gets when it has none and asks for one.

use api::{Error, Page, Query, Result};
use identity::Caller;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::Network;

const NAME: &str = "auto_allocated_network";
const CIDR: &str = "10.10.0.0/24";

impl Network {
    /// The id of the project's network that was made by itself; makes it, with a subnet and, where there is a network to
    /// the outside, a router to that.
    pub async fn network_auto_allocate(&self, caller: &Caller) -> Result<String> {
        if let Some(known) = self.auto_allocated(caller).await?.into_iter().next() {
            return Ok(known);
        }
        let made = self.network_create(caller, vec![fields(json!({"name": NAME}))?]).await?.pop();
        let id = made.map(|network| network.standard.id).unwrap_or_default();
        // Somebody else may have made one at the same moment: the older one stays.
        if let Some(first) = self.auto_allocated(caller).await?.into_iter().next()
            && first != id
        {
            self.network_delete(caller, &id).await?;
            return Ok(first);
        }
        let subnet = json!({"network_id": id, "name": "auto_allocated_subnet_v4", "ip_version": 4, "cidr": CIDR});
        let subnet = self.subnet_create(caller, vec![fields(subnet)?]).await?.pop();
        let outside = self.network_list(caller, &Query::parse("router:external=true"), &Page::default()).await?;
        if let (Some(outside), Some(subnet)) = (outside.first(), subnet) {
            let gateway = json!({"network_id": outside.standard.id});
            let router = json!({"name": "auto_allocated_router", "external_gateway_info": gateway});
            if let Some(router) = self.router_create(caller, vec![fields(router)?]).await?.pop() {
                let interface = fields(json!({"subnet_id": subnet.standard.id}))?;
                self.interface_add(caller, &router.standard.id, interface).await?;
            }
        }
        Ok(id)
    }

    /// The project's networks that were made by themselves, the oldest first.
    async fn auto_allocated(&self, caller: &Caller) -> Result<Vec<String>> {
        let query = Query::parse(&format!("name={NAME}&project_id={}", caller.project_id()?));
        let mut found = self.network_list(caller, &query, &Page::default()).await?;
        found.sort_by(|a, b| (a.standard.created_at, &a.standard.id).cmp(&(b.standard.created_at, &b.standard.id)));
        Ok(found.into_iter().map(|network| network.standard.id).collect())
    }
}

/// A request in the API's own shape.
fn fields<T: DeserializeOwned>(value: Value) -> Result<T> {
    serde_json::from_value(value).map_err(Error::internal)
}
