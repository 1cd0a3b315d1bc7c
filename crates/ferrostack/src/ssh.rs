//! `ferrostack ssh`: into a server over its floating IP, from inside the node's network namespace.

use std::os::unix::process::CommandExt as _;
use std::process::Command;

use anyhow::{Context as _, Result, bail};
use ferrostack::client::Client;
use ferrostack::state::State;
use serde_json::Value;

/// Which server, and what to do there.
#[derive(clap::Args)]
pub struct Arguments {
    /// The server's name or id
    server: String,
    /// The user to log in as
    #[arg(long, default_value = "cirros")]
    user: String,
    /// The private key to log in with [default: the demo's key, if there is one]
    #[arg(long)]
    identity: Option<std::path::PathBuf>,
    /// A command to run there, and options of ssh
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    command: Vec<String>,
}

/// Finds the server's address and becomes `ssh`.
pub async fn run(state: &State, arguments: &Arguments) -> Result<()> {
    let up = state.running()?;
    if up.fake {
        bail!("this cloud runs on fake drivers: its servers have nothing to log in to");
    }
    let client = Client::log_in(&up.url, "admin", &state.secret("admin-password")?, "admin").await?;
    let listed = client.get("/compute/v2.1/servers/detail?all_tenants=1").await?;
    let servers = listed["servers"].as_array().map_or(&[][..], Vec::as_slice);
    let wanted = |server: &&Value| server["name"] == arguments.server || server["id"] == arguments.server;
    let server = servers.iter().find(wanted).with_context(|| format!("there is no server {}", arguments.server))?;
    let address = floating_ip(server).with_context(|| {
        format!("{} has no floating IP; give it one with `openstack server add floating ip`", arguments.server)
    })?;
    let mut ssh = match &up.namespace {
        Some(namespace) => {
            let mut ip = Command::new("ip");
            ip.args(["netns", "exec", namespace, "ssh"]);
            ip
        }
        None => Command::new("ssh"),
    };
    let known_hosts = state.path("known_hosts");
    ssh.args(["-o", "StrictHostKeyChecking=accept-new", "-o"])
        .arg(format!("UserKnownHostsFile={}", known_hosts.display()));
    let demo_key = state.path("demo/id_ed25519");
    if let Some(key) = arguments.identity.clone().or_else(|| demo_key.exists().then_some(demo_key)) {
        ssh.arg("-i").arg(key);
    }
    let error = ssh.arg(format!("{}@{address}", arguments.user)).args(&arguments.command).exec();
    Err(error).context("cannot run ssh")
}

fn floating_ip(server: &Value) -> Option<&str> {
    let networks = server["addresses"].as_object()?;
    let addresses = networks.values().filter_map(Value::as_array).flatten();
    addresses.filter(|address| address["OS-EXT-IPS:type"] == "floating").find_map(|address| address["addr"].as_str())
}
