//! `ferrostack doctor`: what this machine lacks to run real servers.

use std::path::Path;

use agent::hypervisor::libvirt::VirtType;
use anyhow::{Result, bail};

use crate::output;

/// A program that real drivers need: its name, Debian's package, and what for.
const PROGRAMS: &[(&str, &str, &str)] = &[
    ("qemu-system-x86_64", "qemu-system-x86", "runs the servers"),
    ("qemu-img", "qemu-utils", "makes their disks"),
    ("libvirtd", "libvirt-daemon-system", "manages them"),
    ("virtlogd", "libvirt-daemon", "keeps their console logs"),
    ("ovsdb-server", "openvswitch-switch", "holds the networks' databases"),
    ("ovs-vswitchd", "openvswitch-switch", "switches packets"),
    ("ovn-northd", "ovn-central", "translates networks into flows"),
    ("ovn-controller", "ovn-host", "programs this node's switch"),
    ("ip", "iproute2", "makes the node's network namespace"),
];

/// Checks the machine and prints a table; fails when something is missing.
pub async fn run() -> Result<()> {
    let mut rows = Vec::new();
    let mut packages: Vec<&str> = Vec::new();
    for (program, package, purpose) in PROGRAMS {
        let found = find(program);
        if found.is_none() && !packages.contains(package) {
            packages.push(package);
        }
        rows.push(vec![(*program).to_owned(), found.unwrap_or_else(|| "missing".to_owned()), (*purpose).to_owned()]);
    }
    let root = nix::unistd::geteuid().is_root();
    let who = if root { "yes" } else { "no: run `ferrostack up` as root, or with --fake" };
    rows.push(vec!["root".to_owned(), who.to_owned(), "makes namespaces and taps".to_owned()]);
    let kvm = if VirtType::probe().await == VirtType::Kvm {
        "works"
    } else {
        "does not work: servers run under QEMU's emulation, slower"
    };
    rows.push(vec!["kvm".to_owned(), kvm.to_owned(), "runs servers at full speed".to_owned()]);
    output::table(&["NEEDED", "FOUND", "WHAT FOR"], &rows);
    if packages.is_empty() && root {
        output::line("\nThis machine can run real servers.");
        return Ok(());
    }
    if !packages.is_empty() {
        output::line(&format!(
            "\nInstall what is missing: `setup/install runtime` in a checkout, or apt-get install -t bookworm-backports {}",
            packages.join(" ")
        ));
    }
    bail!("this machine cannot run real servers yet; `ferrostack up --fake` needs nothing of this");
}

fn find(program: &str) -> Option<String> {
    let path = std::env::var("PATH").unwrap_or_default();
    let dirs = path.split(':').chain(["/usr/sbin", "/sbin"]);
    dirs.map(|dir| Path::new(dir).join(program)).find(|file| file.is_file()).map(|file| file.display().to_string())
}
