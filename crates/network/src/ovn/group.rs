//! Security groups as port groups with access control lists.

use ovsdb::{Row, Tables};
use uuid::Uuid;

use super::row::{ACL, Owner, PORT_GROUP, Place, Target, identity};
use super::switch::is_trusted;
use crate::Kind;
use crate::model::{Port, SecurityGroup, SecurityRule};

/// The group of all protected ports: what no rule permits is dropped.
const DROP_GROUP: &str = "neutron_pg_drop";
const DROP_PRIORITY: i64 = 1001;
const ALLOW_PRIORITY: i64 = 1002;

/// The name of a group's port group. OVN's names hold no dashes.
pub(super) fn group_name(group_id: &str) -> String {
    format!("pg_{}", group_id.replace('-', "_"))
}

/// The identity of a group's port group.
pub(super) fn port_group(group_id: &str) -> Uuid {
    identity(PORT_GROUP, &group_name(group_id))
}

fn drop_group() -> Uuid {
    identity(PORT_GROUP, DROP_GROUP)
}

/// The port groups that a port is in.
pub(super) fn memberships(port: &Port) -> Vec<Place> {
    if !port.port_security_enabled || is_trusted(port) {
        return Vec::new();
    }
    let groups = port.security_groups.iter().map(|id| port_group(id));
    groups.chain([drop_group()]).map(|uuid| (PORT_GROUP, uuid)).collect()
}

/// The rows of the group of all protected ports.
pub(super) fn drop_translate(target: &mut Target, tables: &Tables) {
    // A server can always ask for an address and for its metadata. What comes back of DHCP and neighbour discovery
    // OVN lets pass by itself.
    const ACLS: &[(&str, i64, &str, &str)] = &[
        ("from-lport", DROP_PRIORITY, "drop", "inport == @neutron_pg_drop && ip"),
        ("to-lport", DROP_PRIORITY, "drop", "outport == @neutron_pg_drop && ip"),
        (
            "from-lport",
            ALLOW_PRIORITY,
            "allow",
            "inport == @neutron_pg_drop && ip4 && ip4.dst == 255.255.255.255 && udp && udp.src == 68 && udp.dst == 67",
        ),
        (
            "from-lport",
            ALLOW_PRIORITY,
            "allow",
            "inport == @neutron_pg_drop && ip6 && ip6.dst == ff02::1:2 && udp && udp.src == 546 && udp.dst == 547",
        ),
        (
            "from-lport",
            ALLOW_PRIORITY,
            "allow-related",
            "inport == @neutron_pg_drop && ip4 && ip4.dst == 169.254.169.254 && tcp && tcp.dst == 80",
        ),
    ];
    let group = (PORT_GROUP, drop_group());
    target.others_linked(tables, group, "acls");
    let row = Row::new().with("name", DROP_GROUP).with("external_ids", Owner::Cloud.external_ids([]));
    target.row(PORT_GROUP, DROP_GROUP, row);
    for (index, (direction, priority, action, matching)) in ACLS.iter().enumerate() {
        let row = acl(direction, *priority, action, matching).with("external_ids", Owner::Cloud.external_ids([]));
        let uuid = target.row(ACL, &format!("{DROP_GROUP}/{index}"), row);
        target.link(group, "acls", uuid);
    }
}

