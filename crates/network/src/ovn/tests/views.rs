//! A small cloud: a network with two subnets, two servers' ports, a router to the outside, a floating IP and a group.

use std::collections::BTreeMap;
use std::net::IpAddr;

use jiff::Timestamp;
use ovsdb::Tables;

use crate::model::*;
use crate::ovn::nodes::Nodes;
use crate::ovn::row::Target;
use crate::ovn::{dhcp, group, router, switch};

pub const NET: &str = "11111111-0000-4000-8000-000000000001";
pub const PUBLIC: &str = "11111111-0000-4000-8000-000000000002";
pub const SUBNET: &str = "22222222-0000-4000-8000-000000000001";
pub const SUBNET6: &str = "22222222-0000-4000-8000-000000000006";
pub const PUBLIC_SUBNET: &str = "22222222-0000-4000-8000-000000000002";
pub const PORT: &str = "33333333-0000-4000-8000-000000000001";
pub const PORT2: &str = "33333333-0000-4000-8000-000000000002";
pub const METADATA: &str = "33333333-0000-4000-8000-000000000003";
pub const INTERFACE: &str = "33333333-0000-4000-8000-000000000004";
pub const GATEWAY: &str = "33333333-0000-4000-8000-000000000005";
pub const HOLDER: &str = "33333333-0000-4000-8000-000000000006";
pub const ROUTER_ID: &str = "44444444-0000-4000-8000-000000000001";
pub const GROUP: &str = "55555555-0000-4000-8000-000000000001";
pub const FLOATING: &str = "66666666-0000-4000-8000-000000000001";

pub fn standard(id: &str, name: &str) -> Standard {
    Standard {
        id: id.to_owned(),
        project_id: "p1".to_owned(),
        name: name.to_owned(),
        description: String::new(),
        revision: 1,
        created_at: Timestamp::UNIX_EPOCH,
        updated_at: Timestamp::UNIX_EPOCH,
        tags: Vec::new(),
    }
}

pub fn network(id: &str, name: &str) -> Network {
    Network {
        standard: standard(id, name),
        admin_state_up: true,
        shared: false,
        external: false,
        is_default: false,
        network_type: "geneve".to_owned(),
        physical_network: None,
        segmentation_id: Some(1),
        mtu: 1442,
        port_security_enabled: true,
        dns_domain: String::new(),
        subnet_ids: Vec::new(),
    }
}

pub fn subnet(id: &str, network: &str, cidr: &str, gateway: &str) -> Subnet {
    Subnet {
        standard: standard(id, ""),
        network_id: network.to_owned(),
        cidr: cidr.parse().unwrap(),
        gateway_ip: gateway.parse().ok(),
        allocation_pools: Vec::new(),
        enable_dhcp: true,
        dns_nameservers: vec!["8.8.8.8".parse().unwrap()],
        host_routes: Vec::new(),
        ipv6_ra_mode: None,
        ipv6_address_mode: None,
    }
}

pub fn port(id: &str, network: &str, owner: &str, addresses: &[(&str, &str)]) -> Port {
    Port {
        standard: standard(id, "a port"),
        network_id: network.to_owned(),
        mac_address: format!("fa:16:3e:00:00:{}", &id[id.len() - 2..]),
        fixed_ips: addresses
            .iter()
            .map(|(subnet, ip)| FixedIp { subnet_id: (*subnet).to_owned(), ip_address: ip.parse().unwrap() })
            .collect(),
        device_id: "a server".to_owned(),
        device_owner: owner.to_owned(),
        admin_state_up: true,
        status: "DOWN".to_owned(),
        port_security_enabled: true,
        security_groups: Vec::new(),
        allowed_address_pairs: Vec::new(),
        extra_dhcp_opts: Vec::new(),
        dns_name: String::new(),
        host: None,
        vnic_type: "normal".to_owned(),
        profile: serde_json::Map::new(),
    }
}

pub fn rule(id: &str, direction: &str, ethertype: &str, protocol: Option<&str>) -> SecurityRule {
    SecurityRule {
        standard: standard(id, ""),
        group_id: GROUP.to_owned(),
        direction: direction.to_owned(),
        ethertype: ethertype.to_owned(),
        protocol: protocol.map(str::to_owned),
        port_range_min: None,
        port_range_max: None,
        remote_ip_prefix: None,
        remote_group_id: None,
    }
}

/// What the database would give.
#[derive(Debug, Clone, Default)]
pub struct Cloud {
    pub networks: Vec<NetworkView>,
    pub routers: Vec<RouterView>,
    pub groups: Vec<SecurityGroup>,
}

