//! How many addresses of networks are in use.

use std::collections::BTreeMap;

use api::Result;
use identity::Caller;
use policy::Target;
use serde_json::{Value, json};

use crate::model::Subnet;
use crate::{Network, store};

impl Network {
    /// Totals and use of every network, or of one.
    pub(crate) async fn availability_list(&self, caller: &Caller, id: Option<&str>) -> Result<Vec<Value>> {
        caller.allow("get_network_ip_availability", &Target::new())?;
        let db = &self.0.db;
        let ids = match id {
            Some(id) => vec![id.to_owned()],
            None => self.model().network_ids().await?,
        };
        let networks = store::network::get(db, &ids).await?;
        let used = store::subnet::used(db).await?;
        let mut subnets: BTreeMap<String, Vec<Subnet>> = BTreeMap::new();
        for subnet in store::subnet::of_networks(db, &ids).await? {
            subnets.entry(subnet.network_id.clone()).or_default().push(subnet);
        }
        Ok(networks
            .into_values()
            .map(|network| {
                let mine = subnets.remove(&network.standard.id).unwrap_or_default();
                let views: Vec<(u128, i64, Value)> = mine.iter().map(|subnet| subnet_view(subnet, &used)).collect();
                let total = views.iter().fold(0_u128, |sum, (total, ..)| sum.saturating_add(*total));
                json!({
                    "network_id": network.standard.id,
                    "network_name": network.standard.name,
                    "project_id": network.standard.project_id,
                    "tenant_id": network.standard.project_id,
                    "total_ips": number(total),
                    "used_ips": views.iter().map(|(_, used, _)| used).sum::<i64>(),
                    "subnet_ip_availability": views.into_iter().map(|(.., view)| view).collect::<Vec<_>>(),
                })
            })
            .collect())
    }
}

fn subnet_view(subnet: &Subnet, used: &BTreeMap<String, i64>) -> (u128, i64, Value) {
    let sizes = store::subnet::ranges(subnet);
    let total = sizes.iter().fold(0_u128, |sum, (first, last)| sum.saturating_add((last - first).saturating_add(1)));
    let used = used.get(&subnet.standard.id).copied().unwrap_or_default();
    let view = json!({
        "subnet_id": subnet.standard.id,
        "subnet_name": subnet.standard.name,
        "cidr": subnet.cidr.to_string(),
        "ip_version": subnet.version(),
        "total_ips": number(total),
        "used_ips": used,
    });
    (total, used, view)
}

/// A number that may be beyond what JSON's readers take as an integer.
fn number(total: u128) -> Value {
    serde_json::from_str(&total.to_string()).unwrap_or(Value::Null)
}
