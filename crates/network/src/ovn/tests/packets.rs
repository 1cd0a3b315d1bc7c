//! Packets between two servers, from the outside and against the rules, on a real node in network namespaces.

use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use super::server::{Ovn, Process, daemon, run};
use super::views::*;

/// A network namespace, removed when dropped.
struct Namespace(String);

impl Namespace {
    fn new(role: &str) -> Self {
        let namespace = Self(format!("fs-ovn-{}-{role}", std::process::id()));
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
    fn server(&self, number: &str) -> Namespace {
        let server = Namespace::new(number);
        let (tap, id) = (format!("tap{number}"), format!("33333333-0000-4000-8000-00000000000{number}"));
        self.namespace.ip(&["link", "add", &tap, "type", "veth", "peer", "name", "eth0", "netns", &server.0]);
        self.namespace.ip(&["link", "set", &tap, "up"]);
        server.ip(&["link", "set", "eth0", "address", &format!("fa:16:3e:00:00:0{number}"), "up"]);
        // The switch in user space takes packets as they are.
        server.run(&["ethtool", "-K", "eth0", "tx", "off"]);
        let id = format!("external-ids:iface-id={id}");
        let add = ["--timeout=10", &format!("--db={}", self.switch), "add-port", "br-int", &tap];
        run("ovs-vsctl", &[&add[..], &["--", "set", "interface", &tap, &id]].concat());
        server
    }
}

async fn wait(monitor: &mut ovsdb::Monitor, wanted: impl FnMut(&ovsdb::Tables) -> bool) {
    let waited = tokio::time::timeout(Duration::from_secs(30), monitor.wait_for(wanted)).await;
    drop(waited.expect("the node reports in time").unwrap());
}

/// Waits until every node does what the northbound database says.
fn settled(ovn: &Ovn) {
    run("ovn-nbctl", &["--timeout=30", &format!("--db={}", ovn.north_remote), "--wait=hv", "sync"]);
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
    if std::fs::metadata("/proc/self").unwrap().uid() != 0 {
        eprintln!("left out: network namespaces need root");
        return;
    }
    let ovn = Ovn::start();
    let directory = tempfile::tempdir().unwrap();
    let node = Node::start(directory.path(), &ovn);
    let mut south = ovn.backend.south().await.unwrap();
    wait(&mut south, |tables| tables.len("Chassis") == 1).await;
    let mut cloud = Cloud::new();
    ovn.make(&cloud).await;
    let (one, two) = (node.server("1"), node.server("2"));
    let wired = |tables: &ovsdb::Tables| {
        let states = crate::ovn::nodes::port_states(tables);
        [PORT, PORT2].iter().all(|port| states.get(*port) == Some(&true))
    };
    wait(&mut south, wired).await;
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