impl Cloud {
    pub fn new() -> Self {
        let mut servers = ["1", "2"].map(|number| {
            let id = format!("33333333-0000-4000-8000-00000000000{number}");
            let (v4, v6) = (format!("10.0.0.1{number}"), format!("fd00::1{number}"));
            port(&id, NET, "compute:nova", &[(SUBNET, v4.as_str()), (SUBNET6, v6.as_str())])
        });
        for server in &mut servers {
            server.security_groups = vec![GROUP.to_owned()];
            server.host = Some("node1".to_owned());
        }
        let [server, server2] = servers;
        let metadata = port(METADATA, NET, DISTRIBUTED, &[(SUBNET, "10.0.0.2")]);
        let mut interface = port(INTERFACE, NET, ROUTER_INTERFACE, &[(SUBNET, "10.0.0.1"), (SUBNET6, "fd00::1")]);
        let mut gateway = port(GATEWAY, PUBLIC, ROUTER_GATEWAY, &[(PUBLIC_SUBNET, "172.24.4.10")]);
        (interface.device_id, gateway.device_id) = (ROUTER_ID.to_owned(), ROUTER_ID.to_owned());
        let holder = port(HOLDER, PUBLIC, FLOATING_IP, &[(PUBLIC_SUBNET, "172.24.4.50")]);
        let mut subnet6 = subnet(SUBNET6, NET, "fd00::/64", "fd00::1");
        subnet6.ipv6_ra_mode = Some("dhcpv6-stateful".to_owned());
        subnet6.ipv6_address_mode = subnet6.ipv6_ra_mode.clone();
        let private = NetworkView {
            network: network(NET, "private"),
            subnets: vec![subnet(SUBNET, NET, "10.0.0.0/24", "10.0.0.1"), subnet6],
            ports: vec![server.clone(), server2, metadata, interface.clone()],
        };
        let mut outside = network(PUBLIC, "public");
        outside.network_type = "flat".to_owned();
        outside.physical_network = Some("public".to_owned());
        outside.segmentation_id = None;
        let mut outside_subnet = subnet(PUBLIC_SUBNET, PUBLIC, "172.24.4.0/24", "172.24.4.1");
        outside_subnet.enable_dhcp = false;
        let public =
            NetworkView { network: outside, subnets: vec![outside_subnet], ports: vec![gateway.clone(), holder] };
        let floating = FloatingIp {
            standard: standard(FLOATING, ""),
            network_id: PUBLIC.to_owned(),
            address: address("172.24.4.50"),
            holder_port_id: HOLDER.to_owned(),
            target: Some(FloatingTarget {
                port_id: PORT.to_owned(),
                fixed_ip: address("10.0.0.11"),
                router_id: ROUTER_ID.to_owned(),
            }),
            status: "ACTIVE".to_owned(),
        };
        let subnets = private.subnets.iter().chain(&public.subnets);
        let router = RouterView {
            router: Router {
                standard: standard(ROUTER_ID, "r"),
                admin_state_up: true,
                gateway: Some(Gateway {
                    network_id: PUBLIC.to_owned(),
                    port_id: GATEWAY.to_owned(),
                    fixed_ips: gateway.fixed_ips.clone(),
                    enable_snat: true,
                }),
                routes: vec![Route { destination: "192.168.0.0/16".to_owned(), nexthop: "10.0.0.99".to_owned() }],
            },
            gateway: Some(gateway),
            interfaces: vec![interface],
            networks: [&private, &public]
                .map(|view| (view.network.standard.id.clone(), view.network.clone()))
                .into_iter()
                .collect(),
            subnets: subnets.map(|subnet| (subnet.standard.id.clone(), subnet.clone())).collect(),
            floating_ips: vec![(floating, server)],
        };
        let group = SecurityGroup {
            standard: standard(GROUP, "default"),
            stateful: true,
            is_default: true,
            rules: vec![
                rule("77777777-0000-4000-8000-000000000001", "egress", "IPv4", None),
                rule("77777777-0000-4000-8000-000000000002", "ingress", "IPv4", Some("icmp")),
            ],
        };
        Self { networks: vec![private, public], routers: vec![router], groups: vec![group] }
    }

    pub fn server(&mut self) -> &mut Port {
        &mut self.networks[0].ports[0]
    }

    /// What should be of all of it.
    pub fn target(&self, tables: &Tables, nodes: &Nodes) -> Target {
        let mut target = Target::default();
        group::drop_translate(&mut target, tables);
        for view in &self.networks {
            switch::network_translate(&mut target, &view.network.standard.id, Some(&view.network));
            for subnet in &view.subnets {
                dhcp::subnet_translate(&mut target, view, subnet);
            }
            let subnets: Vec<_> = view.subnets.iter().collect();
            for port in &view.ports {
                switch::port_translate(&mut target, tables, port, &view.network, &subnets);
            }
        }
        for view in &self.routers {
            let macs = BTreeMap::from([(HOLDER.to_owned(), "fa:16:3e:00:00:50".to_owned())]);
            router::router_translate(&mut target, tables, nodes, &view.router.standard.id, Some(view), &macs);
        }
        for group in &self.groups {
            group::group_translate(&mut target, tables, &group.standard.id, Some(group));
        }
        target
    }
}

pub fn address(text: &str) -> IpAddr {
    text.parse().unwrap()
}
