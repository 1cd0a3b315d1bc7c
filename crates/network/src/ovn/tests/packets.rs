//! Packets between two servers, from the outside and against the rules, on a real node in network namespaces.

use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::json;

use super::server::{Ovn, Process, daemon, run};
use super::service::Service;
use super::views::*;

/// A network namespace, removed when dropped.
struct Namespace(String);

impl Namespace {
    fn new(role: &str) -> Self {
        static MADE: AtomicUsize = AtomicUsize::new(0);
        let number = MADE.fetch_add(1, Ordering::Relaxed);
        let namespace = Self(format!("fs-ovn-{}-{number}-{role}", std::process::id()));
        run("ip", &["netns", "add", &namespace.0]);
        namespace.ip(&["link", "set", "lo", "up"]);
        namespace
    }

    fn ip(&self, arguments: &[&str]) {
        run("ip", &[&["-n", &self.0], arguments].concat());
    }

    /// A command inside.
    fn command(&self, program: &str) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.0, program]);
        command
    }

    fn run(&self, arguments: &[&str]) -> String {
        run("ip", &[&["netns", "exec", &self.0], arguments].concat())
    }

    /// How many echo requests came in.
    fn echoes(&self) -> usize {
        let text = self.run(&["cat", "/proc/net/snmp"]);
        let mut lines = text.lines().filter_map(|line| line.strip_prefix("Icmp: "));
        let (names, numbers) = (lines.next().unwrap(), lines.next().unwrap());
        let place = names.split(' ').position(|name| name == "InEchos").unwrap();
        numbers.split(' ').nth(place).unwrap().parse().unwrap()
    }

    fn pings(&self, address: &str) -> bool {
        self.command("ping").args(["-c1", "-W2", address]).output().unwrap().status.success()
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        let _ = Command::new("ip").args(["netns", "del", &self.0]).output();
    }
}

/// A node with Open vSwitch in user space, in the outside network.
struct Node {
    switch: String,
    _processes: Vec<Process>,
    namespace: Namespace,
}

impl Node {
    fn start(directory: &Path, ovn: &Ovn) -> Self {
        let namespace = Namespace::new("node");
        let database = directory.join("conf.db").display().to_string();
        run("ovsdb-tool", &["create", &database, "/usr/share/openvswitch/vswitch.ovsschema"]);
        let switch = format!("unix:{}", directory.join("db.sock").display());
        let start = |program: &str, arguments: &[&str]| {
            let mut command = namespace.command(program);
            command.args(arguments);
            daemon(command, directory, program)
        };
        let mut processes = vec![start("ovsdb-server", &[&format!("--remote=p{switch}"), &database])];
        let vsctl = |arguments: &[&str]| {
            run("ovs-vsctl", &[&["--timeout=10", &format!("--db={switch}")], arguments].concat());
        };
        vsctl(&["--retry", "--no-wait", "init"]);
        processes.push(start("ovs-vswitchd", &[&switch]));
        vsctl(&[
            "set",
            "open",
            ".",
            "external-ids:system-id=c1",
            "external-ids:hostname=node1",
            &format!("external-ids:ovn-remote={}", ovn.south_remote),
            "external-ids:ovn-encap-type=geneve",
            "external-ids:ovn-encap-ip=127.0.0.1",
            "external-ids:ovn-bridge-datapath-type=netdev",
            "external-ids:ovn-bridge-mappings=public:br-ex",
        ]);
        vsctl(&["add-br", "br-ex", "--", "set", "bridge", "br-ex", "datapath_type=netdev"]);
        // ovn-controller 23.03 falls over a southbound database that ovn-northd has not begun.
        run("ovn-sbctl", &["--timeout=10", &format!("--db={}", ovn.south_remote), "init"]);
        processes.push(start("ovn-controller", &[&switch]));
        namespace.ip(&["link", "set", "br-ex", "up"]);
        namespace.ip(&["addr", "add", "172.24.4.1/24", "dev", "br-ex"]);
        Self { switch, _processes: processes, namespace }
    }

    /// A machine at a port.
    fn server(&self, number: &str, port_id: &str, mac: &str) -> Namespace {
        let server = Namespace::new(number);
        let tap = format!("tap{number}");
        self.namespace.ip(&["link", "add", &tap, "type", "veth", "peer", "name", "eth0", "netns", &server.0]);
        self.namespace.ip(&["link", "set", &tap, "up"]);
        server.ip(&["link", "set", "eth0", "address", mac, "up"]);
        // The switch in user space takes packets as they are.
        server.run(&["ethtool", "-K", "eth0", "tx", "off"]);
        let id = format!("external-ids:iface-id={port_id}");
        let add = ["--timeout=10", &format!("--db={}", self.switch), "add-port", "br-int", &tap];
        run("ovs-vsctl", &[&add[..], &["--", "set", "interface", &tap, &id]].concat());
        server
    }
}

async fn wait(monitor: &mut ovsdb::Monitor, wanted: impl FnMut(&ovsdb::Tables) -> bool) {
    let waited = tokio::time::timeout(Duration::from_secs(30), monitor.wait_for(wanted)).await;
    drop(waited.expect("the node reports in time").unwrap());
}

/// Whether the ports are up.
fn wired<'a>(ports: [&'a str; 2]) -> impl Fn(&ovsdb::Tables) -> bool + 'a {
    move |tables| {
        let states = crate::ovn::nodes::port_states(tables);
        ports.iter().all(|port| states.get(*port) == Some(&true))
    }
}

/// Waits until every node does what the northbound database says.
fn settled(ovn: &Ovn) {
    run("ovn-nbctl", &["--timeout=30", &format!("--db={}", ovn.north_remote), "--wait=hv", "sync"]);
}

