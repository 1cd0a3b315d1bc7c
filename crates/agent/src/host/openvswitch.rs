//! Open vSwitch with its userspace datapath, which needs no module in the kernel.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use ovsdb::Client;

use super::children::{Children, Daemon};
use super::namespace::Namespace;
use crate::ports::switch::Switch;

/// Where the schema of the switch's database is.
const SCHEMA: &str = "/usr/share/openvswitch/vswitch.ovsschema";

/// The folder of a switch and of what talks to it.
#[derive(Debug, Clone)]
pub(super) struct SwitchDir(PathBuf);

impl SwitchDir {
    pub(super) fn new(dir: &Path) -> Result<Self> {
        std::fs::create_dir_all(dir).with_context(|| format!("cannot make {}", dir.display()))?;
        Ok(Self(dir.to_owned()))
    }

    pub(super) fn file(&self, name: &str) -> String {
        self.0.join(name).display().to_string()
    }

    pub(super) fn socket(&self, name: &str) -> String {
        format!("unix:{}", self.file(name))
    }

    /// Where the daemons look for each other.
    pub(super) fn environment(&self) -> Vec<(String, String)> {
        let dir = self.0.display().to_string();
        ["OVS_RUNDIR", "OVN_RUNDIR", "OVS_DBDIR", "OVN_DBDIR", "OVS_LOGDIR", "OVN_LOGDIR"]
            .map(|name| (name.to_owned(), dir.clone()))
            .to_vec()
    }

    /// A daemon of Open vSwitch or OVN, with its control socket here and its log on its standard error.
    pub(super) fn daemon(&self, name: &'static str, namespace: &Namespace, command: &[&str]) -> Daemon {
        let mut command: Vec<String> = command.iter().map(|&word| word.to_owned()).collect();
        // ovn-controller names its socket itself, by its process id.
        if name != "ovn-controller" {
            command.push(format!("--unixctl={}", self.file(&format!("{name}.ctl"))));
        }
        command.extend(["-vsyslog:off".to_owned(), "-vconsole:info".to_owned()]);
        Daemon { name, command, wrapper: Vec::new(), environment: self.environment(), namespace: namespace.clone() }
    }

    /// A server of the database `name`, made from `schema` if it is not there.
    pub(super) fn database(
        &self,
        name: &'static str,
        schema: &str,
        sockets: &[&str],
        namespace: &Namespace,
    ) -> Result<Daemon> {
        let file = self.file(&format!("{name}.db"));
        if !Path::new(&file).exists() {
            let made = std::process::Command::new("ovsdb-tool").args(["create", &file, schema]).output();
            let made = made.context("cannot run ovsdb-tool: is Open vSwitch installed?")?;
            if !made.status.success() {
                bail!("ovsdb-tool create {file}: {}", crate::tools::complaint(&made));
            }
        }
        let remotes: Vec<String> =
            sockets.iter().map(|socket| format!("--remote=punix:{}", self.file(socket))).collect();
        let mut command = vec!["ovsdb-server", &file];
        command.extend(remotes.iter().map(String::as_str));
        Ok(self.daemon(name, namespace, &command))
    }
}

/// Starts the switch and gives its database's address.
pub(super) async fn start(
    children: &Children,
    dir: &SwitchDir,
    namespace: &Namespace,
    settings: &[(&str, String)],
    bridges: &[&str],
) -> Result<String> {
    children.start(dir.database("conf", SCHEMA, &["db.sock"], namespace)?)?;
    let address = dir.socket("db.sock");
    let switch = Switch(Client::connect(&address)?);
    switch.settings_set(settings).await.context("the switch's database does not answer")?;
    children.start(dir.daemon("ovs-vswitchd", namespace, &["ovs-vswitchd", &address]))?;
    for bridge in bridges {
        switch.bridge_ensure(bridge).await.with_context(|| format!("cannot make the bridge {bridge}"))?;
    }
    if !switch.settled().await? {
        bail!("Open vSwitch does not start: see ovs-vswitchd.log");
    }
    Ok(address)
}
