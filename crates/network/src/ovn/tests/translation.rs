//! What should be in the northbound database, without one.

use std::collections::BTreeMap;

use ovsdb::{Row, Tables, Value};

use super::views::*;
use crate::model::{AddressPair, DhcpOption, Route};
use crate::ovn::group::{group_name, port_group, rule_match};
use crate::ovn::nodes::{Node, Nodes};
use crate::ovn::row::*;
use crate::ovn::{dhcp, switch};

fn target(cloud: &Cloud) -> Target {
    cloud.target(&Tables::default(), &Nodes::default())
}

fn find<'a>(target: &'a Target, table: &str, column: &str, value: &str) -> &'a Row {
    let rows = target.rows.iter().filter(|((of, _), _)| *of == table).map(|(_, row)| row);
    let mut found = rows.filter(|row| row.value(column) == Ok(&Value::from(value)));
    let row = found.next().unwrap_or_else(|| panic!("no {table} with {column} {value}"));
    assert!(found.next().is_none(), "several {table} with {column} {value}");
    row
}

fn strings(row: &Row, column: &str) -> Vec<String> {
    row.set_string(column).unwrap().into_iter().map(str::to_owned).collect()
}

#[test]
fn a_network_is_a_switch_and_a_flat_one_has_a_way_out() {
    let target = target(&Cloud::new());
    let row = find(&target, SWITCH, "name", &format!("neutron-{NET}"));
    assert_eq!(row.map_value("external_ids", "neutron:network_name"), Ok(Some("private")));
    assert_eq!(Owner::of(row), Some(Some(Owner::new(crate::Kind::Network, NET))));
    let row = find(&target, SWITCH_PORT, "type", "localnet");
    assert_eq!(row.string("name").unwrap(), format!("provnet-{PUBLIC}"));
    assert_eq!(row.map("options").unwrap(), BTreeMap::from([("network_name", "public")]));
    assert_eq!(row.optional_integer("tag"), Ok(None));
}

#[test]
fn a_vlan_network_has_its_number_as_tag() {
    let mut cloud = Cloud::new();
    cloud.networks[1].network.network_type = "vlan".to_owned();
    cloud.networks[1].network.segmentation_id = Some(77);
    assert_eq!(find(&target(&cloud), SWITCH_PORT, "type", "localnet").optional_integer("tag"), Ok(Some(77)));
}

#[test]
fn a_servers_port_has_its_addresses_and_may_use_no_others() {
    let target = target(&Cloud::new());
    let row = find(&target, SWITCH_PORT, "name", PORT);
    let own = "fa:16:3e:00:00:01 10.0.0.11 fd00::11";
    assert_eq!(strings(row, "addresses"), [own]);
    assert_eq!(strings(row, "port_security"), [own]);
    assert_eq!(row.map("options").unwrap(), BTreeMap::from([("requested-chassis", "node1")]));
    assert_eq!(row.map_value("external_ids", "neutron:cidrs"), Ok(Some("10.0.0.11/24 fd00::11/64")));
    assert_eq!(row.optional_uuid("dhcpv4_options"), Ok(Some(dhcp::subnet_options(SUBNET))));
    assert_eq!(row.optional_uuid("dhcpv6_options"), Ok(Some(dhcp::subnet_options(SUBNET6))));
    let groups: Vec<_> = target.links.iter().filter(|link| link.to == switch::switch_port(PORT)).collect();
    assert_eq!(groups.len(), 3, "the switch, the group and the drop group: {groups:?}");
}

#[test]
fn address_pairs_widen_what_a_port_may_send_from() {
    let mut cloud = Cloud::new();
    let pair =
        |ip: &str, mac: Option<&str>| AddressPair { ip_address: ip.to_owned(), mac_address: mac.map(str::to_owned) };
    cloud.server().allowed_address_pairs =
        vec![pair("10.0.0.100", None), pair("10.1.0.0/16", Some("FA:16:3E:FF:00:01")), pair("10.0.0.0/8", None)];
    let target = target(&cloud);
    let row = find(&target, SWITCH_PORT, "name", PORT);
    assert_eq!(
        strings(row, "port_security"),
        ["fa:16:3e:00:00:01 10.0.0.11 fd00::11 10.0.0.100 10.0.0.0/8", "fa:16:3e:ff:00:01 10.1.0.0/16"]
    );
    assert_eq!(strings(row, "addresses"), ["fa:16:3e:00:00:01 10.0.0.11 fd00::11", "fa:16:3e:ff:00:01"]);
}

#[test]
fn a_port_without_security_may_do_anything() {
    let mut cloud = Cloud::new();
    cloud.server().port_security_enabled = false;
    cloud.server().admin_state_up = false;
    let target = target(&cloud);
    let row = find(&target, SWITCH_PORT, "name", PORT);
    assert_eq!(strings(row, "port_security"), [] as [&str; 0]);
    assert!(strings(row, "addresses").contains(&"unknown".to_owned()));
    assert_eq!(row.optional_bool("enabled"), Ok(Some(false)));
    let links = target.links.iter().filter(|link| link.to == switch::switch_port(PORT));
    assert_eq!(links.map(|link| link.from.0).collect::<Vec<_>>(), [SWITCH]);
}