/// OVN and one node that it knows. The directory is the node's.
struct Ground {
    node: Node,
    ovn: Ovn,
    south: ovsdb::Monitor,
    directory: tempfile::TempDir,
}

/// `None` where network namespaces cannot be made.
async fn ground() -> Option<Ground> {
    if std::fs::metadata("/proc/self").unwrap().uid() != 0 {
        eprintln!("left out: network namespaces need root");
        return None;
    }
    let ovn = Ovn::start();
    let directory = tempfile::tempdir().unwrap();
    let node = Node::start(directory.path(), &ovn);
    let mut south = ovn.backend.south().await.unwrap();
    wait(&mut south, |tables| tables.len("Chassis") == 1).await;
    Some(Ground { node, ovn, south, directory })
}

/// What `udhcpc` calls with what it was given.
const LEASE: &str = r#"#!/bin/sh
[ "$1" = bound ] || exit 0
ip addr add "$ip/$mask" dev "$interface"
[ -n "$staticroutes" ] || ip route add default via "$router"
set -- $staticroutes
while [ $# -gt 1 ]; do ip route add "$1" via "$2"; shift 2; done
"#;

#[tokio::test(flavor = "multi_thread")]
async fn packets_go_where_they_may() {
    let Some(Ground { ovn, node, mut south, directory }) = ground().await else { return };
    let mut cloud = Cloud::new();
    ovn.make(&cloud).await;
    let [one, two] = [("1", PORT), ("2", PORT2)]
        .map(|(number, port)| node.server(number, port, &format!("fa:16:3e:00:00:0{number}")));
    wait(&mut south, wired([PORT, PORT2])).await;
    settled(&ovn);

    let script = directory.path().join("lease");
    std::fs::write(&script, LEASE).unwrap();
    std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755)).unwrap();
    for server in [&one, &two] {
        let script = script.display().to_string();
        server.run(&[
            "busybox",
            "udhcpc",
            "-i",
            "eth0",
            "-n",
            "-q",
            "-f",
            "-t",
            "10",
            "-T",
            "1",
            "-O",
            "staticroutes",
            "-s",
            &script,
        ]);
    }
    let routes = one.run(&["ip", "route"]);
    assert!(routes.contains("10.0.0.0/24 dev eth0") && routes.contains("src 10.0.0.11"), "{routes}");
    assert!(routes.contains("default via 10.0.0.1") && routes.contains("169.254.169.254 via 10.0.0.2"), "{routes}");

    assert!(one.pings("10.0.0.12"), "to a neighbour");
    assert!(one.pings("10.0.0.1"), "to the router");
    assert!(one.pings("172.24.4.1") && two.pings("172.24.4.1"), "to the outside, with and without a floating IP");
    assert!(node.namespace.pings("172.24.4.50"), "from the outside");

    // Another address is not the server's to use.
    one.ip(&["addr", "add", "10.0.0.77/24", "dev", "eth0"]);
    let disguised = one.command("ping").args(["-c1", "-W1", "-I", "10.0.0.77", "10.0.0.12"]).output().unwrap();
    assert!(!disguised.status.success(), "from an address of somebody else's");

    // Without the rule for ICMP nobody may begin, and answers still come.
    cloud.groups[0].rules.pop();
    ovn.make(&cloud).await;
    settled(&ovn);
    assert!(!one.pings("10.0.0.12"), "a neighbour, against the rules");
    assert!(!node.namespace.pings("172.24.4.50"), "from the outside, against the rules");
    assert!(one.pings("172.24.4.1"), "an answer from the outside");
}

/// Who connects right after the answer must not reach the server that the address led to before.
#[tokio::test(flavor = "multi_thread")]
async fn a_floating_address_that_moves_leads_to_its_new_server_once_that_is_answered() {
    let Some(Ground { ovn, node, mut south, directory: _directory }) = ground().await else { return };

    let service = Service::new(&ovn).await;
    let public = service.public_network().await;
    let net = service.make("network", json!({"name": "net"})).await;
    let subnet = service.make("subnet", json!({"network_id": net, "ip_version": 4, "cidr": "10.0.0.0/24"})).await;
    let router = service.make("router", json!({"external_gateway_info": {"network_id": public}})).await;
    service.call("PUT", &format!("/routers/{router}/add_router_interface"), json!({ "subnet_id": subnet })).await;
    let mut ports = Vec::new();
    for number in ["1", "2"] {
        let (mac, address) = (format!("fa:16:3e:00:00:0{number}"), format!("10.0.0.1{number}"));
        let fields = json!({"network_id": net, "mac_address": mac, "fixed_ips": [{"ip_address": address}],
            "port_security_enabled": false, "security_groups": [], "binding:host_id": "node1"});
        let port = service.make("port", fields).await;
        let server = node.server(number, &port, &mac);
        server.ip(&["addr", "add", &format!("{address}/24"), "dev", "eth0"]);
        server.ip(&["route", "add", "default", "via", "10.0.0.1"]);
        ports.push((port, server));
    }
    let floating = service.call("POST", "/floatingips", json!({"floatingip": {"floating_network_id": public}})).await;
    let floating = &floating["floatingip"];
    let (path, address) = (
        format!("/floatingips/{}", floating["id"].as_str().unwrap()),
        floating["floating_ip_address"].as_str().unwrap(),
    );
    wait(&mut south, wired([&ports[0].0, &ports[1].0])).await;
    settled(&ovn);
    for round in 0..20 {
        let (port, server) = &ports[round % 2];
        service.call("PUT", &path, json!({"floatingip": {"port_id": port}})).await;
        let before = server.echoes();
        assert!(node.namespace.pings(address), "round {round}: nobody answered");
        assert_eq!(server.echoes(), before + 1, "round {round}: somebody else answered");
    }
}
