//! A database server of one test, in a directory of its own.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use ovsdb::{Client, Row, Transaction};

pub const NB: &str = "OVN_Northbound";
pub const NB_SCHEMA: &str = "/usr/share/ovn/ovn-nb.ovsschema";
pub const SWITCH_SCHEMA: &str = "/usr/share/openvswitch/vswitch.ovsschema";

/// A running `ovsdb-server`, killed when dropped.
pub struct Server {
    socket: PathBuf,
    database: PathBuf,
    process: Child,
}

impl Server {
    /// A server of a new database.
    pub fn new(directory: &Path, schema: &str) -> Server {
        let database = directory.join("database.db");
        tool(&["create", path(&database), schema]);
        Server::start(directory, "server", &database)
    }

    /// A server of an existing database file.
    pub fn start(directory: &Path, name: &str, database: &Path) -> Server {
        let socket = directory.join(format!("{name}.sock"));
        let process = spawn(&socket, database);
        Server { socket, database: database.to_owned(), process }
    }

    pub fn remote(&self) -> String {
        format!("unix:{}", self.socket.display())
    }

    pub fn client(&self) -> Client {
        Client::connect(&self.remote()).unwrap()
    }

    pub fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    pub fn restart(&mut self) {
        self.kill();
        self.process = spawn(&self.socket, &self.database);
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn spawn(socket: &Path, database: &Path) -> Child {
    Command::new("ovsdb-server")
        .arg(format!("--remote=punix:{}", socket.display()))
        .arg(format!("--unixctl={}.ctl", socket.display()))
        .args(["--no-chdir", "-vconsole:off", "-vsyslog:off", path(database)])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("ovsdb-server is needed: install Open vSwitch and OVN")
}

/// Runs `ovsdb-tool`.
pub fn tool(arguments: &[&str]) {
    let output = Command::new("ovsdb-tool")
        .args(arguments)
        .output()
        .expect("ovsdb-tool is needed: install Open vSwitch and OVN");
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
}

pub fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// Adds a logical switch.
pub async fn switch_create(client: &Client, name: &str) -> uuid::Uuid {
    let mut transaction = Transaction::new();
    let switch = transaction.insert("Logical_Switch", Row::new().with("name", name));
    client.transact(NB, transaction).await.unwrap().inserted(switch).unwrap()
}