#[test]
fn dhcp_says_where_the_metadata_is_and_then_everything_else_too() {
    let mut cloud = Cloud::new();
    let target_of = |cloud: &Cloud| {
        let target = target(cloud);
        let options = find(&target, DHCP_OPTIONS, "cidr", "10.0.0.0/24").map("options").unwrap();
        options.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect::<BTreeMap<_, _>>()
    };
    let mut options = target_of(&cloud);
    assert!(options.remove("server_mac").is_some_and(|mac| mac.starts_with("fa:16:3e:")));
    let expected = [
        ("classless_static_route", "{169.254.169.254/32,10.0.0.2, 0.0.0.0/0,10.0.0.1}"),
        ("dns_server", "8.8.8.8"),
        ("lease_time", "43200"),
        ("mtu", "1442"),
        ("router", "10.0.0.1"),
        ("server_id", "10.0.0.1"),
    ];
    assert_eq!(options, expected.map(|(name, value)| (name.to_owned(), value.to_owned())).into());

    let subnet = &mut cloud.networks[0].subnets[0];
    subnet.gateway_ip = None;
    subnet.host_routes = vec![Route { destination: "10.9.0.0/16".to_owned(), nexthop: "10.0.0.9".to_owned() }];
    subnet.dns_nameservers.push("1.1.1.1".parse().unwrap());
    let options = target_of(&cloud);
    assert_eq!(options["classless_static_route"], "{169.254.169.254/32,10.0.0.2, 10.9.0.0/16,10.0.0.9}");
    assert_eq!(options["dns_server"], "{8.8.8.8, 1.1.1.1}");
    assert_eq!(options["server_id"], "10.0.0.2");
    assert_eq!(options.get("router"), None);
}

#[test]
fn a_port_has_dhcp_options_of_its_own() {
    let mut cloud = Cloud::new();
    let option = |name: &str, value: &str| DhcpOption {
        opt_name: name.to_owned(),
        opt_value: Some(value.to_owned()),
        ip_version: 4,
    };
    cloud.server().extra_dhcp_opts =
        vec![option("bootfile-name", "pxe.0"), option("mtu", "9000"), option("nonsense", "1")];
    let target = target(&cloud);
    let row = find(&target, SWITCH_PORT, "name", PORT);
    assert_eq!(row.optional_uuid("dhcpv4_options"), Ok(Some(dhcp::port_options(PORT, 4))));
    assert_eq!(row.optional_uuid("dhcpv6_options"), Ok(Some(dhcp::subnet_options(SUBNET6))));
    let own = &target.rows[&(DHCP_OPTIONS, dhcp::port_options(PORT, 4))];
    let options = own.map("options").unwrap();
    assert_eq!((options["bootfile_name"], options["mtu"], options["router"]), ("\"pxe.0\"", "9000", "10.0.0.1"));
    assert!(!options.contains_key("nonsense"));
}

#[test]
fn without_dhcp_there_are_no_options() {
    let target = target(&Cloud::new());
    assert!(!target.rows.contains_key(&(DHCP_OPTIONS, dhcp::subnet_options(PUBLIC_SUBNET))));
    assert!(target.others.contains(&(DHCP_OPTIONS, dhcp::subnet_options(PUBLIC_SUBNET))));
}

#[test]
fn the_metadata_port_is_the_same_on_every_node() {
    let target = target(&Cloud::new());
    let row = find(&target, SWITCH_PORT, "type", "localport");
    assert_eq!(row.string("name").unwrap(), format!("meta-{NET}"));
    assert_eq!(strings(row, "addresses"), ["fa:16:3f:11:11:11 10.0.0.2"]);
    assert_eq!(row.map_value("external_ids", "neutron:cidrs"), Ok(Some("10.0.0.2/24")));
    assert_eq!(row.optional_uuid("dhcpv4_options"), Ok(None));
}

#[test]
fn a_port_that_holds_a_floating_address_is_no_port_of_the_switch() {
    assert!(!target(&Cloud::new()).rows.contains_key(&(SWITCH_PORT, switch::switch_port(HOLDER))));
}

