//! Tags: the user's labels on resources.

use api::{Error, Result};
use identity::Caller;

use crate::access::missing;
use crate::{Network, store};

/// What can be tagged, and the resource's table.
pub(crate) const TAGGED: &[(&str, &str)] = &[
    ("networks", "networks"),
    ("subnets", "network_subnets"),
    ("ports", "network_ports"),
    ("routers", "network_routers"),
    ("floatingips", "network_floating_ips"),
    ("security-groups", "network_security_groups"),
];

const MOST: usize = 50;

impl Network {
    /// The tags of a resource that the caller may use for `reading` or for changing.
    async fn tagged(&self, caller: &Caller, resource: &str, id: &str, reading: bool) -> Result<(Vec<String>, &str)> {
        let unknown = || Error::not_found("The resource could not be found.");
        let (_, table) = TAGGED.iter().find(|(name, _)| *name == resource).ok_or_else(unknown)?;
        let action = |get: &'static str, update: &'static str| if reading { get } else { update };
        let standard = match resource {
            "networks" => {
                let network = self.network_show(caller, id).await?;
                caller.allow(action("get_network", "update_network"), &crate::access::network_target(&network))?;
                network.standard
            }
            "subnets" => self.subnet_for(caller, id, action("get_subnet", "update_subnet")).await?.standard,
            "ports" => self.port_for(caller, id, action("get_port", "update_port")).await?.0.standard,
            "routers" => self.router_for(caller, id, action("get_router", "update_router")).await?.standard,
            "floatingips" => {
                self.floating_ip_for(caller, id, action("get_floatingip", "update_floatingip")).await?.standard
            }
            _ => {
                let action = action("get_security_group", "update_security_group");
                self.security_group_for(caller, id, action).await?.standard
            }
        };
        Ok((standard.tags, table))
    }

    pub(crate) async fn tag_list(&self, caller: &Caller, resource: &str, id: &str) -> Result<Vec<String>> {
        Ok(self.tagged(caller, resource, id, true).await?.0)
    }

    pub(crate) async fn tag_show(&self, caller: &Caller, resource: &str, id: &str, tag: &str) -> Result<()> {
        let (tags, _) = self.tagged(caller, resource, id, true).await?;
        if tags.iter().any(|known| known == tag) { Ok(()) } else { Err(missing("TagNotFound", "Tag", tag)) }
    }

    pub(crate) async fn tags_set(&self, caller: &Caller, resource: &str, id: &str, tags: &[String]) -> Result<()> {
        let (_, table) = self.tagged(caller, resource, id, false).await?;
        tags_check(tags)?;
        let mut write = self.write().await?;
        store::tag::clear(&mut write.tx, id).await?;
        for tag in tags {
            store::tag::add(&mut write.tx, id, tag).await?;
        }
        store::update(&mut write.tx, table, id, write.now, Vec::new()).await?;
        self.commit(write).await
    }

    pub(crate) async fn tag_add(&self, caller: &Caller, resource: &str, id: &str, tag: &str) -> Result<()> {
        let (mut tags, table) = self.tagged(caller, resource, id, false).await?;
        tags.push(tag.to_owned());
        tags_check(&tags)?;
        let mut write = self.write().await?;
        store::tag::add(&mut write.tx, id, tag).await?;
        store::update(&mut write.tx, table, id, write.now, Vec::new()).await?;
        self.commit(write).await
    }

    pub(crate) async fn tag_remove(&self, caller: &Caller, resource: &str, id: &str, tag: &str) -> Result<()> {
        let (_, table) = self.tagged(caller, resource, id, false).await?;
        let mut write = self.write().await?;
        if store::tag::remove(&mut write.tx, id, tag).await? == 0 {
            return Err(missing("TagNotFound", "Tag", tag));
        }
        store::update(&mut write.tx, table, id, write.now, Vec::new()).await?;
        self.commit(write).await
    }
}

fn tags_check(tags: &[String]) -> Result<()> {
    if tags.len() > MOST {
        return Err(Error::bad_request(format!("A resource can have {MOST} tags at most.")));
    }
    tags.iter().try_for_each(|tag| api::fields::length("tag", tag, 1, 255))
}
