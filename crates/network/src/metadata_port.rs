//! The port by which the servers of a network reach their metadata: the service's own, in every IPv4 subnet with DHCP.

use api::Result;

use crate::ipam::{self, Want};
use crate::model::{DISTRIBUTED, Port, Subnet};
use crate::write::Write;
use crate::{Network, ovn, store};

impl Network {
    /// Gives the metadata port of the subnet's network an address there; makes the port if the network has none. A
    /// subnet without a free address goes without.
    pub(crate) async fn metadata_port_ensure(&self, write: &mut Write, subnet: &Subnet) -> Result<()> {
        if self.0.backend.is_fake() || !subnet.enable_dhcp || subnet.version() != 4 {
            return Ok(());
        }
        let device = format!("ovnmeta-{}", subnet.network_id);
        let found = store::port::of_devices(&mut write.tx, std::slice::from_ref(&device)).await?;
        let found = found.into_iter().find(|port| port.device_owner == DISTRIBUTED);
        let missing = found.is_none();
        let port = match found {
            Some(port) => port,
            None => self.metadata_port_draft(write, &subnet.network_id, device)?,
        };
        if port.fixed_ips.iter().any(|fixed| fixed.subnet_id == subnet.standard.id) {
            return Ok(());
        }
        let wants = [(&port, vec![Want::Any(vec![subnet.standard.id.clone()])])];
        let subnets = ipam::by_id(std::slice::from_ref(subnet));
        let mut claims = match ipam::claim(&mut write.tx, &wants, &subnets).await {
            Err(error) if error.code == Some("IpAddressGenerationFailure") => return Ok(()),
            other => other?,
        };
        if missing {
            store::port::create(&mut write.tx, &port).await?;
        }
        for claim in &mut claims {
            claim.position = port.fixed_ips.len() as i64;
        }
        ipam::claims_write(&mut write.tx, &claims, &subnet.network_id).await?;
        self.port_changed(write, &port);
        Ok(())
    }

    fn metadata_port_draft(&self, write: &Write, network_id: &str, device_id: String) -> Result<Port> {
        Ok(Port {
            // Nobody's: it counts against no quota, and who owns the network sees it.
            standard: self.standard("", None, None, write.now)?,
            network_id: network_id.to_owned(),
            mac_address: ovn::metadata_mac(network_id),
            fixed_ips: Vec::new(),
            device_id,
            device_owner: DISTRIBUTED.to_owned(),
            admin_state_up: true,
            status: "DOWN".to_owned(),
            port_security_enabled: false,
            security_groups: Vec::new(),
            allowed_address_pairs: Vec::new(),
            extra_dhcp_opts: Vec::new(),
            dns_name: String::new(),
            host: None,
            vnic_type: "normal".to_owned(),
            profile: serde_json::Map::new(),
        })
    }
}