#[test]
fn a_router_translates_addresses_and_knows_the_way_out() {
    let target = target(&Cloud::new());
    let interface = find(&target, ROUTER_PORT, "name", &format!("lrp-{INTERFACE}"));
    assert_eq!(strings(interface, "networks"), ["10.0.0.1/24", "fd00::1/64"]);
    let advertised = BTreeMap::from([("address_mode", "dhcpv6_stateful"), ("mtu", "1442"), ("send_periodic", "true")]);
    assert_eq!(interface.map("ipv6_ra_configs").unwrap(), advertised);
    let end = find(&target, SWITCH_PORT, "name", INTERFACE);
    assert_eq!(strings(end, "addresses"), ["router"]);
    assert_eq!(end.map_value("options", "router-port"), Ok(Some(format!("lrp-{INTERFACE}").as_str())));
    let snat = find(&target, NAT, "type", "snat");
    assert_eq!((snat.string("external_ip"), snat.string("logical_ip")), (Ok("172.24.4.10"), Ok("10.0.0.0/24")));
    let floating = find(&target, NAT, "type", "dnat_and_snat");
    assert_eq!((floating.string("external_ip"), floating.string("logical_ip")), (Ok("172.24.4.50"), Ok("10.0.0.11")));
    assert_eq!(floating.optional_string("logical_port"), Ok(None));
    assert_eq!(find(&target, ROUTE, "ip_prefix", "0.0.0.0/0").string("nexthop"), Ok("172.24.4.1"));
    assert_eq!(find(&target, ROUTE, "ip_prefix", "192.168.0.0/16").string("nexthop"), Ok("10.0.0.99"));
}

#[test]
fn nodes_in_the_outside_network_are_gateways_and_answer_for_their_servers() {
    let node = |name: &str, networks: &[&str], is_gateway| Node {
        chassis: format!("chassis-{name}"),
        host: name.to_owned(),
        physical_networks: networks.iter().map(|network| (*network).to_owned()).collect(),
        is_gateway,
    };
    let nodes =
        Nodes(vec![node("node0", &[], true), node("node1", &["public"], false), node("node2", &["public"], false)]);
    let target = Cloud::new().target(&Tables::default(), &nodes);
    let gateways: Vec<_> = target.rows.iter().filter(|((table, _), _)| *table == GATEWAY_CHASSIS).collect();
    assert_eq!(gateways.len(), 2);
    let floating = find(&target, NAT, "type", "dnat_and_snat");
    assert_eq!(floating.optional_string("logical_port"), Ok(Some(PORT)));
    assert_eq!(floating.optional_string("external_mac"), Ok(Some("fa:16:3e:00:00:50")));

    let chosen = Nodes(vec![node("node1", &["public"], false), node("node2", &["public"], true)]);
    assert_eq!(chosen.gateways(ROUTER_ID, Some("public")), [("chassis-node2", 1)]);
    assert_eq!(chosen.gateways(ROUTER_ID, None), []);
}

#[test]
fn rules_say_in_ovns_language_what_they_permit() {
    let name = group_name(GROUP);
    let with = |direction: &str, ethertype: &str, protocol: Option<&str>, range: (Option<i64>, Option<i64>)| {
        let mut rule = rule("r", direction, ethertype, protocol);
        (rule.port_range_min, rule.port_range_max) = range;
        rule
    };
    let text = |rule| rule_match("g", &rule);
    assert_eq!(text(with("egress", "IPv4", None, (None, None))), "inport == @g && ip4");
    assert_eq!(
        text(with("ingress", "IPv4", Some("tcp"), (Some(22), Some(22)))),
        "outport == @g && ip4 && tcp && tcp.dst == 22"
    );
    assert_eq!(
        text(with("ingress", "IPv6", Some("17"), (Some(1), Some(65535)))),
        "outport == @g && ip6 && udp && udp.dst >= 1 && udp.dst <= 65535"
    );
    assert_eq!(
        text(with("ingress", "IPv4", Some("icmp"), (Some(8), Some(0)))),
        "outport == @g && ip4 && icmp4 && icmp4.type == 8 && icmp4.code == 0"
    );
    assert_eq!(text(with("ingress", "IPv6", Some("ipv6-icmp"), (None, None))), "outport == @g && ip6 && icmp6");
    assert_eq!(text(with("egress", "IPv4", Some("vrrp"), (None, None))), "inport == @g && ip4 && ip.proto == 112");
    let mut remote = with("ingress", "IPv4", None, (None, None));
    remote.remote_group_id = Some(GROUP.to_owned());
    assert_eq!(rule_match(&name, &remote), format!("outport == @{name} && ip4 && ip4.src == ${name}_ip4"));
    let mut prefix = with("egress", "IPv4", None, (None, None));
    prefix.remote_ip_prefix = Some("10.1.2.3/8".parse().unwrap());
    assert_eq!(rule_match("g", &prefix), "inport == @g && ip4 && ip4.dst == 10.0.0.0/8");
}

#[test]
fn a_stateless_group_tracks_nothing() {
    let mut cloud = Cloud::new();
    cloud.groups[0].stateful = false;
    let target = target(&cloud);
    let ours = target.links.iter().filter(|link| link.from.1 == port_group(GROUP) && link.column == "acls");
    let actions: Vec<_> = ours.map(|link| target.rows[&(ACL, link.to)].string("action").unwrap()).collect();
    assert_eq!(actions, ["allow-stateless", "allow-stateless"]);
}