/// The rows of a group, without its ports. Without one: nothing is to be left of it.
pub(super) fn group_translate(target: &mut Target, tables: &Tables, group_id: &str, group: Option<&SecurityGroup>) {
    let place = (PORT_GROUP, port_group(group_id));
    target.other(PORT_GROUP, place.1);
    target.others_linked(tables, place, "acls");
    let Some(group) = group else { return };
    let owner = Owner::new(Kind::SecurityGroup, group_id);
    let name = group_name(group_id);
    let ids = [
        ("neutron:security_group_id", group_id.to_owned()),
        ("neutron:security_group_name", group.standard.name.clone()),
    ];
    let row = Row::new().with("name", name.as_str()).with("external_ids", owner.external_ids(ids));
    target.row(PORT_GROUP, &name, row);
    let action = if group.stateful { "allow-related" } else { "allow-stateless" };
    for rule in &group.rules {
        let direction = if rule.direction == "ingress" { "to-lport" } else { "from-lport" };
        let ids = [("neutron:security_group_rule_id", rule.standard.id.clone())];
        let row = acl(direction, ALLOW_PRIORITY, action, &rule_match(&name, rule))
            .with("external_ids", owner.external_ids(ids));
        let uuid = target.row(ACL, &rule.standard.id, row);
        target.link(place, "acls", uuid);
    }
}

fn acl(direction: &str, priority: i64, action: &str, matching: &str) -> Row {
    Row::new().with("direction", direction).with("priority", priority).with("action", action).with("match", matching)
}

/// What a rule permits, in OVN's language.
pub(super) fn rule_match(group: &str, rule: &SecurityRule) -> String {
    let (port, end) = if rule.direction == "ingress" { ("outport", "src") } else { ("inport", "dst") };
    let (ip, icmp) = if rule.ethertype == "IPv6" { ("ip6", "icmp6") } else { ("ip4", "icmp4") };
    let mut terms = vec![format!("{port} == @{group}"), ip.to_owned()];
    if let Some(prefix) = rule.remote_ip_prefix {
        terms.push(format!("{ip}.{end} == {}", prefix.trunc()));
    }
    if let Some(remote) = &rule.remote_group_id {
        // OVN keeps this set of the addresses of a port group itself.
        terms.push(format!("{ip}.{end} == ${}_{ip}", group_name(remote)));
    }
    let protocol = rule.protocol.as_deref().and_then(protocol_number);
    let (from, to) = (rule.port_range_min, rule.port_range_max);
    let transport = match protocol {
        None => return terms.join(" && "),
        Some(6) => "tcp",
        Some(17) => "udp",
        Some(132) => "sctp",
        Some(1 | 58) => {
            terms.push(icmp.to_owned());
            terms.extend(from.map(|kind| format!("{icmp}.type == {kind}")));
            terms.extend(to.map(|code| format!("{icmp}.code == {code}")));
            return terms.join(" && ");
        }
        Some(number) => {
            terms.push(format!("ip.proto == {number}"));
            return terms.join(" && ");
        }
    };
    terms.push(transport.to_owned());
    if from.is_some() && from == to {
        terms.extend(from.map(|port| format!("{transport}.dst == {port}")));
    } else {
        terms.extend(from.map(|port| format!("{transport}.dst >= {port}")));
        terms.extend(to.map(|port| format!("{transport}.dst <= {port}")));
    }
    terms.join(" && ")
}

/// The number of a protocol (IANA's); none for `any`.
fn protocol_number(name: &str) -> Option<u8> {
    const NAMES: &[(&str, u8)] = &[
        ("ah", 51),
        ("dccp", 33),
        ("egp", 8),
        ("esp", 50),
        ("gre", 47),
        ("hopopt", 0),
        ("icmp", 1),
        ("icmpv6", 58),
        ("igmp", 2),
        ("ip", 0),
        ("ipip", 4),
        ("ipv6-encap", 41),
        ("ipv6-frag", 44),
        ("ipv6-icmp", 58),
        ("ipv6-nonxt", 59),
        ("ipv6-opts", 60),
        ("ipv6-route", 43),
        ("ospf", 89),
        ("pgm", 113),
        ("rsvp", 46),
        ("sctp", 132),
        ("tcp", 6),
        ("udp", 17),
        ("udplite", 136),
        ("vrrp", 112),
    ];
    let name = name.to_lowercase();
    name.parse().ok().or_else(|| NAMES.iter().find(|(known, _)| *known == name).map(|(_, number)| *number))
}
